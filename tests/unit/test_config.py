"""Configuration: the specification's defaults, YAML in and out, and errors that say where."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trm_engine.config import (
    NO_EFFECT,
    RETIRED,
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
    TRMConfig,
    known_keys,
)
from trm_engine.errors import ConfigError
from trm_engine.runs.folder import RunFolder


def read(folder: Path, text: str | bytes, *overrides: str) -> Config:
    path = folder / "run.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Config.from_yaml(path, overrides)


def problem(folder: Path, text: str | bytes, *overrides: str) -> str:
    """What is said about a file that cannot be used, without the folder's name."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text, *overrides)
    return str(caught.value).replace(f"{folder}/", "")


def test_training_defaults_are_the_specification() -> None:
    wanted = {
        "learning_rate": 1e-4,
        "weight_decay": 0.1,
        "beta1": 0.9,
        "beta2": 0.95,
        "max_grad_norm": 1.0,
        "warmup_steps": 2000,
        "num_epochs": 100,
        "batch_size": 32,
        "gradient_accumulation_steps": 1,
        "use_ema": True,
        "ema_decay": 0.999,
        "log_interval": 10,
        "eval_interval": 500,
        "save_interval": 1000,
        "output_dir": "outputs",
        "checkpoint_dir": "checkpoints",
    }
    assert TrainingConfig().to_dict().items() >= wanted.items()


def test_model_defaults_are_the_specification() -> None:
    wanted = {
        "hidden_size": 512,
        "num_layers": 2,
        "n_latent_recursion": 6,
        "T_deep_recursion": 3,
        "N_supervision": 16,
        "num_slots": 6,
        "num_args": 10,
    }
    assert TRMConfig().to_dict().items() >= wanted.items()


def test_model_is_made_as_the_specification_makes_it() -> None:
    config = TRMConfig(
        hidden_size=512,
        num_layers=2,
        num_tools=3,
        num_slots=6,
        n_latent_recursion=6,
        T_deep_recursion=3,
        N_supervision=16,
    )
    assert (config.num_tools, config.decision_weight, config.slot_weight) == (3, 1.0, 0.5)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Config() == read(tmp_path, "model:\ntraining:\n")


def test_yaml_round_trip_keeps_every_value(tmp_path: Path) -> None:
    config = Config()
    config.training.learning_rate = 3e-7
    config.training.output_dir = "một thư mục: #1"
    config.data.val_data = None
    config.to_yaml(tmp_path / "out.yaml")
    written = yaml.safe_load((tmp_path / "out.yaml").read_text(encoding="utf-8"))
    keys = [f"{part}.{key}" for part in written for key in written[part]]
    assert keys == [key for key in known_keys() if key in keys]
    assert {"model.hidden_size", "training.seed", "data.val_data"} <= set(keys)
    assert Config.from_yaml(tmp_path / "out.yaml") == config


def test_what_decides_itself_stays_unset_through_yaml(tmp_path: Path) -> None:
    Config(training=TrainingConfig(output_dir="out")).to_yaml(tmp_path / "out.yaml")
    again = Config.from_yaml(tmp_path / "out.yaml")
    assert "output_dir" in again.training.model_fields_set
    assert "checkpoint_dir" not in again.training.model_fields_set


def test_a_chosen_checkpoint_dir_survives_yaml(tmp_path: Path) -> None:
    config = Config(training=TrainingConfig(checkpoint_dir="elsewhere"))
    config.to_yaml(tmp_path / "out.yaml")
    assert Config.from_yaml(tmp_path / "out.yaml").training.checkpoint_dir == "elsewhere"


