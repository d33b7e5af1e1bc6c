"""A run that is trained on conversations of another format: their slots, and their tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_evaluation import NoJob
from tests.support import TOOLS, dialogues, write_jsonl
from tests.trainers import NoCommands, Told, tiny_config
from trm_engine.config import Config
from trm_engine.errors import UserError
from trm_engine.inspection.evaluation import evaluate
from trm_engine.inspection.files import ModelFiles
from trm_engine.runs.folder import RunFolder
from trm_engine.worker.label_errors import Search
from trm_engine.worker.place import Place
from trm_engine.worker.train import train

SLOTS = ["phone", "plan"]
SMALL: dict[str, Any] = {"max_steps": 2, "eval_interval": 2, "save_interval": 2, "batch_size": 8}


def chat(number: int) -> dict[str, Any]:
    phone = str(7000 + number)
    call = {"name": "find_customer", "arguments": json.dumps({"phone": phone})}
    return {
        "messages": [
            {"role": "user", "content": f"I am {phone}"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": call}]},
            {"role": "tool", "tool_call_id": "1", "content": "An"},
            {"role": "assistant", "content": "Hello An"},
        ]
    }


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "chats.jsonl", map(chat, range(30)))


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    path = tmp_path / "tools.json"
    path.write_text(json.dumps(TOOLS))
    return path


def new_run(place: Path, **data: Any) -> RunFolder:
    run = RunFolder(place / "run")
    run.create()
    values = tiny_config(place, output_dir=str(run.path), **SMALL).to_dict()
    values["training"]["checkpoint_dir"] = str(run.path / "checkpoints")
    values["data"].update(
        {key: str(each) if key != "slots" else each for key, each in data.items()}
    )
    Config.model_validate(values).to_yaml(run.config)
    return run


def trained(run: RunFolder, resume: bool = False) -> Any:
    events: list[Any] = []
    train(run, resume, Told(events), NoCommands(), Place())
    return next(each for each in events if each["type"] == "run_started")


def test_slots_and_tools_are_given(
    tmp_path: Path, chats: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    other = write_jsonl(tmp_path / "other.jsonl", map(chat, range(40, 50)))
    run = new_run(tmp_path, train_data=chats, val_data=other, slots=SLOTS, tools=tools)
    labels = trained(run)["labels"]
    assert [each["name"] for each in labels["slots"]] == SLOTS
    assert set(labels["tools"]) == {each["function"]["name"] for each in TOOLS}
    judged = [json.loads(line) for line in run.validation.read_bytes().splitlines()]
    assert judged[1]["slots"] == {"phone": "7040", "plan": ""}

    last = str(run.path / "checkpoints" / "last.pt")
    own = evaluate(ModelFiles("cpu"), NoJob(), last)
    assert own.data == str(run.validation)
    named = evaluate(ModelFiles("cpu"), NoJob(), last, str(other))  # the model's slots
    assert named.metrics.slots.per_slot.keys() == set(SLOTS)
    assert named.metrics.samples == own.metrics.samples == 20

    assert not named.metrics.tool.new  # the model's own tools are meant
    text = json.dumps([*map(chat, range(40, 50))]).replace("find_customer", "look_up_caller")
    write_jsonl(other, json.loads(text))
    renamed = tmp_path / "renamed.json"
    renamed.write_text(tools.read_text().replace("find_customer", "look_up_caller"))
    offered = evaluate(ModelFiles("cpu"), NoJob(), last, str(other), str(renamed))
    assert offered.metrics.tool.new == 10
    with pytest.raises(UserError, match="which state their own tools"):
        evaluate(ModelFiles("cpu"), NoJob(), last, tools=str(renamed))

    moved = tools.rename(tmp_path / "moved.json")
    run.config.write_text(run.config.read_text().replace(str(tools), str(moved)))
    assert trained(run, resume=True)["labels"] == labels


def test_validation_calls_the_tools_of_training(
    tmp_path: Path, chats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the calls of a file show of its tools differs from file to file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = json.dumps([*map(chat, range(40, 50))])
    other = write_jsonl(tmp_path / "other.jsonl", json.loads(text.replace("phone", "number")))
    run = new_run(tmp_path, train_data=chats, val_data=other)
    assert trained(run)["labels"]["tools"] == ["find_customer"]
    last = str(run.path / "checkpoints" / "last.pt")
    figures = evaluate(ModelFiles("cpu"), NoJob(), last).metrics.tool
    assert (figures.samples, figures.new) == (10, 0)
    trained(run, resume=True)


@pytest.mark.parametrize("name", ["slots", "tools"])
def test_samples_have_their_own(tmp_path: Path, tools: Path, name: str) -> None:
    given = {"slots": ["phone"], "tools": tools}[name]
    for path in (
        write_jsonl(tmp_path / "samples.jsonl", dialogues(8)),
        "builtin:telecom",
    ):
        run = new_run(tmp_path, train_data=path, **{name: given})
        with pytest.raises(
            UserError, match=f"data.{name}: .* other {name} are for conversations of other formats"
        ):
            trained(run)


def test_a_list_of_samples_has_them_too(tmp_path: Path) -> None:
    path = tmp_path / "samples.json"
    path.write_text(json.dumps(dialogues(8), indent=1))
    with pytest.raises(UserError, match="has samples, which state their own slots"):
        trained(new_run(tmp_path, train_data=path, slots=["phone"]))


def test_tools_that_cannot_be_read_are_named(tmp_path: Path, chats: Path, tools: Path) -> None:
    tools.write_text('{"name": 3}')
    with pytest.raises(UserError, match=r"tools\.json"):
        trained(new_run(tmp_path, train_data=chats, tools=tools))


def test_a_search_for_label_errors_needs_converted_samples(tmp_path: Path, chats: Path) -> None:
    search = Search(chats, tmp_path / "errors", 2, settings=("data.slots=[phone]",))
    with pytest.raises(UserError, match=r"data\.slots: first convert the file with it"):
        search.run(lambda what, share: None)
