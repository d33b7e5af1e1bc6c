"""Config = model + training + data: typed, checked, read from YAML and written to YAML."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from trm_engine.errors import ConfigError, did_you_mean, no_such_file
from trm_engine.field_problems import in_our_words
from trm_engine.runs.best import BestMetric

if TYPE_CHECKING:
    from trm_engine.files.plain_yaml import Document

BUILTIN_PREFIX = "builtin:"

MAX_PROBLEMS = 20
"""Problems listed in one error message."""

MAX_SHOWN = 100
"""Characters of a wrong value that are quoted."""

SET_BY_RUN = ("output_dir", "checkpoint_dir")
"""Keys of ``training`` whose defaults depend on the run; files have them only if they were set."""

MAX_BY_KEY = {
    **dict.fromkeys(("hidden_size", "batch_size", "gradient_accumulation_steps"), 1 << 20),
    **dict.fromkeys(("num_layers", "num_heads", "expansion", "nproc_per_node"), 1024),
    **dict.fromkeys(("n_latent_recursion", "T_deep_recursion", "N_supervision"), 1024),
    **dict.fromkeys(("num_slots", "num_choices", "num_threads"), 10_000),
    **dict.fromkeys(("num_tools", "num_args"), 100_000),  # of the data; no weights depend on them
    **dict.fromkeys(("max_length", "max_tool_tokens", "max_span_tokens"), 1 << 20),
    **dict.fromkeys(("vocab_size", "builtin_conversations"), 1 << 24),
    "num_epochs": 100_000,  # the batches of each are counted before training begins
    **dict.fromkeys(("seed", "builtin_seed"), 2**63 - 1),  # numpy and torch both accept these
}
"""Upper bounds, far above useful values. A larger number would hang or run out of memory."""

MAX_NUMBER = 10**12
"""Upper bound of every other number."""

MAX_BLOCKS = 20_000
"""Applications of a block in one answer; the paper's model has 672."""

MAX_PARAMETERS = 10_000_000_000

RETIRED = {
    "training.subword_sampling": "was removed: the same seed gave different runs with it",
    "model.focal_alpha": "was removed: raise model.decision_weight instead",
    "model.max_seq_len": "was removed: data.max_length limits conversations",
    **dict.fromkeys(
        (
            *("model.vocab_size", "model.num_tools", "model.num_slots", "model.num_args"),
            *("model.num_choices", "model.arg_slots", "model.tool_args"),
        ),
        "is no setting: the data decides it",
    ),
}
"""Settings of earlier versions, and why each is gone."""

NO_EFFECT = {"training.subword_sampling": 0, "model.focal_alpha": -1}
"""Values of retired settings that changed nothing. They are ignored."""


class Section(BaseModel):
    """A part of the configuration; an unknown key or a value of the wrong type is an error."""

    model_config = ConfigDict(
        extra="forbid",
        validate_assignment=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        defer_build=True,  # most programs that import this use one section or none
    )

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a key. Raises ValidationError, and changes nothing, if the section would be wrong."""
        before, fields_set = dict(self.__dict__), set(self.model_fields_set)
        try:
            super().__setattr__(name, value)
        except ValidationError:
            self.__dict__.update(before)
            self.__pydantic_fields_set__.intersection_update(fields_set)
            raise

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name:
            kind = cls.model_fields[info.field_name].annotation
            if {int, float} & {kind, *get_args(kind)}:
                raise ValueError("expected a number")
        return value

    @field_validator("*")
    @classmethod
    def _within_bounds(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, int | float):
            most = MAX_BY_KEY.get(str(info.field_name), MAX_NUMBER)
            if abs(value) > most:
                raise ValueError(f"expected at most {most}")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("expected no NUL character")
        return value

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as plain Python objects."""
        return self.model_dump()


