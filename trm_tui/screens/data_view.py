"""ViewScreen: what is in a data file, and what is wrong with it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.worker import get_current_worker

from trm_engine.data.problems.figures import first_of_conversations
from trm_engine.data.problems.kind import Table
from trm_engine.errors import DataError, UserError, WorkerError
from trm_engine.files.atomic import write_atomically
from trm_engine.files.jsonl import to_json
from trm_engine.label_errors.corrections import LOG_SUFFIX, Action, in_words
from trm_engine.label_errors.review import Review, as_text, as_value
from trm_engine.label_errors.suspect import Suspect
from trm_engine.printable import one_line
from trm_engine.wording import counted
from trm_tui.keys import DATA, bindings
from trm_tui.screens.edit_label import EditLabelDialog
from trm_tui.screens.export import SAMPLES, ExportDialog
from trm_tui.sessions.data_view import FILE, OTHER, DataSession
from trm_tui.store.listing import Listed, Listing
from trm_tui.store.placed_values import differences
from trm_tui.text.figures import RIGHT, WRONG
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.checkpoint.header import InspectHeader
from trm_tui.widgets.data.figures import FigureList
from trm_tui.widgets.data.problems import ProblemList, ProblemText
from trm_tui.widgets.data.review import ReviewPane
from trm_tui.widgets.data.sample import SamplePane
from trm_tui.widgets.data.samples import SampleList
from trm_tui.widgets.data.suspects import SuspectList, decided, difference, name_of
from trm_tui.widgets.data.tabs import ViewTabs
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.table.search_pane import SearchRows

DEBOUNCE_SECONDS = 0.05
ALL_SAMPLES = "Writes all samples in the list, unchanged and in the order of the file."


class ViewScreen(Screen[None]):
    """Shows a data file as soon as it is read."""

    ABOUT = (
        "The tabs show one data file. Choose a figure or a problem, and the samples behind it are "
        "listed; choose a sample to read it."
    )
    BINDINGS = bindings(DATA)
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(self, session: DataSession) -> None:
        super().__init__()
        self.session = session
        self.problem: Exception | None = None
        self.was_cancelled = False
        self._is_swapped = False
        self._opener: SearchRows | None = None

    @property
    def subject(self) -> str:
        """The file's name, for names of other files."""
        return self.session.path.stem

    def compose(self) -> ComposeResult:
        yield InspectHeader()
        yield Banner()
        yield ViewTabs(self.session)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the file."""
        self._header = self.query_one(InspectHeader)
        self._banner = self.query_one(Banner)
        self._tabs = self.query_one(ViewTabs)
        self._show_header("opening…")
        self._open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Reading can be cancelled while it lasts."""
        return self.session.view is None if action == "cancel" else True

    async def action_tab(self, number: int) -> None:
        """Open a tab. Restores a maximised pane, which would hide it."""
        if self.maximized:
            self.minimize()
        await self._tabs.open(number)

    def action_cancel(self) -> None:
        """Stop reading, and leave."""
        self.was_cancelled = True
        self.leave()

    @work
    async def leave(self) -> None:
        """End the process that reads, and close the screen."""
        self.workers.cancel_group(self, "open")
        self.workers.cancel_group(self, "search")
        await self.session.close()
        self.dismiss()

    # Reading ----------------------------------------------------------------------------------

    @work(group="open")
    async def _open(self) -> None:
        """Read the files. An error closes the screen, and is printed in the terminal."""
        try:
            async with aclosing(self.session.open()) as progress:  # type: ignore[type-var]
                async for what, share in progress:
                    self._show_header(f"{what} {share:.0%}")
                    self._tabs.say(f"{what}… {share:.0%}   esc cancels")
            await asyncio.to_thread(self.session.open_review)
        except (UserError, WorkerError) as error:
            self.problem = error
            self.leave()
            return
        self._show_header()
        self.refresh_bindings()
        self._show_warnings()
        self._tabs.show()

    def _show_header(self, busy: str = "") -> None:
        figures: list[str] = []
        if view := self.session.view:
            conversations = len(first_of_conversations(view.file))
            figures = [counted(len(view.file), "sample"), counted(conversations, "conversation")]
            figures.append(f"{counted(len(view.problems), 'kind')} of problem")
        if other := self.session.options.against:
            figures.append(f"against {one_line(other.name)}")
        self._header.show(self.session.path.name, tuple(figures), busy)

    def _show_warnings(self) -> None:
        """What is left out stands at the top; how tokens are counted does not."""
        assert self.session.view
        self._banner.show(self.session.view.notes[1:])

    # Lists ------------------------------------------------------------------------------------

    @on(FigureList.Selected)
    def _list_figure(self, event: FigureList.Selected) -> None:
        figure = event.item
        if figure:
            title = " · ".join((figure.name, *figure.more))
            listing = replace(_listing(title, figure.samples()), are_faults=False)
            self._tabs.list_samples(listing, "overview")

    @on(ProblemList.Selected)
    def _list_problem(self, event: ProblemList.Selected) -> None:
        problem, view = event.item, self.session.view
        notes = view.notes if view else ()
        for text in self.query(ProblemText):
            text.show(problem, notes)
        if problem:
            listing = _listing(problem.kind.title, problem.table, problem.partners_in)
            self._tabs.list_samples(listing, "problems")

    @on(FigureList.Opened)
    @on(ProblemList.Opened)
    def _go_to_samples(self) -> None:
        self.set_focus(self._tabs.samples.scrolled())

    @on(SampleList.Left)
    def _go_back(self) -> None:
        lists = [*self._tabs.pane.query(FigureList), *self._tabs.pane.query(ProblemList)]
        self.set_focus(lists[0].scrolled())

    @on(SampleList.Searched)
    def _search(self, event: SampleList.Searched) -> None:
        self.workers.cancel_group(self, "search")
        if len(event.places):
            self._find(self._tabs.samples, event)

    @work(thread=True, exclusive=True, group="search")
    def _find(self, samples: SampleList, event: SampleList.Searched) -> None:
        worker = get_current_worker()
        listing = samples.listing
        for found, share in self.session.search(listing.rows[event.places].tolist(), event.words):
            if worker.is_cancelled or samples.listing is not listing:
                return
            self.app.call_from_thread(samples.found, event.places[found], share)

    # One sample -------------------------------------------------------------------------------

    @on(SampleList.Selected)
    def _select_sample(self, event: SampleList.Selected) -> None:
        self._is_swapped = False
        self._show_sample(event.list, event.item)

    @work(exclusive=True, group="sample")
    async def _show_sample(self, samples: SampleList, listed: Listed | None) -> None:
        """Show a sample after the list is painted."""
        await asyncio.sleep(DEBOUNCE_SECONDS)
        pane = self._tabs.sample_beside(samples)
        if listed is None:
            pane.show(None)
            return
        partners_in = samples.listing.partners_in
        own, partner = (listed.row, FILE), (listed.partner, partners_in)
        has_partner = listed.partner >= 0
        shown, other = (partner, own) if has_partner and self._is_swapped else (own, partner)
        is_fault = samples.listing.are_faults and listed.note and shown is own
        notes = [f"{WRONG} {listed.note}"] if is_fault else []
        sample = await asyncio.to_thread(self.session.sample, *shown)
        if has_partner:
            compared = await asyncio.to_thread(self.session.sample, *other)
            notes.append(
                f"o shows {self._place(*other)}: {listed.alike:.0%} of the words are equal"
            )
            notes += differences(sample or {}, compared or {})
        if not pane.is_attached:  # the screen was left meanwhile
            return
        if sample is None:
            self.notify("The sample cannot be read: the file has changed.", severity="error")
        choices = self.session.choices
        pane.show(sample, self._place(*shown), notes, has_partner, choices)

    def _place(self, row: int, side: str) -> str:
        """A sample's place: its line, with the file's name if it is the other file."""
        other = self.session.options.against
        of = f" of {other.name}" if side == OTHER and other else ""
        return f"line {self.session.line(row, side):,}{of}"

    @on(SampleList.Opened)
    @on(SuspectList.Opened)
    def _open_sample(self) -> None:
        """Maximise the sample."""
        self._opener = self._tabs.rows
        self.add_class("-reading")
        pane = self._tabs.sample
        self.set_focus(pane.scrolled())
        self.maximize(pane, container=False)

    def minimize(self) -> None:
        """Restore a maximised pane. After a sample, focus the list that opened it."""
        super().minimize()
        self.remove_class("-reading")
        opener, self._opener = self._opener, None
        if opener:
            self.set_focus(opener.scrolled())

    @on(SamplePane.Moved)
    def _move_on(self, event: SamplePane.Moved) -> None:
        self._tabs.samples.action_step(event.rows)

    @on(SamplePane.Swapped)
    def _swap(self) -> None:
        self._is_swapped = not self._is_swapped
        self._show_sample(self._tabs.samples, self._tabs.samples.selected)

    # Suspected labels -------------------------------------------------------------------------

    @on(SuspectList.Selected)
    def _select_suspect(self, event: SuspectList.Selected) -> None:
        self._show_suspect(event.item)

    @work(exclusive=True, group="sample")
    async def _show_suspect(self, suspect: Suspect | None) -> None:
        """Show the sample of a suspect after the list is painted."""
        await asyncio.sleep(DEBOUNCE_SECONDS)
        pane = self._tabs.sample_in("labels")
        row = self.session.row(suspect.line) if suspect else None
        if suspect is None or row is None:
            pane.show(None)
            return
        sample = await asyncio.to_thread(self.session.sample, row)
        if not pane.is_attached:
            return
        notes = [f"{WRONG} {difference(suspect)}"]
        decision = self.session.review.decision(suspect) if self.session.review else None
        notes += [f"{RIGHT} decided: {decided(suspect, decision)[0]}"] if decision else []
        pane.show(sample, self._place(row, FILE), notes, choices=self.session.choices)

    @on(ReviewPane.Decided)
    def _decide_on(self, event: ReviewPane.Decided) -> None:
        if problem := self._decide(event.suspect, event.action):
            self.notify(problem, severity="error")

    @on(ReviewPane.EditRequested)
    def _edit(self, event: ReviewPane.EditRequested) -> None:
        suspect, review = event.suspect, self.session.review
        assert review
        row = self.session.row(suspect.line)
        sample = None if row is None else self.session.sample(row)
        text = as_text(suspect, review.decision(suspect), sample or {})

        def save(typed: str) -> str:
            try:
                return self._decide(suspect, "edit", as_value(suspect, typed))
            except ValueError as error:
                return str(error)

        label = f"{name_of(suspect)}, line {suspect.line:,}"
        self.app.push_screen(EditLabelDialog(label, difference(suspect), one_line(text), save))

    def _decide(self, suspect: Suspect, action: Action, value: object = None) -> str:
        """Decide on a suspect. Returns why it cannot be done; "" if it was."""
        review, row = self.session.review, self.session.row(suspect.line)
        if review is None or row is None:
            return f"The file has no sample in line {suspect.line:,}."
        try:
            review.decide(suspect, action, self.session.raw(row), value)
        except OSError:
            return "The sample cannot be read: the file has changed."
        except DataError as error:
            return str(error)
        for suspects in self.query(SuspectList):
            suspects.changed()
        return ""

    @on(ReviewPane.WriteRequested)
    def _ask_where_to_write(self) -> None:
        path, review = self.session.path.absolute(), self.session.review
        if review is None:
            return

        def write(out: Path | None) -> None:
            if out:
                self._write_corrected(review, out)

        suggested = path.with_name(f"{path.stem}-corrected.jsonl")
        note = f"Beside it, every change is written to a file that ends in {LOG_SUFFIX}."
        dialog = ExportDialog("the corrected file", suggested, SAMPLES, note, beside=LOG_SUFFIX)
        self.app.push_screen(dialog, write)

    @work(thread=True)
    def _write_corrected(self, review: Review, path: Path) -> None:
        try:
            changes = review.write(path)
        except DataError as error:
            self.notify(str(error), severity="error")
        else:
            self.notify(f"{in_words(changes)}: {path}")

    # Files ------------------------------------------------------------------------------------

    @on(SampleList.ExportRequested)
    def _export(self, event: SampleList.ExportRequested) -> None:
        suggested = Path.cwd() / f"{self.session.path.stem}-samples.jsonl"

        def write(path: Path | None) -> None:
            if path:
                self._write_samples(path, event.rows)

        dialog = ExportDialog("the samples listed", suggested, SAMPLES, ALL_SAMPLES)
        self.app.push_screen(dialog, write)

    @work(thread=True)
    def _write_samples(self, path: Path, rows: list[int]) -> None:
        samples = [sample for row in rows if (sample := self.session.sample(row))]
        try:
            write_atomically(path, "".join(to_json(sample) + "\n" for sample in samples))
        except OSError as error:
            self.notify(f"{path}: {error.strerror}", severity="error")
        else:
            self.notify(f"Wrote {counted(len(samples), 'sample')} to {path}")


def _listing(title: str, table: Table, partners_in: str = FILE) -> Listing:
    return Listing(
        title,
        np.asarray(table.rows),
        np.asarray(table.codes),
        np.asarray(table.partners),
        np.asarray(table.shares),
        tuple(table.notes),
        partners_in,
    )
