"""Answers of a worker to requests about a model file.

Characters are counted in the text of a turn, from 0; ``end`` is the first one behind. Probabilities
are from 0 to 1.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, to_builtins

from trm_engine.runs.schema.evaluation import Evaluation, Halting
from trm_engine.runs.schema.fields import DecisionName

PRESENT = 0.5
"""A slot or an argument is predicted to have a value if its probability is higher."""

PRINTED_DIGITS = 6


class Progress(Struct, frozen=True):
    """A message while a question is answered: what is being done, and the share that is done."""

    what: str
    share: float


class Place(Struct, frozen=True):
    """The characters from ``begin`` to ``end`` of a turn of the conversation."""

    turn: int
    begin: int
    end: int


class TokenColumns(Struct, frozen=True, kw_only=True):
    """Tokens as columns, one entry a token.

    A token stands in turn ``turns``, from 0, of role ``roles``, at the characters from ``begins``
    to ``ends``; those of a marker are -1. Before the first turn and after the last one the turn is
    -1 and the role is empty.
    """

    ids: list[int]
    pieces: list[str]
    roles: list[str]
    turns: list[int]
    begins: list[int]
    ends: list[int]


class Tokenization(Struct, frozen=True, kw_only=True):
    """The answer to ``tokenize``: the tokens of a text, or of a conversation as the model reads it.

    ``unseen`` are the characters that the model does not read: ``dropped_tokens`` of old turns, as
    it reads ``max_length`` tokens at most (None: no limit), and ``cut_tokens`` of long tool turns.
    """

    tokens: TokenColumns
    unseen: list[Place] = []
    dropped_tokens: int = 0
    cut_tokens: int = 0
    max_length: int | None = None


class Call(Struct, frozen=True):
    """A call of the tool ``name``."""

    name: str
    arguments: dict[str, Any]


class Prediction(Struct, frozen=True, kw_only=True):
    """A model's answer to a conversation, as ``trm-tui predict`` prints it.

    ``decision_probability`` is that of a call. ``tool`` is the first call; None for a direct
    answer, or if the model knows no available tool. ``calls`` are all calls that are made
    together, ``tool`` among them. ``slots`` has every slot's value, "" where it is predicted empty.
    ``missing`` has the arguments that the next call still lacks, or for which no valid value
    stands anywhere, the largest penalty first; each is what is taken off log P(call).
    ``q`` is the probability that decision, tool and slot presences are right, ``confidence`` that
    decision, tool and arguments are. ``abstain``: the confidence is below the model's threshold,
    and ``abstain_reason`` says what is unsure.
    ``steps_used`` are supervision steps.
    """

    decision: DecisionName
    decision_probability: float
    tool: Call | None
    calls: list[Call]
    slots: dict[str, str]
    slot_probabilities: dict[str, float]
    missing: dict[str, float]
    q: float
    confidence: float = 1.0
    abstain: bool = False
    abstain_reason: str | None = None
    steps_used: int

    def printed(self) -> Prediction:
        """The same with numbers rounded to ``PRINTED_DIGITS``, without the fields of subclasses."""
        return Prediction(
            decision=self.decision,
            decision_probability=round(self.decision_probability, PRINTED_DIGITS),
            tool=self.tool,
            calls=self.calls,
            slots=self.slots,
            slot_probabilities=_rounded(self.slot_probabilities),
            missing=_rounded(self.missing),
            q=round(self.q, PRINTED_DIGITS),
            confidence=round(self.confidence, PRINTED_DIGITS),
            abstain=self.abstain,
            abstain_reason=self.abstain_reason,
            steps_used=self.steps_used,
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that ``trm-tui predict`` prints."""
        printed: dict[str, Any] = to_builtins(self.printed())
        return printed


class RankedTool(Struct, frozen=True, kw_only=True):
    """A tool on offer, and the probability that it is the one to call."""

    name: str
    probability: float