class ModelConfig(Section):
    """The network and the weights of its losses."""

    hidden_size: int = Field(
        512, ge=8, description="Width of the network, D. A wider one learns more; cost grows as D²."
    )
    num_layers: int = Field(
        2, ge=1, description="Transformer blocks in the one shared network. More cost more time."
    )
    num_heads: int = Field(
        8, ge=1, description="Attention heads. hidden_size must be a multiple of twice as many."
    )
    expansion: float = Field(
        4.0,
        gt=0,
        description="Width of the feed-forward layers, as a multiple of hidden_size. "
        "Higher adds parameters.",
    )
    rope_theta: float = Field(
        10_000.0,
        gt=0,
        description="Base of the rotary position embedding. Higher suits longer conversations.",
    )
    n_latent_recursion: int = Field(
        6,
        ge=1,
        description="n: updates of the latent z before each update of the answer y. "
        "Higher reasons longer and takes more time and memory.",
    )
    T_deep_recursion: int = Field(
        3,
        ge=1,
        description="T: rounds of recursion in a supervision step. Only the last one has "
        "gradients, so that more rounds take time but no memory.",
    )
    N_supervision: int = Field(
        16,
        ge=1,
        description="N_sup: supervision steps, each of which improves the answer. "
        "More take more time, in training and in inference.",
    )
    max_span_tokens: int = Field(
        48, ge=1, description="Longest slot value or argument that can be predicted, in tokens."
    )
    halt_threshold: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Probability q that the answer is right at which inference may stop early. "
        "Higher stops later.",
    )
    focal_gamma: float = Field(
        2.0,
        ge=0,
        description="Focal loss of the decision. Higher concentrates on samples that the model "
        "gets wrong; 0 is plain cross-entropy.",
    )
    decision_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of the decision loss (call a tool, or answer). Weights are relative: "
        "raise the one whose metric is too low.",
    )
    tool_weight: float = Field(
        1.0, ge=0, description="Weight of the tool loss. Raise it if the wrong tool is chosen."
    )
    slot_weight: float = Field(
        0.5,
        ge=0,
        description="Weight of the slot presence loss. Raise it if filled slots are missed.",
    )
    q_weight: float = Field(
        0.5,
        ge=0,
        description="Weight of the halting loss, which trains q to say whether the answer is "
        "right. Raise it if inference halts too early.",
    )
    slot_span_weight: float = Field(
        0.5, ge=0, description="Weight of the slot value loss. Raise it if values are wrong."
    )
    arg_weight: float = Field(
        0.5, ge=0, description="Weight of the argument loss. Raise it if arguments are wrong."
    )
    next_call_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the loss for the call that follows an answer, relative to a call "
        "made now. Raise it if `missing` is often wrong; 0 leaves it out.",
    )
    word_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the loss for guessing the tokens that word_dropout hides. "
        "Raise it if data is scarce; 0 leaves it out.",
    )

    def sized(self, **sizes: Any) -> TRMConfig:
        """The whole configuration of a model, with what the data decides.

        Raises:
            ValidationError: the sizes contradict each other or are too large.
        """
        return TRMConfig(**{**self.to_dict(), **sizes})

    @property
    def blocks(self) -> int:
        """How often a block is applied to answer one conversation."""
        rounds = self.T_deep_recursion * self.N_supervision
        return self.num_layers * (self.n_latent_recursion + 1) * rounds

    @property
    def parameters(self) -> int:
        """About how many parameters there are, without building the model."""
        return round(self.num_layers * self.hidden_size**2 * (4 + 2 * self.expansion))

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of 2 x num_heads "
                f"({2 * self.num_heads})"
            )
        if self.blocks > MAX_BLOCKS:
            raise ValueError(
                f"num_layers x (n_latent_recursion + 1) x T_deep_recursion x N_supervision is "
                f"{self.blocks}, at most {MAX_BLOCKS}"
            )
        if self.parameters > MAX_PARAMETERS:
            raise ValueError(
                f"the model would have {self.parameters:.1e} parameters, at most "
                f"{MAX_PARAMETERS:.0e}"
            )
        return self


