"""Config = model + training + data: typed, checked, read from YAML and written to YAML."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from trm_engine.errors import ConfigError, did_you_mean, no_such_file
from trm_engine.files.plain_yaml import LONGEST, Document, YamlError, read_yaml
from trm_engine.runs.best import BestMetric

BUILTIN_PREFIX = "builtin:"

MOST_TOLD = 20
LONGEST_SHOWN = 100

DECIDED_WHEN_UNSET = {
    "model": {
        "vocab_size",
        "max_seq_len",
        "num_tools",
        "num_slots",
        "num_args",
        "num_choices",
        "arg_slots",
        "tool_args",
    },
    "training": {"output_dir", "checkpoint_dir"},
    "data": set[str](),
}
"""Keys whose default stands only until the data, or the run's folder, say what fits."""


AT_MOST = {
    **dict.fromkeys(("hidden_size", "batch_size", "gradient_accumulation_steps"), 1 << 20),
    **dict.fromkeys(("num_layers", "num_heads", "expansion", "nproc_per_node"), 1024),
    **dict.fromkeys(("n_latent_recursion", "T_deep_recursion", "N_supervision"), 1024),
    **dict.fromkeys(("num_tools", "num_slots", "num_args", "num_choices", "num_threads"), 10_000),
    **dict.fromkeys(("max_seq_len", "max_length", "max_tool_tokens", "max_span_tokens"), 1 << 20),
    **dict.fromkeys(("vocab_size", "builtin_conversations"), 1 << 24),
    "num_epochs": 100_000,  # the batches of each are counted before training begins
    **dict.fromkeys(("seed", "builtin_seed"), 2**63 - 1),  # what numpy and torch both take
}
"""Bounds by key, far beyond what makes sense. More than that asks for a hang or for all memory."""

AT_MOST_ELSE = 10**12
"""Bound of the other numbers."""

MOST_BLOCKS = 20_000
"""Applications of a block in one answer; the paper's model has 672."""

MOST_PARAMETERS = 10_000_000_000

RETIRED = {"subword_sampling": "was removed: with it the same seed gave other runs; leave it out"}
"""Settings of earlier versions that are no more. At 0 they did nothing, and are passed over."""


