"""InspectScreen: what a checkpoint contains and which samples it gets wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import TabbedContent

from trm_engine.errors import UserError, WorkerError
from trm_engine.files.atomic import write_atomically
from trm_engine.files.jsonl import to_json
from trm_engine.wording import counted
from trm_tui.keys import INSPECT, bindings
from trm_tui.screens.export import SAMPLES, ExportDialog
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.samples import SamplesDialog
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.sessions.models import Model, ModelSession
from trm_tui.sessions.sample_file import SampleFile
from trm_tui.store.draft import Draft
from trm_tui.text.words import size
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.chart.histogram import HistogramView
from trm_tui.widgets.checkpoint.header import InspectHeader
from trm_tui.widgets.checkpoint.judged_samples import JudgedList
from trm_tui.widgets.checkpoint.parameters import ParametersTree
from trm_tui.widgets.checkpoint.sample_detail import SampleDetail
from trm_tui.widgets.checkpoint.tabs import JUDGING, InspectTabs
from trm_tui.widgets.checkpoint.vocabulary import VocabularyView
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.matrix.tool import ToolMatrix

T = TypeVar("T")

DEBOUNCE_SECONDS = 0.08
SHOW_SECONDS = 0.3
ALL_SAMPLES = "Exports all samples in the list, unchanged and in this order."
EVALUATING = "evaluating…"
FAILED = "The evaluation failed. Open the tab again to retry."


class InspectScreen(Screen[None]):
    """Shows a checkpoint. The first tab that needs an evaluation starts it."""

    ABOUT = (
        "The tabs show one checkpoint: what it contains, and which samples it gets wrong. The "
        "first tab that needs an evaluation starts it."
    )
    BINDINGS = bindings(INSPECT)
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    def __init__(self, session: CheckpointSession) -> None:
        super().__init__()
        self.session = session
        self.problem: Exception | None = None
        self._file: SampleFile | None = None
        self._is_judged = False
        self._is_sample_open = False

    @property
    def subject(self) -> str:
        """The checkpoint's name, for file names."""
        return Path(self.session.name.replace("/", "-")).stem

    def compose(self) -> ComposeResult:
        yield InspectHeader()
        yield Banner()
        yield InspectTabs(self.session, self._load)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Load the summary first."""
        self._header = self.query_one(InspectHeader)
        self._banner = self.query_one(Banner)
        self._tabs = self.query_one(InspectTabs)
        self._show_header("opening…")
        self._open()

    async def action_tab(self, number: int) -> None:
        """Open a tab. Restores a maximised pane, which would hide it."""
        if self.maximized:
            self.minimize()
        await self._tabs.open(number)
        if self._tabs.active in JUDGING:  # retry after a failure, even if the tab is open
            self._evaluate_once()

    @work
    async def leave(self) -> None:
        """End the worker processes and close the screen."""
        self.workers.cancel_group(self, "open")
        await self.session.close()
        self.dismiss()

    # Requests ---------------------------------------------------------------------------------

    @work(group="open")
    async def _open(self) -> None:
        """Open the files. An error closes the screen, and is printed in the terminal."""
        try:
            await self.session.open()
        except (UserError, WorkerError) as error:
            self.problem = error
            self.leave()
            return
        self._show_header()
        self._tabs.show_summary()

    @on(TabbedContent.TabActivated)
    def _fill_tab(self, event: TabbedContent.TabActivated) -> None:
        tab = event.pane.id
        if tab in JUDGING:
            self._evaluate_once()
        elif tab == "parameters" and self._tabs.parameters is None:
            self._load_parameters()
        elif tab == "vocabulary" and self._tabs.vocabulary is None:
            self._load_vocabulary()

    def _evaluate_once(self) -> None:
        if not self._is_judged:
            self._is_judged = True
            self._evaluate()

    @work
    async def _load_parameters(self) -> None:
        answer = await self._told(self.session.parameters())
        if answer:
            self._tabs.parameters = answer.tensors
            self._tabs.show_parameters()

    @work
    async def _load_vocabulary(self) -> None:
        answer = await self._told(self.session.vocabulary())
        if answer:
            self._tabs.vocabulary = answer
            self._tabs.show_vocabulary()

    @work
    async def _evaluate(self) -> None:
        """Show the evaluation as it proceeds. After a failure it can be started again."""
        shown = 0.0
        self._banner.show([])
        self._tabs.status = EVALUATING
        self._show_header(EVALUATING)
        self._tabs.show_evaluation()
        try:
            async for _ in self.session.evaluate():
                self._show_header(self._progress())
                if time.monotonic() - shown > SHOW_SECONDS:
                    shown = time.monotonic()
                    self._tabs.status = self._progress() or EVALUATING
                    self._tabs.show_evaluation()
        except (UserError, WorkerError) as error:
            self._banner.show([str(error)])
            self._tabs.status, self._is_judged = FAILED, False
        self._show_header()
        self._tabs.show_evaluation()

    async def _told(self, answer: Awaitable[T]) -> T | None:
        """An answer of the worker; None if it fails, which is shown."""
        try:
            return await answer
        except (UserError, WorkerError) as error:
            self.notify(str(error), severity="error")
            return None

    def _progress(self) -> str:
        for judgement in (self.session.other_judgement, self.session.judgement):
            if judgement.progress:
                what, share = judgement.progress
                return f"{what} {share:.0%}"
        return ""

    def _show_header(self, busy: str = "") -> None:
        summary = self.session.summary
        figures: list[str] = []
        if summary:
            if summary.step is not None:
                figures += [f"step {summary.step:,}", f"epoch {summary.epoch or 0:.2f}"]
            figures += [f"{summary.parameters:,} parameters", size(summary.bytes)]
            if summary.has_ema:
                figures.append("raw weights" if self.session.raw else "averaged weights")
        self._header.show(self.session.name, tuple(figures), busy)

    # Panes ------------------------------------------------------------------------------------

    @on(ParametersTree.Chosen)
    def _select_tensor(self, event: ParametersTree.Chosen) -> None:
        self._draw_histogram(event.name)

    @work(exclusive=True, group="histogram")
    async def _draw_histogram(self, name: str) -> None:
        await asyncio.sleep(DEBOUNCE_SECONDS)
        ask = partial(self.session.histogram, name)
        raw = await self._told(ask("raw"))
        average = await self._told(ask("ema")) if self._tabs.has_average(name) else None
        for view in self.query(HistogramView):
            view.show(name, raw, average)

    @on(VocabularyView.TokensRequested)
    def _tokenise_typed(self, event: VocabularyView.TokensRequested) -> None:
        self._tokenise(event.text)

    @work(exclusive=True, group="tokenise")
    async def _tokenise(self, text: str) -> None:
        await asyncio.sleep(DEBOUNCE_SECONDS)
        answer = await self._told(self.session.tokenize(text)) if text else None
        for view in self.query(VocabularyView):
            if answer:
                view.show_tokens(answer, text)

    @on(JudgedList.Selected)
    def _select_sample(self, event: JudgedList.Selected) -> None:
        if event.item:
            self._show_sample(event.item.line)

    @work(exclusive=True, group="sample")
    async def _show_sample(self, line: int) -> None:
        """Show the sample after the list is painted, then the model's prediction."""
        await asyncio.sleep(DEBOUNCE_SECONDS)
        sample = await asyncio.to_thread(self._load, line)
        detail = self.query_one(SampleDetail)
        detail.show(sample, None, f"line {line}")
        if sample and (answer := await self._told(self.session.predict(sample))):
            detail.show(sample, answer, f"line {line}")

    @on(JudgedList.Opened)
    def _open_sample(self) -> None:
        """Maximise the sample."""
        detail = self.query_one(SampleDetail)
        detail.scrolled().focus()
        self._is_sample_open = self.maximize(detail, container=False)

    def minimize(self) -> None:
        """Restore a maximised pane. After a sample, focus the list that opened it."""
        super().minimize()
        if self._is_sample_open:
            self._is_sample_open = False
            self.set_focus(self.query_one(JudgedList).scrolled())

    @work
    async def action_play(self) -> None:
        """Open the selected sample in the playground, with the same models."""
        selected = next((each.selected for each in self.query(JudgedList)), None)
        sample = await asyncio.to_thread(self._load, selected.line) if selected else None
        if sample is None:
            self.notify("No sample is selected. Select one on the tab Errors.")
            return
        session = self.session
        other = Model(session.other) if session.other else None
        model = Model(session.path, session.raw)
        models = ModelSession(model, other, session.device)
        self.app.push_screen(PlaygroundScreen(models, Draft.of(sample)))

    def _load(self, line: int) -> dict[str, Any] | None:
        """The sample on a line; None if it cannot be read."""
        summary, result = self.session.summary, self.session.judgement.result
        told = result.data if result else (summary.data if summary else None)
        known = self.session.data or told
        if known is None:
            return None
        if self._file is None:
            self._file = SampleFile(known)
        try:
            return self._file.load(line)
        except (OSError, UserError) as error:
            self.notify(str(error), severity="error")
            return None

    @on(SampleDetail.Moved)
    def _move_on(self, event: SampleDetail.Moved) -> None:
        self.query_one(JudgedList).action_step(event.rows)

    @on(ToolMatrix.Opened)
    def _open_cell(self, event: ToolMatrix.Opened) -> None:
        self.app.push_screen(SamplesDialog(event.title, event.lines, event.count, self._load))

    @on(JudgedList.ExportRequested)
    def _export(self, event: JudgedList.ExportRequested) -> None:
        suggested = Path.cwd() / f"{self.session.path.stem}-errors.jsonl"

        def write(path: Path | None) -> None:
            if path:
                self._write_samples(path, event.lines)

        dialog = ExportDialog("the samples listed", suggested, SAMPLES, ALL_SAMPLES)
        self.app.push_screen(dialog, write)

    @work(thread=True)
    def _write_samples(self, path: Path, lines: list[int]) -> None:
        samples = [sample for line in lines if (sample := self._load(line))]
        texts = (to_json(sample) + "\n" for sample in samples)
        try:
            write_atomically(path, "".join(texts))
        except OSError as error:
            self.notify(f"{path}: {error.strerror}", severity="error")
        else:
            self.notify(f"Exported {counted(len(samples), 'sample')} to {path}")
