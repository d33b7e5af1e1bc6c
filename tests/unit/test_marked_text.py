"""Marked texts: every character keeps its own marks, whatever it is and becomes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from trm_engine.printable import printable
from trm_tui.text.marked import Kinds, Span, marked_text, stretches

TEXTS = st.text("ab [/]\u0301\u200d👍🏽日本مرحبا\n", max_size=20) | st.text(max_size=12)
PLACES = st.integers(-3, 25)
SPANS = st.lists(st.builds(Span, PLACES, PLACES, st.sampled_from("xyz")), max_size=6)


def covering(place: int, spans: list[Span]) -> Kinds:
    """The kinds of the spans that a character is in."""
    return frozenset(span.kind for span in spans if span.begin <= place < span.end)


@given(TEXTS, SPANS)
def test_stretches_cut_a_text_without_gaps_and_each_has_its_kinds(
    text: str, spans: list[Span]
) -> None:
    place = 0
    for begin, end, kinds in stretches(len(text), spans):
        assert begin == place < end
        assert all(covering(each, spans) == kinds for each in range(begin, end))
        place = end
    assert place == len(text)


@given(TEXTS, SPANS)
def test_every_character_has_the_style_of_its_kinds(text: str, spans: list[Span]) -> None:
    text = text.replace("\r\n", "\n")
    marked = marked_text(text, spans, lambda kinds: Style(meta={"kinds": sorted(kinds)}))
    assert marked.plain == printable(text)
    expected = [
        sorted(covering(place, spans))
        for place, character in enumerate(text)
        for _ in printable(character)
    ]
    styles = [
        next(span.style.meta["kinds"] for span in marked.spans if span.start <= at < span.end)
        for at in range(len(marked.plain))
    ]
    assert styles == expected


def test_markup_is_text() -> None:
    marked = marked_text("[bold]a[/]", [Span(0, 6, "x")], lambda kinds: Style(bold="x" in kinds))
    assert marked.plain == "[bold]a[/]"
    assert [(span.start, span.end) for span in marked.spans if span.style.bold] == [(0, 6)]
