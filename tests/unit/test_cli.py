"""The command line: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.support import ROOT, dialogues, sample, write_jsonl
from trm_engine.config import SET_BY_RUN, Config, known_keys
from trm_engine.runs.folder import RunFolder, claim
from trm_engine.starter import starter_config
from trm_tui.cli import app
from trm_tui.commands import train as train_command
from trm_tui.completion import complete_checkpoint, complete_config, complete_run, complete_setting

CONFIG = """\
model: {hidden_size: 32, num_heads: 2}
training: {num_epochs: 1}
data: {train_data: "builtin:telecom"}
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with configs/small.yaml as the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(CONFIG)
    return tmp_path


class Started:
    """What the command line gave to ``start_worker``, which starts a worker that only ends."""

    def __init__(self) -> None:
        self.folder: RunFolder
        self.options: dict[str, bool] = {}

    def __call__(self, folder: RunFolder, lock: int, **options: bool) -> subprocess.Popen[bytes]:
        self.folder, self.options = folder, options
        os.close(lock)
        event = {"v": 1, "seq": 0, "t": 1.0, "type": "state", "state": "finished"}
        with open(folder.events, "a") as file:
            file.write(json.dumps(event) + "\n")
        return subprocess.Popen(["true"], start_new_session=True)

    @property
    def written(self) -> dict[str, Any]:
        """The run's config.yaml as it was written."""
        return yaml.safe_load(self.folder.config.read_text())


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    started = Started()
    monkeypatch.setattr("trm_engine.runs.launch.start_worker", started)
    return started


