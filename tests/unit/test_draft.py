"""Draft: turns as they are typed, the sample they came from, and every state before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trm_engine.data.samples import Conversation
from trm_engine.errors import DataError
from trm_engine.vocabulary import ROLES
from trm_tui.store.draft import (
    MERGE_SECONDS,
    MOST_UNDONE,
    NEXT_ROLES,
    Draft,
    DraftTurn,
    Edits,
)

CALL = {"name": "find_table", "arguments": {"city": "Rome"}}
TOOL = {"type": "function", "function": {"name": "find_table", "parameters": {}}}
SAMPLE: dict[str, Any] = {
    "tools": [TOOL],
    "history": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "A table\r\nin Rome 👍"},
        {"role": "tool_call", "content": CALL},
        {"role": "tool_response", "content": {"found": [1, 2.5, None, "é"]}},
        {"role": "assistant", "content": "There are two."},
        {"role": "tool_response", "content": "none is left"},
    ],
    "decision": "tool_call",
    "tool": {"name": "find_table", "arguments": {}},
    "slots": {"city": "Rome"},
    "content": "",
}


def draft_of(*texts: str) -> Draft:
    return Draft(tuple(DraftTurn("user", text) for text in texts))


def read_by_the_model(record: dict[str, Any]) -> list[tuple[str, str]]:
    turns = Conversation.model_validate(record).history
    return [(turn.role, turn.text()) for turn in turns]


# Turns ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "text", "content"),
    [
        ("user", '{"not": read}', '{"not": read}'),
        ("tool_call", ' {"name": "a"}\n', {"name": "a"}),
        ("tool_response", '{"found": 2}', {"found": 2}),
        ("tool_response", "[1, 2]", [1, 2]),
        ("tool_response", "none is left", "none is left"),
        ("tool_response", "true", True),
    ],
)
def test_a_turn_that_can_be_read_has_content_and_no_problem(
    role: str, text: str, content: Any
) -> None:
    turn = DraftTurn(role, text)
    assert (turn.content, turn.problem) == (content, "")


@pytest.mark.parametrize(
    ("role", "text", "words"),
    [
        ("tool_call", '{"name": ', "broken JSON at column 10"),
        ("tool_call", '{\n"name": "a"\n;}', "broken JSON at line 3, column 1"),
        ("tool_call", '{"arguments": {}}', "{name, arguments}"),
        ("tool_call", "find a table", "{name, arguments}"),
        ("tool_call", "[]", "{name, arguments}"),
        ("tool_response", "[1, 2", "broken JSON"),
        ("tool_response", "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_turn_that_cannot_be_read_says_why_and_is_shown_as_typed(
    role: str, text: str, words: str
) -> None:
    turn = DraftTurn(role, text)
    assert words in turn.problem
    assert turn.shown == turn.content == text


def test_what_is_shown_is_what_the_model_reads() -> None:
    assert DraftTurn("tool_response", '{ "found": "é" }').shown == '{"found":"é"}'
    assert DraftTurn("user", '{ "found": 2 }').shown == '{ "found": 2 }'


@pytest.mark.parametrize("role", ROLES)
def test_a_blank_turn_has_no_problem_and_is_not_said(role: str) -> None:
    draft = Draft((DraftTurn(role, " \n\t"), DraftTurn("user", "hi")))
    assert draft.turns[0].is_blank
    assert draft.problem == ""
    assert draft.said == [1]
    assert draft.record()["history"] == [{"role": "user", "content": "hi"}]


def test_the_first_problem_of_a_draft_names_its_turn() -> None:
    turns = (DraftTurn("user", "hi"), DraftTurn("tool_call", "{"), DraftTurn("tool_call", "["))
    assert Draft(turns).problem.startswith("turn 2: broken JSON")


@given(st.sampled_from(ROLES), st.text(max_size=20) | st.sampled_from(["{", "[1", "1e999", "NaN"]))
def test_any_text_is_read_or_has_a_problem(role: str, text: str) -> None:
    turn = DraftTurn(role, text)
    if turn.problem:
        assert turn.shown == text and not turn.is_blank
    elif not turn.is_blank:
        read = read_by_the_model({"history": [{"role": role, "content": turn.content}]})
        assert read == [(role, turn.shown)]


# Samples --------------------------------------------------------------------------------------


def test_a_sample_comes_back_whole() -> None:
    assert Draft.of(SAMPLE).record() == SAMPLE


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
SAID = st.text(min_size=1, max_size=20).filter(str.strip)
CALLS = st.builds(lambda name, given: {"name": name, "arguments": given}, SAID, JSON_VALUES)
OBJECTS = st.lists(JSON_VALUES, max_size=3) | st.dictionaries(st.text(max_size=4), JSON_VALUES)
HISTORIES = st.lists(
    st.tuples(st.sampled_from(("user", "system", "assistant")), SAID)
    | st.tuples(st.just("tool_call"), CALLS)
    | st.tuples(st.just("tool_call"), CALLS.map(json.dumps))
    | st.tuples(st.just("tool_response"), OBJECTS),
    min_size=1,
    max_size=5,
)


@settings(max_examples=50)
@given(HISTORIES)
def test_the_model_reads_of_a_draft_what_it_reads_of_the_sample(
    history: list[tuple[str, Any]],
) -> None:
    turns = [{"role": role, "content": content} for role, content in history]
    draft = Draft.of({**SAMPLE, "tools": [], "history": turns})
    assert read_by_the_model(draft.record()) == read_by_the_model({"history": turns})
    assert [turn.shown for turn in draft.turns] == [
        text for _, text in read_by_the_model({"history": turns})
    ]
    assert Draft.of(draft.record()).record() == draft.record()


@pytest.mark.parametrize("text", ['{"found": 2}', '"quoted"', "1e5", "[1, 2]"])
def test_the_model_reads_the_text_of_a_tool_response_as_the_sample_has_it(text: str) -> None:
    record = {"history": [{"role": "tool_response", "content": text}]}
    assert read_by_the_model(Draft.of(record).record()) == [("tool_response", text)]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({}, "history: missing"),
        ({"history": []}, "history"),
        ({"history": [{"role": "usr", "content": ""}]}, "history[0].role"),
        ({"history": [{"role": "user", "content": 3}]}, "history[0]"),
        ({"history": [{"role": "user", "content": "a"}], "tools": [{}]}, "tools[0].function"),
    ],
)
def test_what_is_no_conversation_names_the_field(record: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        Draft.of(record)
    assert words in str(caught.value)


def test_a_record_without_decision_and_slots_has_no_right_answer() -> None:
    assert Draft.of({"history": SAMPLE["history"]}).right_answer is None
    record = {**SAMPLE}
    del record["slots"]
    assert Draft.of(record).right_answer is None


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: draft.with_text(1, "another"),
        lambda draft: draft.with_role(1, 1),
        lambda draft: draft.with_turn(3),
        lambda draft: draft.without_turn(0),
        lambda draft: draft.with_moved(0, 1),
        lambda draft: draft.with_tools([]),
    ],
)
def test_the_right_answer_holds_until_a_change_and_comes_back_by_undo(change: Any) -> None:
    edits = Edits(Draft.of(SAMPLE))
    right = edits.present.draft.right_answer
    assert right == {name: SAMPLE[name] for name in ("decision", "tool", "slots", "content")}
    edits.change(change(edits.present.draft), 0)
    assert edits.present.draft.right_answer is None
    assert "decision" not in edits.present.draft.record()
    edits.undo()
    assert edits.present.draft.right_answer == right


def test_the_right_answer_is_back_when_the_text_is_typed_back() -> None:
    draft = Draft.of(SAMPLE)
    there = draft.with_text(0, "x").with_text(0, draft.turns[0].text)
    assert there.right_answer == draft.right_answer is not None


# Changes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_new_turn_has_the_role_that_follows(role: str) -> None:
    draft = Draft((DraftTurn(role, "a"), DraftTurn("system", "b"))).with_turn(1)
    assert draft.turns[1] == DraftTurn(NEXT_ROLES[role])
    assert [turn.text for turn in draft.turns] == ["a", "", "b"]


def test_a_turn_before_all_others_is_the_users() -> None:
    assert Draft((DraftTurn("system", "a"),)).with_turn(0).turns[0] == DraftTurn("user")


def test_a_given_turn_is_put_where_it_is_asked_for() -> None:
    given_turn = DraftTurn("tool_call", "{}")
    assert draft_of("a", "b").with_turn(1, given_turn).turns[1] is given_turn


def test_of_the_last_turn_only_the_text_goes() -> None:
    assert draft_of("a").without_turn(0).turns == (DraftTurn("user"),)
    assert draft_of("a", "b", "c").without_turn(1).turns == draft_of("a", "c").turns


def test_roles_go_round_in_both_directions() -> None:
    draft = draft_of("a")
    seen = [draft.with_role(0, step).turns[0].role for step in range(len(ROLES))]
    assert seen == list(ROLES)
    assert draft.with_role(0, -1).turns[0].role == ROLES[-1]
    assert draft.with_role(0, len(ROLES)) == draft


@given(st.data())
def test_a_moved_turn_stands_there_and_moves_back(data: st.DataObject) -> None:
    draft = draft_of(*"abcdef"[: data.draw(st.integers(1, 6))])
    places = st.integers(0, len(draft.turns) - 1)
    place, to = data.draw(places), data.draw(places)
    moved = draft.with_moved(place, to)
    assert moved.turns[to] == draft.turns[place]
    others = [turn for turn in moved.turns if turn != draft.turns[place]]
    assert others == [turn for turn in draft.turns if turn != draft.turns[place]]
    assert moved.with_moved(to, place) == draft


# Undo -----------------------------------------------------------------------------------------


def test_typing_without_a_pause_is_undone_at_once() -> None:
    edits = Edits(draft_of(""))
    for number, text in enumerate(("a", "ab", "abc")):
        edits.change(draft_of(text), 0, typed_at=0.9 * number)
    assert edits.undo() and edits.present.draft == draft_of("")
    assert edits.redo() and edits.present.draft == draft_of("abc")
    assert not edits.redo()


@pytest.mark.parametrize("between", ["pause", "look", "undo", "command", "other turn"])
def test_typing_after_something_else_is_undone_by_itself(between: str) -> None:
    edits = Edits(draft_of("", "b"))
    edits.select(0)
    edits.change(draft_of("a", "b"), 0, typed_at=0.0)
    place, at = 0, 0.1
    match between:
        case "pause":
            at = MERGE_SECONDS
        case "look":
            edits.select(1)
            edits.select(0)
        case "undo":
            edits.undo()
            edits.redo()
        case "command":
            edits.change(draft_of("a", "b", "c"), 0)
        case _:
            place = 1
    before = edits.present.draft
    edits.change(before.with_text(place, "typed"), place, typed_at=at)
    assert edits.undo() and edits.present.draft == before


def test_what_changes_nothing_is_no_state() -> None:
    edits = Edits(draft_of("a"))
    edits.change(draft_of("a"), 0)
    assert not edits.undo()


def test_a_change_after_undo_forgets_what_was_undone() -> None:
    edits = Edits(draft_of("a"))
    edits.change(draft_of("b"), 0)
    edits.undo()
    edits.select(0)
    edits.change(draft_of("c"), 0)
    assert not edits.redo()
    assert edits.undo() and edits.present.draft == draft_of("a")


def test_undo_goes_back_so_many_states_and_no_further() -> None:
    edits = Edits(draft_of("start"))
    for number in range(MOST_UNDONE + 5):
        edits.change(draft_of(str(number)), 0)
    undone = 0
    while edits.undo():
        undone += 1
    assert undone == MOST_UNDONE
    assert edits.present.draft == draft_of("4")


class Writing(RuleBasedStateMachine):
    """Any changes, looks, undos and redos, beside a list of all drafts there were."""

    def __init__(self) -> None:
        super().__init__()
        self.edits = Edits(draft_of("a", "b"))
        self.drafts = [self.edits.present.draft]
        self.at = 0
        self.now = 0.0
        self.typing: tuple[int, float] | None = None

    def changed(self, merged: bool) -> None:
        draft = self.edits.present.draft
        del self.drafts[self.at + (not merged) :]
        self.drafts.append(draft)
        self.at = len(self.drafts) - 1

    @rule(text=st.text(max_size=3), seconds=st.sampled_from([0.1, 5.0]))
    def types(self, text: str, seconds: float) -> None:
        self.now += seconds
        place, before = self.edits.present.place, self.edits.present.draft
        draft = before.with_text(place, text)
        self.edits.change(draft, place, typed_at=self.now)
        if draft != before:
            typing = self.typing
            self.changed(
                bool(typing and typing[0] == place and self.now - typing[1] < MERGE_SECONDS)
            )
            self.typing = (place, self.now)

    @rule(data=st.data())
    def commands(self, data: st.DataObject) -> None:
        before, place = self.edits.present.draft, self.edits.present.place
        changes = [before.with_turn(place), before.without_turn(place), before.with_role(place, 1)]
        draft = data.draw(st.sampled_from(changes))
        self.edits.change(draft, min(place, len(draft.turns) - 1))
        if draft != before:
            self.changed(merged=False)
            self.typing = None

    @rule(data=st.data())
    def looks(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.edits.present.draft.turns) - 1))
        if place != self.edits.present.place:
            self.typing = None
        self.edits.select(place)
        assert self.edits.present.place == place

    @rule()
    def undoes(self) -> None:
        assert self.edits.undo() == (self.at > 0)
        self.typing = None if self.at else self.typing
        self.at = max(self.at - 1, 0)

    @rule()
    def redoes(self) -> None:
        is_last = self.at == len(self.drafts) - 1
        assert self.edits.redo() == (not is_last)
        self.typing = self.typing if is_last else None
        self.at += not is_last

    @precondition(lambda self: self.at)
    @rule()
    def goes_all_the_way_back_and_forth(self) -> None:
        there, self.typing = self.at, None
        passed = [self.edits.present]
        while self.edits.undo():
            passed.append(self.edits.present)
        assert [state.draft for state in passed] == self.drafts[there::-1]
        for state in passed[-2::-1]:
            assert self.edits.redo() and self.edits.present == state

    @invariant()
    def the_present_is_known_and_its_place_exists(self) -> None:
        assert self.edits.present.draft == self.drafts[self.at]
        assert 0 <= self.edits.present.place < len(self.edits.present.draft.turns)


TestWriting = Writing.TestCase
TestWriting.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
