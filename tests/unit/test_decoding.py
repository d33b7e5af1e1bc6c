"""Decoding: the best span by brute force, values read off, tools on offer."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.models import batch_of, inputs_of, small_config, small_model
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.labels import Field, Labels
from trm_engine.data.samples import Turn
from trm_engine.data.spans import TokenSpans
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.inference.decoding import (
    Decoded,
    TokenTexts,
    argument_values,
    best_spans,
    decode,
    missing_arguments,
    predicted_tool,
    read_arguments,
    read_slots,
    read_value,
    slot_values,
)
from trm_engine.runs.schema.answers import Place
from trm_engine.vocabulary import BOS_ID, EOS_ID, MASK_ID, PAD_ID, marker_id


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Ids and turns [B, L] as batches have them: markers, words, masked words, padding."""
    words = st.one_of(st.integers(MASK_ID + 1, 30))
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        ids, turns = [BOS_ID], [-1]
        for turn in range(draw(st.integers(0, 4))):
            text = draw(st.lists(words, max_size=5))
            ids += [marker_id("user"), *text]
            turns += [turn] * (len(text) + 1)
        rows.append(([*ids, EOS_ID], [*turns, -1]))
    longest = max(len(ids) for ids, _ in rows)
    padded_ids = [ids + [PAD_ID] * (longest - len(ids)) for ids, _ in rows]
    padded_turns = [turns + [0] * (longest - len(turns)) for _, turns in rows]
    return torch.tensor(padded_ids), torch.tensor(padded_turns)


@given(conversations(), st.integers(1, 60), st.integers(0, 10**6), st.integers(1, 3))
def test_the_best_span_is_that_of_all_pairs(
    conversation: tuple[Tensor, Tensor], max_span: int, seed: int, channels: int
) -> None:
    ids, turns = conversation
    generator = torch.Generator().manual_seed(seed)
    starts, ends = torch.randn(2, *ids.shape, channels, generator=generator)
    borders = torch.rand(2, *ids.shape, generator=generator) < 0.7
    can_begin, can_end = borders & (ids > MASK_ID)
    found = best_spans(starts, ends, can_begin, can_end, turns, max_span)
    assert found.shape == (len(ids), channels, 2)
    for row, channel in itertools.product(range(len(ids)), range(channels)):
        scores = {
            (start, end): float(starts[row, start, channel] + ends[row, end, channel])
            for start, end in itertools.product(range(ids.shape[1]), repeat=2)
            if start <= end < start + max_span
            and turns[row, start] == turns[row, end]
            and can_begin[row, start]
            and can_end[row, end]
        }
        best = max(scores, key=scores.__getitem__) if scores else (-1, -1)
        assert tuple(found[row, channel].tolist()) == best


def test_no_channels_have_no_spans() -> None:
    nothing = torch.zeros(2, 5, 0)
    anywhere = torch.ones(2, 5, dtype=torch.bool)
    found = best_spans(nothing, nothing, anywhere, anywhere, torch.zeros(2, 5), 3)
    assert found.shape == (2, 0, 2)


def test_a_higher_span_across_turns_is_not_taken() -> None:
    starts, ends = torch.zeros(1, 4, 1), torch.zeros(1, 4, 1)
    starts[0, 1], ends[0, 2] = 9.0, 9.0
    anywhere = torch.ones(1, 4, dtype=torch.bool)

    def found(turns: list[int], max_span: int) -> list[int]:
        turn_ids = torch.tensor([turns])
        return best_spans(starts, ends, anywhere, anywhere, turn_ids, max_span)[0, 0].tolist()

    assert found([0, 0, 1, 1], 4) == [1, 1]
    assert found([0, 0, 0, 1], 4) == [1, 2]
    assert found([0, 0, 0, 1], 1) == [1, 1]


# --- values -------------------------------------------------------------------------------------

VALUES = [
    "0901234567",
    "An Nguyễn",
    "李小龙",
    "Jo 😀",
    "Zoë O'Neil",
    "a\tb  c",
    "555-0199",
    "12:30",
]