class Section(BaseModel):
    """A part of the configuration; an unknown key or a value of the wrong type is an error."""

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, protected_namespaces=(), allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: each for key, each in values.items() if key not in RETIRED or each != 0}

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name:
            kind = cls.model_fields[info.field_name].annotation
            if {int, float} & {kind, *get_args(kind)}:
                raise ValueError("input should be a number")
        return value

    @field_validator("*")
    @classmethod
    def _no_more_than_makes_sense(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, int | float):
            most = AT_MOST.get(str(info.field_name), AT_MOST_ELSE)
            if abs(value) > most:
                raise ValueError(f"input should be at most {most}")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("input should have no NUL character")
        return value

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as plain Python objects."""
        return self.model_dump()


class TRMConfig(Section):
    """The network and its losses. Sizes that the data decide are filled in when a run starts."""

    hidden_size: int = Field(512, ge=8, description="Width D of every position.")
    num_layers: int = Field(2, ge=1, description="Transformer blocks in the one shared network.")
    num_heads: int = Field(8, ge=1, description="Attention heads; D must divide by it evenly.")
    expansion: float = Field(4.0, gt=0, description="Width of the SwiGLU, as a multiple of D.")
    rope_theta: float = Field(10_000.0, gt=0, description="Base of the rotary position embedding.")
    vocab_size: int = Field(32_000, ge=1, description="Tokens known (from the tokenizer).")
    max_seq_len: int = Field(2048, ge=16, description="Longest conversation in tokens.")
    num_tools: int = Field(8, ge=1, description="Tools known (from the training data).")
    num_slots: int = Field(6, ge=0, description="Slot fields (from the training data).")
    num_args: int = Field(10, ge=0, description="Argument channels (from the training data).")
    num_choices: int = Field(0, ge=0, description="Most values of a choice field (from the data).")
    arg_slots: tuple[int, ...] = Field(
        (), description="Slot that asks with each argument channel, -1: none (from the data)."
    )
    tool_args: tuple[tuple[int, ...], ...] = Field(
        (), description="Argument channels of each tool; not given: all (from the data)."
    )
    n_latent_recursion: int = Field(6, ge=1, description="n: updates of z for each update of y.")
    T_deep_recursion: int = Field(3, ge=1, description="T: rounds a step; only the last learns.")
    N_supervision: int = Field(16, ge=1, description="N_sup: supervision steps.")
    max_span_tokens: int = Field(48, ge=1, description="Longest value in tokens.")
    halt_threshold: float = Field(0.9, gt=0, le=1, description="q at which a sample may stop.")
    focal_gamma: float = Field(2.0, ge=0, description="Focusing of the decision loss; 0 is BCE.")
    focal_alpha: float = Field(-1.0, le=1, description="Weight of tool_call in it; below 0: none.")
    decision_weight: float = Field(1.0, ge=0, description="Weight of the decision's loss.")
    tool_weight: float = Field(1.0, ge=0, description="Weight of the tool's loss.")
    slot_weight: float = Field(0.5, ge=0, description="Weight of the slot presences' loss.")
    q_weight: float = Field(0.5, ge=0, description="Weight of the halting loss.")
    slot_span_weight: float = Field(0.5, ge=0, description="Slot values: spans and choices.")
    arg_weight: float = Field(0.5, ge=0, description="Arguments: presence, spans and choices.")
    next_call_weight: float = Field(
        0.0,
        ge=0,
        description="Tool and arguments of an answer's next call, against a call's.",
    )
    word_weight: float = Field(
        0.0, ge=0, description="Weight of the loss of words that word_dropout hides."
    )

    @model_validator(mode="after")
    def _can_be_built(self) -> TRMConfig:
        if self.blocks > MOST_BLOCKS:
            raise ValueError(
                f"num_layers x (n_latent_recursion + 1) x T_deep_recursion x N_supervision is "
                f"{self.blocks}, at most {MOST_BLOCKS}"
            )
        if self.parameters > MOST_PARAMETERS:
            raise ValueError(
                f"the model would have {self.parameters:.1e} parameters, at most "
                f"{MOST_PARAMETERS:.0e}"
            )
        return self

    @property
    def blocks(self) -> int:
        """How often a block is applied to answer one conversation."""
        rounds = self.T_deep_recursion * self.N_supervision
        return self.num_layers * (self.n_latent_recursion + 1) * rounds

    @property
    def parameters(self) -> int:
        """About how many parameters the model has; it is not built to tell."""
        width, fields = self.hidden_size, self.num_slots + self.num_args
        core = self.num_layers * width * width * (4 + 2 * self.expansion)
        tables = self.vocab_size + 2 * self.num_tools + fields * (4 + 2 * self.num_choices)
        return round(core) + tables * width + self.num_tools * fields

    @model_validator(mode="after")
    def _arg_slots_fit(self) -> TRMConfig:
        if self.arg_slots and len(self.arg_slots) != self.num_args:
            raise ValueError(f"arg_slots must name a slot, or -1, for {self.num_args} arguments")
        if any(not -1 <= slot < self.num_slots for slot in self.arg_slots):
            raise ValueError(f"arg_slots must be -1 or one of {self.num_slots} slots")
        return self

    @model_validator(mode="after")
    def _tool_args_fit(self) -> TRMConfig:
        if self.tool_args and len(self.tool_args) != self.num_tools:
            raise ValueError(f"tool_args must name the arguments of {self.num_tools} tools")
        if any(not 0 <= arg < self.num_args for args in self.tool_args for arg in args):
            raise ValueError(f"tool_args must be among {self.num_args} arguments")
        if any(len(set(args)) < len(args) for args in self.tool_args):
            raise ValueError("tool_args must name each argument of a tool once")
        return self

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TRMConfig:
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of 2 x num_heads "
                f"({2 * self.num_heads})"
            )
        return self


class TrainingConfig(Section):
    """How the network is trained. Defaults are the paper's."""

    learning_rate: float = Field(1e-4, gt=0, description="Of AdamW, after the warm-up.")
    weight_decay: float = Field(
        0.1, ge=0, description="Of the weights of linear layers; nothing else decays."
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's decay of the mean gradient.")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW's decay of its square.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    warmup_steps: int = Field(2000, ge=0, description="Updates of linear warm-up.")
    schedule: Literal["constant", "linear"] = Field(
        "constant", description="After warm-up: constant, or half constant then linear to zero."
    )
    num_epochs: int = Field(100, ge=1, description="Times through the training samples.")
    max_steps: int | None = Field(None, ge=1, description="End after this many updates, if set.")
    batch_size: int = Field(32, ge=1, description="Samples a batch (and process), at most.")
    whole_dialogues: bool = Field(
        True,
        description="Samples of a dialogue stay in one batch; what they share is read once.",
    )
    max_batch_tokens: int | None = Field(
        None, ge=1, description="Token budget of a batch, padding included; splits long batches."
    )
    gradient_accumulation_steps: int = Field(1, ge=1, description="Batches an update.")
    supervision: Literal["averaged", "per_step"] = Field(
        "averaged",
        description="averaged: one update from the mean over N_sup; per_step: one for each step.",
    )
    deep_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of updates that train all N_sup steps, most of them late; others one.",
    )
    halting: bool = Field(
        False,
        description="per_step only: samples that q calls right train no further step.",
    )
    halt_exploration: float = Field(
        0.1, ge=0, le=1, description="Share of samples that train 2 to N_sup steps, drawn, first."
    )
    use_ema: bool = Field(True, description="Keep an average of the weights and evaluate it.")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="Its decay, reached by a ramp.")
    word_dropout: float = Field(0.0, ge=0, lt=1, description="Share of tokens hidden in training.")
    value_exchange: float = Field(
        0.0, ge=0, le=1, description="Share of dialogues trained on with other values."
    )
    capital_dropout: float = Field(
        0.0, ge=0, le=1, description="Share of dialogues read without their capitals."
    )
    log_interval: int = Field(10, ge=1, description="Updates between readings of the losses.")
    eval_interval: int = Field(500, ge=1, description="Updates between evaluations.")
    best_metric: BestMetric = Field(
        "exact_match_values", description="Figure by which best.pt is chosen; ties by the loss."
    )
    save_interval: int = Field(1000, ge=1, description="Updates between checkpoints.")
    keep_checkpoints: int = Field(3, ge=0, description="Newest step_N and epoch_N kept; 0: all.")
    output_dir: str = Field("outputs", description="Unset: outputs/<config>-<date>-<time>.")
    checkpoint_dir: str = Field("checkpoints", description="Unset: inside output_dir.")
    seed: int = Field(0, ge=0, description="Same seed, same machine: same run.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Of the recursion; auto: bfloat16 where the hardware multiplies it."
    )
    compile: bool = Field(False, description="Compile the recursive core with torch.compile.")
    num_threads: int | None = Field(None, ge=1, description="CPU threads a process; null: all.")
    nproc_per_node: int = Field(1, ge=1, description="Processes on this machine.")

    @field_validator("halting")
    @classmethod
    def _only_single_steps_halt(cls, halting: bool, info: ValidationInfo) -> bool:
        if halting and info.data.get("supervision", "per_step") != "per_step":
            raise ValueError("expected false unless training.supervision is per_step")
        return halting


