"""A rich console that is safe for foreign text: no markup, no terminal commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from trm_engine.printable import own_stream, printable

WIDTH_WITHOUT_TERMINAL = 100


class PrintableConsole(Console):
    """A console that makes all text printable before it is styled.

    Names and values can contain terminal sequences or markup. Only the console's own styles and
    cursor movements reach the terminal.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    @property
    def file(self) -> IO[str]:
        """The stream below ``PrintableStream``, which would escape the styles too."""
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
    """A console as wide as the terminal; without a terminal, 100 columns without colour."""
    console = PrintableConsole(stderr=stderr)
    if console.is_terminal:
        return console
    return PrintableConsole(stderr=stderr, width=WIDTH_WITHOUT_TERMINAL, no_color=True)


def _printable(segment: Segment) -> Segment:
    text = printable(segment.text)
    return segment if text is segment.text else Segment(text, segment.style)
