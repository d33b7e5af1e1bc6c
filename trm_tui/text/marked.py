"""Text with marked spans, which may overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

from trm_engine.printable import printable

Kinds = frozenset[str]


class Span(NamedTuple):
    """A range of characters (end exclusive) and its kind."""

    begin: int
    end: int
    kind: str


def marked_text(text: str, spans: Sequence[Span], look: Callable[[Kinds], Style]) -> Text:
    """The printable text. ``look`` returns the style for a set of kinds that overlap.

    Spans are offsets in ``text``, before it is made printable.
    """
    marked = Text()
    for begin, end, kinds in stretches(len(text), spans):
        marked.append(printable(text[begin:end]), look(kinds))
    return marked


def stretches(length: int, spans: Sequence[Span]) -> Iterator[tuple[int, int, Kinds]]:
    """Cut a text at the borders of its spans. Yields begin, end, and the kinds that cover it.

    Spans are clipped to the text.
    """
    borders = {0, length}
    for span in spans:
        borders |= {min(max(place, 0), length) for place in (span.begin, span.end)}
    ordered = sorted(borders)
    for begin, end in pairwise(ordered):
        covering = (span.kind for span in spans if span.begin <= begin and end <= span.end)
        yield begin, end, frozenset(covering)