class DataConfig(Section):
    """Where samples come from and how they become tokens."""

    train_data: str = Field("builtin:telecom", description="A JSONL file or builtin:telecom.")
    val_data: str | None = Field(None, description="A JSONL file; null: split off train_data.")
    val_split: float = Field(0.1, ge=0, lt=1, description="Share of conversations held out.")
    builtin_conversations: int = Field(1200, ge=2, description="Size of the built-in set.")
    builtin_seed: int = Field(0, ge=0, description="Another seed, other conversations.")
    tokenizer_path: str | None = Field(None, description="A SentencePiece model; null: train one.")
    vocab_size: int = Field(4000, ge=300, description="Of a tokenizer trained here, at most.")
    lowercase: bool = Field(True, description="Fold case in a tokenizer trained here.")
    max_length: int = Field(1024, ge=16, description="Tokens kept; oldest turns are dropped first.")
    max_tool_tokens: int | None = Field(
        None, ge=1, description="Tokens kept of one tool turn, its first ones; null: all."
    )
    on_error: Literal["fail", "skip"] = Field("fail", description="What a bad line does.")
    cache_dir: str | None = Field(None, description="Token cache; null: the user's cache folder.")


class Config(Section):
    """The whole configuration of a run."""

    model: TRMConfig = Field(default_factory=lambda: TRMConfig())
    training: TrainingConfig = Field(default_factory=lambda: TrainingConfig())
    data: DataConfig = Field(default_factory=lambda: DataConfig())

    @classmethod
    def from_yaml(cls, path: str | Path, overrides: Iterable[str] = ()) -> Config:
        """Read ``path``, apply ``section.key=value`` overrides, and check everything.

        Raises:
            ConfigError: the file is missing or broken, or a key or value is wrong; the message
                names file, line and field.
        """
        try:
            document = read_yaml(_read_text(Path(path)))
        except YamlError as error:
            place = f"{path}, line {error.line}" if error.line else str(path)
            raise ConfigError(f"{place}: {error.problem}") from None
        values = {} if document.value is None else document.value
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: expected sections model, training and data")
        values = {key: {} if value is None else value for key, value in values.items()}
        overrides = list(overrides)
        for override in overrides:
            _apply_override(values, override)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_explain(error, path, document, overrides)) from error

    def dump(self) -> str:
        """As YAML, with every key but those that decide themselves and were never set."""
        values = self.to_dict()
        for section, names in DECIDED_WHEN_UNSET.items():
            for name in names - getattr(self, section).model_fields_set:
                del values[section][name]
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    def to_yaml(self, path: str | Path) -> None:
        """Write ``dump`` to a file; training it again repeats the run."""
        Path(path).write_text(self.dump(), encoding="utf-8")