@pytest.mark.parametrize("value", VALUES)
def test_values_are_read_off_exactly(tokenizer: TRMTokenizer, value: str) -> None:
    turns = [
        Turn(role="system", content="Be kind."),
        Turn(role="user", content=f"so:  {value} , please\n({value})"),
        Turn(role="tool_response", content={"id": value}),
    ]
    encoding = tokenizer.encode_turns(turns)
    texts = TokenTexts(
        [turn.text() for turn in turns], encoding.turns, encoding.begins, encoding.ends
    )
    spans = TokenSpans(turns, encoding).find(value)
    assert len(spans) == 2
    for span in spans:
        assert texts.text(np.array(span)) == value


def test_there_is_no_text_where_there_is_no_span() -> None:
    texts = TokenTexts(["ab"], np.array([-1, 0]), np.array([0, 0]), np.array([0, 2]))
    assert texts.text(np.array([-1, -1])) == ""
    assert texts.text(np.array([0, 1])) == ""
    assert texts.text(np.array([1, 1])) == "ab"


def test_a_word_is_whole_from_any_of_its_tokens_on() -> None:
    """sav|ings|.| my|sav and a turn's last word."""
    texts = TokenTexts(
        ["savings. my", "sav"],
        np.array([-1, 0, 0, 0, 0, 0, 1, 1]),
        np.array([0, 0, 0, 3, 7, 9, 0, 0]),
        np.array([0, 0, 3, 7, 8, 11, 0, 3]),
    )
    words = [texts.word(token) for token in (2, 3, 4, 5, 7)]
    assert words == [
        Place(0, 0, 7), Place(0, 3, 7), Place(0, 7, 8), Place(0, 9, 11), Place(1, 0, 3),
    ]  # fmt: skip
    assert texts.word(0) is None
    assert texts.word(-1) is None


def decoded_of(spans: list[tuple[int, int]], **changes: np.ndarray) -> Decoded:
    """One sample with these spans for its slots and its arguments alike."""
    count = len(spans)
    plain = Decoded(
        decision=np.ones(1),
        q=np.ones(1),
        tools=np.ones((1, 1)),
        next_tools=np.ones((1, 1)),
        slot_presence=np.ones((1, count)),
        slot_spans=np.array([spans]),
        slot_choices=np.zeros((1, count), int),
        arg_presence=np.ones((1, count)),
        arg_spans=np.array([spans]),
        arg_choices=np.zeros((1, count), int),
        missing_penalty=np.zeros((1, count)),
    )
    return replace(plain, **changes)


def test_missing_arguments_are_those_that_take_off_enough_the_most_first() -> None:
    fields = (Field("city"), Field("date"), Field("name"), Field("phone"))
    labels = Labels(("call", "find"), ((3,), (0, 1, 2)), (), fields)
    decoded = decoded_of([(0, 0)] * 4, missing_penalty=np.array([[1.0, 4.5, 0.99, 9.0]]))
    assert list(missing_arguments(decoded, 0, 1, labels).items()) == [("date", 4.5), ("city", 1.0)]


def test_slots_and_arguments_as_text() -> None:
    texts = TokenTexts(
        ["is it red"], np.array([-1, 0, 0, 0]), np.array([0, 0, 3, 6]), np.array([0, 2, 5, 9])
    )
    fields = (Field("colour"), Field("plan", "choice", ("basic", "more")), Field("absent"))
    labels = Labels(("paint", "stop"), ((0, 1, 2), ()), fields, fields)
    presence = np.array([[0.9, 0.6, 0.5]])
    decoded = decoded_of(
        [(3, 3), (1, 1), (2, 2)],
        slot_presence=presence,
        arg_presence=presence,
        slot_choices=np.array([[0, 1, 0]]),
        arg_choices=np.array([[0, 0, 0]]),
    )
    assert slot_values(decoded, 0, labels, texts) == {"colour": "red", "plan": "more", "absent": ""}
    assert argument_values(decoded, 0, 0, labels, texts) == {"colour": "red", "plan": "basic"}
    assert argument_values(decoded, 0, 1, labels, texts) == {}
    narrow = Field("plan", "choice", ("only",))
    assert read_value(narrow, 0.9, 1, np.array([1, 1]), texts).text == "only"


