"""TrmApp: what all screens share: theme, help, maximising, command palette, leaving."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from textual import events, on
from textual.app import SystemCommand
from textual.events import Event
from textual.filter import LineFilter
from textual.message import Message
from textual.message_pump import MessagePump
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget
from textual.widgets import Tab

from trm_engine.errors import ConfigError
from trm_engine.printable import one_line, printable
from trm_tui.keymap import Keymap, for_textual, read_keymap
from trm_tui.keys import EVERYWHERE, KEYS, bindings
from trm_tui.settings import Remembered, Settings
from trm_tui.text.console import PrintableConsole
from trm_tui.text.printable_filter import PrintableFilter
from trm_tui.theme import ThemedApp
from trm_tui.widgets.lazy_tabs import LazyTabs

PANE = "panel"
GARBAGE_SECONDS = 3.0
"""Garbage collection is off for this long, while the first screen is built and the run is read."""
KEY_SECONDS = 0.5
"""How long a key waits for the previous one, whose widget may be gone."""
PANES_SECONDS = 0.02
"""Time between two checks whether the panes that a key waits for are there."""
MOST_SECONDS = 10.0
"""How long a key waits for them."""
LONG = 30.0
"""Seconds for which an error in the keymap is shown."""
NO_COMMANDS = ("tab(", "app.command_palette")
"""Beginnings of actions that the command palette does not list: tabs stand there by name."""
SIXTEEN_COLOURS = "ansi-dark"
"""The theme for terminals with 16 colours."""


class _Handled(Message):
    """Sent after a key to the same widget: when it comes back, the key has been handled.

    It is sent twice, so that the messages that the widget posted have been handled as well.
    """

    def __init__(self, key: events.Key, target: MessagePump, rounds: int = 2) -> None:
        super().__init__()
        self.key = key
        self.target = target
        self.rounds = rounds

    def follow(self) -> bool:
        """Send it once more. Returns False after the last round, or if the widget is gone."""
        again = _Handled(self.key, self.target, self.rounds - 1)
        return self.rounds > 0 and self.target.post_message(again)


class TrmApp(ThemedApp):
    """Opens the screen that ``first(remembered)`` returns.

    Without ``settings``, the user's own are read, and the user's keys.
    """

    TITLE = "trm-tui"
    CSS_PATH = "trm_tui.tcss"
    BINDINGS = bindings(EVERYWHERE)

    def __init__(
        self, first: Callable[[Remembered], Screen[Any]], settings: Settings | None = None
    ) -> None:
        super().__init__()
        self.error_console = PrintableConsole(stderr=True)
        self._printable = PrintableFilter(())
        self.remembered = Remembered(settings)
        self._has_own_keys = settings is None
        self.keymap: Keymap = {}
        self._first = first
        self._typed: deque[events.Key] = deque()
        self._pending: events.Key | None = None
        self._complete: Screen[Any] | None = None
        self._imposed = ""
        if self.remembered.settings.theme in self.available_themes:
            self.theme = self.remembered.settings.theme

    def on_mount(self) -> None:
        """Show the first screen. SIGTERM ends the app and restores the terminal."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        signal.signal(
            signal.SIGHUP, signal.SIG_DFL
        )  # end when the terminal goes away, even under nohup
        has_sixteen_colours = not self.is_headless and self.console.color_system == "standard"
        if has_sixteen_colours and not self.current_theme.ansi:
            self._imposed = self.theme = SIXTEEN_COLOURS
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.call_later(self._open)  # until this method has ended, nothing is painted
        if self._has_own_keys:
            self._use_own_keys()
        if self.remembered.problem:
            self.notify(self.remembered.problem, severity="warning")
        self.set_timer(GARBAGE_SECONDS, self._collect_garbage)

    def _end(self) -> None:
        """End the app, once its screen is complete: a screen that is being mounted would fail."""
        (self.screen if self.screen_stack else self).call_later(self.exit)

    def _open(self) -> None:
        self.push_screen(self._first(self.remembered), lambda _: self.exit())

    def _use_own_keys(self) -> None:
        """Use the keys of the user's keymap; all of them or, with an error, none."""
        try:
            self.keymap = read_keymap()
        except ConfigError as error:
            self.notify(f"Your keymap is not used.\n{error}", severity="error", timeout=LONG)
        else:
            self.set_keymap(for_textual(self.keymap))

    def _remember_theme(self, theme: Theme) -> None:
        """Remember the theme that the user chose, but not one that the terminal imposes."""
        if theme.name != self._imposed:
            self.remembered.change(theme=theme.name)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message. It is never parsed as markup, because it may contain foreign text."""
        message, title = printable(message), one_line(title)
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """One filter that keeps foreign text from controlling the terminal."""
        others = super().get_line_filters()
        if others != self._printable.others:
            self._printable = PrintableFilter(others)
        return [self._printable]

    def _collect_garbage(self) -> None:
        """Turn garbage collection on. It skips the objects that exist by now."""
        gc.freeze()
        gc.enable()

    async def on_event(self, event: Event) -> None:
        """Handle keys one at a time, so that each reaches the widget that has the focus by then.

        Otherwise keys that are typed fast reach the old pane, where they may control the training.
        """
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if self._pending is None:
            await self._handle_next()
        else:
            self.set_timer(KEY_SECONDS, partial(self._go_on, self._pending))

    async def _handle_next(self) -> None:
        """Dispatch a key, followed by the message that reports that it was handled."""
        self._pending = None
        if self._typed and not self._has_panes() and _age(self._typed[0]) < MOST_SECONDS:
            self._pending = waiting = events.Key("", None)  # stands for what is not there yet
            self.set_timer(PANES_SECONDS, partial(self._go_on, waiting))
            return
        while self._typed and self._pending is None:
            key, target = self._typed.popleft(), self.focused or self.screen
            await super().on_event(key)
            self._pending = key if _Handled(key, target).follow() else None

    def _has_panes(self) -> bool:
        """Whether the first screen is there, and what this one opens with."""
        if len(self.screen_stack) < 2 or not self.screen.is_mounted:
            return False
        if self.screen is not self._complete:
            awaits_tabs = getattr(self.screen, "awaits_tabs", False)
            if awaits_tabs or not all(tabs.is_filled for tabs in self.screen.query(LazyTabs)):
                return False
            self._complete = self.screen
        return True

    @on(_Handled)
    def _note_handled(self, handled: _Handled) -> None:
        if not handled.follow():  # call_later: after a change of focus
            self.call_later(self._go_on, handled.key)

    async def _go_on(self, key: events.Key) -> None:
        if key is self._pending:
            await self._handle_next()

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Write a picture of the screen into the current folder and show its path.

        Textual would write it into a downloads folder, which not every machine has.
        """
        time = datetime.now().strftime(time_format or "%Y-%m-%d_%H-%M-%S")
        about = next(filter(None, (getattr(each, "subject", "") for each in self.screen_stack)), "")
        name = filename or f"{'-'.join(filter(None, (self.title, about, time)))}.svg"
        file = Path(path or ".").absolute() / name
        try:
            file.write_text(self.export_screenshot(), encoding="utf-8")
        except OSError as error:
            problem = f"{file}: {error.strerror}"
            self.notify(problem, severity="error")
        else:
            self.notify(f"Screenshot written to {file}")
        return None

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: themes, a screenshot, tabs, and all keys that work now."""
        own = super().get_system_commands(screen)
        yield from (each for each in own if each.title in ("Theme", "Screenshot"))
        for number, tab in enumerate(screen.query(Tab), 1):
            open_tab = partial(self.run_action, f"tab({number})", screen)
            yield SystemCommand(f"Open tab {tab.label_text}", "", open_tab)
        told = {""}
        for active in screen.active_bindings.values():
            binding, part = active.binding, (active.binding.id or "").partition(".")[0]
            is_command = part in KEYS and not binding.action.startswith(NO_COMMANDS)
            if active.enabled and is_command and binding.tooltip not in told:
                told.add(binding.tooltip)
                run = partial(self.run_action, binding.action, active.node)
                shown = f"{self.get_key_display(binding)} · {part}".removeprefix(" · ")
                yield SystemCommand(binding.tooltip, shown, run)

    def action_help(self) -> None:
        """Show all keys, those of the focused pane and its screen first."""
        from trm_tui.screens.help import HelpScreen

        about = getattr(self.screen, "ABOUT", "")
        self.push_screen(HelpScreen(list(_parts(self.screen)), about, self.keymap))

    def action_maximise(self) -> None:
        """Maximise the focused pane, or restore it."""
        if self.screen.maximized:
            self.screen.minimize()
        elif pane := _pane(self.focused):
            self.screen.maximize(pane, container=False)

    async def action_quit(self) -> None:
        """Textual's own action for leaving."""
        self.action_leave()

    def action_leave(self) -> None:
        """Leave the screen: by its ``leave`` method if it has one."""
        leave = getattr(self.screen, "leave", self.screen.dismiss)
        leave()


def _age(key: events.Key) -> float:
    """Seconds since a key was pressed."""
    return time.monotonic() - key.time


def _pane(widget: Widget | None) -> Widget | None:
    """The pane that a widget belongs to."""
    if widget is None:
        return None
    around = (each for each in widget.ancestors_with_self if isinstance(each, Widget))
    return next((each for each in around if each.has_class(PANE)), None)


def _parts(screen: Screen[Any]) -> Iterator[str]:
    """The parts of the key table that a screen understands, those of the focused pane first."""
    focused = [screen.focused] if screen.focused else []
    for widget in (*focused, screen, *screen.focus_chain):
        for node in widget.ancestors_with_self:
            for bound in node._bindings.key_to_bindings.values():
                ids = (binding.id or "" for binding in bound)
                yield from (each.partition(".")[0] for each in ids if each)
