"""`trm-tui playground`: the screen, or the answer to one conversation as a table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_engine.errors import DataError, RunError, UserError
from trm_engine.runs.folder import find_checkpoint, list_runs
from trm_engine.wording import counted
from trm_tui.commands.init import how_to_train
from trm_tui.screens.show import has_screen, open_app
from trm_tui.sessions.models import Model, ModelSession
from trm_tui.sessions.pasted import read_conversation
from trm_tui.sessions.sample_file import SampleFile
from trm_tui.store.draft import Draft, DraftTurn

if TYPE_CHECKING:
    from trm_tui.screens.playground import PlaygroundScreen
    from trm_tui.settings import Remembered

NO_MODEL = "outputs: no run has a checkpoint yet; train one: {}"


def play(
    checkpoint: Path | None,
    sample: str | None,
    other: Path | None,
    tools: Sequence[Mapping[str, Any]],
    raw: bool,
    device: str,
    plain: bool,
) -> int:
    """Open the playground, or answer one conversation. Returns the exit status.

    ``tools`` are on offer where the conversation lists none.

    Raises:
        UserError: a file is missing or invalid, or there is no model.
    """
    path = find_checkpoint(checkpoint) if checkpoint else newest_checkpoint()
    compared = Model(find_checkpoint(other)) if other else None
    session = ModelSession(Model(path, raw), compared, device)
    draft = read_sample(sample) if sample else None
    if not plain and has_screen():
        return _show(session, _offering(draft or Draft(), tools) if draft or tools else None)
    asyncio.run(_print(session, _offering(draft or read_standard_input(), tools)))
    return 0


def _offering(draft: Draft, tools: Sequence[Mapping[str, Any]]) -> Draft:
    return draft if draft.tools else replace(draft, tools=tuple(tools))


def newest_checkpoint() -> Path:
    """The best checkpoint of the newest run that has one.

    Raises:
        RunError: no run has a checkpoint.
    """
    for run in list_runs():
        try:
            return find_checkpoint(run.path)
        except UserError:
            continue
    raise RunError(NO_MODEL.format(how_to_train()))


def read_sample(place: str) -> Draft:
    """The sample at FILE:LINE.

    Raises:
        DataError: there is no such sample, or it is invalid.
    """
    name, _, number = place.rpartition(":")
    if not name or not number.isdecimal():
        raise DataError(f"--sample {place}: expected FILE:LINE, such as val.jsonl:12")
    file = SampleFile(name)
    try:
        record, count = file.load(int(number)), len(file)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from None
    if record is None:
        raise DataError(
            f"{name}, line {number}: there is no sample; the file has {counted(count, 'line')}"
        )
    try:
        return Draft.of(record)
    except DataError as error:
        raise DataError(f"{name}, line {number}: {error}") from None


def read_standard_input() -> Draft:
    """A conversation in JSON, or else plain text as one user turn.

    Raises:
        DataError: standard input is empty, or its conversation is invalid.
    """
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text.strip():
        raise DataError(
            "standard input: empty; expected a conversation in JSON, or the text of a user"
        )
    try:
        return read_conversation(text) or Draft((DraftTurn("user", text.strip()),))
    except DataError as error:
        raise DataError(f"standard input: {error}") from None


def _show(session: ModelSession, draft: Draft | None) -> int:
    screens: list[PlaygroundScreen] = []

    def first(_remembered: Remembered) -> PlaygroundScreen:
        from trm_tui.screens.playground import PlaygroundScreen
        from trm_tui.sessions.saved_conversations import SavedConversations

        screens.append(PlaygroundScreen(session, draft, SavedConversations()))
        return screens[0]

    status = open_app(first)
    if screens and screens[0].problem:
        raise screens[0].problem
    return status


async def _print(session: ModelSession, draft: Draft) -> None:
    from trm_tui.plain.answer_table import answer_tables
    from trm_tui.text.console import table_console

    try:
        await session.open()
        for model in session.models:
            answer = await session.predict(model, draft.record())
            title = f"{model.path}{' (raw)' if model.raw else ''}"
            table_console().print(answer_tables(answer, title))
    finally:
        await session.close()