class TRMConfig(ModelConfig):
    """The settings of a model and what the data decides: enough to build it.

    Training takes the sizes from the tokenizer and the labels. ``max_seq_len`` is accepted and
    ignored: rotary positions have no longest sequence.
    """

    vocab_size: int = Field(32_000, ge=1, description="Pieces of the tokenizer.")
    num_tools: int = Field(8, ge=1, description="T: tools.")
    num_slots: int = Field(6, ge=0, description="S: slots.")
    num_args: int = Field(10, ge=0, description="A: argument channels, one for each name.")
    num_choices: int = Field(0, ge=0, description="V: most values of a choice field.")
    arg_slots: tuple[int, ...] = Field(
        (), description="The slot that has each argument's name, -1 for none; () for none at all."
    )
    tool_args: tuple[tuple[int, ...], ...] = Field(
        (), description="The argument channels of each tool; () if every tool has all of them."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_max_seq_len(cls, values: Any) -> Any:
        return {k: v for k, v in values.items() if k != "max_seq_len"}

    @property
    def parameters(self) -> int:
        """About how many parameters there are, without building the model."""
        heads = 14 * self.hidden_size**2  # what the heads have besides the network
        return super().parameters + self.vocab_size * self.hidden_size + heads

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.arg_slots and len(self.arg_slots) != self.num_args:
            raise ValueError(f"arg_slots must name a slot, or -1, for {self.num_args} arguments")
        if any(not -1 <= slot < self.num_slots for slot in self.arg_slots):
            raise ValueError(f"arg_slots must be -1 or one of {self.num_slots} slots")
        if self.tool_args and len(self.tool_args) != self.num_tools:
            raise ValueError(f"tool_args must name the arguments of {self.num_tools} tools")
        if any(not 0 <= arg < self.num_args for args in self.tool_args for arg in args):
            raise ValueError(f"tool_args must be among {self.num_args} arguments")
        if any(len(set(args)) < len(args) for args in self.tool_args):
            raise ValueError("tool_args must name each argument of a tool once")
        return self


class TrainingConfig(Section):
    """How the network is trained. Defaults are the paper's."""

    optimizer: Literal["adamw", "muon"] = Field(
        "adamw",
        description="muon: Muon for the matrices of the layers, AdamW for all else; it learns more "
        "from each update. adamw: AdamW for all weights.",
    )
    learning_rate: float = Field(
        1e-4,
        gt=0,
        description="Peak learning rate. Higher learns faster but can diverge.",
    )
    weight_decay: float = Field(
        0.1,
        ge=0,
        description="Weight decay of linear layers; embeddings, biases and tables have none. "
        "Higher overfits less.",
    )
    beta1: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="AdamW: decay of the gradient's running mean. Higher averages more updates.",
    )
    beta2: float = Field(
        0.95,
        ge=0,
        lt=1,
        description="AdamW: decay of the squared gradient's running mean. "
        "Higher averages more updates.",
    )
    max_grad_norm: float = Field(
        1.0,
        gt=0,
        description="Gradients are clipped to this norm. Lower is more stable but learns slower.",
    )
    warmup_steps: int = Field(
        2000,
        ge=0,
        description="Updates in which the learning rate rises to its peak. "
        "More make the start more stable.",
    )
    schedule: Literal["constant", "linear"] = Field(
        "constant",
        description="Learning rate after warm-up. constant: stays at its peak. "
        "linear: falls to zero in the second half of the run.",
    )
    num_epochs: int = Field(100, ge=1, description="Passes over the training data.")
    max_steps: int | None = Field(
        None, ge=1, description="Stop after this many updates. null: after num_epochs."
    )
    batch_size: int = Field(
        32,
        ge=1,
        description="Most samples in a batch, per process. Larger ones train faster on a GPU and "
        "need more memory.",
    )
    whole_dialogues: bool = Field(
        True,
        description="Put the samples of a dialogue into one batch and compute their shared turns "
        "once. false mixes samples freely and trains several times slower.",
    )
    max_batch_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens in a batch, padding included; larger batches are split. "
        "Lower needs less memory. null: no limit.",
    )
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="Batches per update. Higher has the effect of a larger batch_size."
    )
    supervision: Literal["averaged", "per_step"] = Field(
        "averaged",
        description="averaged: one update from the mean loss of all supervision steps. "
        "per_step: one update for each step, as in the paper.",
    )
    deep_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of updates that train all supervision steps, most of them late in the "
        "run; the others train the first step only. Lower is faster.",
    )
    halting: bool = Field(
        False,
        description="Samples that q calls right train no further step of an update. "
        "Faster once the model is good; only with supervision: per_step.",
    )
    halt_exploration: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of samples that halting keeps for at least 2 to N_supervision steps, "
        "drawn at random. Higher trains later steps more.",
    )
    use_ema: bool = Field(
        True,
        description="Keep an exponential moving average of the weights, for evaluation and "
        "inference.",
    )
    ema_decay: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="Decay of that average, reached gradually. Higher averages more updates.",
    )
    word_vectors: bool = Field(
        True,
        description="Start the embeddings of words from published vectors, if the package "
        "`wordllama` is installed. Tools that training never saw are found far better with them.",
    )
    catalogue_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the words, names and descriptions of tools that are hidden. "
        "Higher relies less on single words.",
    )
    similar_words: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the words of tools that are replaced by words of a similar meaning. "
        "Higher carries over better to tools that are said in other words.",
    )
    word_renaming: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the batches in which words of the tools are replaced by others, in "
        "the conversations too. Higher relies more on words that match.",
    )
    word_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of tokens hidden in training. Higher overfits less; too high hides "
        "what the answer depends on.",
    )
    value_exchange: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of dialogues trained with other slot values put in. Higher makes the "
        "model read values instead of memorising them.",
    )
    capital_dropout: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of dialogues trained without their capital letters. "
        "Raise it if users write in lower case.",
    )
    early_calls: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of dialogues in which tools require nothing in training, so that an "
        "answer that asks for a required argument is a call. Raise it if calls that need no "
        "arguments are missed.",
    )
    log_interval: int = Field(
        10, ge=1, description="Updates between readings of the losses. Higher waits less on a GPU."
    )
    eval_interval: int = Field(
        500, ge=1, description="Updates between evaluations. There is one after each epoch, too."
    )
    best_metric: BestMetric = Field(
        "exact_match_values",
        description="Metric that chooses best.pt. If two are equal, the lower loss wins.",
    )
    target_accuracy: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of answers that must be right. The model is saved with the least "
        "confidence that keeps it, and abstains below. Higher abstains more. null: never.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many evaluations in a row in which best_metric did not "
        "improve. Higher waits longer. null: train to the end.",
    )
    save_interval: int = Field(
        1000, ge=1, description="Updates between checkpoints. Lower loses less in a crash."
    )
    keep_checkpoints: int = Field(
        3, ge=0, description="Newest step_N.pt and epoch_N.pt to keep of each. 0: all of them."
    )
    output_dir: str = Field(
        "outputs", description="Folder of the run. If unset, outputs/<config>-<date>-<time>."
    )
    checkpoint_dir: str = Field(
        "checkpoints", description="Folder of the checkpoints. If unset, it is inside output_dir."
    )
    seed: int = Field(
        0, ge=0, description="Random seed. The same seed on the same machine gives the same run."
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Number format of the recursion. auto: bfloat16 if the hardware supports it.",
    )
    compile: bool = Field(
        False,
        description="Compile the recursion with torch.compile. Faster on a GPU, after a slow "
        "start.",
    )
    num_threads: int | None = Field(
        None, ge=1, description="CPU threads of each process. null: share all cores."
    )
    nproc_per_node: int = Field(
        1, ge=1, description="Training processes on this machine, usually one for each GPU."
    )

    @field_validator("supervision", "halting")
    @classmethod
    def _only_single_steps_halt(cls, value: Any, info: ValidationInfo) -> Any:
        settings = {**info.data, str(info.field_name): value}  # at an assignment, of every key
        if settings.get("halting") and settings.get("supervision") == "averaged":
            raise ValueError("halting needs supervision: per_step")
        return value


