"""Catalogue tokens: what the model reads of tools, slots and parameters; and its readings."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.models import batch_of, inputs_of, reading_model, small_config, tensors_of
from tests.support import TOOLS
from trm_engine.data.catalogue_tokens import (
    ARGUMENT,
    DESCRIPTION,
    MOST_NAME_TOKENS,
    MOST_TOKENS,
    MOST_VALUE_TOKENS,
    NAME,
    SLOT,
    TOOL,
    CatalogueTokens,
    words_of,
    words_of_value,
)
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.field import Field
from trm_engine.data.label_builder import extended
from trm_engine.data.labels import Definition, Labels
from trm_engine.data.samples import Function
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.models.readings import Readings, value_embeddings
from trm_engine.vocabulary import MASK_ID


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SearchOnewayFlight", "Search Oneway Flight"),
        ("search_oneway_flight", "search oneway flight"),
        ("searchOnewayFlight", "search Oneway Flight"),
        ("number_checked_bags", "number checked bags"),
        ("getHTTPResponse2Now", "get HTTP Response2 Now"),
        ("place.city", "place city"),
        ("names[0]", "names 0"),
        ("mcp__server-name__tool", "mcp server name tool"),
        ("tìm_khách_hàng", "tìm khách hàng"),
        ("查找_客户", "查找 客户"),
        ("plain", "plain"),
        ("_", ""),
        ("", ""),
    ],
)
def test_a_name_is_split_into_words(name: str, words: str) -> None:
    assert words_of(name) == words


@given(st.text(max_size=30))
def test_splitting_keeps_letters_and_splits_once(name: str) -> None:
    words = words_of(name)
    assert [c for c in words if c.isalnum()] == [c for c in name if c.isalnum()]
    assert words == words.strip()
    assert words_of(words) == words


def test_values_are_split_where_they_are_names() -> None:
    assert words_of_value("oneWay_trip") == "one Way trip"
    assert words_of_value("5 - 10 km") == "5 - 10 km"
    assert words_of_value("New York") == "New York"


# --- tokens -------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = TEXTS.filter(bool)


@st.composite
def catalogues(draw: st.DrawFn) -> Labels:
    """Labels with any texts in them."""
    tools = draw(st.lists(NAMES, max_size=3, unique=True))
    listed = [
        [
            Field(name, "choice" if values else "span", tuple(values), description=description)
            for name, values, description in draw(
                st.lists(
                    st.tuples(NAMES, st.lists(TEXTS, max_size=3), TEXTS),
                    max_size=3,
                    unique_by=lambda each: each[0],
                )
            )
        ]
        for _ in range(2)
    ]
    slots, args = listed
    channels = st.lists(st.integers(0, max(0, len(args) - 1)), max_size=len(args), unique=True)
    parameters = [tuple(draw(channels)) for _ in tools]
    definitions = [
        Definition(name, draw(TEXTS), required=tuple(args[each].name for each in own[:1]))
        for name, own in zip(tools, parameters, strict=True)
    ]
    return Labels(
        tuple(tools), tuple(parameters), tuple(slots), tuple(args), definitions=tuple(definitions)
    )


@given(catalogues())
def test_any_labels_can_be_read(tokenizer: TRMTokenizer, labels: Labels) -> None:
    read = CatalogueTokens.of(labels, tokenizer).to("cpu")
    sizes = labels.sizes()
    assert (read.num_tools, read.num_slots, read.num_args) == (
        sizes["num_tools"],
        sizes["num_slots"],
        sizes["num_args"],
    )
    entries = read.num_tools + read.num_slots + read.num_args
    assert read.ids.shape == read.parts.shape
    assert read.ids.shape[0] == len(read.kinds) == entries
    assert read.ids.shape[1] <= MOST_TOKENS
    assert ((read.ids > 0) == (read.parts > 0)).all()
    assert (read.ids > 0).any(dim=1).all()  # no entry is empty
    assert read.ids.max() < tokenizer.vocab_size
    lengths = (read.ids > 0).sum(dim=1)
    assert torch.equal(read.ids > 0, torch.arange(read.ids.shape[1]) < lengths[:, None])
    assert (read.parts == NAME).sum(dim=1).max() <= MOST_NAME_TOKENS
    order = torch.where(read.parts > 0, read.parts, DESCRIPTION)
    assert (order.diff(dim=1) >= 0).all()  # the name comes first
    kinds = [TOOL] * read.num_tools + [SLOT] * read.num_slots + [ARGUMENT] * read.num_args
    assert read.kinds.tolist() == kinds
    assert read.values.shape[:2] == (read.num_slots + read.num_args, labels.num_choices)
    assert read.values.shape[2] <= MOST_VALUE_TOKENS
    listed = [len(each.values) for each in (*labels.slots, *labels.args)]
    assert (read.values > 0).any(dim=2).sum(dim=1).tolist() == listed
    assert not (read.required & ~read.accepted).any()
    for tool, channels in enumerate(labels.parameters):
        assert read.accepted[tool].nonzero()[:, 0].tolist() == sorted(channels)
        assert read.required[tool].nonzero()[:, 0].tolist() == list(channels[:1])
    assert read.arg_slots.tolist() == list(labels.arg_slots)


def test_a_text_is_read_name_first(dataset: TRMToolCallingDataset) -> None:
    read, tokenizer = (
        CatalogueTokens.of(dataset.labels, dataset.tokenizer).to("cpu"),
        dataset.tokenizer,
    )
    name, description = tokenizer.encode("find customer"), tokenizer.encode("Look a customer up")
    length = len(name) + len(description)
    assert read.ids[0, :length].tolist() == [*name, *description]
    assert read.parts[0, :length].tolist() == [NAME] * len(name) + [DESCRIPTION] * len(description)
    assert not read.ids[0, length:].any()


def test_an_entry_of_nothing_but_signs_is_a_hidden_word(tokenizer: TRMTokenizer) -> None:
    read = CatalogueTokens.of(Labels(("_",), ((),), (), ()), tokenizer)
    assert read.ids.tolist() == [[MASK_ID]]
    assert read.parts.tolist() == [[NAME]]


def test_a_long_description_is_cut(tokenizer: TRMTokenizer) -> None:
    tool = Definition("a_tool", "word " * 500)
    labels = Labels(("a_tool",), ((),), (), (), definitions=(tool,))
    read = CatalogueTokens.of(labels, tokenizer).to("cpu")
    assert read.ids.shape == (1, MOST_TOKENS)
    assert (read.parts[0, -1]) == DESCRIPTION


def test_without_labels_there_are_numbers() -> None:
    config = small_config(num_tools=3, num_slots=2, num_args=4, num_choices=5)
    read = CatalogueTokens.numbered(config).to("cpu")
    assert (read.num_tools, read.num_slots, read.num_args) == (3, 2, 4)
    assert read.values.shape == (6, 5, 1)
    assert len(read.ids.unique()) == 9
    assert read.accepted.all()
    tiny = small_config(vocab_size=20, num_tools=15, num_slots=5, num_args=5, num_choices=3)
    read = CatalogueTokens.numbered(tiny).to("cpu")
    assert read.ids.min() > 0
    assert max(read.ids.max(), read.values.max()) < 20


@given(st.data())
def test_a_part_of_a_catalogue_has_what_belongs_to_it(
    dataset: TRMToolCallingDataset, data: st.DataObject
) -> None:
    whole = CatalogueTokens.of(dataset.labels, dataset.tokenizer).to("cpu")
    tools = data.draw(st.lists(st.integers(0, 1), min_size=1, unique=True))
    args = data.draw(st.lists(st.integers(0, 2), unique=True))
    part = whole.narrowed(torch.tensor(tools), torch.tensor(args, dtype=torch.long))
    assert (part.num_tools, part.num_slots, part.num_args) == (len(tools), 3, len(args))
    length = part.ids.shape[1]
    for place, tool in enumerate(tools):
        assert torch.equal(part.ids[place], whole.ids[tool, :length])
        assert part.accepted[place].tolist() == [whole.accepted[tool, each] for each in args]
        assert part.required[place].tolist() == [whole.required[tool, each] for each in args]
    for place, arg in enumerate(args):
        assert torch.equal(part.ids[len(tools) + 3 + place], whole.ids[2 + 3 + arg, :length])
        assert torch.equal(part.values[3 + place], whole.values[3 + arg])
        assert part.arg_slots[place] == whole.arg_slots[arg]
    assert (part.ids > 0).any(dim=0).all()  # no column is empty


# --- readings -----------------------------------------------------------------------------------


def function(name: str, description: str, **properties: Any) -> Function:
    return Function(name=name, description=description, parameters={"properties": properties})


OTHERS = [
    function("cancel_everything", "Cancels what there is to cancel " * 5, why={"type": "string"}),
    function("x", ""),
    function("pay", "Pay a bill", plan={"type": "string", "enum": ["a", "b", "c d e"]}),
]


def own(labels: Labels, read: Readings) -> list[Tensor]:
    """The readings of the first entries of each kind, without padding."""
    tools, args, length = len(labels.tools), len(labels.args), int(read.word_mask[:2].sum(1).max())
    values = read.values[: len(labels.slots) + args, : labels.num_choices]
    return [
        read.tools[:tools],
        read.slots,
        read.args[:args],
        read.words[:tools, :length] * read.word_mask[:tools, :length, None],
        values,
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_reading_does_not_depend_on_the_rest_of_the_catalogue(
    dataset: TRMToolCallingDataset, dtype: torch.dtype
) -> None:
    model, labels = reading_model(dataset, num_layers=2), dataset.labels
    model.compute_dtype = dtype
    more = extended(labels, OTHERS)
    assert len(more.tools) == 5
    with torch.no_grad():
        alone = model.read()
        together = model.read(CatalogueTokens.of(more, dataset.tokenizer).to("cpu"))
    for one, other in zip(own(labels, alone), own(labels, together), strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, other, atol=1e-5 if dtype == torch.float32 else 0.1)


def test_tools_that_are_not_on_offer_change_no_answer(dataset: TRMToolCallingDataset) -> None:
    model = reading_model(dataset)
    inputs = inputs_of(batch_of(dataset, range(6)))
    more = CatalogueTokens.of(extended(dataset.labels, OTHERS), dataset.tokenizer).to("cpu")
    mask = torch.nn.functional.pad(inputs["tool_mask"], (0, 3))
    with torch.no_grad():
        alone = model.train_step(**inputs)
        model.catalogue = more
        together = model.train_step(**{**inputs, "tool_mask": mask})
    for one, other in zip(alone, together, strict=True):
        found = tensors_of(other)
        for name, tensor in tensors_of(one).items():
            part = found[name][tuple(slice(size) for size in tensor.shape)]
            assert torch.allclose(tensor, part, atol=1e-4), name


def test_equal_texts_have_equal_readings(dataset: TRMToolCallingDataset) -> None:
    """Whatever stands before and after them; another description is another reading."""
    model = reading_model(dataset)
    twin = Function.model_validate(TOOLS[0]["function"])
    other = twin.model_copy(update={"description": "Forget a customer"})
    labels = extended(extended(dataset.labels, [other]), OTHERS)
    definitions = (*labels.definitions, labels.definitions[0])
    twins = Labels(
        (*labels.tools, "twin"),
        (*labels.parameters, labels.parameters[0]),
        labels.slots,
        labels.args,
        definitions,
    )
    with torch.no_grad():
        read = model.read(CatalogueTokens.of(twins, dataset.tokenizer).to("cpu"))
    assert torch.allclose(read.tools[0], read.tools[-1], atol=1e-5)
    assert not torch.allclose(read.tools[0], read.tools[2], atol=1e-2)


def test_a_fields_type_is_read(dataset: TRMToolCallingDataset) -> None:
    model, labels = reading_model(dataset), dataset.labels
    torch.nn.init.normal_(model.embedding.types.weight)  # they begin as zero
    first, *others = labels.args
    changed = replace(labels, args=(replace(first, json_type="integer"), *others))
    with torch.no_grad():
        before, after = (
            model.read(CatalogueTokens.of(each, dataset.tokenizer).to("cpu")).args
            for each in (labels, changed)
        )
    assert not torch.allclose(before[0], after[0], atol=1e-2)
    assert torch.allclose(before[1:], after[1:], atol=1e-5)


def test_a_name_is_not_read_as_a_description_nor_a_tool_as_a_slot(
    dataset: TRMToolCallingDataset,
) -> None:
    model, catalogue = (
        reading_model(dataset),
        CatalogueTokens.of(dataset.labels, dataset.tokenizer).to("cpu"),
    )
    values = {each.name: getattr(catalogue, each.name) for each in fields(catalogue)}
    kinds = torch.full_like(catalogue.kinds, SLOT)
    parts = torch.where(catalogue.parts > 0, NAME, 0)
    with torch.no_grad():
        read, as_slots, as_names = (
            model.read(CatalogueTokens(**{**values, **changes})).tools
            for changes in ({}, {"kinds": kinds}, {"parts": parts})
        )
    assert not torch.allclose(read, as_slots, atol=1e-2)
    assert not torch.allclose(read, as_names, atol=1e-2)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(1, 4))
def test_a_value_is_its_first_token_its_last_and_the_mean(lengths: list[int], width: int) -> None:
    values = torch.zeros(1, len(lengths), 5, dtype=torch.long)
    for place, length in enumerate(lengths):
        values[0, place, :length] = torch.arange(1, length + 1)
    tokens = torch.randn(1, len(lengths), 5, width)
    found, mask = value_embeddings(values, tokens)
    assert mask[0].tolist() == [length > 0 for length in lengths]
    for place, length in enumerate(lengths):
        if length:
            said = tokens[0, place, :length]
            expected = torch.stack((said[0], said[-1], said.mean(dim=0)))
            assert torch.allclose(found[0, place], expected, atol=1e-6)


def test_what_a_definition_says_is_the_same_in_another_spelling() -> None:
    """Defaults that are said, and the order of keys, make no other tool."""
    plain = Function.model_validate(TOOLS[1]["function"])
    same = json.loads(json.dumps(TOOLS[1]["function"]))
    same["parameters"] = {"required": [], **same["parameters"]}
    same["parameters"]["properties"] = dict(
        reversed(list(same["parameters"]["properties"].items()))
    )
    assert Function.model_validate(same).digest == plain.digest
    for place, value in (("name", "other"), ("description", "Other")):
        assert Function.model_validate({**same, place: value}).digest != plain.digest
    same["parameters"]["required"] = ["plan"]
    assert Function.model_validate(same).digest != plain.digest