class FieldPrediction(Struct, frozen=True, kw_only=True):
    """The likeliest ``value`` of a slot or an argument, and the probability that it has one.

    ``span`` is where the value stands, None if nowhere; for a choice, the word that the model
    points at. ``choice`` is the number of a choice, from 0, and None for other values. ``value`` is
    "" if no valid one stands anywhere. ``json_type`` decides which values are equal to it.
    """

    name: str
    presence: float
    value: str
    json_type: Literal["string", "number", "integer", "boolean", "json"] | None
    span: Place | None
    choice: int | None

    @property
    def is_present(self) -> bool:
        """Whether it is predicted to have a value."""
        return self.presence > PRESENT

    @property
    def predicted(self) -> str:
        """The predicted value; "" if it is predicted to have none."""
        return self.value if self.is_present else ""


class StepPrediction(Struct, frozen=True, kw_only=True):
    """The answer at one supervision step.

    ``tools`` has the tools on offer by probability, ``slots`` all slots. ``arguments`` has those of
    the likeliest tool and of the tool that was asked about.
    """

    prediction: Prediction
    tools: list[RankedTool]
    slots: list[FieldPrediction]
    arguments: dict[str, list[FieldPrediction]]

    @property
    def likeliest(self) -> RankedTool | None:
        """The likeliest tool on offer; None if there is none."""
        return self.tools[0] if self.tools else None

    @property
    def call_arguments(self) -> list[FieldPrediction]:
        """The arguments of the call; none if there is no call."""
        call = self.prediction.tool
        return self.arguments.get(call.name, []) if call else []


class FieldTruth(Struct, frozen=True, kw_only=True):
    """The right value of a slot or an argument, with all places where it stands."""

    name: str
    value: str
    spans: list[Place]
    choice: int | None


class Truth(Struct, frozen=True, kw_only=True):
    """The right answer of a sample; only the slots and arguments that have a value."""

    decision: DecisionName
    tool: str | None
    slots: list[FieldTruth]
    arguments: list[FieldTruth]


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to ``predict``: how the model reads a conversation, and its answer at each step.

    ``halts_at`` is the first step, from 1, whose q reaches ``halt_threshold``; None if none does.
    ``new_tools`` are on offer, but the model was not trained with them. ``truth`` is None unless
    the conversation is a complete sample. It took ``seconds``.
    """

    tokenization: Tokenization
    steps: list[StepPrediction]
    halt_threshold: float
    halts_at: int | None
    new_tools: list[str]
    truth: Truth | None
    seconds: float


class OccludedPrediction(Struct, frozen=True, kw_only=True):
    """The last step's answer without one ``turn``; with all turns if it is None.

    ``tool`` is the likeliest available one, even without a call; None if the model knows none.
    """

    turn: int | None
    tool: str | None
    tool_probability: float
    prediction: Prediction


class ToolWord(Struct, frozen=True, kw_only=True):
    """A word of the likeliest tool's name or description, or a value that it lists.

    ``effect`` is what the tool's log-odds lose without it: positive if it spoke for the tool.
    """

    text: str
    part: Literal["name", "description", "value"]
    effect: float


class OcclusionResult(Struct, frozen=True, kw_only=True):
    """The answer to ``occlude``: with all turns, and without each of them. It took ``seconds``.

    ``words`` are those of the likeliest tool; none if the conversation has only one on offer.
    """

    base: OccludedPrediction
    words: list[ToolWord] = []
    turns: list[OccludedPrediction]
    seconds: float


class FileEvaluation(Struct, frozen=True, kw_only=True):
    """The answer to ``evaluate``, which took ``seconds``.

    ``data`` is the file that the line numbers of judged samples refer to. ``halting_curve`` is in
    order of rising thresholds. ``cheapest_halting`` is its lowest threshold with almost the same
    accuracy, None if there is none.
    """

    metrics: Evaluation
    halting_curve: list[Halting]
    cheapest_halting: Halting | None
    data: str
    seconds: float


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(number, PRINTED_DIGITS) for name, number in numbers.items()}
