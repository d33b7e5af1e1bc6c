"""ConfigDiffScreen: the configurations of two runs, side by side."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen

from trm_engine.config import Config
from trm_engine.printable import one_line
from trm_engine.runs.summary import RunSummary
from trm_tui.keys import CONFIG_DIFF, bindings
from trm_tui.store.groups import different_settings, only
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.run.config import ConfigView


class ConfigDiffScreen(Screen[None]):
    """Shows the settings in which two runs differ, or all of them."""

    BINDINGS = bindings(CONFIG_DIFF)

    def __init__(self, first: RunSummary, second: RunSummary) -> None:
        super().__init__()
        self._first = first
        self._second = second
        self._only_different = True

    def compose(self) -> ComposeResult:
        """The settings and the footer."""
        view = ConfigView(classes="panel")
        yield view
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the differences."""
        self._show()

    def action_all(self) -> None:
        """Show all settings, or only those that differ."""
        self._only_different = not self._only_different
        self._show()

    def _show(self) -> None:
        view = self.query_one(ConfigView)
        configs = [self._first.config, self._second.config]
        if self._only_different:
            keys = different_settings(*configs)
            configs = [only(each, keys) for each in configs]
        name = one_line(self._second.title)
        view.show(configs[0], Config().to_dict(), configs[1], name)
        view.border_title = Content(f"{one_line(self._first.title)}, and where {name} differs")
