"""ConversationEditor: what keys, typing and pasting do to the conversation, and undo."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events, on
from textual.pilot import Pilot

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_tui.store.draft import Draft, DraftTurn
from trm_tui.store.step_answer import PREDICTED, Mark
from trm_tui.widgets.conversation.composer import Composer
from trm_tui.widgets.conversation.editor import ConversationEditor
from trm_tui.widgets.conversation.turn_list import TurnList

TOOL = {"type": "function", "function": {"name": "find_table", "parameters": {}}}
SAMPLE: dict[str, Any] = {
    "tools": [TOOL],
    "history": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "A table in Rome"},
    ],
    "decision": "direct_answer",
    "tool": {},
    "slots": {"city": "Rome"},
}


def draft_of(*texts: str) -> Draft:
    roles = ("user", "assistant")
    return Draft(tuple(DraftTurn(roles[n % 2], text) for n, text in enumerate(texts)))


class EditorApp(PaneApp):
    """Keeps the drafts that the editor tells of."""

    pane: ConversationEditor

    @on(ConversationEditor.Changed)
    def keep(self, message: ConversationEditor.Changed) -> None:
        self.heard.append(message.draft)


class Editing:
    """An editor on a screen, and what a person does to it."""

    def __init__(self, app: EditorApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot, self.editor = app, pilot, app.pane
        self.composer = app.query_one(Composer)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def paste(self, text: str) -> None:
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()
        await self.pilot.pause()

    @property
    def texts(self) -> list[str]:
        return [turn.text for turn in self.editor.draft.turns]

    @property
    def roles(self) -> list[str]:
        return [turn.role for turn in self.editor.draft.turns]

    @property
    def screen(self) -> str:
        return shown(self.app)


@asynccontextmanager
async def editing(
    draft: Draft | None = None, size: tuple[int, int] = (60, 20), writes: bool = False
) -> AsyncIterator[Editing]:
    """An editor whose turns have the focus, or the text of one if it ``writes``."""
    app = EditorApp(ConversationEditor(draft or Draft()))
    async with app.run_test(size=size) as pilot:
        app.pane.write() if writes else app.pane.look()
        await pilot.pause()
        yield Editing(app, pilot)


# What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(38, 18), (80, 20)])
async def test_as_text(size: tuple[int, int]) -> None:
    draft = Draft.of(SAMPLE).with_turn(2, DraftTurn("tool_call", '{"name": '))
    async with editing(draft, size, writes=True) as it:
        assert_golden(f"conversation_editor_{size[0]}x{size[1]}", it.screen)


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (10, 6), (20, 9), (200, 60)])
async def test_any_size(size: tuple[int, int]) -> None:
    async with editing(Draft.of(SAMPLE), size, writes=True) as it:
        await it.press("x", "enter", "escape", "up", "a", "y")
        assert it.texts == ["You help.", "y", "A table in Romex"]


async def test_marks_and_notes_are_those_of_turns_that_are_still_the_same() -> None:
    asked = draft_of("", "in Rome", "bye")
    async with editing(asked, size=(60, 24)) as it:
        it.editor.mark(asked, [Mark(0, 3, 7, PREDICTED)])
        it.editor.note({1: "a note", 2: "another"})
        listed = it.app.query_one(TurnList)
        assert [len(turn.spans) for turn in listed._turns] == [0, 1, 0]
        assert "a note" in it.screen
        await it.press("home", "down", "i", "x")
        assert [len(turn.spans) for turn in listed._turns] == [0, 0, 0]
        assert "a note" not in it.screen and "another" in it.screen


# Typing ---------------------------------------------------------------------------------------


async def test_typing_changes_the_draft() -> None:
    async with editing(writes=True) as it:
        await it.press(*"Hi!", "ctrl+j", "x")
        assert it.texts == ["Hi!\nx"]
        assert it.app.heard[-1] == it.editor.draft
        assert "Hi!" in it.screen


async def test_enter_begins_the_next_turn_with_the_role_that_follows() -> None:
    async with editing(writes=True) as it:
        await it.press("a", "enter", "b", "enter", "c")
        assert it.texts == ["a", "b", "c"]
        assert it.roles == ["user", "assistant", "user"]


async def test_enter_goes_on_to_the_next_turn_where_there_is_one() -> None:
    async with editing(draft_of("a", "b")) as it:
        await it.press("home", "i", "enter")
        assert it.editor.place == 1
        assert it.composer.text == "b" and it.texts == ["a", "b"]


async def test_enter_in_a_blank_last_turn_begins_none() -> None:
    async with editing(writes=True) as it:
        await it.press("enter", "space", "enter")
        assert it.texts == [" "]


async def test_escape_takes_a_blank_last_turn_away_and_goes_to_the_turns() -> None:
    async with editing(writes=True) as it:
        await it.press("a", "enter")
        assert it.texts == ["a", ""]
        await it.press("escape")
        assert it.texts == ["a"]
        assert it.app.query_one(TurnList).has_focus


async def test_the_next_role_of_the_turn_that_is_written() -> None:
    async with editing(writes=True) as it:
        await it.press("a", "ctrl+r", "b")
        assert (it.roles, it.texts) == (["system"], ["ab"])


async def test_keys_of_commands_are_text_while_a_turn_is_written() -> None:
    async with editing(draft_of("", "b"), writes=True) as it:
        await it.press(*"adJKruU")
        assert it.texts == ["", "badJKruU"]


@pytest.mark.parametrize("text", ["a\r\nb", "a\rb\n", "a\u2028b", "a\x85b", "\r\n", "a\x0cb\x1d"])
async def test_line_ends_are_kept_until_something_is_typed(text: str) -> None:
    async with editing(draft_of(text, "x")) as it:
        await it.press("home", "i", "right", "enter", "escape", "home")
        assert it.texts == [text, "x"] and not it.app.heard


async def test_line_ends_are_kept_in_the_turns_that_are_not_typed_in() -> None:
    async with editing(draft_of("a\r\nb", "x")) as it:
        await it.press("i", "y")
        assert it.texts == ["a\r\nb", "xy"]


async def test_two_turns_with_the_same_text_are_two() -> None:
    async with editing(draft_of("same", "same")) as it:
        await it.press("home", "i", "1", "enter", "2")
        assert it.texts == ["same1", "same2"]


# Commands -------------------------------------------------------------------------------------


async def test_a_turn_is_added_behind_the_one_under_the_cursor_and_written() -> None:
    async with editing(draft_of("a", "b")) as it:
        await it.press("home", "a", "x")
        assert it.texts == ["a", "x", "b"]


@pytest.mark.parametrize("key", ["d", "delete"])
async def test_turns_are_deleted_down_to_a_blank_one(key: str) -> None:
    async with editing(draft_of("a", "b", "c")) as it:
        await it.press("home", "down", key)
        assert (it.texts, it.editor.place) == (["a", "c"], 1)
        await it.press(key, key, key)
        assert it.editor.draft == Draft()


async def test_turns_are_moved_and_the_cursor_with_them() -> None:
    async with editing(draft_of("a", "b", "c")) as it:
        await it.press("home", "J")
        assert (it.texts, it.editor.place) == (["b", "a", "c"], 1)
        await it.press("shift+down", "J", "K", "shift+up", "K")
        assert (it.texts, it.editor.place) == (["a", "b", "c"], 0)


async def test_roles_are_changed_forth_and_back() -> None:
    async with editing(draft_of("a")) as it:
        await it.press("r", "r")
        assert it.roles == ["assistant"]
        await it.press("R")
        assert it.roles == ["system"]


async def test_what_is_typed_just_before_a_command_is_not_lost() -> None:
    async with editing(draft_of("a", "b"), writes=True) as it:
        it.composer.insert("typed")
        it.editor.action_add()
        assert it.texts == ["a", "btyped", ""]
        it.composer.insert("more")
        it.editor.action_move(-1)
        assert it.texts == ["a", "more", "btyped"]
        it.composer.insert("!")
        it.editor.load(draft_of("new"))
        it.editor.action_undo()
        assert it.texts == ["a", "more!", "btyped"]


async def test_turns_are_put_at_the_end_in_place_of_a_blank_one() -> None:
    async with editing(draft_of("a", "")) as it:
        it.editor.add_turns(DraftTurn("tool_call", "{}"), DraftTurn("tool_response", "x"))
        assert it.texts == ["a", "{}", "x"] and it.editor.place == 2


async def test_the_tools_on_offer_are_named_where_there_is_room() -> None:
    async with editing(Draft.of(SAMPLE)) as it:
        assert "1 tool: find_table" in it.screen


async def test_tools_are_changed_and_changed_back() -> None:
    async with editing(Draft.of(SAMPLE)) as it:
        assert "1 tool" in it.screen
        it.editor.set_tools([])
        await it.pilot.pause()
        assert "all tools available" in it.screen
        assert it.editor.draft.right_answer is None
        await it.press("u")
        assert it.editor.draft.right_answer is not None


# Undo -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("undo", "redo"), [("u", "U"), ("ctrl+underscore", "ctrl+y")])
async def test_commands_are_undone_and_done_again(undo: str, redo: str) -> None:
    async with editing(draft_of("a", "b", "c")) as it:
        await it.press("d", "K", "r")
        assert it.texts == ["b", "a"]
        after = it.editor.draft
        await it.press(undo, undo, undo, undo)
        assert it.editor.draft == draft_of("a", "b", "c")
        await it.press(redo, redo, redo, redo)
        assert it.editor.draft == after == it.app.heard[-1]


async def test_typing_is_undone_while_the_turn_is_written() -> None:
    async with editing(draft_of("old"), writes=True) as it:
        await it.press(*" new", "ctrl+underscore")
        assert it.composer.has_focus
        assert it.texts == ["old"] and it.composer.text == "old"
        await it.press("ctrl+y")
        assert it.texts == ["old new"] and it.composer.text == "old new"


async def test_undo_goes_over_turns_while_one_is_written() -> None:
    async with editing(writes=True) as it:
        await it.press("a", "enter", "b", "ctrl+underscore", "ctrl+underscore", "ctrl+underscore")
        assert it.editor.draft == Draft()
        await it.press(*["ctrl+y"] * 3)
        assert it.texts == ["a", "b"]


async def test_nothing_to_undo_is_said() -> None:
    async with editing() as it:
        await it.press("u")
        await it.press("U")
        said = [each.message for each in it.app._notifications]
        assert said == ["Nothing to undo", "Nothing to redo"]
        assert not it.app.heard


# Pasting --------------------------------------------------------------------------------------


async def test_a_pasted_sample_takes_the_place_of_the_conversation_until_undone() -> None:
    async with editing(draft_of("old", "turns"), writes=True) as it:
        await it.paste(json.dumps(SAMPLE, indent=1))
        assert it.editor.draft == Draft.of(SAMPLE)
        assert it.editor.place == 1 and it.composer.text == "A table in Rome"
        assert any("undo with ^_" in each.message for each in it.app._notifications)
        await it.press("escape", "ctrl+underscore")
        assert it.editor.draft == draft_of("old", "turns")


async def test_a_pasted_sample_is_undone_while_the_turn_is_written() -> None:
    async with editing(draft_of("old", "turns"), writes=True) as it:
        await it.paste(json.dumps(SAMPLE))
        await it.press("ctrl+underscore")
        assert it.editor.draft == draft_of("old", "turns")


async def test_openai_messages_are_pasted() -> None:
    call = {"id": "1", "function": {"name": "find", "arguments": '{"city": "Rome"}'}}
    messages = [
        {"role": "user", "content": "A table"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "two"},
    ]
    async with editing(writes=True) as it:
        await it.press("x")
        await it.paste(json.dumps({"messages": messages}))
        assert it.roles == ["user", "tool_call", "tool_response"]
        await it.press("escape", "u")
        assert it.texts == ["x"]


async def test_text_is_pasted_into_the_turn() -> None:
    async with editing(draft_of("ab"), writes=True) as it:
        await it.press("left")
        await it.paste('1\n{"no": "turns"}')
        assert it.texts == ['a1\n{"no": "turns"}b']


async def test_a_wrong_conversation_is_pasted_as_text_and_says_why() -> None:
    text = '[{"role": "[b]usr", "content": "x"}]'
    async with editing(writes=True) as it:
        await it.paste(text)
        assert it.texts == [text]
        (said,) = it.app._notifications
        assert said.message.startswith("Pasted as text: messages, turn 1, field 'role'")


async def test_100_kb_of_text_are_pasted_typed_in_and_undone() -> None:
    text = "word é 日本 " * 10_000
    async with editing(draft_of("a"), writes=True) as it:
        await it.paste(text)
        assert it.texts == ["a" + text]
        await it.press("x", "enter", "b")
        assert it.texts == ["a" + text + "x", "b"]
        await it.press("escape", *"uuuuu")
        assert it.texts == ["a"]


async def test_500_turns_are_pasted_walked_and_changed() -> None:
    turns = [{"role": "user", "content": f"<{number}>"} for number in range(500)]
    async with editing(writes=True) as it:
        await it.paste(json.dumps(turns))
        assert "<499>" in it.screen and "turn 500 of 500" in it.screen
        await it.press("escape", "home", "d", "i", "x", "escape", "end", "K")
        assert it.texts[0] == "<1>x" and it.texts[-2:] == ["<499>", "<498>"]


CONTROLS = "a\x1b[2J\x1b]0;title\x07b\x9bc\x00\x7f\x08d"


async def test_control_characters_never_reach_the_terminal_raw() -> None:
    async with editing(writes=True) as it:
        await it.paste(CONTROLS)
        assert it.texts == [CONTROLS]
        assert not {c for c in it.screen if ord(c) < 32 or 127 <= ord(c) < 160} - {"\n"}
        await it.press("left", "left", "x", "escape")
        assert not {c for c in it.screen if ord(c) < 32 or 127 <= ord(c) < 160} - {"\n"}


@pytest.mark.parametrize("format_character", ["\u202e", "\u2066", "\u200f", "\ufeff"])
async def test_characters_that_turn_text_around_never_reach_the_terminal_raw(
    format_character: str,
) -> None:
    async with editing(writes=True) as it:
        await it.paste(f"a{format_character}b")
        assert format_character not in it.screen


async def test_tools_with_odd_names_are_shown_on_one_line() -> None:
    odd = {"type": "function", "function": {"name": "a\n\x1b[2J[b]"}}
    async with editing(Draft.of({**SAMPLE, "tools": [odd]})) as it:
        assert "\x1b" not in it.screen
        assert "a \\x1b[2J[b]" in it.screen


async def test_a_tool_turn_with_broken_json_shows_its_problem_until_it_is_right() -> None:
    async with editing(draft_of("hi").with_turn(1, DraftTurn("tool_call")), writes=True) as it:
        await it.paste('{"name": "find"')
        assert "✗ broken JSON at column 16" in it.screen
        assert it.composer.has_class("-problem")
        await it.press("}")
        assert "✗" not in it.screen and not it.composer.has_class("-problem")
        assert it.editor.draft.turns[1].content == {"name": "find"}
