"""ViewTabs: overview, problems and suspected labels of a data file, each with its samples."""

from __future__ import annotations

from textual.containers import Container, Vertical
from textual.widget import Widget

from trm_tui.sessions.data_view import DataSession
from trm_tui.store.listing import Listing
from trm_tui.widgets.data.figures import FigureList
from trm_tui.widgets.data.problems import ProblemList, ProblemText
from trm_tui.widgets.data.review import ReviewPane
from trm_tui.widgets.data.sample import SamplePane
from trm_tui.widgets.data.samples import SampleList
from trm_tui.widgets.data.suspects import SuspectList
from trm_tui.widgets.lazy_tabs import LazyTabs
from trm_tui.widgets.table.search_pane import SearchRows


class ViewTabs(LazyTabs):
    """The tabs of a data file."""

    TABS = ("Overview", "Problems", "Labels")

    def __init__(self, session: DataSession) -> None:
        super().__init__()
        self.session = session
        self._status = ""

    def content(self, tab: str) -> Widget:
        """A list of figures, problems or suspects, the samples behind it, and one of them."""
        if tab == "labels":
            return ReviewPane(classes="data-panes data-review")
        masters: list[Widget] = [FigureList(classes="panel")]
        if tab == "problems":
            masters = [ProblemList(classes="panel"), ProblemText(classes="panel")]
        session = self.session
        samples = SampleList(session.sample, session.line, classes="panel")
        return Container(
            Vertical(*masters, classes="data-masters"),
            Vertical(samples, SamplePane(classes="panel"), classes="data-samples"),
            classes="data-panes",
        )

    def filled(self, tab: str) -> None:
        """Show the data that is already read."""
        if self.session.view:
            self.show()
        elif self._status:
            self.say(self._status)

    def say(self, status: str) -> None:
        """Show how far the reading is, in place of the lists."""
        self._status = status
        for figures in self.query(FigureList):
            figures.say(status)
        for problems in self.query(ProblemList):
            problems.say(status)
        for suspects in self.query(SuspectList):
            suspects.say(status)

    def show(self) -> None:
        """Show the file that was read."""
        view = self.session.view
        assert view
        for figures in self.query(FigureList):
            figures.show(self.session.figures)
        for problems in self.query(ProblemList):
            problems.show(view.problems, len(view.file))
        for suspects in self.query(SuspectList):
            suspects.show(self.session.review)

    def list_samples(self, listing: Listing, tab: str) -> None:
        """List other samples in a tab."""
        self.query_one(f"#{tab}").query_one(SampleList).show(listing)

    def sample_in(self, tab: str) -> SamplePane:
        """The sample in a tab. Messages of a list can come after another tab was opened."""
        return self.query_one(f"#{tab}").query_one(SamplePane)

    def sample_beside(self, samples: SampleList) -> SamplePane:
        """The sample in the tab of a list."""
        return next(pane for pane in self.query(SamplePane) if pane.parent is samples.parent)

    @property
    def pane(self) -> Widget:
        """The content of the open tab."""
        return self.query_one(f"#{self.active}")

    @property
    def rows(self) -> SearchRows:
        """The list in the open tab that samples are chosen from."""
        return self.pane.query(SearchRows).last()

    @property
    def samples(self) -> SampleList:
        """The list of samples in the open tab."""
        return self.pane.query_one(SampleList)

    @property
    def sample(self) -> SamplePane:
        """The sample in the open tab."""
        return self.pane.query_one(SamplePane)