class DataConfig(Section):
    """Where samples come from and how they become tokens."""

    train_data: str = Field(
        "builtin:telecom", description="Training samples: a JSONL file, or builtin:telecom."
    )
    val_data: str | None = Field(
        None, description="Validation samples: a JSONL file. null: held out from train_data."
    )
    slots: list[str] = Field(
        [],
        description="Slots of conversations of other formats, filled from the arguments of calls. "
        "[]: those that the format states.",
    )
    tools: str | None = Field(
        None,
        description="File with the tools of conversations that list none. null: what their calls "
        "show.",
    )
    val_split: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of dialogues held out if there is no val_data. Higher measures more "
        "exactly and trains on less.",
    )
    builtin_conversations: int = Field(
        1200, ge=2, description="Dialogues that builtin:telecom generates."
    )
    builtin_seed: int = Field(
        0, ge=0, description="Random seed of builtin:telecom. Another one gives other dialogues."
    )
    tokenizer_path: str | None = Field(
        None, description="A SentencePiece model. null: train one on the training samples."
    )
    vocab_size: int = Field(
        4000,
        ge=300,
        description="Most pieces of a tokenizer that is trained. More make texts shorter and the "
        "model larger.",
    )
    lowercase: bool = Field(
        True, description="Train the tokenizer on lower-case text, so that case matters less."
    )
    max_length: int = Field(
        1024,
        ge=16,
        description="Most tokens of a conversation; the oldest turns are dropped first. "
        "Higher reads more and takes more time and memory.",
    )
    max_tool_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens of a tool turn; only the first are read. Lower is faster. "
        "null: 12, or 64 if training samples show that more of a response decides.",
    )
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="A line that is no sample. fail: stop. skip: leave it out and warn."
    )
    cache_dir: str | None = Field(
        None, description="Folder of the token cache. null: the user's cache folder."
    )


