"""The Predictor: conversations in, predictions out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec import structs

from tests.models import batch_of, checkpoint_of, inputs_of, reading_model
from tests.support import TOOLS, sample, write_jsonl
from trm_engine.checkpoints.file import save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.field import Field
from trm_engine.data.samples import Conversation
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import CheckpointError
from trm_engine.inference import predictor as predictor_module
from trm_engine.inference.predictor import MOST_CALLS, FullPrediction, Predictor
from trm_engine.models import EMA
from trm_engine.runs.schema.answers import Call
from trm_engine.training.evaluate import evaluate


@pytest.fixture(scope="module")
def checkpoint(dataset: TRMToolCallingDataset) -> dict[str, Any]:
    model = reading_model(dataset, seed=5, spread=0.3, N_supervision=4)
    inputs = inputs_of(batch_of(dataset, range(24)))
    second, last = model.inference(**inputs, num_steps=2), model.inference(**inputs)
    with torch.no_grad():  # half of the answers are calls, and half of them halt early
        model.heads.decision.register.bias -= last.decision_logits.median() + 0.01
        model.heads.q.bias -= second.q_logits.median() + 0.01
    return checkpoint_of(model, dataset)


@pytest.fixture
def predictor(checkpoint: dict[str, Any]) -> Predictor:
    found = Predictor(checkpoint, "cpu")
    found.model.compute_dtype = torch.float32
    return found


@pytest.fixture(scope="module")
def conversations(dataset: TRMToolCallingDataset) -> list[Conversation]:
    return [dataset.sample(index) for index in range(12)]


def conversation(text: str, *tools: dict[str, Any]) -> Conversation:
    history = [{"role": "user", "content": text}]
    return Conversation.model_validate({"history": history, "tools": list(tools)})


def assert_same(one: FullPrediction, other: FullPrediction) -> None:
    assert (one.decision, one.tool, one.slots, one.steps_used) == (
        other.decision,
        other.tool,
        other.slots,
        other.steps_used,
    )
    assert one.q == pytest.approx(other.q, abs=1e-4)
    assert one.decision_probability == pytest.approx(other.decision_probability, abs=1e-4)
    assert one.slot_probabilities == pytest.approx(other.slot_probabilities, abs=1e-4)
    assert one.tool_probabilities == pytest.approx(other.tool_probabilities, abs=1e-4)


def test_an_answer_does_not_depend_on_the_others_in_the_batch(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    together = predictor.predict(conversations)
    assert {answer.decision for answer in together} == {"tool_call", "direct_answer"}
    for each, answer in zip(conversations, together, strict=True):
        assert_same(predictor.predict([each])[0], answer)
    backwards = predictor.predict(conversations[::-1])[::-1]
    for one, other in zip(together, backwards, strict=True):
        assert_same(one, other)


def test_predictions_are_those_that_an_evaluation_judges(
    predictor: Predictor, dataset: TRMToolCallingDataset, conversations: list[Conversation]
) -> None:
    metrics = evaluate(predictor.model, dataset.subset(range(len(conversations))), 4)
    called = np.array([each.decision == "tool_call" for each in conversations])
    answers = predictor.predict(conversations)
    predicted = np.array([answer.decision == "tool_call" for answer in answers])
    figures = metrics.decision
    assert figures.tp == (called & predicted).sum()
    assert figures.fp == (~called & predicted).sum()
    assert figures.fn == (called & ~predicted).sum()
    for shown in [*metrics.worst[:4], *metrics.shown[:4]]:
        answer = answers[shown.index]
        steps = predictor.predict_steps(conversations[shown.index])
        assert shown.decision_probability == pytest.approx(
            [step.decision_probability for step in steps], abs=1e-3
        )
        assert shown.q == pytest.approx([step.q for step in steps], abs=1e-3)
        best = max(answer.tool_probabilities, key=answer.tool_probabilities.__getitem__)
        assert shown.predicted_tool == best


def test_slots_right_in_an_evaluation_are_those_predicted(
    predictor: Predictor, dataset: TRMToolCallingDataset, conversations: list[Conversation]
) -> None:
    metrics = evaluate(predictor.model, dataset.subset(range(len(conversations))), 7)
    answers = predictor.predict(conversations)
    for name, figures in metrics.slots.per_slot.items():
        present = [bool(each.slots[name]) for each in conversations]
        right = [
            (answer.slot_probabilities[name] > 0.5) == truth
            for answer, truth in zip(answers, present, strict=True)
        ]
        assert figures.accuracy == pytest.approx(np.mean(right))


# --- steps --------------------------------------------------------------------------------------


def test_the_last_step_is_the_answer(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    steps = predictor.predict_steps(conversations[2])
    assert [step.steps_used for step in steps] == [1, 2, 3, 4]
    assert_same(steps[-1], predictor.predict(conversations[2:3])[0])
    assert_same(steps[1], predictor.predict(conversations[2:3], steps=2)[0])
    assert len(predictor.predict_steps(conversations[2], steps=6)) == 6


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_a_conversation_halts_where_q_reaches_the_threshold(
    predictor: Predictor, conversations: list[Conversation], threshold: float
) -> None:
    for each, answer in zip(
        conversations, predictor.predict(conversations, halt_threshold=threshold), strict=True
    ):
        steps = predictor.predict_steps(each)
        sure = [step for step in steps if step.q >= threshold]
        assert_same(answer, (sure or steps[-1:])[0])


def test_halting_saves_steps(predictor: Predictor, conversations: list[Conversation]) -> None:
    run = []
    steps = predictor.model.supervision_steps
    predictor.model.supervision_steps = lambda *given: (
        run.append(1) or output for output in steps(*given)
    )
    predictor.predict(conversations, halt_threshold=1e-6)
    assert len(run) == 1


def test_no_conversations_have_no_answers(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


# --- what an answer holds -----------------------------------------------------------------------


def test_an_answer_prints_as_json(predictor: Predictor, conversations: list[Conversation]) -> None:
    for answer in predictor.predict(conversations):
        printed = json.loads(json.dumps(answer.to_dict()))
        assert list(printed) == [
            "decision",
            "decision_probability",
            "tool",
            "calls",
            "slots",
            "slot_probabilities",
            "missing",
            "q",
            "confidence",
            "abstain",
            "abstain_reason",
            "steps_used",
        ]
        assert (printed["tool"] is None) == (printed["decision"] == "direct_answer")
        assert printed["calls"] == ([printed["tool"]] if printed["tool"] else [])
        assert set(printed["slots"]) == {"phone", "name", "plan"} == set(answer.slot_probabilities)
        for name, value in printed["slots"].items():
            assert isinstance(value, str)
            assert not value or answer.slot_probabilities[name] > 0.5
        if printed["tool"]:
            allowed = {"find_customer": {"phone"}, "change_plan": {"plan", "months"}}
            assert set(printed["tool"]["arguments"]) <= allowed[printed["tool"]["name"]]


@pytest.mark.parametrize(
    ("json_type", "said", "value"),
    [
        ("integer", "7", 7),
        ("number", "7", 7),
        ("integer", "7.0", 7),
        ("integer", "seven", 7),
        ("number", "7.50", 7.5),
        ("string", "7", "7"),
        ("string", "seven", "seven"),
        ("boolean", "true", True),
        ("array", "[1,2]", [1, 2]),
    ],
)
def test_an_argument_has_the_type_that_its_tool_asks_for(
    checkpoint: dict[str, Any], json_type: str, said: str, value: Any
) -> None:
    predictor = Predictor(checkpoint, "cpu")
    tool = json.loads(json.dumps(TOOLS[1]))
    tool["function"]["parameters"]["properties"]["months"] = {"type": json_type}
    labels = predictor.labels
    args = tuple(
        Field("months", "choice", (said,)) if arg.name == "months" else arg for arg in labels.args
    )
    defined = replace(labels.definitions[1], schema=json.dumps(tool["function"]["parameters"]))
    definitions = (labels.definitions[0], defined)
    predictor.labels = replace(labels, args=args, definitions=definitions)
    with torch.no_grad():
        predictor.model.heads.decision.register.bias.fill_(1e4)
        predictor.model.heads.arg_presence.bias.fill_(1e4)
    [answer] = predictor.predict([conversation("the longer one", tool)])
    assert answer.tool is not None
    found = answer.tool.arguments["months"]
    assert found == value
    assert type(found) is type(value)


def test_a_tool_that_is_not_listed_is_never_chosen(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    with torch.no_grad():
        predictor.model.heads.decision.register.bias.fill_(1e4)
    for each in conversations[:6]:
        for index, tool in enumerate(TOOLS):
            only = each.model_copy(update={"tools": conversation("x", tool).tools})
            free = each.model_copy(update={"tools": []})
            [answer] = predictor.predict([only])
            [beside, _] = predictor.predict([only, free])
            assert_same(
                structs.replace(beside, tool_probabilities=answer.tool_probabilities), answer
            )
            assert answer.tool is not None
            assert answer.tool.name == tool["function"]["name"]
            assert answer.tool_probabilities == {answer.tool.name: 1.0}
            assert list(beside.tool_probabilities.values())[1 - index] == 0


@pytest.mark.parametrize(("json_type", "value"), [("integer", 7), ("number", 7), ("string", "7")])
def test_an_argument_of_a_tool_that_training_never_saw_has_its_type(
    predictor: Predictor, json_type: str, value: Any
) -> None:
    tool = json.loads(json.dumps(NEW))
    tool["function"]["parameters"]["properties"] = {"count": {"type": json_type}}
    with torch.no_grad():
        predictor.model.heads.decision.register.bias.fill_(1e4)
        predictor.model.heads.arg_presence.bias.fill_(1e4)
        predictor.model.heads.pointers.recency.bias[0] = 1e4  # the newest turn, not nowhere
    [answer] = predictor.predict([conversation("7", tool)])
    assert answer.tool == Call("something_new", {"count": value})
    assert type(answer.tool.arguments["count"]) is type(value)


NEW = json.loads(json.dumps(TOOLS[0]).replace("find_customer", "something_new"))


def test_a_tool_that_training_never_saw_is_called_by_its_name(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    with torch.no_grad():
        predictor.model.heads.decision.register.bias.fill_(1e4)
        predictor.model.heads.arg_presence.bias.fill_(1e4)
    offered = conversation("x", NEW).tools
    for each in conversations[:6]:
        [answer] = predictor.predict([each.model_copy(update={"tools": offered})])
        assert answer.tool is not None
        assert answer.tool.name == "something_new"
        assert list(answer.tool.arguments) == ["phone"]
        assert answer.tool_probabilities == {"something_new": 1.0}
    batch = predictor.read([each.model_copy(update={"tools": offered})])
    assert batch.new_tools(0, predictor.labels) == ["something_new"]
    assert batch.labels.slots == predictor.labels.slots
    assert batch.labels.args == predictor.labels.args[:1]  # it is defined like a known one
    assert predictor.labels.tools == ("find_customer", "change_plan")


def test_new_tools_beside_known_ones_change_no_answer_about_these(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    """Conversations with other tools may stand in one batch."""
    offered = conversation("x", NEW, *TOOLS).tools
    both = [conversations[0].model_copy(update={"tools": offered}), *conversations[1:6]]
    for alone, together in zip(
        predictor.predict(conversations[1:6]), predictor.predict(both)[1:], strict=True
    ):
        named = together.tool_probabilities
        assert named.pop("something_new") == 0
        assert_same(structs.replace(together, tool_probabilities=named), alone)


def test_a_known_name_with_another_definition_is_another_tool(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    """What it says now is read; what it said in training is not on offer."""
    with torch.no_grad():
        predictor.model.heads.decision.register.bias.fill_(1e4)
    other = json.loads(json.dumps(TOOLS[0]))
    other["function"]["description"] = "Cancel the contract of a customer at once"
    found = []
    for tool in (TOOLS[0], other):
        offered = conversation("x", tool, TOOLS[1]).tools
        asked = [each.model_copy(update={"tools": offered}) for each in conversations[:4]]
        batch = predictor.read(asked)
        found.append((batch, predictor.predict(asked)))
    (known, answers), (told_apart, others) = found
    assert known.labels.tools == predictor.labels.tools
    assert known.new_tools(0, predictor.labels) == []
    assert told_apart.labels.tools == ("change_plan", "find_customer (2)")
    assert told_apart.tools(0) == {"change_plan": 0, "find_customer": 1}
    assert told_apart.arrays["tool_mask"].tolist() == [[1, 1]] * 4
    assert told_apart.new_tools(0, predictor.labels) == ["find_customer"]
    mixed = predictor.read([asked[0], conversation("whatever is known")])
    assert mixed.labels.tools == ("find_customer", "change_plan", "find_customer (2)")
    assert mixed.arrays["tool_mask"].tolist() == [[0, 1, 1], [1, 1, 1]]
    for one, two in zip(answers, others, strict=True):
        assert two.tool is not None
        assert two.tool.name in ("find_customer", "change_plan")
        assert one.tool_probabilities != two.tool_probabilities


def test_what_is_read_of_a_catalogue_is_kept(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, reads = 4, []
    monkeypatch.setattr(predictor_module, "KEPT_CATALOGUES", most)
    monkeypatch.setattr(predictor, "_catalogues", {})
    plain = predictor.model.read
    monkeypatch.setattr(
        predictor.model, "read", lambda given: reads.append(given.num_tools) or plain(given)
    )
    for text in ("one", "two"):
        for tools in (TOOLS, [NEW], [*TOOLS, NEW], [NEW, *TOOLS]):
            predictor.predict([conversation(text, *tools)])
    assert reads == [2, 1, 1]  # the known ones, then the new one for each catalogue
    for number in range(2 * most):
        named = json.loads(json.dumps(NEW).replace("something_new", f"tool_{number}"))
        predictor.predict([conversation("x", named)])
    assert len(predictor._catalogues) <= most


def test_no_list_of_tools_means_all(
    predictor: Predictor, conversations: list[Conversation]
) -> None:
    free = [each.model_copy(update={"tools": []}) for each in conversations]
    for one, other in zip(predictor.predict(free), predictor.predict(conversations), strict=True):
        assert_same(one, other)


# --- texts --------------------------------------------------------------------------------------

TEXTS = [
    "số của tôi là 0901234567, tên Nguyễn Văn Ánh",
    "我的电话是 555-0199，我叫李小龙",
    "👋🏽 hi 👨‍👩‍👧 it is me 😀",
    "x",
    " ",
    "",
    "\n\t",
    "<user> <mask> </s> \x00 \u202e",
    "۰۹۰۱۲۳ שלום",
    "e\u0301" * 40,
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_script_can_be_read(predictor: Predictor, text: str) -> None:
    with torch.no_grad():  # every slot and argument is read off
        predictor.model.heads.decision.register.bias.fill_(1e4)
        predictor.model.heads.slot_presence.bias.fill_(1e4)
        predictor.model.heads.arg_presence.bias.fill_(1e4)
    [answer] = predictor.predict([conversation(text, *TOOLS)])
    assert answer.tool is not None
    json.dumps(answer.to_dict(), ensure_ascii=False).encode()
    spans = {slot.name for slot in predictor.labels.slots if slot.kind == "span"}
    for name in spans:
        assert answer.slots[name] in text
        if len(text) < 3:
            assert answer.slots[name] in ("", text.strip())
    assert answer.slots["plan"] in ("basic", "premium")


def test_a_conversation_longer_than_the_model_reads(
    checkpoint: dict[str, Any], conversations: list[Conversation]
) -> None:
    short = {**checkpoint, "config": json.loads(json.dumps(checkpoint["config"]))}
    short["config"]["data"]["max_length"] = 32
    predictor = Predictor(short, "cpu")
    with torch.no_grad():
        predictor.model.heads.slot_presence.bias.fill_(1e4)
    for each in conversations[:6]:
        [answer] = predictor.predict([each])
        texts = [turn.text() for turn in each.history]
        assert any(answer.slots["phone"] in text for text in texts)
        assert len(predictor.tokenizer.encode_turns(each.history, 32)) <= 32
    long = conversation("word " * 5000 + "0901234567")
    assert predictor.predict([long])[0].slots["phone"] in long.history[0].text()


def test_tool_turns_are_cut_as_the_checkpoint_says(
    checkpoint: dict[str, Any],
) -> None:
    short = {**checkpoint, "config": json.loads(json.dumps(checkpoint["config"]))}
    short["config"]["data"]["max_tool_tokens"] = 3
    predictor = Predictor(short, "cpu")
    history = [
        {"role": "user", "content": "Is it free?"},
        {"role": "tool_response", "content": {"rows": ["one", "two", "three"]}},
    ]
    asked = Conversation.model_validate({"history": history})
    [encoding] = predictor.read([asked]).encodings
    assert (encoding.turns == 1).sum() == 3
    assert encoding.cut_tokens > 0
    del short["config"]["data"]["max_tool_tokens"]  # as older checkpoints have it
    assert Predictor(short, "cpu").encode(asked.history).cut_tokens == 0


def test_an_empty_history_is_refused(tokenizer: TRMTokenizer) -> None:
    for encode in (tokenizer.encode_turns, tokenizer.encode_conversation):
        with pytest.raises(ValueError, match=r"^history is empty$"):
            encode([])


# --- checkpoints --------------------------------------------------------------------------------


def test_the_average_is_used_unless_raw_weights_are_asked_for(
    dataset: TRMToolCallingDataset, tmp_path: Path
) -> None:
    model = reading_model(dataset)
    ema = EMA(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn_like(weight)
    path = tmp_path / "best.pt"
    save_atomically(checkpoint_of(model, dataset, ema), path)
    averaged, raw = Predictor.load(path, "cpu"), Predictor.load(path, "cpu", raw=True)
    for name, weight in averaged.model.named_parameters():
        assert torch.equal(weight, ema.shadow[name])
    for name, weight in raw.model.named_parameters():
        assert torch.equal(weight, model.state_dict()[name])
    assert not averaged.model.training


def test_weights_that_do_not_fit_are_refused(
    checkpoint: dict[str, Any], dataset: TRMToolCallingDataset
) -> None:
    other = reading_model(dataset, hidden_size=16)
    with pytest.raises(CheckpointError, match="do not fit"):
        Predictor({**checkpoint, "model_state_dict": other.state_dict()}, "cpu")
    with pytest.raises(CheckpointError, match="do not fit"):
        Predictor({**checkpoint, "model_state_dict": {}}, "cpu")


def test_data_without_any_tool(tmp_path: Path, tokenizer: TRMTokenizer) -> None:
    """Nothing can be called; an evaluation says so. What a request offers can be."""
    path = write_jsonl(tmp_path / "talk.jsonl", [sample()] * 3)
    data = TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path)
    model = reading_model(data)
    with torch.no_grad():
        model.heads.decision.register.bias.fill_(1e5)
    metrics = evaluate(model, data)
    assert metrics.tool.accuracy is None
    assert metrics.worst[0].predicted_tool is None
    predictor = Predictor(checkpoint_of(model, data), "cpu")
    [answer] = predictor.predict([conversation("hello")])
    assert (answer.decision, answer.tool) == ("tool_call", None)
    assert answer.decision_probability == pytest.approx(1, abs=1e-4)
    [answer] = predictor.predict([conversation("hello", *TOOLS)])
    assert answer.tool is not None
    assert answer.tool.name in ("find_customer", "change_plan")
    assert sum(answer.tool_probabilities.values()) == pytest.approx(1)


# --- calls made together ------------------------------------------------------------------------


def scripted(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, calls: list[Call]
) -> list[list[str]]:
    """Make the model answer with these calls, then directly. Returns the roles it is asked with."""
    asked: list[list[str]] = []
    plain = predictor.predict([conversation("hello", *TOOLS)])[0]

    def answers(conversations: Sequence[Conversation], *_: object) -> list[FullPrediction]:
        found = []
        for each in conversations:
            roles = [turn.role for turn in each.history]
            asked.append(roles)
            made = calls[roles.count("tool_call") :][:1]
            found.append(
                structs.replace(plain, tool=made[0] if made else None, calls=made, missing={})
            )
        return found

    monkeypatch.setattr(predictor, "_answers", answers)
    return asked


FIRST, SECOND = (Call("find_customer", {"phone": phone}) for phone in ("0901", "0902"))


def test_a_model_that_has_learnt_it_is_asked_for_further_calls(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.labels = replace(predictor.labels, calls_together=True)
    asked = scripted(predictor, monkeypatch, [FIRST, SECOND])
    [answer] = predictor.predict([conversation("0901 and 0902", *TOOLS)])
    assert (answer.tool, answer.calls) == (FIRST, [FIRST, SECOND])
    assert asked == [["user"], ["user", "tool_call"], ["user", "tool_call", "tool_call"]]


def test_calls_together_are_as_sure_as_all_their_decisions(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two calls these are three: each of them, and that no further one follows."""
    once = predictor.predict([conversation("hello", *TOOLS)])[0].confidence
    assert 0 < once < 1
    predictor.labels = replace(predictor.labels, calls_together=True)
    scripted(predictor, monkeypatch, [FIRST, SECOND])
    [answer] = predictor.predict([conversation("0901 and 0902", *TOOLS)])
    assert answer.confidence == pytest.approx(once**3)
    assert (answer.abstain, answer.abstain_reason) == (False, None)
    predictor.abstain_below = once**2.5
    [answer] = predictor.predict([conversation("0901 and 0902", *TOOLS)])
    assert answer.abstain and "of all calls is below" in str(answer.abstain_reason)
    assert answer.calls == [FIRST, SECOND]


def test_another_model_is_asked_once(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scripted(predictor, monkeypatch, [FIRST, SECOND])
    [answer] = predictor.predict([conversation("0901 and 0902", *TOOLS)])
    assert (answer.tool, answer.calls) == (FIRST, [FIRST])
    assert asked == [["user"]]


def test_calls_end_when_one_is_repeated_or_there_are_many(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.labels = replace(predictor.labels, calls_together=True)
    scripted(predictor, monkeypatch, [FIRST, SECOND, FIRST, SECOND])
    assert predictor.predict([conversation("x", *TOOLS)])[0].calls == [FIRST, SECOND]
    many = [Call("find_customer", {"phone": str(number)}) for number in range(20)]
    scripted(predictor, monkeypatch, many)
    assert predictor.predict([conversation("x", *TOOLS)])[0].calls == many[:MOST_CALLS]
