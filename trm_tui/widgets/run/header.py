"""RunHeader: name, state and progress of a run in two rows."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from trm_tui.sessions.run_state import RunStatus
from trm_tui.text.words import duration

STATES = {
    "opening": ("◌", "note"),
    "starting": ("◌", "note"),
    "running": ("●", "good"),
    "paused": ("‖", "fair"),
    "stopping": ("◌", "fair"),
    "finished": ("✓", "good"),
    "stopped": ("■", "fair"),
    "failed": ("✗", "poor"),
    "lost": ("✗", "poor"),
}
GAP = "   "
LEAST_NAME = 12
FULL, EMPTY = "━", "─"


class RunHeader(Widget):
    """First row: name, figures and state. Second row: progress bars."""

    DEFAULT_CSS = """
    RunHeader { height: 2; padding: 0 1; }
    RunHeader .run-header--note { color: $faint; }
    RunHeader .run-header--good { color: $good; }
    RunHeader .run-header--fair { color: $fair; }
    RunHeader .run-header--poor { color: $poor; }
    RunHeader .run-header--bar { color: $primary; }
    """
    COMPONENT_CLASSES = {
        "run-header--note",
        "run-header--good",
        "run-header--fair",
        "run-header--poor",
        "run-header--bar",
    }

    def __init__(self, status: RunStatus | None = None) -> None:
        super().__init__()
        self._status = status or RunStatus()

    def show(self, status: RunStatus) -> None:
        """Show the current status."""
        if status != self._status:
            self._status = status
            self.refresh()

    def render(self) -> RenderResult:
        """Both rows, fitted to the width."""
        width = self.content_size.width
        if not width:
            return ""
        return Text("\n").join([self._first_row(width), self._second_row(width)])

    def _first_row(self, width: int) -> Text:
        now = self._status
        mark, look = STATES.get(now.state, ("?", "note"))
        state = Text(f"{mark} {now.state}", self._look(look) + Style(bold=True))
        if now.waits_for:
            state.append(f" {now.waits_for}", self._look("fair"))
        room = width - state.cell_len - len(GAP) - LEAST_NAME
        figures = _fitting(now.figures, room)
        room = width - state.cell_len - sum(len(GAP) + len(each) for each in figures) - len(GAP)
        name = Text(now.name, Style(bold=True))
        if len(now.name) + len(GAP) + len(now.device) <= room and now.device:
            name.append(GAP + now.device, self._look("note"))
        name.truncate(max(room, 1), overflow="ellipsis", pad=True)
        row = Text(GAP).join([name, *map(Text, figures), state])
        row.truncate(width)
        return row

    def _second_row(self, width: int) -> Text:
        now = self._status
        if now.preparing:
            what, share, seconds = now.preparing
            left = "" if seconds is None else f"{duration(seconds)} left"
            return self._bar(f"preparing: {what}", share, left, width)
        if now.evaluating:
            done, total = now.evaluating
            half = (width - len(GAP)) // 2
            figures = f"{done:,}/{total:,} samples"
            evaluation = self._bar("evaluating", done / max(total, 1), figures, half)
            return Text(GAP).join([self._training_bar(width - half - len(GAP)), evaluation])
        note = _fitting((now.next_evaluation,), width // 2)
        if not note or not note[0]:
            return self._training_bar(width)
        text = Text(note[0], self._look("note"))
        return Text(GAP).join([self._training_bar(width - text.cell_len - len(GAP)), text])

    def _training_bar(self, width: int) -> Text:
        return self._bar("training", self._status.training, "", width)

    def _bar(self, name: str, share: float, figures: str, width: int) -> Text:
        share = min(max(share, 0.0), 1.0)
        after = f" {share:4.0%} {figures}".rstrip()
        length = max(width - len(name) - 1 - len(after), 0)
        full = round(share * length)
        bar = Text(name + " ")
        bar.append(FULL * full, self._look("bar"))
        bar.append(EMPTY * (length - full), self._look("note"))
        bar.append(after)
        bar.truncate(max(width, 1), overflow="ellipsis")
        return bar

    def _look(self, name: str) -> Style:
        style = self.get_component_rich_style(f"run-header--{name}", partial=True)
        return Style(color=style.color)


def _fitting(parts: tuple[str, ...], room: int) -> tuple[str, ...]:
    """The first parts that fit into ``room`` cells, with a gap before each."""
    while parts and sum(len(GAP) + len(part) for part in parts) > room:
        parts = parts[:-1]
    return parts
