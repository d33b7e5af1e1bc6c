"""RunFacts: folder, model, software, data and checkpoints of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult

from trm_engine.printable import one_line, printable
from trm_engine.runs.schema.events import CheckpointSaved, DataFigures, RunData, RunStarted
from trm_tui.keys import ROWS, bindings
from trm_tui.plain.tables import updates_of
from trm_tui.text.clock import local_time
from trm_tui.text.figures import NOTHING
from trm_tui.text.words import shell_word, size
from trm_tui.widgets.table.drawing import Drawing
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys

Facts = Iterable[tuple[str, str]]
Look = Callable[[str], Style]

WIDE = 120
"""From this width on, there are two columns."""

GAP = 2
MOST_CHECKPOINTS = 50
CHECKPOINT_COLUMNS = ("kind", "step", "epoch", "size", "file")
DATA_ROWS = {
    "samples": "samples",
    "conversations": "dialogues",
    "tool calls": "tool_calls",
    "tokens": "tokens",
    "mean length": "mean_tokens",
    "longest": "longest",
    "truncated": "truncated_samples",
    "bad lines": "bad_lines",
    "in training too": "overlap",
}


class FactsTable(Drawing):
    """The facts as tables under headings."""

    DEFAULT_CSS = """
    FactsTable > .facts--faint { color: $faint; }
    FactsTable > .facts--section { color: $primary; text-style: bold; }
    FactsTable > .facts--best { color: $good; text-style: bold; }
    """
    COMPONENT_CLASSES = {"facts--faint", "facts--section", "facts--best"}

    def __init__(self) -> None:
        super().__init__()
        self._started: RunStarted | None = None
        self._folder = Path()
        self._facts: list[tuple[str, str]] = []
        self._checkpoints: Sequence[CheckpointSaved] = ()

    def show(
        self,
        started: RunStarted | None,
        folder: Path,
        facts: Facts,
        checkpoints: Sequence[CheckpointSaved],
    ) -> None:
        """Show other facts."""
        self._started, self._folder = started, folder
        self._facts, self._checkpoints = list(facts), checkpoints
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """All facts, in one or two columns."""
        left, right = self._run_and_model(), self._data_and_checkpoints()
        if width < WIDE:
            return Group(*left, *right)
        columns = Table.grid(padding=(0, 2 * GAP, 0, 0), expand=True)
        columns.add_column(ratio=1)
        columns.add_column(ratio=1)
        columns.add_row(Group(*left), Group(*right))
        return columns

    def _run_and_model(self) -> Iterator[RenderableType]:
        started = self._started
        known = run_facts(started) if started else ()
        run = [("folder", str(self._folder)), *self._facts, *known]
        yield self._headed("Run", facts_table(run, self._look))
        if started:
            yield self._headed("Model", facts_table(model_facts(started), self._look))
            yield self._headed("Software", facts_table(software(started), self._look))

    def _data_and_checkpoints(self) -> Iterator[RenderableType]:
        started = self._started
        if started:
            yield self._headed("Data", data_table(started.data, self._look))
        if self._checkpoints:
            table = checkpoint_table(self._checkpoints, self._folder, self._look)
            yield self._headed("Checkpoints written", table)
            yield Text(kept(started.config if started else {}), self._look("faint"))

    def _headed(self, title: str, table: RenderableType) -> RenderableType:
        return Group(Text(title, self._look("section")), table, "")

    def _look(self, name: str) -> Style:
        return self.look(f"facts--{name}")


class RunFacts(ScrollKeys):
    """The facts of a run, from its events."""

    ALLOW_MAXIMIZE = True
    BINDINGS = bindings(ROWS)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = "About the run"
        self._table = FactsTable()
        self._shown: tuple[Any, ...] = ()

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._table

    def show(
        self,
        started: RunStarted | None,
        folder: Path,
        state: str | None = None,
        checkpoints: Sequence[CheckpointSaved] = (),
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Show a run.

        Args:
            started: the newest ``run_started`` event; None if there is none yet.
            folder: the run folder.
            state: the state of the run.
            checkpoints: the ``checkpoint`` events, oldest first.
            extra: more facts by name.
        """
        facts = {"state": state or NOTHING, **(extra or {})}
        shown = (started, folder, facts, len(checkpoints))
        if shown != self._shown:
            self._shown = shown
            self._table.show(started, folder, facts.items(), list(checkpoints))