def trm(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


def refused(*arguments: object) -> str:
    """The message of a command that must end with status 2 and print nothing else."""
    result = trm(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def make_run(path: Path, *states: str, checkpoints: tuple[str, ...] = ()) -> RunFolder:
    """A run's folder that was left in the last of these states."""
    folder = RunFolder(path)
    folder.create()
    Config.model_validate({"data": {}}).to_yaml(folder.config)
    events = [
        {"v": 1, "seq": number, "t": 1.0, "type": "state", "state": state}
        for number, state in enumerate(states)
    ]
    if events:
        write_jsonl(folder.events, events)
    for name in checkpoints:
        file = folder.path / "checkpoints" / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return folder


# Help --------------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    """So it is there at once; `python -m benchmarks startup` measures it."""
    heavy = {"torch", "textual", "rich", "numpy", "pydantic", "yaml", "plotext"}
    code = f"""
import atexit, sys
atexit.register(lambda: print(sorted({heavy} & set(sys.modules)), file=sys.stderr))
from trm_tui.cli import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", code, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("Usage: trm-tui")
    assert result.stderr.strip() == "[]"


def test_nothing_of_the_terminal_app_imports_torch() -> None:
    """Not even by way of packages, which the import rules do not see."""
    code = """
import importlib, pkgutil, sys, trm_tui
names = [each.name for each in pkgutil.walk_packages(trm_tui.__path__, "trm_tui.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
sys.exit(len(names) < 50 or "torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "command",
    ["train", "eval", "predict", "data make", "data check", "data stats", "data convert"],
)
def test_every_command_has_examples_that_fit_80_columns(command: str) -> None:
    result = trm(*command.split(), "--help")
    assert result.exit_code == 0
    assert re.search(rf"Examples:\n.*trm-tui {command} ", result.stdout)
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_version() -> None:
    result = trm("--version")
    assert re.fullmatch(r"trm-tui \S+\n", result.stdout)


def test_nearest_command_is_suggested() -> None:
    assert "train" in refused("trian")


def test_completion_offers_configurations_runs_and_checkpoints(workplace: Path) -> None:
    make_run(workplace / "outputs" / "first", "finished", checkpoints=("best.pt",))
    assert "configs/small.yaml" in complete_config("")
    assert complete_config("configs/s") == ["configs/small.yaml"]
    assert "outputs/first" in complete_run("")
    assert "outputs/first/checkpoints/best.pt" in complete_checkpoint("")
    assert complete_run("outputs/fi") == ["outputs/first/"]


# Train: the configuration ------------------------------------------------------------------------


def test_train_writes_what_was_set_and_starts_a_tied_worker(started: Started) -> None:
    result = trm("train", "configs/small.yaml")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"outputs/small-\d{8}-\d{6}", str(started.folder.path))
    assert started.options == {"resume": False}
    assert started.written["training"] == {
        "num_epochs": 1,
        "output_dir": str(started.folder.path.absolute()),
    }
    assert started.written["model"] == {"hidden_size": 32, "num_heads": 2}


def test_flags_are_settings(started: Started, workplace: Path) -> None:
    train = write_jsonl(workplace / "a b.jsonl", dialogues(2))
    write_jsonl(workplace / "val.jsonl", dialogues(2))
    (workplace / "spm.model").touch()
    (workplace / "tools.json").touch()
    flags = {
        "--train-data": "a b.jsonl", "--val-data": "val.jsonl", "--val-split": 0.2,
        "--slot": "the plan", "--tools": "tools.json",
        "--tokenizer-path": "spm.model", "--output-dir": "out", "--checkpoint-dir": "deep/ck",
        "--epochs": 7, "--batch-size": 3, "--learning-rate": 1e-5, "--device": "cpu", "--seed": 12,
    }  # fmt: skip
    arguments = [str(part) for pair in flags.items() for part in pair]
    result = trm(
        "train",
        "--config",
        "configs/small.yaml",
        *arguments,
        "--slot",
        "12",
        "--set",
        "model.num_heads=4",
    )
    assert result.exit_code == 0, result.output
    config = Config.from_yaml(started.folder.config)
    assert started.folder.path == Path("out")
    assert config.data.train_data == str(train)
    assert config.data.val_data == str(workplace / "val.jsonl")
    assert config.data.val_split == 0.2
    assert config.data.tokenizer_path == str(workplace / "spm.model")
    assert config.data.slots == ["the plan", "12"]
    assert config.data.tools == str(workplace / "tools.json")
    assert config.training.output_dir == str(workplace / "out")
    assert config.training.checkpoint_dir == str(workplace / "deep" / "ck")
    assert (config.training.num_epochs, config.training.batch_size) == (7, 3)
    assert config.training.learning_rate == 1e-5
    assert (config.training.device, config.training.seed) == ("cpu", 12)
    assert config.model.num_heads == 4


def test_a_number_for_a_name_stays_a_name(started: Started, workplace: Path) -> None:
    result = trm("train", "configs/small.yaml", "--output-dir", "123")
    assert result.exit_code == 0, result.output
    assert started.folder.path == Path("123")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["configs/smal.yaml"], "configs/smal.yaml: no such file (did you mean 'small.yaml'?)"),
        (["configs/small.yaml", "--epochs", "0"], "--epochs 0: training.num_epochs:"),
        (["configs/small.yaml", "--val-split", "1.5"], "--val-split 1.5: data.val_split:"),
        (["configs/small.yaml", "--epochs", "many"], "--epochs"),
        (["configs/small.yaml", "--set", "training.sed=1"], "(did you mean 'training.seed'?)"),
        (["configs/small.yaml", "--train-data", "x.jsonl"], "--train-data: x.jsonl: no such file"),
        (["configs/small.yaml", "--set", "data.val_data=x.jsonl"], "data.val_data: x.jsonl: no"),
        (["configs/small.yaml", "--tokenizer-path", "x"], "--tokenizer-path: x: no such file"),
        (["configs/small.yaml", "--tools", "x"], "--tools: x: no such file"),
        (["configs/small.yaml", "--train-data", "-"], "--train-data: training reads - several"),
        (["configs/small.yaml", "--val-data", "pipe"], "so it must be a file; write it to one"),
        (["configs/small.yaml", "--set", "data.slots=x"], "expected a list, not 'x'"),
        (["configs"], "configs: the folder contains no run"),
        ([], "configs/small.yaml"),
    ],
)
def test_train_refuses(arguments: list[str], message: str, started: Started) -> None:
    os.mkfifo("pipe")
    assert message in refused("train", *arguments)
    assert not Path("outputs").exists()
    assert not started.options


def test_an_output_folder_that_cannot_be_written(workplace: Path) -> None:
    (workplace / "file").touch()
    message = refused("train", "configs/small.yaml", "--output-dir", "file/run")
    assert "file/run: the output folder cannot be written" in message


def test_background(started: Started) -> None:
    result = trm("train", "configs/small.yaml", "--background", "--output-dir", "out")
    assert result.exit_code == 0
    assert started.options == {"resume": False, "tied": False}
    assert "out" in result.stdout
    assert "trm-tui watch out" in result.stdout


# Train: folders that hold a run ------------------------------------------------------------------


def test_a_live_run_is_left_alone(workplace: Path, started: Started) -> None:
    folder = make_run(workplace / "run", "running", checkpoints=("last.pt",))
    lock = claim(folder)
    try:
        for arguments in (["configs/small.yaml", "--output-dir", "run"], ["--resume", "run"]):
            assert "a run is live in this folder" in refused("train", *arguments)
    finally:
        lock.close()


