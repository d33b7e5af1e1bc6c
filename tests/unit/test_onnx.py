"""The model on onnxruntime: the same answers as with torch, at every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inspected import finished_run
from tests.support import TOOLS, dialogues
from trm_engine import Router
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation
from trm_engine.errors import CheckpointError
from trm_engine.exports.export import export
from trm_engine.exports.folder import CONFIG, READ, STEP
from trm_engine.exports.measure import PROBABILITIES
from trm_engine.inference import onnx_model as onnx_module
from trm_engine.inference.decoding import Decoded
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.turn_memory import TurnMemory
from trm_engine.runs.folder import RunFolder, find_checkpoint

CLOSE = 1e-4
NEW_TOOL = {
    "type": "function",
    "function": {
        "name": "cancel_order",
        "description": "Cancel an order by its number",
        "parameters": {
            "type": "object",
            "properties": {
                "order": {"type": "string"},
                "reason": {"type": "string", "enum": ["late", "broken", "other"]},
            },
        },
    },
}
BARE_TOOL = {"type": "function", "function": {"name": "hang_up"}}


@pytest.fixture(scope="module")
def run(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


@pytest.fixture(scope="module")
def folder(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in fp32, whose proof holds."""
    folder = tmp_path_factory.mktemp("exports") / "onnx"
    proof = export(find_checkpoint(run.path), folder, "onnx")
    assert proof.largest_difference < CLOSE
    assert proof.differences == []
    return folder


@pytest.fixture(scope="module")
def torch_model(run: RunFolder) -> Predictor:
    return Predictor.load(find_checkpoint(run.path), "cpu")


@pytest.fixture(scope="module")
def onnx_model(folder: Path) -> Predictor:
    return Predictor.load(find_checkpoint(folder), "cpu")


def conversations() -> list[Conversation]:
    """Long and short ones, some with other tools on offer, in one batch."""
    found = [Conversation.model_validate(each) for each in dialogues(3)]
    for place, tools in ((1, [NEW_TOOL]), (2, [*TOOLS, NEW_TOOL]), (4, [BARE_TOOL])):
        changed = Conversation.model_validate(
            {"history": dialogues(3)[place]["history"], "tools": tools}
        )
        found[place] = changed
    return found


@pytest.mark.parametrize("size", [1, 2, 9])
def test_every_probability_of_every_step_is_that_of_torch(
    torch_model: Predictor, onnx_model: Predictor, size: int
) -> None:
    asked = conversations()
    for begin in range(0, len(asked), size):
        part = asked[begin : begin + size]
        pairs = [
            [*predictor.decode_steps(predictor.read(part))]
            for predictor in (torch_model, onnx_model)
        ]
        for one, other in zip(*pairs, strict=True):
            for name in PROBABILITIES:
                np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=CLOSE)
            np.testing.assert_array_equal(one.arg_spans, other.arg_spans)


def test_it_halts_at_the_same_step_with_the_same_answer(
    torch_model: Predictor, onnx_model: Predictor
) -> None:
    asked = conversations()
    least, most = (edge([each.q for each in torch_model.predict(asked, 1)]) for edge in (min, max))
    threshold = (least + most) / 2  # some halt at the first step
    one, other = (each.predict(asked, None, threshold) for each in (torch_model, onnx_model))
    assert len({each.steps_used for each in one}) > 1
    for mine, theirs in zip(one, other, strict=True):
        assert (mine.steps_used, mine.slots) == (theirs.steps_used, theirs.slots)
        if abs(mine.decision_probability - 0.5) > CLOSE:
            assert (mine.decision, mine.calls) == (theirs.decision, theirs.calls)


def test_fewer_and_more_steps_than_in_training_can_be_asked_for(
    torch_model: Predictor, onnx_model: Predictor
) -> None:
    asked = conversations()[:1]
    for steps in (1, 6):
        one, other = (each.predict(asked, steps)[0] for each in (torch_model, onnx_model))
        assert one.steps_used == other.steps_used == steps
        assert one.decision_probability == pytest.approx(other.decision_probability, abs=CLOSE)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_read_turn_by_turn_the_answers_are_those_of_the_whole(
    onnx_model: Predictor, data: st.DataObject
) -> None:
    history = data.draw(st.sampled_from(dialogues(3)))["history"]
    further = st.lists(st.sampled_from(history), min_size=1, max_size=6)
    said = [*history[: data.draw(st.integers(0, len(history)))], *data.draw(further)]
    longest = data.draw(st.sampled_from([8, 20, onnx_model.max_length]))  # older turns go first
    with mock.patch.object(onnx_model, "max_length", longest):
        for place in range(1, len(said) + 1):
            by_turn = decoded_by(onnx_model, said[:place])
        with mock.patch.object(onnx_model.backend, "memory", TurnMemory()):
            whole = decoded_by(onnx_model, said)
    for one, other in zip(by_turn, whole, strict=True):
        for name in PROBABILITIES:
            mine, theirs = getattr(one, name), getattr(other, name)
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def decoded_by(predictor: Predictor, history: list[dict[str, Any]]) -> list[Decoded]:
    """What a model says about a conversation at each step."""
    read = predictor.read([Conversation.model_validate({"history": history})])
    return [*predictor.decode_steps(read)]


def test_memory_that_is_given_back_changes_no_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = conversations()
    expected = Predictor.load(find_checkpoint(folder)).predict(asked)
    monkeypatch.setattr(onnx_module, "LONG", 0)
    assert Predictor.load(find_checkpoint(folder)).predict(asked) == expected


def test_a_router_runs_it(folder: Path, run: RunFolder) -> None:
    question = "How much do I owe this month?"
    one, other = (Router.load(each).route(question) for each in (run.path, folder))
    assert (one.decision, one.slots) == (other.decision, other.slots)
    assert one.confidence == pytest.approx(other.confidence, abs=CLOSE)


def test_what_needs_the_weights_says_so(folder: Path) -> None:
    from trm_engine.checkpoints.file import load_checkpoint

    with pytest.raises(CheckpointError, match="safetensors"):
        load_checkpoint(folder / STEP)


@pytest.mark.parametrize("name", [STEP, READ])
def test_a_damaged_graph_is_refused_by_its_name(folder: Path, tmp_path: Path, name: str) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=name):
        Predictor.load(tmp_path / STEP, "cpu")
    (tmp_path / CONFIG).unlink()
    with pytest.raises(CheckpointError, match="neither"):
        find_checkpoint(tmp_path)


def test_int8_is_smaller_and_says_what_differs(
    run: RunFolder, folder: Path, tmp_path: Path
) -> None:
    proof = export(find_checkpoint(run.path), tmp_path / "int8", "onnx-int8")
    assert proof.holds
    assert 0 < proof.largest_difference < 0.3  # of a model that has hardly learned
    assert proof.samples > 0