@given(
    rate=st.floats(min_value=1e-300, max_value=1e12),
    folder=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")),
    steps=st.none() | st.integers(1, 10**12),
)
def test_any_value_survives_yaml(
    rate: float, folder: str, steps: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("yaml") / "out.yaml"
    training = TrainingConfig(learning_rate=rate, output_dir=folder, max_steps=steps)
    Config(training=training).to_yaml(path)
    assert Config.from_yaml(path).training == training


def test_a_number_without_a_point_is_a_number(tmp_path: Path) -> None:
    assert read(tmp_path, "training:\n  learning_rate: 3e-4").training.learning_rate == 3e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training:\n  seed: 1\n  batchsize: 3\n",
            "run.yaml, line 3: unknown key 'training.batchsize' "
            "(did you mean 'training.batch_size'?)",
        ),
        (
            "training:\n  hiden_size: 3\n",
            "run.yaml, line 2: unknown key 'training.hiden_size' "
            "(did you mean 'model.hidden_size'?)",
        ),
        (
            "data:\n  vocabsize: 3\n",
            "run.yaml, line 2: unknown key 'data.vocabsize' (did you mean 'data.vocab_size'?)",
        ),
        (
            "model:\n  vocabsize: 3\n",
            "run.yaml, line 2: unknown key 'model.vocabsize' (did you mean 'data.vocab_size'?)",
        ),
        ("training:\n  zzz: 3\n", "run.yaml, line 2: unknown key 'training.zzz'"),
        (
            "# a comment\ntrainng:\n  seed: 1\n",
            "run.yaml, line 2: unknown key 'trainng' (did you mean 'training'?)",
        ),
        (
            "training:\n  batch_size: many\n",
            "run.yaml, line 2: training.batch_size: expected a whole number, not 'many'",
        ),
        (
            "training:\n  batch_size: [1]\n",
            "run.yaml, line 2: training.batch_size: expected a whole number, not [1]",
        ),
        (
            "training:\n  batch_size: yes\n",
            "run.yaml, line 2: training.batch_size: expected a number, not True",
        ),
        (
            "training:\n  max_steps: true\n",
            "run.yaml, line 2: training.max_steps: expected a number, not True",
        ),
        (
            "training:\n  learning_rate: -1\n",
            "run.yaml, line 2: training.learning_rate: expected more than 0, not -1",
        ),
        (
            "training:\n  learning_rate: .inf\n",
            "run.yaml, line 2: training.learning_rate: expected a finite number, not inf",
        ),
        (
            "training:\n  weight_decay: .nan\n",
            "run.yaml, line 2: training.weight_decay: expected a finite number, not nan",
        ),
        (
            "training:\n  schedule: cosine\n",
            "run.yaml, line 2: training.schedule: expected 'constant' or 'linear', not 'cosine'",
        ),
        (
            "\nmodel:\n  hidden_size: 100\n",
            "run.yaml, line 2: model: hidden_size 100 must be a multiple of 2 x num_heads (16)",
        ),
        ("training:\n  seed: 1\n  seed: 2\n", "run.yaml, line 3: 'seed' is given twice"),
        ("model: {}\ndata: {}\nmodel: {}\n", "run.yaml, line 3: 'model' is given twice"),
        ("- model\n", "run.yaml: expected sections model, training and data"),
        ("false\n", "run.yaml: expected sections model, training and data"),
        ("[]\n", "run.yaml: expected sections model, training and data"),
        ("model:\n  a: b: c\n", "run.yaml, line 2: not valid YAML: mapping values are not"),
        ("training: {seed: 1\n", "run.yaml, line 2: not valid YAML: "),
        ("training: &a\n  seed: *a\n", "run.yaml, line 2: an alias, *a; write the value itself"),
        ("{" * 3000, "run.yaml, line 1: a key must be text"),
        ("[" * 3000, "run.yaml, line 1: nested too deeply"),
        ("training:\n  output_dir: !!timestamp 2024-01-01\n", "run.yaml, line 2: a value of type"),
        ("training:\n  seed: \x00\n", "run.yaml: not valid YAML: unacceptable character"),
        ("training:\n  1: 2\n", "run.yaml, line 2: a key must be text; put other keys in quotes"),
        (
            f"training:\n  seed: {2**63}\n",
            f"run.yaml, line 2: training.seed: expected at most {2**63 - 1}, not {2**63}",
        ),
        (
            "training:\n  num_epochs: 100001\n",
            "run.yaml, line 2: training.num_epochs: expected",
        ),
        (f"data:\n  builtin_seed: {2**64}\n", "run.yaml, line 2: data.builtin_seed: expected"),
        ("training:\n  seed: " + "9" * 99, "run.yaml, line 2: training.seed: expected"),
        (
            "training:\n  learning_rate: 1e999\n",
            "run.yaml, line 2: training.learning_rate: expected",
        ),
        (
            "model:\n  N_supervision: 1000\n  T_deep_recursion: 1000\n",
            "run.yaml, line 1: model: num_layers x (n_latent_recursion + 1) x T_deep_recursion x "
            "N_supervision is 14000000, at most 20000",
        ),
        (
            "model:\n  hidden_size: 65536\n  num_layers: 1000\n  N_supervision: 1\n"
            "  T_deep_recursion: 1\n",
            "run.yaml, line 1: model: the model would have 5.2e+13 parameters, at most 1e+10",
        ),
        (
            'data:\n  train_data: "\\0"',
            "run.yaml, line 2: data.train_data: expected no NUL",
        ),
        (b"training:\n  output_dir: \xff\n", "run.yaml: not UTF-8 text (byte 24)"),
    ],
)
def test_a_wrong_file_is_told_with_line_and_field(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    assert problem(tmp_path, text).startswith(message)


@pytest.mark.parametrize("arg_slots", [(0, 1), (0, 2, -1), (0, -2, -1)])
def test_arguments_ask_with_slots_that_there_are(arg_slots: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="arg_slots must"):
        TRMConfig(num_slots=2, num_args=3, arg_slots=arg_slots)


@pytest.mark.parametrize("tool_args", [((0,),), ((0,), (3,)), ((-1,), ())])
def test_tools_have_arguments_that_there_are(tool_args: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValidationError, match="tool_args must"):
        TRMConfig(num_tools=2, num_args=3, tool_args=tool_args)


def test_every_problem_is_told(tmp_path: Path) -> None:
    text = "training:\n  batch_size: 0\n  sed: 1\ndata:\n  on_error: panic\n"
    lines = problem(tmp_path, text).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"run.yaml, line {number}" for number in (2, 3, 5)
    ]


