"""Common words: tools are found by words that training never saw."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models import (
    batch_of,
    checkpoint_of,
    fitted_config,
    inputs_of,
    reading_model,
    small_model,
)
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation
from trm_engine.inference.predictor import Predictor
from trm_engine.models.heads.common_words import ARGUMENT, DECAY, TOOL, USUAL, VALUE
from trm_engine.models.heads.said_values import heard
from trm_engine.models.layout import turn_recency
from trm_engine.training.rarity import rarity
from trm_engine.vocabulary import MASK_ID


def test_rarity_counts_the_dialogues_that_have_a_token(dataset: TRMToolCallingDataset) -> None:
    texts: dict[int, set[int]] = {}
    for index in range(len(dataset)):
        ids = dataset[index]["input_ids"].tolist()
        texts.setdefault(int(dataset.dialogues[index]), set()).update(ids)
    found = rarity(dataset)
    for token in (MASK_ID + 1, *dataset[0]["input_ids"].tolist()):
        count = sum(token in each for each in texts.values())
        expected = math.log((1 + len(texts)) / (1 + count)) if token > MASK_ID else 0.0
        assert found[token] == pytest.approx(expected, abs=1e-6)


def test_common_words_are_those_of_the_formula(dataset: TRMToolCallingDataset) -> None:
    model = reading_model(dataset)
    head = model.heads.common_words
    head.rarity.copy_(torch.rand(len(head.rarity)) * 5)
    head.rarity[: MASK_ID + 1] = 0
    batch = batch_of(dataset, [0, 3, 5])
    readings = model.read()
    values = readings.catalogue.values.clone()
    values[-1, 0] = 0
    values[-1, 0, :2] = batch["input_ids"][1, 4:6]  # a value of two words that is said
    readings = readings._replace(catalogue=replace(readings.catalogue, values=values))
    context = model.embedding(readings, **inputs_of(batch), read_from=batch["read_from"])
    context = heard(context)
    of_tools, of_args = head(context)
    recency, valued = turn_recency(batch["input_ids"]), 0
    for row, places in enumerate(context.tool_places.tolist()):
        ids = batch["input_ids"][row].tolist()
        ages = (DECAY ** recency[row] * context.token_mask[row]).tolist()
        best: dict[int, float] = {}
        for age, token in zip(ages, ids, strict=True):
            best[token] = max(best.get(token, 0.0), age)
        first_arg = readings.catalogue.num_tools + readings.catalogue.num_slots
        entries = [(of_tools, TOOL, 0.0, column, tool) for column, tool in enumerate(places)]
        entries += [
            (of_args, ARGUMENT, USUAL, arg, first_arg + arg)
            for arg in range(readings.catalogue.num_args)
        ]
        for found, weight, usual, column, entry in entries:
            words = [each for each in readings.catalogue.ids[entry].tolist() if each]
            squares = [float(head.rarity[each]) ** 2 for each in words]
            common = sum(
                square * best.get(word, 0.0) for word, square in zip(words, squares, strict=True)
            )
            expected = weight * (common / math.sqrt(1 + sum(squares)) - usual)
            if entry < readings.catalogue.num_tools:
                own = readings.catalogue.accepted[entry].nonzero()[:, 0].tolist()
                listed = readings.catalogue.values[readings.catalogue.num_slots :][own]
                of_values = said_value(listed.flatten(0, 1).tolist(), ids, ages, head.rarity)
                expected += VALUE * of_values
                valued += of_values > 0
            assert found[row, column].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert valued


def said_value(listed: list[list[int]], ids: list[int], ages: list[float], rarity: Tensor) -> float:
    """The highest score of the listed values that stand in a conversation."""
    scores = [0.0]
    for tokens in ([each for each in padded if each] for padded in listed):
        squares = sum(float(rarity[each]) ** 2 for each in tokens)
        for place in range(len(ids) - len(tokens) + 1):
            if tokens and ids[place : place + len(tokens)] == tokens:
                scores.append(ages[place] * squares / math.sqrt(1 + squares))
    return max(scores)


def test_training_leaves_common_words_out(dataset: TRMToolCallingDataset) -> None:
    model = reading_model(dataset)
    inputs = inputs_of(batch_of(dataset, [0, 3, 5]))

    def answers() -> tuple[Tensor, Tensor]:
        output = model.train_step(**inputs)[-1]
        return output.tool_logits, output.arg_presence_logits

    trained = answers()
    model.heads.common_words.rarity.mul_(3)
    again = answers()
    model.eval()
    used = answers()
    for before, after, in_use in zip(trained, again, used, strict=True):
        assert torch.equal(before, after)
        assert not torch.allclose(before, in_use, atol=1e-2)


@pytest.mark.parametrize("is_listed", [False, True], ids=["its name", "a value that it lists"])
def test_a_tool_with_the_words_of_the_user_is_called_whatever_was_learnt(
    dataset: TRMToolCallingDataset, is_listed: bool
) -> None:
    """Registers and matches say nothing here: their weights are zero."""
    model = small_model(fitted_config(dataset))
    with torch.no_grad():
        for scores in (model.heads.tool, model.heads.next_tool):
            for weight in scores.parameters() if scores is not None else ():
                weight.zero_()
    predictor = Predictor(checkpoint_of(model, dataset), "cpu")
    names = [each for each in dataset.tokenizer.words().values() if len(each) > 3][:3]
    tools = [{"function": {"name": each}} for each in names]
    if is_listed:
        kinds = [{"type": "string", "enum": [each, "other"]} for each in names]
        schemas = [{"type": "object", "properties": {"kind": each}} for each in kinds]
        functions = [{"name": f"tool{i}", "parameters": each} for i, each in enumerate(schemas)]
        tools = [{"function": each} for each in functions]
    for name, tool in zip(names, tools, strict=True):
        history = [{"role": "user", "content": f"please {name}"}]
        [answer] = predictor.predict(
            [Conversation.model_validate({"history": history, "tools": tools})]
        )
        likeliest = max(answer.tool_probabilities, key=answer.tool_probabilities.__getitem__)
        assert likeliest == tool["function"]["name"]
        assert np.isclose(sum(answer.tool_probabilities.values()), 1)