def run_facts(started: RunStarted) -> Facts:
    """Start, steps, seed and host of a run."""
    processes = started.world_size or 1
    yield "began", local_time(started.t)
    if started.resumed_from:
        yield "resumed", f"from step {started.resumed_from:,}"
    yield "steps", updates_of(started)
    yield "seed", NOTHING if started.seed is None else str(started.seed)
    many = f", {processes} processes" if processes > 1 else ""
    process = NOTHING if started.pid is None else str(started.pid)
    yield "host", f"{started.host or NOTHING}, process {process}{many}"


def model_facts(started: RunStarted) -> Facts:
    """Parameters, device, dtype and labels of a model."""
    parameters = dict(started.parameters)
    total = parameters.pop("total")
    yield "parameters", f"{total:,}"
    for name, count in parameters.items():
        share = f" ({count / total:.0%})" if total else ""
        yield f"  {name}", f"{count:,}{share}"
    yield "device", started.device
    yield "dtype", ": ".join(filter(None, (started.dtype, started.dtype_reason)))
    labels = started.labels
    for title, names in (("tools", labels.tools), ("slots", [each.name for each in labels.slots])):
        if names:
            yield title, f"{len(names)}: {', '.join(names)}"


def software(started: RunStarted) -> Facts:
    """Versions and the revision of the code."""
    yield from started.versions.items()
    yield "git revision", started.git_revision or NOTHING


def facts_table(facts: Facts, look: Look) -> Table:
    """Names and values."""
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        label = printable(name).replace("\n", " ")  # parts of the parameter count are indented
        table.add_row(Text(label, look("faint")), Text(one_line(str(value))))
    return table


def data_table(data: RunData, look: Look) -> RenderableType:
    """Statistics of training and validation data, side by side."""
    train, val = data.train, data.val
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    table.add_row("", *(Text(name, look("faint")) for name in ("training", "validation")))
    for name, key in DATA_ROWS.items():
        figures = [getattr(each, key) for each in (train, val)]
        if figures != [None, None]:
            texts = (Text("" if each is None else f"{each:,}") for each in figures)
            table.add_row(Text(name, look("faint")), *texts)
    paths = (("training", train.path), ("validation", val.path))
    return Group(table, facts_table(paths, look), *_problems(train, look))


def _problems(train: DataFigures, look: Look) -> Iterator[RenderableType]:
    """What is wrong with the training file, most costly first."""
    if not train.problems:
        return
    from trm_engine.data.problems.kinds import BY_NAME, KINDS  # slow to import

    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    order = [kind.name for kind in KINDS]
    known = [name for name in order if name in train.problems]
    for name in (*known, *(name for name in train.problems if name not in order)):
        kind = BY_NAME.get(name)
        title = f"{kind.title} ({kind.cost} cost)" if kind else one_line(name)
        table.add_row(f"{train.problems[name]:,}", Text(title))
    yield Text("samples with problems", look("faint"))
    yield table
    yield Text(one_line(f"trm-tui data view {shell_word(train.path)} lists them"), look("faint"))


def checkpoint_table(
    checkpoints: Sequence[CheckpointSaved], folder: Path, look: Look
) -> RenderableType:
    """The written files, newest first. A file that was overwritten appears once."""
    newest = {event.path: event for event in checkpoints}
    ordered = sorted(newest.values(), key=lambda event: event.seq, reverse=True)
    table = Table.grid(padding=(0, GAP, 0, 0))
    for heading in CHECKPOINT_COLUMNS:
        is_text = heading in ("kind", "file")
        table.add_column(justify="left" if is_text else "right", no_wrap=heading != "file")
    table.columns[-1].overflow = "fold"
    table.add_row(*(Text(heading, look("faint")) for heading in CHECKPOINT_COLUMNS))
    for event in ordered[:MOST_CHECKPOINTS]:
        style = look("best") if event.kind == "best" else Style.null()
        table.add_row(*(Text(cell, style) for cell in _checkpoint_cells(event, folder)))
    left_out = max(len(ordered) - MOST_CHECKPOINTS, 0)
    return Group(table, f"and {left_out:,} before") if left_out else table


def kept(config: Mapping[str, Any]) -> str:
    """A note about the checkpoints that are kept."""
    count = (config.get("training") or {}).get("keep_checkpoints")
    if not count:
        return ""
    return (
        f"Only the newest {count} step and epoch checkpoints are kept (training.keep_checkpoints)."
    )


def _checkpoint_cells(event: CheckpointSaved, folder: Path) -> Iterator[str]:
    path = Path(event.path)
    yield f"* {event.kind}" if event.kind == "best" else f"  {event.kind}"
    yield f"{event.step:,}"
    yield f"{event.epoch:.2f}"
    yield size(event.bytes)
    yield one_line(str(path.relative_to(folder) if path.is_relative_to(folder) else path))
