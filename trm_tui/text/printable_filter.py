"""PrintableFilter: the last filter before the terminal, which removes control characters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from trm_engine.printable import replace_hidden

UNKNOWN = "\ufffd"
NO_STYLE = Style.null()


class PrintableFilter(LineFilter):
    """Removes control and format characters, then applies the app's other filters.

    Textual's filter for NO_COLOR fails on a segment without a style, so each gets one.

    Panes already escape them (``printable``). This filter is the safety net. A line keeps its
    width: a zero-width character is removed, another becomes "�".
    """

    def __init__(self, others: Sequence[LineFilter]) -> None:
        super().__init__()
        self.others = others

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        for text, style, _ in segments:
            if not text.isprintable() or (style is not None and style.link):
                segments = [_safe(segment) for segment in segments]
                break
        if self.others:
            segments = [each if each[1] is not None else _styled(each) for each in segments]
        for each in self.others:
            segments = each.apply(segments, background)
        return segments


def _styled(segment: Segment) -> Segment:
    return Segment(segment.text, NO_STYLE, segment.control)


def _safe(segment: Segment) -> Segment:
    text = replace_hidden(segment.text.replace("\n", ""), _stand_in)
    style = segment.style.update_link(None) if segment.style else None
    return Segment(text, style, segment.control)


def _stand_in(character: str) -> str:
    return UNKNOWN * cell_len(character)