def known_keys() -> list[str]:
    """Every ``section.key`` there is, in order."""
    return [
        f"{section}.{key}"
        for section, field in Config.model_fields.items()
        for key in _section_class(field.annotation).model_fields
    ]


def _section_class(annotation: Any) -> type[Section]:
    return annotation if isinstance(annotation, type) else get_args(annotation)[0]


def _read_text(path: Path) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # it may be a device that never ends
            return file.read(LONGEST + 1)
    except FileNotFoundError:
        raise ConfigError(no_such_file(path, "*.y*ml")) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and section and name):
        raise ConfigError(f"--set {override}: expected section.key=value, as training.seed=1")
    if name not in RETIRED and f"{section}.{name}" not in known_keys():
        hint = _nearest_key([section, name])
        raise ConfigError(f"--set {override}: unknown key '{section}.{name}'{hint}")
    try:
        value = read_yaml(text).value if text.strip() else ""
    except YamlError:
        value = text
    if name not in RETIRED and _holds_text(section, name) and not isinstance(value, str | None):
        value = text
    inner = values.setdefault(section, {})
    if isinstance(inner, dict):  # a section that is no mapping is reported by validation
        inner[name] = value


def _holds_text(section: str, name: str) -> bool:
    field = _section_class(Config.model_fields[section].annotation).model_fields[name]
    return str in (field.annotation, *get_args(field.annotation))


def _explain(
    error: ValidationError, path: str | Path, document: Document, overrides: list[str]
) -> str:
    problems = [dict(problem) for problem in error.errors()]
    told = [_explain_one(problem, path, document, overrides) for problem in problems[:MOST_TOLD]]
    if more := len(problems) - len(told):
        told.append(f"{path}: and {more} more")
    return "\n".join(told)


def _explain_one(
    problem: dict[str, Any], path: str | Path, document: Document, overrides: list[str]
) -> str:
    location = [str(part) for part in problem["loc"]]
    field = _shortened(".".join(location))
    last_first = reversed(overrides)
    source = next((f"--set {o}" for o in last_first if o.partition("=")[0].strip() == field), None)
    if source is None:
        line = document.line(tuple(location))
        source = f"{path}, line {line}" if line else str(path)
    if problem["type"] == "extra_forbidden" and location[-1] in RETIRED:
        return f"{source}: {field} {RETIRED[location[-1]]}"
    if problem["type"] == "extra_forbidden":
        return f"{source}: unknown key '{field}'{_nearest_key(location)}"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = problem["input"]
    shown = "" if isinstance(given, dict) else f", not {_shortened(repr(given))}"
    return f"{source}: {field}: {message}{shown}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _nearest_key(location: list[str]) -> str:
    """Suggest the key of the nearest name, of this section where several have that name."""
    if len(location) == 1:
        return did_you_mean(location[0], Config.model_fields)
    own_last = sorted(known_keys(), key=lambda key: key.startswith(f"{location[0]}."))
    keys = {key.partition(".")[2]: key for key in own_last}
    nearest = difflib.get_close_matches(location[-1], keys, n=1)
    return f" (did you mean '{keys[nearest[0]]}'?)" if nearest else ""
