"""Next calls: answers learn what they already know of the call that follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support import sample
from trm_engine.config import TRMConfig
from trm_engine.data.collator import TRMCollator
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.encoding import NONE, encode_sample
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.next_call import next_call, next_calls, whole_next_call, with_next_call
from trm_engine.data.samples import Sample, ToolCall
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.losses import SIZES, TOTAL, DeepSupervisionLoss, count_labels
from trm_engine.training.targets import Targets
from trm_engine.training.terms import TERMS


@pytest.fixture
def dataset(data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path) -> TRMToolCallingDataset:
    return TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path)


def told(*texts: str, tool: dict[str, Any] | None = None) -> Sample:
    history = [
        {"role": ("user", "assistant")[number % 2], "content": text}
        for number, text in enumerate(texts)
    ]
    decision = "tool_call" if tool else "direct_answer"
    return Sample.model_validate(sample(history=history, decision=decision, tool=tool or {}))


def test_the_next_call_counts_as_far_as_it_was_said() -> None:
    near = {"name": "book", "arguments": {"city": "Rome", "day": "Monday", "seats": 2}}
    far = {"name": "pay", "arguments": {"city": "Rome"}}
    dialogue = [
        told("Hello"),
        told("Hello", "Yes?", "To Rome, for 2"),
        told("Hello", "Yes?", "To Rome, for 2", "When?", "Monday", "OK?", "Yes", tool=far),
        told("Hello", "Yes?", "To Rome, for 2", "When?", "Monday", tool=near),
        told("Hello", "No?", "To Oslo", "When?", "Monday", tool=far),
    ]
    known = {"city": "Rome", "seats": 2}
    assert next_call(dialogue[1], dialogue) == ToolCall(name="book", arguments=known)
    assert whole_next_call(dialogue[1], dialogue) == ToolCall.model_validate(near)
    for each in (dialogue[0], dialogue[3]):
        assert next_call(each, dialogue) is None
    assert whole_next_call(dialogue[0], dialogue) == ToolCall.model_validate(near)
    assert whole_next_call(dialogue[3], dialogue) is None


def test_a_next_call_of_a_tool_that_is_not_on_offer_does_not_count() -> None:
    call = {"name": "book", "arguments": {"city": "Rome"}}
    answer = told("To Rome")
    later = told("To Rome", "When?", "Monday", tool=call)
    functions = [{"type": "function", "function": {"name": name}} for name in ("book", "pay")]
    for offered, expected in ((functions, "book"), (functions[1:], None), ([], "book")):
        asked = Sample.model_validate({**answer.model_dump(), "tools": offered})
        found = next_call(asked, [asked, later])
        assert (found and found.name) == expected


def test_an_answer_with_its_next_call_is_still_an_answer(dataset: TRMToolCallingDataset) -> None:
    plain = next(
        dataset.sample(index) for index in range(len(dataset)) if not dataset.decisions[index]
    )
    said = plain.history[-1].text().split()[0]
    call = ToolCall(name="find_customer", arguments={"phone": said})
    tokenizer, labels = dataset.tokenizer, dataset.labels
    encoded = encode_sample(with_next_call(plain, call), tokenizer, labels, 512)
    alone = encode_sample(plain, tokenizer, labels, 512)
    assert (encoded.decision, encoded.tool) == (alone.decision, alone.tool) == (0, NONE)
    assert (encoded.args.presence == 1).sum() == 1
    assert (alone.args.presence == NONE).all()
    assert len(encoded.args.spans) > 0


def test_whether_a_choice_of_the_next_call_is_made_is_not_asked(
    dataset: TRMToolCallingDataset,
) -> None:
    """It may be made in other words; its value is learnt where it is said as it is written."""
    plain = told("I want the gold plan, my number is 0901")
    said = ToolCall(name="subscribe", arguments={"phone": "0901", "plan": "gold"})
    fields = (Field("phone"), Field("plan", "choice", ("silver", "gold")), Field("month"))
    labels = Labels(("subscribe",), ((0, 1, 2),), (), fields)
    later = encode_sample(with_next_call(plain, said), dataset.tokenizer, labels, 512).args
    assert later.presence.tolist() == [1, NONE, 0]
    assert later.choices.tolist() == [NONE, 1, NONE]
    assert {0, 1} <= set(later.spans[:, 0].tolist())

    called = plain.model_copy(update={"decision": "tool_call", "tool": said})
    now = encode_sample(called, dataset.tokenizer, labels, 512).args
    assert now.presence.tolist() == [1, 1, 0]
    assert now.choices.tolist() == later.choices.tolist()
    assert now.spans.tolist() == later.spans.tolist()


def test_every_next_call_is_of_an_answer_and_was_said(dataset: TRMToolCallingDataset) -> None:
    for index, call in next_calls(dataset).items():
        assert not dataset.decisions[index]
        assert call.arguments


def test_next_calls_count_with_their_weight_only(dataset: TRMToolCallingDataset) -> None:
    answer = next(index for index in range(len(dataset)) if not dataset.decisions[index])
    plain = dataset.sample(answer)
    call = ToolCall(name="find_customer", arguments={"phone": plain.history[-1].text().split()[0]})
    call_item = dataset[int(dataset.decisions.argmax())]
    items = [call_item, dataset.encoded(answer, with_next_call(plain, call))]
    batch, bare = TRMCollator()(items), TRMCollator()([call_item, dataset[answer]])
    config = TRMConfig(
        hidden_size=16, num_heads=2, vocab_size=dataset.tokenizer.vocab_size, N_supervision=1,
        n_latent_recursion=1, T_deep_recursion=1, next_call_weight=1.0, **dataset.labels.sizes(),
    )  # fmt: skip
    torch.manual_seed(0)
    model = TRMForToolCalling(config)
    [output] = model(batch["input_ids"], batch["attention_mask"], batch["role_ids"])

    def losses(of: dict[str, torch.Tensor], weight: float) -> dict[str, float]:
        targets = Targets.of(of)
        settings = config.model_copy(update={"next_call_weight": weight})
        step = DeepSupervisionLoss(settings).step(output, targets, count_labels(targets))
        return {name: loss.item() for name, loss in step.items()}

    none, half, whole = (losses(batch, weight) for weight in (0.0, 0.5, 1.0))
    assert none == pytest.approx(losses(bare, 0.0))
    assert losses(bare, 0.5)["next_arg_loss"] == 0
    assert half.keys() - none.keys() == {"next_tool_loss", "next_arg_loss"}
    parts = {name: loss for name, loss in half.items() if name != TOTAL}
    assert parts == {name: loss for name, loss in whole.items() if name != TOTAL}
    assert {name: parts[name] for name in none if name != TOTAL} == pytest.approx(
        {name: loss for name, loss in none.items() if name != TOTAL}
    )
    added = (
        config.tool_weight * parts["next_tool_loss"] + config.arg_weight * parts["next_arg_loss"]
    )
    assert half[TOTAL] == pytest.approx(none[TOTAL] + 0.5 * added)
    assert whole[TOTAL] == pytest.approx(none[TOTAL] + added)
    labels = Targets.of(batch).values
    assert labels is not None
    next_tools = [int(call_item["tool_name_label"]), dataset.tool_name_to_id["find_customer"]]
    assert labels.next_tool_labels.tolist() == next_tools
    assert batch["tool_name_labels"].tolist() == [next_tools[0], -1]
    counts, others = count_labels(Targets.of(batch)), count_labels(Targets.of(bare))
    names = [term.name for term in TERMS]
    of_next = slice(*(sum(SIZES[: names.index(name)]) for name in ("next_tool_loss", "word_loss")))
    assert (counts[of_next] > 0).all()
    assert others[of_next].tolist() == [1, 0, 0]  # a call is its own next call
    assert torch.equal(counts[: of_next.start], others[: of_next.start])