@pytest.mark.parametrize("value", ["9" * 25, f"-{'9' * 25}", ".inf", ".nan", f"[{'9' * 25}]"])
def test_no_key_takes_a_number_beyond_all_sense(tmp_path: Path, value: str) -> None:
    sections = {"model": ModelConfig, "training": TrainingConfig, "data": DataConfig}
    for key in known_keys():
        section, name = key.split(".")
        kind = sections[section].model_fields[name].annotation
        if str not in (kind, *get_args(kind)):
            said = problem(tmp_path, f"{section}:\n  {name}: {value}\n")
            assert said.startswith("run.yaml, line"), said


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_numpy_and_torch_take_every_seed_that_is_taken(seed: int) -> None:
    config = Config(training=TrainingConfig(seed=seed))
    np.random.default_rng((config.training.seed, 1)).random()
    torch.manual_seed(config.training.seed)


def test_a_long_value_is_told_in_short(tmp_path: Path) -> None:
    said = problem(tmp_path, f"training:\n  seed: [{'1, ' * 20_000}1]\n  {'x' * 9000}: 1\n")
    assert len(said) < 600


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="/dev/zero"):
        Config.from_yaml("/dev/zero")


def test_a_missing_file_suggests_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "default.yaml").touch()
    (tmp_path / "paper.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        Config.from_yaml(tmp_path / "defualt.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/defualt.yaml: no such file (did you mean 'default.yaml'?)"
    )
    with pytest.raises(ConfigError, match=r"zzz: no such file$"):
        Config.from_yaml(tmp_path / "zzz")
    with pytest.raises(ConfigError, match=r"zzz: no such file$"):
        Config.from_yaml(tmp_path / "nowhere" / "zzz")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Config.from_yaml(tmp_path)


def test_overrides_win_and_the_last_one_most(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "training:\n  seed: 1\n",
        "training.seed=2",
        "training.seed= 3",
        "model.focal_gamma=1e-1",
        "data.val_data=null",
        "training.use_ema=no",
    )
    assert config.training.seed == 3
    assert config.model.focal_gamma == 0.1
    assert config.data.val_data is None
    assert not config.training.use_ema