class Config(Section):
    """The whole configuration of a run."""

    model: ModelConfig = Field(default_factory=lambda: ModelConfig())
    training: TrainingConfig = Field(default_factory=lambda: TrainingConfig())
    data: DataConfig = Field(default_factory=lambda: DataConfig())

    @classmethod
    def from_yaml(
        cls, path: str | Path, overrides: Iterable[str] = (), ignore_retired: bool = False
    ) -> Config:
        """Read ``path``, apply ``section.key=value`` overrides, and check everything.

        Settings of earlier versions are an error unless they had no effect; with
        ``ignore_retired`` they never are.

        Raises:
            ConfigError: the file is missing or broken, or a key or value is wrong; the message
                names file, line and field.
        """
        from trm_engine.files.plain_yaml import YamlError, read_yaml  # slow to import

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
        _drop_retired(values, ignore_retired)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_explain(error, path, document, overrides)) from error

    def dump(self) -> str:
        """As YAML, with every key but those of ``SET_BY_RUN`` that were never set."""
        import yaml

        values = self.to_dict()
        for name in set(SET_BY_RUN) - self.training.model_fields_set:
            del values["training"][name]
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    def to_yaml(self, path: str | Path) -> None:
        """Write ``dump`` to a file; training it again repeats the run."""
        Path(path).write_text(self.dump(), encoding="utf-8")


def setting_fields() -> dict[str, FieldInfo]:
    """Every setting by its ``section.key``, in order."""
    return {
        f"{section}.{key}": setting
        for section, field in Config.model_fields.items()
        for key, setting in _section_class(field.annotation).model_fields.items()
    }


def explained(field: FieldInfo) -> str:
    """What a setting does, and its default as YAML has it."""
    default = "null" if field.default is None else str(field.default)
    return f"{field.description} Default: {default.lower() if default.istitle() else default}"


def known_keys() -> list[str]:
    """Every ``section.key`` there is, in order."""
    return list(setting_fields())


def _section_class(annotation: Any) -> type[Section]:
    return annotation if isinstance(annotation, type) else get_args(annotation)[0]


def _read_text(path: Path) -> str:
    from trm_engine.files.plain_yaml import LONGEST

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
    from trm_engine.files.plain_yaml import YamlError, read_yaml

    given, equals, text = override.partition("=")
    key = given.strip()
    section, dot, name = key.partition(".")
    if not (equals and dot and section and name):
        raise ConfigError(f"--set {override}: {_what_is_expected(key)}")
    if key not in (*RETIRED, *known_keys()):
        raise ConfigError(f"--set {override}: unknown key '{key}'{_nearest_key([section, name])}")
    try:
        value = read_yaml(text).value if text.strip() else ""
    except YamlError:
        value = text
    if key not in RETIRED and _holds_text(section, name) and not isinstance(value, str | None):
        value = text
    inner = values.setdefault(section, {})
    if isinstance(inner, dict):  # a section that is no mapping is reported by validation
        inner[name] = value


def _what_is_expected(key: str) -> str:
    """What a setting does, for one that was given without a value."""
    field = setting_fields().get(key)
    if field is None:
        return "expected section.key=value, as training.seed=1"
    return f"expected {key}=value. {explained(field)}"


def _drop_retired(values: dict[str, Any], every_one: bool) -> None:
    for key in RETIRED:
        section, name = key.split(".")
        inner = values.get(section)
        if isinstance(inner, dict) and name in inner:
            had_no_effect = key in NO_EFFECT and inner[name] == NO_EFFECT[key]
            if every_one or had_no_effect:
                del inner[name]


def _holds_text(section: str, name: str) -> bool:
    field = _section_class(Config.model_fields[section].annotation).model_fields[name]
    return field.annotation in (str, str | None)


def _explain(
    error: ValidationError, path: str | Path, document: Document, overrides: list[str]
) -> str:
    problems = [dict(problem) for problem in error.errors()]
    lines = [_explain_one(each, path, document, overrides) for each in problems[:MAX_PROBLEMS]]
    if more := len(problems) - len(lines):
        lines.append(f"{path}: and {more} more")
    return "\n".join(lines)


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
    if problem["type"] == "extra_forbidden" and field in RETIRED:
        return f"{source}: {field} {RETIRED[field]}; leave it out"
    if problem["type"] == "extra_forbidden":
        return f"{source}: unknown key '{field}'{_nearest_key(location)}"
    message = in_our_words(problem)
    given = problem["input"]
    shown = "" if isinstance(given, dict) else f", not {_shortened(repr(given))}"
    return f"{source}: {field}: {message}{shown}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _nearest_key(location: list[str]) -> str:
    """Suggest the key of the nearest name, of this section where several have that name."""
    if len(location) == 1:
        return did_you_mean(location[0], Config.model_fields)
    own_last = sorted(known_keys(), key=lambda key: key.startswith(f"{location[0]}."))
    keys = {key.partition(".")[2]: key for key in own_last}
    nearest = difflib.get_close_matches(location[-1], keys, n=1)
    return f" (did you mean '{keys[nearest[0]]}'?)" if nearest else ""
