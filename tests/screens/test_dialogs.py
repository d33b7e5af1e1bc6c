"""Dialogs: every answer by letter, arrows, enter, escape and mouse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from textual.app import ComposeResult
from textual.widgets import Input, Static

from tests.screens.panes import assert_golden
from tests.screens.whole_screen import shown
from trm_engine.runs.commands import Confirmation
from trm_tui.screens.closing import ClosingDialog
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.crash import CrashDialog
from trm_tui.screens.dialogs import ChoiceButton, Dialog, letters_of
from trm_tui.screens.export import ExportDialog
from trm_tui.theme import ThemedApp

OPEN = "still open"
LINES = "".join(f'  File "trainer.py", line {n}, in step\n    loss[{n}]\n' for n in range(40))
TRACEBACK = f"Traceback (most recent call last):\n{LINES}ValueError: [red]shapes[/red]"
PATHS = Path("/r/log"), Path("/r")


class Host(ThemedApp):
    """Shows dialogs over a screen and keeps their answers; keys must not reach what is below."""

    BINDINGS = [("s,q,c,x", "below", "Below")]

    def __init__(self, dialog: Dialog[Any] | None = None) -> None:
        super().__init__()
        self.dialog = dialog
        self.answer: Any = OPEN
        self.below = 0

    def compose(self) -> ComposeResult:
        yield Static("below")

    def on_mount(self) -> None:
        if self.dialog:
            self.ask(self.dialog)

    def ask(self, dialog: Dialog[Any]) -> None:
        self.answer = OPEN
        self.push_screen(dialog, self.keep)

    def keep(self, answer: Any) -> None:
        self.answer = answer

    def action_below(self) -> None:
        self.below += 1


PROBLEMS = {
    "": "The name must end in .csv or .json.",
    "{}/loss.txt": "The name must end in .csv or .json.",
    "{}/none/loss.csv": "There is no folder",
    "{}/folder.csv": "folder.csv is a folder.",
    "{}/" + "x" * 300 + ".csv": "name too long",
    "~no-such-user/loss.csv": "There is no folder ~no-such-user",
}
Case = tuple[Dialog[Any], Sequence[str], Any]


async def check_answers(cases: Iterable[Case]) -> None:
    """Each dialog gives its answer after its keys; one that is left open is closed."""
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        for dialog, keys, answer in cases:
            app.ask(dialog)
            await pilot.pause()
            await pilot.press(*keys)
            assert app.answer == answer, keys
            if app.answer == OPEN:
                await pilot.press("escape")
        assert app.below == 0


async def text_of(dialog: Dialog[Any]) -> str:
    app = Host(dialog)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        return shown(app)


def confirm(danger: bool = False) -> ConfirmDialog:
    return ConfirmDialog(Confirmation("Stop [it]?", "It saves, then ends.", "Stop", danger))


async def test_a_confirmation() -> None:
    await check_answers(
        [
            (confirm(), ["enter"], True),
            (confirm(danger=True), ["enter"], False),
            (confirm(danger=True), ["s"], True),
            (confirm(), ["S"], True),
            (confirm(), ["c"], False),
            (confirm(), ["escape"], False),
            (confirm(), ["right", "enter"], False),
            (confirm(), ["right", "left", "enter"], True),
            (confirm(), ["tab", "space"], False),
            (confirm(danger=True), ["up", "enter"], True),
            (confirm(), ["x", "q"], OPEN),
        ]
    )


async def test_closing() -> None:
    await check_answers(
        [
            (ClosingDialog(), ["enter"], "keep"),
            (ClosingDialog(), ["k"], "keep"),
            (ClosingDialog(), ["s"], "stop"),
            (ClosingDialog(), ["down", "enter"], "stop"),
            (ClosingDialog(), ["c"], None),
            (ClosingDialog(), ["escape"], None),
            (ClosingDialog(), ["down", "down", "enter"], None),
        ]
    )


async def test_the_mouse_chooses_too() -> None:
    app = Host(confirm())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.click(list(app.screen.query(ChoiceButton))[1])
        assert app.answer is False


async def test_as_text() -> None:
    crash = CrashDialog("ValueError: [red]shapes[/red]", TRACEBACK, *PATHS)
    export = ExportDialog("Loss [log]", Path("/no/such/folder/loss.csv"))
    dialogs = {"confirm": confirm(True), "closing": ClosingDialog(), "crash": crash}
    for name, dialog in {**dialogs, "export": export}.items():
        assert_golden(f"dialog_{name}", await text_of(dialog))


async def test_a_crash_is_closed() -> None:
    keys = (["enter"], ["escape"], ["c"])
    await check_answers(
        (CrashDialog("ValueError: x", TRACEBACK, *PATHS), key, None) for key in keys
    )


async def test_the_traceback_of_a_crash_scrolls() -> None:
    app = Host(CrashDialog("ValueError: x", TRACEBACK, *PATHS))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "ValueError: [red]shapes[/red]" in shown(app)
        await pilot.press("g")
        assert "Traceback (most recent call last)" in shown(app)
        await pilot.press("down")
        assert "Traceback (most recent call last)" not in shown(app)
        assert "loss[0]" in shown(app)
        assert app.answer == OPEN


async def test_a_user_error_has_no_traceback() -> None:
    text = await text_of(CrashDialog("no such file: x.jsonl", "", *PATHS))
    assert "no such file: x.jsonl" in text and "/r/log" in text and "Traceback" not in text


async def test_an_export_takes_a_path_that_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "loss.csv"
    json = [*["backspace"] * 3, *"json", "enter"]
    await check_answers(
        [
            (ExportDialog("Loss", path), ["enter"], path),
            (ExportDialog("Loss", path), json, tmp_path / "loss.json"),
            (ExportDialog("Loss", path), ["tab", "enter"], path),
            (ExportDialog("Loss", path), ["tab", "tab", "enter"], None),
            (ExportDialog("Loss", path), ["escape"], None),
        ]
    )


async def test_an_export_writes_over_a_file_only_at_the_second_enter(tmp_path: Path) -> None:
    path = tmp_path / "loss.csv"
    path.touch()
    app = Host(ExportDialog("Loss", path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        assert app.answer == OPEN
        assert "loss.csv exists. Press enter again to overwrite it." in shown(app)
        await pilot.press("x", "backspace", "enter")
        assert app.answer == OPEN
        await pilot.press("enter")
        assert app.answer == path


async def test_an_export_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    app = Host(ExportDialog("Loss", tmp_path / "loss.csv"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for name, problem in PROBLEMS.items():
            app.screen.query_one(Input).value = name.format(tmp_path)
            await pilot.press("enter")
            assert problem.lower() in shown(app).lower(), name
            assert app.answer == OPEN


@given(st.lists(st.text(max_size=6), max_size=6))
def test_letters_are_different(labels: list[str]) -> None:
    letters = letters_of(labels)
    own = [letter for letter in letters if letter]
    assert len(letters) == len(labels) and len(set(own)) == len(own)
    assert all(letter in label.lower() for letter, label in zip(letters, labels, strict=True))