def test_a_finished_run_is_left_alone(workplace: Path, started: Started) -> None:
    make_run(workplace / "run", "running", "finished", checkpoints=("last.pt",))
    assert "--output-dir" in refused("train", "configs/small.yaml", "--output-dir", "run")
    assert "finished" in refused("train", "--resume", "run")
    assert "finished" in refused("train", "run")


@pytest.mark.parametrize("arguments", [["run"], ["configs/small.yaml", "--output-dir", "run"]])
def test_an_unfinished_run_is_not_overwritten(
    workplace: Path, started: Started, arguments: list[str]
) -> None:
    make_run(workplace / "run", "running", checkpoints=("step_5.pt",))
    message = refused("train", *arguments)
    assert "unfinished run (lost)" in message
    assert "trm-tui train --resume run" in message
    assert not started.options


@pytest.mark.parametrize("arguments", [["run"], ["configs/small.yaml", "--output-dir", "run"]])
def test_an_unfinished_run_is_resumed_if_the_user_says_so(
    workplace: Path, started: Started, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(workplace / "run", "stopped", checkpoints=("last.pt",))
    questions: list[str] = []
    monkeypatch.setattr(
        train_command, "_confirms", lambda question: questions.append(question) or True
    )
    result = trm("train", *arguments)
    assert result.exit_code == 0, result.output
    assert questions == ["run contains an unfinished run (stopped). Resume it?"]
    assert started.options == {"resume": True}


def test_resume(workplace: Path, started: Started) -> None:
    folder = make_run(workplace / "run", "stopped", checkpoints=("last.pt",))
    before = Config.from_yaml(folder.config)
    result = trm("train", "--resume", "run", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert started.options == {"resume": True}
    after = Config.from_yaml(folder.config)
    assert after.training.device == "cpu"
    assert after.model == before.model
    assert "checkpoint_dir" not in after.training.model_fields_set


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--epochs", "3"], "--epochs"),
        (["--set", "training.seed=3"], "--set training.seed=3"),
        (["configs/small.yaml"], "configs/small.yaml"),
    ],
)
def test_resume_keeps_the_configuration(
    workplace: Path, started: Started, arguments: list[str], unwanted: str
) -> None:
    make_run(workplace / "run", "stopped", checkpoints=("last.pt",))
    assert f"leave out {unwanted}" in refused("train", "--resume", "run", *arguments)


def test_resume_of_nothing(workplace: Path, started: Started) -> None:
    make_run(workplace / "run", "stopped")
    assert "did you mean 'run'?" in refused("train", "--resume", "rum")
    assert "start again: trm-tui train run/config.yaml" in refused("train", "--resume", "run")


def test_a_run_without_checkpoints_starts_again(workplace: Path, started: Started) -> None:
    make_run(workplace / "run", "failed")
    result = trm("train", "run")
    assert result.exit_code == 0, result.output
    assert started.options == {"resume": False}
    assert started.folder.path == Path("run")


def test_somebodys_own_config_yaml_is_not_overwritten(workplace: Path, started: Started) -> None:
    (workplace / "config.yaml").write_text(CONFIG)
    message = refused("train", "config.yaml", "--output-dir", ".")
    assert "has a config.yaml but no run" in message
    assert (workplace / "config.yaml").read_text() == CONFIG


