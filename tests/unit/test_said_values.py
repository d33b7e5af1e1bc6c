"""Listed values that are said: where they stand, and what that adds to their logits."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_engine.inference.occurrences import ListedValues
from trm_engine.models import TRMConfig, TRMForToolCalling
from trm_engine.models.heads.said_values import SaidValues, heard, occurrences
from trm_engine.models.layout import Context
from trm_engine.vocabulary import MASK_ID, marker_id

FIRST = MASK_ID + 1
WORDS = st.integers(FIRST, FIRST + 3)
"""Few words, so that values are said often."""


def context_of(ids: list[list[int]], values: torch.Tensor) -> Context:
    """Conversations of one user turn, read by a model with these listed values, [F, V, M]."""
    fields, choices, _ = values.shape
    config = TRMConfig(
        hidden_size=16,
        num_heads=2,
        num_layers=1,
        vocab_size=FIRST + 8,
        num_tools=2,
        num_slots=0,
        num_args=fields,
        num_choices=choices,
        n_latent_recursion=1,
        T_deep_recursion=1,
    )
    model = TRMForToolCalling(config)
    longest = max(map(len, ids)) + 1
    turns = [[marker_id("user"), *each] for each in ids]
    padded = torch.tensor([[*each, *[0] * (longest - len(each))] for each in turns])
    readings = model.read(replace(model.catalogue, values=values))
    return heard(model.embedding(readings, padded, (padded > 0).long(), torch.zeros_like(padded)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=8), min_size=1, max_size=3),
    st.lists(st.lists(WORDS, max_size=3), min_size=1, max_size=4),
)
def test_every_occurrence_is_found_and_nothing_else(
    ids: list[list[int]], said: list[list[int]]
) -> None:
    values = torch.tensor([[[*each, *[0] * (3 - len(each))] for each in said]])
    context = context_of(ids, values)
    read = context.token_ids, context.token_mask, context.layout.sequences
    found = {tuple(x) for x in torch.stack(occurrences(values, *read)).T.tolist()}
    expected = {
        (row, 0, choice, first + 1, first + len(value))
        for row, turn in enumerate(ids)
        for choice, value in enumerate(said)
        for first in range(len(turn) - len(value) + 1)
        if value and turn[first : first + len(value)] == value
    }
    assert found == expected
    listed = ListedValues(values.numpy())  # an exported model finds them one conversation at a time
    for row, turn in enumerate(context.token_ids.tolist()):
        own = {(row, *x) for x in listed.find(turn).T.tolist()}
        assert own == {each for each in expected if each[0] == row}


def test_the_value_that_the_pointer_points_at_gains_most() -> None:
    one, other, third = FIRST, FIRST + 1, FIRST + 2
    values = torch.tensor([[[one, 0], [other, 0], [third, 0]]])
    context = context_of([[one, FIRST + 3, other]], values)
    pointed = torch.full((1, 1, 4), -20.0)
    pointed[..., 3] = 0.0
    added = SaidValues()(pointed, pointed, context)[0, 0]
    assert added[1] > added[0] >= 0
    assert added[2] == 0


def test_the_gradient_reaches_the_pointer_only_where_a_value_is_said() -> None:
    values = torch.tensor([[[FIRST, 0], [FIRST + 5, 0]]])
    context = context_of([[FIRST, FIRST + 1]], values)
    starts = torch.zeros(1, 1, 3, requires_grad=True)
    SaidValues()(starts, starts, context)[0, 0, 0].backward()
    assert starts.grad is not None and starts.grad[0, 0, 1] > 0
    assert torch.isfinite(starts.grad).all()
