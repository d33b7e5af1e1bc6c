"""The console for people: text of others is shown as it is, as neither markup nor commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from trm_engine.printable import own_stream, printable

WIDTH_WITHOUT_TERMINAL = 100


class PrintableConsole(Console):
    """Only its own styles and cursor movements reach the terminal.

    Names and values may hold sequences that a terminal obeys, or markup. All text is made
    printable here, before it is styled.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    @property
    def file(self) -> IO[str]:
        """The stream below the one that would spell out the styles too."""
        stream: IO[str] = own_stream(super().file)
        return stream

    @file.setter
    def file(self, file: IO[str]) -> None:
        Console.file.__set__(self, file)  # type: ignore[attr-defined]

    def on_broken_pipe(self) -> None:
        """Leave it to the command line; rich would exit with status 1."""
        raise

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else _printable(segment)


def table_console(stderr: bool = False) -> Console:
    """A console as wide as the terminal, or 100 plain columns where there is none."""
    console = PrintableConsole(stderr=stderr)
    if console.is_terminal:
        return console
    return PrintableConsole(stderr=stderr, width=WIDTH_WITHOUT_TERMINAL, no_color=True)


def _printable(segment: Segment) -> Segment:
    text = printable(segment.text)
    return segment if text is segment.text else Segment(text, segment.style)
