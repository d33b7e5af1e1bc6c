"""Decoding: the best span by brute force, values read off, tools on offer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.models import batch_of, inputs_of, small_config, small_model
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.inference.decoding import Logits, at_borders, best_spans, decode, predicted_tool
from trm_engine.vocabulary import BOS_ID, EOS_ID, MASK_ID, NOWHERE, PAD_ID, marker_id


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
    given = (each.numpy() for each in (starts, ends, can_begin, can_end))
    found = best_spans(*at_borders(*given), turns.numpy(), max_span)
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
    nothing = np.zeros((2, 5, 0))
    anywhere = np.ones((2, 5), bool)
    found = best_spans(*at_borders(nothing, nothing, anywhere, anywhere), np.zeros((2, 5)), 3)
    assert found.shape == (2, 0, 2)


def test_a_higher_span_across_turns_is_not_taken() -> None:
    starts, ends = np.zeros((2, 1, 4, 1))
    starts[0, 1], ends[0, 2] = 9.0, 9.0
    anywhere = np.ones((1, 4), bool)

    def found(turns: list[int], max_span: int) -> list[int]:
        turn_ids = np.array([turns])
        logits = at_borders(starts, ends, anywhere, anywhere)
        return best_spans(*logits, turn_ids, max_span)[0, 0].tolist()

    assert found([0, 0, 1, 1], 4) == [1, 1]
    assert found([0, 0, 0, 1], 4) == [1, 2]
    assert found([0, 0, 0, 1], 1) == [1, 1]


# --- tools --------------------------------------------------------------------------------------


def test_only_tools_on_offer_are_chosen(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(4))
    output = small_model(small_config(dataset.labels)).inference(**inputs_of(batch))
    output.tool_logits = torch.tensor([[5.0, -5.0]] * 4)
    mask = torch.tensor([[1, 1], [0, 1], [1, 0], [0, 0]])
    decoded = decode(Logits.of(output), {**batch, "tool_mask": mask}, 48)
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
    decoded = decode(Logits.of(output), {**batch, "tool_mask": offered}, 48)
    assert [predicted_tool(decoded.coming_tools(row)) for row in (0, 1)] == [0, 1]
    assert [predicted_tool(row) for row in decoded.tools] == [0, 0]


def test_decoded_numbers_are_those_of_the_output(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(5))
    output = small_model(small_config(dataset.labels)).inference(**inputs_of(batch))
    decoded = decode(Logits.of(output), batch, 48)
    for mine, logits in (
        (decoded.decision, output.decision_logits[:, 0]),
        (decoded.q, output.q_logits[:, 0]),
        (decoded.slot_presence, output.slot_presence_logits),
        (decoded.arg_presence, output.arg_presence_logits),
    ):
        assert mine == pytest.approx(logits.sigmoid().numpy())
    assert decoded.slot_choices.tolist() == output.slot_choice_logits.argmax(-1).tolist()
    words = batch["text_flags"].bool()
    words[:, NOWHERE] = True
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
    decoded = decode(Logits.of(model.inference(**inputs_of(batch))), batch, 48)
    assert (decoded.slot_choices == -1).all()
    assert (decoded.arg_choices == -1).all()


def test_only_fields_that_have_a_value_are_looked_for(dataset: TRMToolCallingDataset) -> None:
    batch = batch_of(dataset, range(5))
    output = small_model(small_config(dataset.labels)).inference(**inputs_of(batch))
    for logits in (output.slot_presence_logits, output.arg_presence_logits):
        logits[:] = torch.linspace(-1, 1, logits.numel()).reshape(logits.shape)
        logits[:, 0] = -3.0
    whole, some = (decode(Logits.of(output), batch, 48, each) for each in (False, True))
    assert whole.alternatives and some.alternatives
    for part in ("slot", "arg"):
        presence = getattr(whole, f"{part}_presence")
        asked = (presence > 0.5).any(axis=0)
        assert asked.any() and not asked.all()
        assert (getattr(some, f"{part}_presence") == presence).all()
        spans, all_spans = (getattr(each, f"{part}_spans") for each in (some, whole))
        assert (spans[:, asked] == all_spans[:, asked]).all()
        assert (spans[:, ~asked] == -1).all()
    assert (some.arg_spans_right[:, asked] == whole.arg_spans_right[:, asked]).all()
    for channel in asked.nonzero()[0]:
        found, expected = (each.alternatives.spans(2, channel) for each in (some, whole))
        assert np.array_equal(found, expected)