# Eval and predict --------------------------------------------------------------------------------


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A worker that prints these lines after its arguments were noted at the end of the list."""
    lines: list[str] = []

    def start(*arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        script = "import sys; print('\\n'.join(sys.argv[1:])); print('oh', file=sys.stderr)"
        streams = {"stdout": subprocess.PIPE, **streams}
        printed = [line for line in lines if line.startswith("{")]
        lines.append(" ".join(arguments))
        return subprocess.Popen([sys.executable, "-c", script, *printed], **streams)

    monkeypatch.setattr("trm_engine.runs.launch.start_inference", start)
    yield lines


def metrics() -> dict[str, Any]:
    from tests.unit.test_plain import RECORD

    step = {"step": 1, "decision_accuracy": 0.5, "tool_accuracy": None, "slot_accuracy": 0.25,
            "exact_match": 0.125, "exact_match_values": 0.0, "q": 0.75}  # fmt: skip
    return {**RECORD, "by_step": [step]}


def test_eval_as_json_is_one_object(workplace: Path, answers: list[str]) -> None:
    make_run(workplace / "run", "finished", checkpoints=("best.pt", "last.pt"))
    answers += [
        json.dumps({"type": "progress", "share": 0.5}),
        json.dumps({"type": "result", **metrics()}),
    ]
    result = trm(
        "eval", "run", "val.jsonl", "--json", "--raw", "--batch-size", 4, "--device", "cpu"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == metrics()
    assert result.stderr == ""
    expected = "eval --device cpu --batch-size 4 --raw -- run/checkpoints/best.pt val.jsonl"
    assert answers[-1] == expected


def test_eval_prints_tables(workplace: Path, answers: list[str]) -> None:
    (workplace / "a.pt").touch()
    answers.append(json.dumps({"type": "result", **metrics()}))
    result = trm("eval", "a.pt", "val.jsonl")
    assert result.exit_code == 0, result.output
    assert "Decision Confusion Matrix" in result.stdout
    assert "│    1 │   0.5000 │    – │ 0.2500 │ 0.1250 │  0.0000 │ 0.7500 │" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_eval_passes_on_an_error(workplace: Path, answers: list[str]) -> None:
    (workplace / "a.pt").touch()
    answers.append(json.dumps({"type": "error", "message": "val.jsonl: no such file"}))
    assert refused("eval", "a.pt", "val.jsonl") == "error: val.jsonl: no such file\n"


def test_eval_says_if_the_worker_dies(workplace: Path, answers: list[str]) -> None:
    (workplace / "a.pt").touch()
    answers.append(json.dumps({"type": "progress", "share": 0.5}))
    result = trm("eval", "a.pt", "val.jsonl")
    assert result.exit_code == 1
    assert "oh\n" in result.stderr
    assert "The worker ended without a result." in result.stderr


@pytest.mark.parametrize("command", [["eval", "data.jsonl"], ["predict"]])
def test_a_missing_checkpoint(workplace: Path, command: list[str]) -> None:
    (workplace / "best.pt").touch()
    (workplace / "empty").mkdir()
    name, *data = command
    assert "bst.pt: no such file (did you mean 'best.pt'?)" in refused(name, "bst.pt", *data)
    assert "contains neither best.pt nor last.pt" in refused(name, "empty", *data)


@pytest.mark.parametrize(
    ("ends", "status"), [("sys.exit(2)", 2), ("os.kill(os.getpid(), 13)", 141)]
)
def test_predict_returns_the_workers_status(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, ends: str, status: int
) -> None:
    (workplace / "a.pt").touch()
    given: dict[str, Any] = {}

    def start(*arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        given.update(streams, arguments=arguments)
        code = f"import os, signal, sys; signal.signal(13, signal.SIG_DFL); {ends}"
        return subprocess.Popen([sys.executable, "-c", code])

    monkeypatch.setattr("trm_engine.runs.launch.start_inference", start)
    result = trm("predict", "a.pt", "-", "--steps", 2, "--halt-threshold", 0.5)
    assert result.exit_code == status
    expected = ("predict", "--steps", "2", "--halt-threshold", "0.5", "--", "a.pt", "-")
    assert given == {"stdout": None, "arguments": expected}


# Data --------------------------------------------------------------------------------------------


def test_data_make_is_repeatable(workplace: Path) -> None:
    result = trm("data", "make", "a.jsonl", "--conversations", 5, "--seed", 3)
    assert result.exit_code == 0
    assert re.fullmatch(r"a\.jsonl: \d+ samples of 5 conversations\n", result.stdout)
    trm("data", "make", "b.jsonl", "--conversations", 5, "--seed", 3)
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()
    assert trm("data", "check", "a.jsonl").exit_code == 0
    assert sorted(os.listdir()) == ["a.jsonl", "b.jsonl", "configs"]


def test_data_make_leaves_nothing_half_written(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(conversations: int, seed: int) -> Iterator[dict[str, Any]]:
        yield sample()
        raise KeyboardInterrupt

    monkeypatch.setattr("trm_engine.data.telecom.generate_samples", broken)
    assert trm("data", "make", "a.jsonl").exit_code == 130
    assert os.listdir() == ["configs"]
    assert "no-folder/a.jsonl: cannot be written" in refused("data", "make", "no-folder/a.jsonl")


def test_data_check_lists_every_problem(workplace: Path) -> None:
    bad = [sample(decision="tool_cal", slots={}), b"{", *[sample(slots={})] * 7]
    write_jsonl(workplace / "bad.jsonl", [sample(), *bad, *[sample()] * 9])
    result = trm("data", "check", "bad.jsonl")
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[0].startswith("bad.jsonl, line 2: decision: unknown decision 'tool_cal' (did you")
    assert lines[1].startswith("bad.jsonl, line 2: slots: 'name' is missing")
    assert lines[2].startswith("bad.jsonl, line 3: broken JSON")
    assert lines[-1] == "bad.jsonl: 10 samples, 10 problems in 9 lines"
    assert len(lines) == 11

    result = trm("data", "check", "bad.jsonl", "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert found["samples"] == 10
    assert [problem["line"] for problem in found["problems"]] == [2, 2, *range(3, 11)]


def test_data_check_of_good_unusable_empty_and_missing_files(workplace: Path) -> None:
    write_jsonl(workplace / "good.jsonl", [sample()])
    result = trm("data", "check", "good.jsonl")
    assert (result.exit_code, result.stdout) == (0, "good.jsonl: 1 sample, no problems\n")
    write_jsonl(workplace / "bad.jsonl", [b"{"])
    assert trm("data", "check", "bad.jsonl").stdout.endswith("0 samples, 1 problem in 1 line\n")
    write_jsonl(workplace / "empty.jsonl", [])
    assert "the file is empty" in refused("data", "check", "empty.jsonl")
    assert "(did you mean 'good.jsonl'?)" in refused("data", "check", "goood.jsonl")


def test_data_stats(workplace: Path) -> None:
    write_jsonl(workplace / "all.jsonl", dialogues())
    found = json.loads(trm("data", "stats", "all.jsonl", "--json").stdout)
    assert (found["samples"], found["conversations"]) == (60, 20)
    text = trm("data", "stats", "all.jsonl").stdout
    assert text.startswith("all.jsonl: 60 samples of 20 conversations\n")
    assert "│ find_customer │    20 │ 50.0 % │" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "x.model: cannot be read" in refused(
        "data", "stats", "all.jsonl", "--tokenizer", "x.model"
    )
    assert "no such file" in refused("data", "stats", "nothing.jsonl")


def test_data_convert_to_a_file_and_to_standard_output(workplace: Path) -> None:
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello!"}]
    (workplace / "chat.json").write_text(json.dumps(chat))
    result = trm("data", "convert", "chat.json", "out.jsonl")
    heading, *table = result.stdout.splitlines()
    assert heading == "out.jsonl: 1 sample of 1 conversation (OpenAI messages)"
    assert any(re.search(r"Answers +│ +1 │ kept: a sample", row) for row in table)
    printed = trm("data", "convert", "chat.json", "-", "--slot", "phone")
    assert json.loads(printed.stdout)["slots"] == {"phone": ""}
    assert json.loads(Path("out.jsonl").read_text())["decision"] == "direct_answer"
    assert "no such file" in refused("data", "convert", "chta.json", "-").lower()


def test_data_convert_tells_what_became_of_what(workplace: Path) -> None:
    good = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello!"}]
    bad = [{"role": "user"}, {"role": "asistant", "content": ""}]
    write_jsonl(workplace / "in.jsonl", [{"messages": good}, {"messages": bad}, b"{"])
    message = refused("data", "convert", "in.jsonl", "out.jsonl")
    for place in ("line 2, turn 1, field 'content'", "line 2, turn 2, field 'role'", "line 3: "):
        assert f"in.jsonl, {place}" in message
    assert not Path("out.jsonl").exists()

    given = ("data", "convert", "in.jsonl", "out.jsonl", "--on-error", "skip")
    found = json.loads(trm(*given, "--json").stdout)
    assert (found["format"], found["samples"], len(found["problems"])) == ("openai", 1, 3)
    outcomes = {(each["kind"], each["outcome"]): each["count"] for each in found["outcomes"]}
    assert outcomes["conversation", "dropped: it has problems"] == 2

    printed = trm("data", "convert", "in.jsonl", "-", "--on-error", "skip", "--json")
    assert json.loads(printed.stdout)["decision"] == "direct_answer"
    assert json.loads(printed.stderr)["samples"] == 1


def test_a_file_that_exists_is_overwritten_only_if_forced(workplace: Path) -> None:
    write_jsonl(workplace / "in.jsonl", [[{"role": "user", "content": "hi"}]])
    write_jsonl(workplace / "out.jsonl", [sample()])
    for command in (["make", "out.jsonl"], ["convert", "in.jsonl", "out.jsonl"]):
        assert "out.jsonl: exists already; --force" in refused("data", *command)
        assert Path("out.jsonl").read_bytes()
    assert trm("data", "convert", "in.jsonl", "out.jsonl", "--force").exit_code == 0
    assert not Path("out.jsonl").read_bytes()
    assert trm("data", "convert", "in.jsonl", os.devnull).exit_code == 0


def test_the_format_may_be_named(workplace: Path) -> None:
    from trm_engine.data.formats.detection import FORMATS
    from trm_tui.commands import data_convert

    assert sorted(data_convert.FORMATS) == sorted(each.name for each in FORMATS)
    assert data_convert.complete_format("ope") == ["openai"]
    answer = {"role": "assistant", "content": '{"response": "Thanks", "mood": "happy"}'}
    chat = {"messages": [{"role": "user", "content": "Great!"}, answer]}
    write_jsonl(workplace / "in.jsonl", [chat])
    for given, slots in [((), {}), (("--format", "raw"), {"mood": "happy"})]:
        printed = trm("data", "convert", "in.jsonl", "-", *given)
        assert json.loads(printed.stdout)["slots"] == slots
    assert "(did you mean 'openai'?)" in refused(
        "data", "convert", "in.jsonl", "-", "--format", "opnai"
    )


def test_a_reader_that_goes_away_is_no_error(workplace: Path) -> None:
    chat = [{"role": "user", "content": "x" * 999}, {"role": "assistant", "content": "y" * 999}]
    (workplace / "chat.json").write_text(json.dumps([chat] * 500))
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from trm_tui.cli import main; main()"
    convert = f"'{sys.executable}' -c '{code}' '{ROOT}' data convert chat.json -"
    result = subprocess.run(
        ["bash", "-c", f"{convert} | head -n 1 | wc -l; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "1"
    assert result.stderr == ""
    assert result.returncode == 141


def test_init_writes_every_setting_and_overwrites_nothing(workplace: Path) -> None:
    answer = trm("init", "mine.yaml", "--train-data", "own.jsonl")
    assert answer.exit_code == 0 and "trm-tui train mine.yaml" in answer.stdout
    text = (workplace / "mine.yaml").read_text()
    config = Config.from_yaml(workplace / "mine.yaml")
    assert config.data.train_data == "own.jsonl"
    (workplace / "all.yaml").write_text(re.sub(r"^  #(\w+:)", r"  \1", text, flags=re.MULTILINE))
    assert Config.from_yaml(workplace / "all.yaml") == config
    written = re.findall(r"^  #?(\w+):", text, flags=re.MULTILINE)
    assert {key.partition(".")[2] for key in known_keys()} == {*written, *SET_BY_RUN}
    assert "exists already" in refused("init", "mine.yaml")
    assert trm("init", "mine.yaml", "--force").exit_code == 0


def test_init_starts_from_the_default_configuration() -> None:
    shipped = yaml.safe_load((ROOT / "configs" / "default.yaml").read_text())
    assert yaml.safe_load(starter_config()) == shipped


def test_a_configuration_that_sets_nothing_is_refused(workplace: Path) -> None:
    (workplace / "nothing.yaml").write_text("# model:\n")
    assert "it sets nothing" in refused("train", "nothing.yaml", "--plain")
    assert "trm-tui init" in refused("train", "nothing.yaml", "--plain")


def test_settings_are_completed_and_explained() -> None:
    completed = dict(complete_setting("model.hid"))
    assert completed["model.hidden_size="].startswith("Width of the network")
    assert "Default: 512" in completed["model.hidden_size="]
    assert len(complete_setting("")) == len(known_keys())
    assert ("training.supervision=per_step", "") in complete_setting("training.supervision=")
    assert ("data.lowercase=true", "") in complete_setting("data.lowercase=t")


def test_a_setting_without_a_value_is_explained(workplace: Path) -> None:
    message = refused("train", "configs/small.yaml", "--set", "model.hidden_size")
    assert "Width of the network" in message and "Default: 512" in message


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        (
            "trm_tui.commands.watch, trm_tui.screens.train",
            ("jsonschema", "pydantic", "trm_engine.data.formats", "trm_engine.data.problems"),
        ),
        (
            "trm_engine.serving.server, trm_engine.inference.router",
            ("filelock", "httpx2", "jsonschema", "trm_engine.data.formats.detection", "yaml"),
        ),
    ],
)
def test_it_opens_without_what_it_seldom_needs(modules: str, slow: tuple[str, ...]) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert [name for name in loaded.split() if name.startswith(slow)] == []
