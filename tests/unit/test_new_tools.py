"""Tools that training never saw: they are read, ranked and called, and their words are weighed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.models import checkpoint_of, fitted_config, small_model
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation, Tool
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.read_batch import ReadBatch
from trm_engine.inspection.tool_words import tool_words
from trm_engine.training.catalogue import fewer_offered


@pytest.fixture(scope="module")
def predictor(dataset: TRMToolCallingDataset) -> Predictor:
    model = small_model(fitted_config(dataset), seed=3, spread=0.3)
    return Predictor(checkpoint_of(model, dataset), "cpu")


def tool(name: str, description: str, *parameters: str) -> dict[str, Any]:
    properties = {each: {"type": "string", "description": f"the {each}"} for each in parameters}
    schema = {"type": "object", "properties": properties, "required": list(parameters[:1])}
    return {"function": {"name": name, "description": description, "parameters": schema}}


def asked(text: str, *tools: dict[str, Any]) -> Conversation:
    history = [{"role": "user", "content": text}]
    return Conversation.model_validate({"history": history, "tools": list(tools)})


WATER = tool("waterPlants", "Water the plants in a room", "room", "time")
MUSIC = tool("play_music", "Play a song", "song")


def test_what_is_known_of_new_tools_is_read_alone_and_as_if_all_were_read(
    predictor: Predictor,
) -> None:
    found = predictor.catalogue([asked("hello", WATER, MUSIC)])
    assert set(found.labels.tools) == {"waterPlants", "play_music"}
    everything = predictor.read_catalogue(found.labels)
    for name in ("summaries", "values", "value_mask", "word_mask"):
        mine, theirs = getattr(found.readings, name), getattr(everything, name)
        np.testing.assert_allclose(mine[:, : theirs.shape[1]], theirs, atol=1e-5, rtol=1e-5)


def test_only_what_is_on_offer_is_ranked(predictor: Predictor) -> None:
    [answer] = predictor.predict([asked("hello", WATER, MUSIC)])
    assert answer.tool_probabilities.keys() == {"waterPlants", "play_music"}
    assert sum(answer.tool_probabilities.values()) == pytest.approx(1)


def test_an_answer_does_not_depend_on_what_others_offer(predictor: Predictor) -> None:
    one = asked("please water the roses", WATER, MUSIC)
    alone = predictor.predict([one])[0]
    together = predictor.predict([one, asked("hello", MUSIC), asked("hello")])[0]
    assert together.tool == alone.tool
    for name, probability in alone.tool_probabilities.items():
        assert together.tool_probabilities[name] == pytest.approx(probability, abs=1e-5)


def test_a_known_name_with_another_description_is_another_tool(predictor: Predictor) -> None:
    known = predictor.labels.definitions[0]
    other = tool(known.name, "Something else altogether", "thing")
    batch = predictor.read([asked("hello", other)])
    assert batch.new_tools(0, predictor.labels) == [known.name]
    assert batch.tools(0) == {known.name: 0}


def test_tools_that_are_set_are_on_offer_where_none_are_listed(
    dataset: TRMToolCallingDataset,
) -> None:
    model = small_model(fitted_config(dataset), seed=3, spread=0.3)
    predictor = Predictor(checkpoint_of(model, dataset), "cpu")
    predictor.offered = [Tool.model_validate(WATER)]
    [answer] = predictor.predict([asked("hello")])
    assert answer.tool_probabilities == {"waterPlants": pytest.approx(1)}


def test_the_effect_of_a_word_is_that_of_a_tool_without_it(predictor: Predictor) -> None:
    one = asked("please water the roses", WATER, MUSIC)
    batch = predictor.read([one])
    tool = batch.tools(0)["waterPlants"]
    words = tool_words(predictor, one, tool)
    assert [(each.text, each.part) for each in words[:2]] == [("water", "name"), ("Plants", "name")]
    assert " ".join(each.text for each in words[2:]) == "Water the plants in a room"
    tokens = CatalogueTokens.of(batch.labels, predictor.tokenizer)
    ids = tokens.ids.copy()
    places = _places_of_first_word(ids[tool].tolist(), predictor)
    ids[tool, places] = 0
    lost = _odds_lost(predictor, batch, replace(tokens, ids=ids), tool)
    assert words[0].effect == pytest.approx(lost, abs=1e-4)


def test_the_effect_of_a_listed_value_is_that_of_a_tool_that_lists_none(
    predictor: Predictor,
) -> None:
    listing = copy.deepcopy(WATER)
    kinds = {"type": "string", "enum": ["fern", "rose bush", "cactus"]}
    listing["function"]["parameters"]["properties"]["kind"] = kinds
    one = asked("I have a cactus. Please see to the rose bush", listing, MUSIC)
    batch = predictor.read([one])
    tool = batch.tools(0)["waterPlants"]
    *words, value = tool_words(predictor, one, tool)
    assert {each.part for each in words} == {"name", "description"}
    assert (value.text, value.part) == ("rose bush", "value")
    tokens = CatalogueTokens.of(batch.labels, predictor.tokenizer)
    none = replace(tokens, values=np.zeros_like(tokens.values))
    assert value.effect == pytest.approx(_odds_lost(predictor, batch, none, tool), abs=1e-4)
    music = batch.tools(0)["play_music"]
    assert "value" not in {each.part for each in tool_words(predictor, one, music)}


def _odds_lost(predictor: Predictor, batch: ReadBatch, tokens: CatalogueTokens, tool: int) -> float:
    """What the log-odds of a tool lose if the catalogue has other tokens."""
    changed = replace(batch.catalogue, readings=predictor.backend.read(tokens))
    before, after = (
        list(predictor.decode_steps(replace(batch, catalogue=each)))[-1].next_tools[0, tool]
        for each in (batch.catalogue, changed)
    )
    odds = torch.logit(torch.tensor([before, after]).double())
    return float(odds[0] - odds[1])


def _places_of_first_word(ids: list[int], predictor: Predictor) -> list[int]:
    later = (
        place
        for place, each in enumerate(ids)
        if place and predictor.tokenizer.piece(each).startswith("\u2581")
    )
    return list(range(next(later)))


def test_fewer_tools_are_offered_but_those_of_the_labels_stay() -> None:
    batch = {
        "tool_mask": torch.ones(3, 10),
        "tool_name_labels": torch.tensor([2, -1, 9]),
        "next_tool_labels": torch.tensor([2, 5, 9]),
    }
    batch["tool_mask"][1, 7:] = 0
    kept = fewer_offered(batch, 4, (0, 1))["tool_mask"]
    assert kept.sum(dim=1).tolist() == [4, 4, 4]
    assert (kept[0, 2], kept[1, 5], kept[2, 9]) == (1, 1, 1)
    assert not kept[1, 7:].any()
    assert torch.equal(fewer_offered(batch, 10, (0, 1))["tool_mask"], batch["tool_mask"])