@pytest.mark.parametrize("text", ["2024-01-01", "2024-99-99", "123", "a: b", "[x", "yes", "1e3"])
def test_an_override_of_a_text_is_that_text(tmp_path: Path, text: str) -> None:
    config = read(tmp_path, "", f"training.output_dir={text}", f"data.val_data={text}")
    assert config.training.output_dir == config.data.val_data == text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.sed=1",
            "--set training.sed=1: unknown key 'training.sed' (did you mean 'training.seed'?)",
        ),
        (
            "trainig.seed=1",
            "--set trainig.seed=1: unknown key 'trainig.seed' (did you mean 'training.seed'?)",
        ),
        ("seed=1", "--set seed=1: expected section.key=value, as training.seed=1"),
        ("training.seed", "--set training.seed: expected training.seed=value. Random seed"),
        ("training.=1", "--set training.=1: expected section.key=value"),
        ("training.seed=x", "--set training.seed=x: training.seed: expected a whole number"),
        (" training.seed =x", "--set  training.seed =x: training.seed: expected a whole"),
    ],
)
def test_a_wrong_override_is_told(tmp_path: Path, override: str, message: str) -> None:
    assert problem(tmp_path, "", "training.seed=0", override).startswith(message)


def test_an_override_of_a_section_that_is_none_is_told(tmp_path: Path) -> None:
    assert problem(tmp_path, "training: 5\n", "training.seed=1").startswith(
        "run.yaml, line 1: training: expected names with values"
    )


@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_no_file_raises_anything_else(
    text: str | bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "run.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    try:
        assert isinstance(Config.from_yaml(path), Config)
    except ConfigError as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize("key", NO_EFFECT)
def test_a_retired_setting_that_had_no_effect_is_ignored(tmp_path: Path, key: str) -> None:
    section, name = key.split(".")
    assert read(tmp_path, f"{section}:\n  {name}: {NO_EFFECT[key]}\n") == Config()
    assert read(tmp_path, "", f"{key}={NO_EFFECT[key]}") == Config()


@pytest.mark.parametrize("key", RETIRED)
def test_a_retired_setting_is_an_error_that_says_why(tmp_path: Path, key: str) -> None:
    section, name = key.split(".")
    said = problem(tmp_path, f"{section}:\n  {name}: 0.5\n")
    assert said == f"run.yaml, line 2: {key} {RETIRED[key]}; leave it out"
    assert (
        problem(tmp_path, "", f"{key}=0.5")
        == f"--set {key}=0.5: {key} {RETIRED[key]}; leave it out"
    )


def test_the_configuration_of_an_earlier_versions_run_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model:\n  num_tools: 7\n  focal_alpha: 0.5\ntraining:\n  seed: 3\n")
    assert RunFolder(tmp_path).read_config() == Config(training=TrainingConfig(seed=3))


def test_a_model_is_sized_by_its_data() -> None:
    sized = ModelConfig(hidden_size=64).sized(num_tools=2, num_slots=3)
    assert sized == TRMConfig(hidden_size=64, num_tools=2, num_slots=3)
    assert "num_tools" not in Config(model=sized).dump()


def test_a_longest_sequence_is_accepted_and_ignored() -> None:
    assert TRMConfig(vocab_size=9, max_seq_len=2048) == TRMConfig(vocab_size=9)


def test_settings_that_contradict_each_other_cannot_be_assigned() -> None:
    training = TrainingConfig()
    with pytest.raises(ValidationError, match="halting needs supervision"):
        training.halting = True
    assert training == TrainingConfig()
    training.supervision = "per_step"
    training.halting = True
    with pytest.raises(ValidationError, match="halting needs supervision"):
        training.supervision = "averaged"
    assert training == TrainingConfig(supervision="per_step", halting=True)
    assert training.model_fields_set == {"supervision", "halting"}


def test_every_setting_is_described() -> None:
    sections = (TRMConfig, TrainingConfig, DataConfig)
    fields = {name: field for each in sections for name, field in each.model_fields.items()}
    assert [
        name for name, field in fields.items() if not (field.description or "").endswith(".")
    ] == []