def test_values_come_with_the_places_they_were_read_off() -> None:
    texts = TokenTexts(
        ["is it", "a red one"],
        np.array([-1, 0, 0, 1, 1, 1, 1]),
        np.array([0, 0, 3, 0, 0, 2, 6]),
        np.array([0, 2, 5, 0, 1, 5, 9]),
    )
    fields = (Field("colour"), Field("plan", "choice", ("basic", "more")), Field("none"))
    labels = Labels(("paint",), ((0, 2),), fields, fields)
    decoded = decoded_of(
        [(5, 6), (2, 2), (-1, -1)],
        slot_presence=np.array([[0.75, 0.5, 0.25]]),
        slot_choices=np.array([[0, 1, 0]]),
    )
    colour, plan, none = read_slots(decoded, 0, labels, texts)
    assert (colour.text, colour.place, colour.choice) == ("red one", Place(1, 2, 9), -1)
    assert (plan.text, plan.place, plan.choice) == ("more", Place(0, 3, 5), 1)
    assert not plan.is_present
    assert (none.text, none.place, none.presence) == ("", None, 0.25)
    assert [value.field for value in read_arguments(decoded, 0, 0, labels, texts)] == [
        fields[0],
        fields[2],
    ]


# --- tools --------------------------------------------------------------------------------------


def test_only_tools_on_offer_are_chosen(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(4))
    output = small_model(small_config(dataset.labels)).inference(**inputs_of(batch))
    output.tool_logits = torch.tensor([[5.0, -5.0]] * 4)
    mask = torch.tensor([[1, 1], [0, 1], [1, 0], [0, 0]])
    decoded = decode(output, batch["text_flags"], batch["turn_ids"], mask, 48)
    assert [predicted_tool(row) for row in decoded.tools] == [0, 1, 0, -1]
    assert decoded.tools.sum(axis=1) == pytest.approx([1, 1, 1, 0])
    assert (decoded.tools[mask.numpy() == 0] == 0).all()
    assert np.isfinite(decoded.tools).all()


def test_of_an_answer_the_next_call_is_told(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(2))
    output = small_model(small_config(dataset.labels)).inference(**inputs_of(batch))
    output.decision_logits = torch.tensor([[2.0], [-2.0]])
    output.tool_logits = torch.tensor([[5.0, -5.0]] * 2)
    output.next_tool_logits = torch.tensor([[-5.0, 5.0]] * 2)
    offered = torch.tensor([[1, 1]] * 2)
    decoded = decode(output, batch["text_flags"], batch["turn_ids"], offered, 48)
    assert [predicted_tool(decoded.coming_tools(row)) for row in (0, 1)] == [0, 1]
    assert [predicted_tool(row) for row in decoded.tools] == [0, 0]


def test_decoded_numbers_are_those_of_the_output(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(5))
    output = small_model(small_config(dataset.labels)).inference(**inputs_of(batch))
    arguments = (batch["text_flags"], batch["turn_ids"], batch["tool_mask"])
    decoded = decode(output, *arguments, 48)
    for mine, logits in (
        (decoded.decision, output.decision_logits[:, 0]),
        (decoded.q, output.q_logits[:, 0]),
        (decoded.slot_presence, output.slot_presence_logits),
        (decoded.arg_presence, output.arg_presence_logits),
    ):
        assert mine == pytest.approx(logits.sigmoid().numpy())
    assert decoded.slot_choices.tolist() == output.slot_choice_logits.argmax(-1).tolist()
    words = batch["text_flags"].bool()
    for spans in (decoded.slot_spans, decoded.arg_spans):
        for row in range(5):
            assert words[row, spans[row].ravel()].all()
            first, last = spans[row, :, 0], spans[row, :, 1]
            assert (first <= last).all()
            turns = batch["turn_ids"][row].numpy()
            assert (turns[first] == turns[last]).all()


def test_a_model_without_choices_has_none(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(2))
    model = small_model(small_config(dataset.labels, num_choices=0))
    arguments = (batch["text_flags"], batch["turn_ids"], batch["tool_mask"])
    decoded = decode(model.inference(**inputs_of(batch)), *arguments, 48)
    assert (decoded.slot_choices == -1).all()
    assert (decoded.arg_choices == -1).all()
