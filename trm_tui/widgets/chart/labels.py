"""The title and subtitle in a plot's border."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich.markup import escape

from trm_tui.store.trace import Trace
from trm_tui.widgets.chart.canvas import Glyphs
from trm_tui.widgets.chart.ticks import precise
from trm_tui.widgets.chart.view import View


def title_of(
    title: str, traces: Sequence[Trace], hidden: Collection[str], glyphs: Glyphs, value: str = ""
) -> str:
    """The title, with an alarm for values in visible curves that are not finite (markup).

    ``value`` is the newest one of a single curve, which has no legend.
    """
    seen = (trace for trace in traces if trace.name not in hidden)
    broken = "; ".join(_broken(seen, named=len(traces) > 1))
    alarm = f"  [$error]{glyphs.hole} {escape(broken)}[/]" if broken else ""
    return escape(f"{title}  {value}".rstrip()) + alarm


def _broken(traces: Iterator[Trace], named: bool) -> Iterator[str]:
    for trace in traces:
        last, begin = trace.last_hole, trace.broken_from
        if last is None or last >= len(trace):
            continue
        index = last if begin is None else begin
        step, value = trace.along("step")[index], precise(trace.values[index])
        if begin is not None:
            text = f"{value} since"
        elif trace.holes == 1:
            text = f"{value} at"
        else:
            text = f"{trace.holes:,} not finite, the last at"
        yield f"{f'{trace.name}: ' if named else ''}{text} step {step:,.0f}"


def state_of(view: View, traces: Sequence[Trace], log: bool, robust: bool, glyphs: Glyphs) -> str:
    """The state of the view: following or frozen, axis, smoothing and scale (markup).

    Points without a line between them have no newest one to follow.
    """
    words = []
    if not view.follow:
        words.append("[$warning]frozen[/]")
    elif any(trace.joined for trace in traces):
        words.append("following" if view.window is None else "following, zoomed")
    words.append(view.axis)
    if view.smoothing and any(trace.smooth for trace in traces):
        words.append(f"{glyphs.smooth}{view.smoothing:g}")
    words += ["log"] * log + ["robust"] * robust
    return " · ".join(words)
