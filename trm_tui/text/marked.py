"""Text with stretches of it marked, wherever they begin, end and overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

from trm_engine.printable import printable

Kinds = frozenset[str]


class Span(NamedTuple):
    """A stretch of a text in characters, the end exclusive, and what is told of it."""

    begin: int
    end: int
    kind: str


def marked_text(text: str, spans: Sequence[Span], look: Callable[[Kinds], Style]) -> Text:
    """The printable text; ``look`` gives the style of what all of a set of kinds cover.

    Offsets are those of ``text`` as it is, whatever its characters become on the screen.
    """
    marked = Text()
    for begin, end, kinds in stretches(len(text), spans):
        marked.append(printable(text[begin:end]), look(kinds))
    return marked


def stretches(length: int, spans: Sequence[Span]) -> Iterator[tuple[int, int, Kinds]]:
    """A text of some length cut where spans begin and end: begin, end, the kinds that cover it.

    What of a span is outside of the text is passed over.
    """
    borders = {0, length}
    for span in spans:
        borders |= {min(max(place, 0), length) for place in (span.begin, span.end)}
    ordered = sorted(borders)
    for begin, end in pairwise(ordered):
        covering = (span.kind for span in spans if span.begin <= begin and end <= span.end)
        yield begin, end, frozenset(covering)
