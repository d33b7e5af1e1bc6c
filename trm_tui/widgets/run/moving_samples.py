"""MovingSamples: some validation samples, and how their predictions change over evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from textual.message import Message

from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import JudgedSample
from trm_engine.runs.schema.events import Evaluated
from trm_tui.keys import SAMPLES, bindings
from trm_tui.text.figures import (
    RIGHT,
    WRONG,
    change,
    clip,
    loss_text,
    pad,
    share_text,
    sparkline,
)
from trm_tui.text.wrapped import wrap
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows, Line

ANSWER = "answer"
CALL = "tool_call"
REMEMBERED = 24
LEAST_DETAILS, MOST_DETAILS = 4, 9
LABEL = 8
TITLES = {"shown": "Validation samples", "worst": "Worst samples"}
LEAST_NAME, MOST_NAME = 8, 24
LEAST_WRONG, MOST_WRONG = 5, 28
WHOLE_TEXT = 200


class MovingSamples(CursorRows, AwaitsEvaluation):
    """One row for each sample. Below them are the steps of the selected sample."""

    BORDER_TITLE = TITLES["shown"]
    BINDINGS = bindings(SAMPLES)
    EMPTY = "No sample evaluated yet"

    @dataclass
    class Opened(Message):
        """Request to open the conversation on this line of the validation file."""

        line: int

    @dataclass
    class Selected(Message):
        """The cursor is on another sample: its line in the validation file."""

        line: int
        pane: MovingSamples

        @property
        def control(self) -> MovingSamples:
            """The pane, by which handlers select."""
            return self.pane

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._evaluations: Sequence[Evaluated] = []
        self._evaluation = ""
        self._which = "shown"
        self._samples: Sequence[JudgedSample] = []
        self._paths: dict[int | None, list[JudgedSample | None]] | None = None
        self._cursor = 0
        self._posted: int | None = None

    def set_evaluations(self, evaluations: Sequence[Evaluated], which: str = "") -> None:
        """Show the samples of the last evaluation, with their history in the earlier ones.

        ``which`` names the last evaluation in the border.
        """
        self._evaluations, self._evaluation = list(evaluations[-REMEMBERED:]), which
        self._take_samples()

    def row_count(self) -> int:
        """One row for each sample."""
        return len(self._samples)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep truth, prediction and probability."""
        name = _longest([*map(_truth, self._samples), *map(_predicted, self._samples)], MOST_NAME)
        wrong = max(_longest(map(_wrong, self._samples), MOST_WRONG), LEAST_WRONG)
        return [
            Column("mark", "", 1),
            Column("truth", "truth", LEAST_NAME, most=name, left=True),
            Column("predicted", "model", LEAST_NAME, most=name, left=True),
            Column("probability", "P(call)", 7),
            Column("arrow", "", 1, rank=5),
            Column("trend", "trend", 5, rank=1, most=REMEMBERED // 2, left=True),
            Column("verdicts", "right", 8, rank=6, gap=2),
            Column("q", "q", 5, rank=4, gap=2),
            Column("loss", "loss", 6, rank=3, gap=2),
            Column("wrong", "wrong", wrong, rank=7, gap=2, left=True),
            Column("text", "last turn", 12, rank=2, most=WHOLE_TEXT, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One sample, with its current and earlier predictions."""
        sample, path = self._samples[row], self._path(row)
        probabilities = [_last(each.decision_probability) if each else None for each in path]
        now, before = probabilities[-1], probabilities[-2] if len(path) > 1 else None
        arrow, difference = change(now, before)
        towards_truth = difference.startswith("+") == (sample.decision == CALL)
        look = "poor" if sample.wrong else "good"
        return {
            "mark": (_mark(sample), look),
            "truth": (_truth(sample), ""),
            "predicted": (_predicted(sample), "" if _truth(sample) == _predicted(sample) else look),
            "probability": (share_text(now), ""),
            "arrow": (arrow, ("good" if towards_truth else "poor") if difference else "none"),
            "trend": (sparkline(probabilities, layout["trend"]), "curve"),
            "verdicts": ("".join(map(_mark, path))[-layout["verdicts"] :], "none"),
            "q": (share_text(_last(sample.q)), ""),
            "loss": (loss_text(sample.loss), ""),
            "wrong": (_wrong(sample), look),
            "text": (_text(sample), "none"),
        }

    def put_cursor(self, row: int) -> None:
        """Select a sample and show its details below."""
        before, self._cursor = self._cursor, row
        self.invalidate_rows([before, row], foot=True)
        self._post_selected()

    def foot_height(self) -> int:
        """The height of the details: at most half of the pane if the samples scroll."""
        height = self.scrollable_content_region.height
        room = height - self.head_height() - len(self._samples)
        lines = min(max(room, height // 2), MOST_DETAILS)
        return lines if lines >= LEAST_DETAILS else 0

    def foot(self, width: int, height: int) -> list[Line]:
        """The selected sample: wrong parts, last turn, and every supervision step."""
        if not height:
            return []
        sample = self._samples[self._cursor]
        steps = _steps(sample, width)[-2 if height < 6 else -3 :]
        names = [_names(sample)] if height > 6 else []
        room = height - 1 - len(names) - len(steps)
        text = _wrapped(_text(sample), width, room)
        return [_rule(sample, width), *names, *([(line, "")] for line in text), *steps]

    def action_worst(self) -> None:
        """Switch between the worst samples and the fixed samples."""
        self._which = "worst" if self._which == "shown" else "shown"
        self._cursor = 0
        self._take_samples()
        self.show_cursor()

    def action_open(self) -> None:
        """Request to open the selected sample's conversation."""
        if self._samples:
            self.post_message(self.Opened(self._samples[self._cursor].line))

    def _take_samples(self) -> None:
        selected = self._samples[self._cursor].index if self._samples else None
        newest = self._evaluations[-1].metrics if self._evaluations else None
        shown, worst = (newest.shown, newest.worst) if newest else (None, None)
        self._samples = (shown if self._which == "shown" else worst) or []
        numbers = [sample.index for sample in self._samples]
        self._cursor = numbers.index(selected) if selected in numbers else 0
        self._paths = None
        self.border_title = TITLES[self._which]
        parts = (self._evaluation, _count_right(self._samples))
        self.border_subtitle = " · ".join(filter(None, parts))
        self.invalidate()
        self._post_selected()

    def _post_selected(self) -> None:
        line = self._samples[self._cursor].line if self._samples else None
        if line is not None and line != self._posted:
            self._posted = line
            self.post_message(self.Selected(line, self))

    def _path(self, row: int) -> list[JudgedSample | None]:
        """A sample in each remembered evaluation, newest last."""
        if self._paths is None:
            self._paths = _paths(self._evaluations)
        return self._paths[self._samples[row].index]


def _paths(evaluations: Sequence[Evaluated]) -> dict[int | None, list[JudgedSample | None]]:
    """For each sample index, the sample in every evaluation; None if it is not in one."""
    paths: dict[int | None, list[JudgedSample | None]] = {}
    for position, event in enumerate(evaluations):
        for sample in [*(event.metrics.worst or ()), *(event.metrics.shown or ())]:
            path = paths.setdefault(sample.index, [None] * len(evaluations))
            path[position] = sample
    return paths


def _steps(sample: JudgedSample, width: int) -> list[Line]:
    """P(call) and q with one column for each step, or as curves if there is no room."""
    probabilities, q = sample.decision_probability, sample.q
    count = max(len(probabilities), len(q))
    label = (pad("step", LABEL), "none")
    for decimals in (3, 2):
        cell = decimals + 3
        if LABEL + cell * count <= width:
            numbers = [(f"{step:>{cell}}", "none") for step in range(1, count + 1)]
            rows = [_numbers("P(call)", probabilities, decimals), _numbers("q", q, decimals)]
            return [[label, *numbers], *rows]
    ends = (f"1 to {count}", "none")
    return [[label, ends], _curve("P(call)", probabilities, width), _curve("q", q, width)]


def _numbers(label: str, shares: Sequence[float | None], decimals: int) -> Line:
    cells = ((f"{share_text(share, decimals):>{decimals + 3}}", "") for share in shares)
    return [(pad(label, LABEL), "none"), *cells]


def _curve(label: str, shares: Sequence[float | None], width: int) -> Line:
    ends = f" {share_text(shares[0])} to {share_text(shares[-1])}" if shares else ""
    room = max(min(width - LABEL - len(ends), len(shares)), 0)
    return [(pad(label, LABEL), "none"), (sparkline(shares, room), "curve"), (ends, "")]


def _rule(sample: JudgedSample, width: int) -> Line:
    title = f"── line {sample.line:,} "
    wrong = f"{WRONG} {_wrong(sample)} " if sample.wrong else f"{RIGHT} right "
    rest = "─" * max(width - len(title) - len(wrong), 0)
    return [(title, "none"), (wrong, "poor" if sample.wrong else "good"), (rest, "none")]


def _names(sample: JudgedSample) -> Line:
    return [
        (pad("truth", LABEL), "none"),
        (_truth(sample), ""),
        ("   model ", "none"),
        (_predicted(sample), ""),
    ]


def _text(sample: JudgedSample) -> str:
    return one_line(sample.text)


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    """Wrap to at most ``lines`` lines. The last one is clipped if necessary."""
    parts = wrap(text, width)
    if len(parts) <= lines:
        return parts
    return [*parts[: lines - 1], clip("".join(parts[lines - 1 :]), width)] if lines > 0 else []


def _truth(sample: JudgedSample) -> str:
    return one_line(sample.tool or ANSWER)


def _predicted(sample: JudgedSample) -> str:
    calls = (_last(sample.decision_probability) or 0.0) > 0.5
    return one_line(sample.predicted_tool or "?") if calls else ANSWER


def _wrong(sample: JudgedSample) -> str:
    return one_line(", ".join(sample.wrong))


def _longest(texts: Iterable[str], most: int) -> int:
    return min(max(map(cell_len, texts), default=0), most)


def _mark(sample: JudgedSample | None) -> str:
    if sample is None:
        return " "
    return WRONG if sample.wrong else RIGHT


def _count_right(samples: Sequence[JudgedSample]) -> str:
    right = sum(1 for sample in samples if not sample.wrong)
    return f"{right} of {len(samples)} right" if samples else ""


def _last(by_step: Sequence[float]) -> float | None:
    return by_step[-1] if by_step else None
