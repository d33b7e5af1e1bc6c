"""ConfigView: a configuration, with its differences from the defaults and from another one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content

from trm_engine.printable import printable
from trm_tui.keys import CONFIG, bindings
from trm_tui.widgets.log.buffer import fold
from trm_tui.widgets.table.drawing import Drawing
from trm_tui.widgets.table.scrolling import Scroller
from trm_tui.widgets.table.search_pane import SearchPane

CHANGED = "*"
"""The mark of a value that is not the default."""

WIDE = 120
"""From this width on, every setting has its description."""

Values = Mapping[str, Any]
"""Sections with their settings, from ``Config.to_dict``."""


@dataclass(frozen=True)
class Setting:
    """One setting as text. ``default`` and ``other`` are None if they equal ``value``."""

    section: str
    name: str
    value: str
    default: str | None = None
    other: str | None = None

    def has(self, words: str) -> bool:
        """Whether name or value contains these words, ignoring case."""
        return fold(words) in fold(f"{self.section}.{self.name} {self.value} {self.other or ''}")


def settings_of(config: Values, defaults: Values, other: Values | None = None) -> list[Setting]:
    """The settings of a configuration, and of the other one if any, in order of the sections."""
    values, usual = dict(_flat(config)), dict(_flat(defaults))
    others = dict(_flat(other)) if other is not None else values
    found = []
    for section, name in sorted(values | others, key=lambda key: _rank(key[0], config)):
        key = section, name
        value = values.get(key, "–")
        default, another = usual.get(key, value), others.get(key, "–")
        found.append(
            Setting(
                section,
                name,
                value,
                default if default != value else None,
                another if another != value else None,
            )
        )
    return found


class ConfigTable(Drawing):
    """Settings grouped by section, in aligned columns."""

    DEFAULT_CSS = """
    ConfigTable > .config--faint { color: $faint; }
    ConfigTable > .config--section { color: $primary; text-style: bold; }
    ConfigTable > .config--changed { color: $accent; text-style: bold; }
    ConfigTable > .config--found { color: $accent; text-style: underline; }
    """
    COMPONENT_CLASSES = {
        "config--faint",
        "config--section",
        "config--changed",
        "config--found",
    }

    def __init__(self) -> None:
        super().__init__()
        self._settings: list[Setting] = []
        self._other = ""
        self._words = ""

    def show(self, settings: list[Setting], other: str, words: str) -> None:
        """Show settings, with ``words`` highlighted; ``other`` names the other configuration."""
        self._settings, self._other, self._words = settings, other, words
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """The table."""
        if not self._settings:
            note = "No setting contains these words." if self._words else "Not known yet."
            return Text(note, self.look("config--faint"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", ratio=3)
        table.add_column(overflow="fold", ratio=2)
        is_wide = width >= WIDE
        if is_wide:
            table.add_column(ratio=5)
        for section, settings in groupby(self._settings, lambda each: each.section):
            if table.row_count:
                table.add_row()
            table.add_row(Text(section.capitalize(), self.look("config--section")))
            for setting in settings:
                table.add_row(*self._cells(setting, is_wide))
        return table

    def _cells(self, setting: Setting, is_wide: bool) -> Iterator[Text]:
        is_changed = setting.default is not None
        mark = Text().append(f"{CHANGED if is_changed else ' '} ", self.look("config--changed"))
        yield mark.append_text(self._found(Text(setting.name)))
        yield self._found(Text(setting.value, Style(bold=is_changed)))
        if setting.other is not None:
            yield self._found(Text(f"{self._other}: {setting.other}"))
        elif setting.default is not None and not self._other:
            yield Text(f"default {setting.default}", self.look("config--faint"))
        else:
            yield Text()
        if is_wide:
            yield Text(
                _descriptions().get(f"{setting.section}.{setting.name}", ""),
                self.look("config--faint"),
            )

    def _found(self, text: Text) -> Text:
        return self.found(text, self._words, "config--found")


class ConfigView(SearchPane):
    """The configuration of a run, with search."""

    BINDINGS = bindings(CONFIG)

    def __init__(self, **options: Any) -> None:
        super().__init__("words of a setting", **options)
        self.border_title = "Configuration"
        self._shown: tuple[Any, ...] = ()
        self._settings: list[Setting] = []
        self._other = ""
        self._table = ConfigTable()

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._table
        yield self.search

    def show(
        self,
        config: Values,
        defaults: Values | None = None,
        other: Values | None = None,
        other_name: str = "other",
    ) -> None:
        """Show a configuration, and mark its differences from the defaults.

        ``other`` is a configuration to compare with; its different values are shown too.
        """
        shown = (config, defaults, other, other_name)
        if shown != self._shown:
            self._shown = shown
            self._settings = settings_of(config, defaults or config, other)
            self._other = other_name if other is not None else ""
            self.narrow(self.words)

    def narrow(self, words: str) -> None:
        """Show only settings whose name or value contains these words."""
        settings = [each for each in self._settings if each.has(words)]
        self._table.show(settings, self._other, words)
        self.border_subtitle = Content(" · ".join(self._subtitle(settings)))

    def _subtitle(self, settings: list[Setting]) -> Iterator[str]:
        if len(settings) < len(self._settings):
            yield f"{len(settings)} of {len(self._settings)} settings"
        changed = sum(each.default is not None for each in settings)
        if changed:
            yield f"{CHANGED} {changed} not the default"
        if self._other:
            different = sum(each.other is not None for each in settings)
            yield f"{different} differ from {self._other}"


def _flat(values: Values) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield section, name and value (as text) of every setting; nested names have dots."""
    for section, settings in values.items():
        if not isinstance(settings, Mapping):
            yield ("", str(section)), _text(settings)
            continue
        for name, value in settings.items():
            if isinstance(value, Mapping) and value:
                for (_, deeper), text in _flat({section: value}):
                    yield (section, f"{name}.{deeper}"), text
            else:
                yield (section, str(name)), _text(value)


@cache
def _descriptions() -> dict[str, str]:
    """What each setting does, by its ``section.key``."""
    from trm_engine.config import setting_fields  # takes 0.1 s

    return {key: field.description or "" for key, field in setting_fields().items()}


def _text(value: Any) -> str:
    """A value as in a configuration file."""
    if isinstance(value, str):
        return printable(value) or '""'
    if isinstance(value, bool | None):
        return json.dumps(value)
    return printable(str(value))


def _rank(section: str, config: Values) -> int:
    return list(config).index(section) if section in config else len(config)
