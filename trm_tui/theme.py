"""Themes for dark, light, colour-blind and 16-colour terminals.

Every theme adds these variables to Textual's: ``series-1`` to ``series-8`` (curves and runs),
``good``, ``fair`` and ``poor`` (grades of a metric), ``heat`` (a full cell of a matrix), ``faint``
(axes, grids, secondary text).
"""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.theme import Theme

Variables = dict[str, str]

SERIES = 8


def _variables(series: str, good: str, fair: str, poor: str, heat: str, faint: str) -> Variables:
    names = (f"series-{number}" for number in range(1, SERIES + 1))
    means = {"good": good, "fair": fair, "poor": poor, "heat": heat, "faint": faint}
    return dict(zip(names, series.split(), strict=True)) | means


ON_DARK = _variables(
    "#5fafff #ffaf5f #87d787 #d787d7 #5fd7d7 #ffd75f #ff8787 #af87ff",
    good="#87d787", fair="#ffd75f", poor="#ff8787", heat="#3f7fbf", faint="#6c7280",
)  # fmt: skip
ON_LIGHT = _variables(
    "#005faf #af5f00 #2f7f2f #8f2f8f #007f7f #806000 #bf2f2f #5f3fbf",
    good="#2f7f2f", fair="#8a6500", poor="#bf2f2f", heat="#8fbfef", faint="#7c8290",
)  # fmt: skip
# Okabe and Ito's palette (2008), distinguishable with any kind of colour vision.
COLOUR_BLIND = _variables(
    "#56b4e9 #e69f00 #009e73 #cc79a7 #f0e442 #0072b2 #d55e00 #bbbbbb",
    good="#56b4e9", fair="#f0e442", poor="#e0702a", heat="#0072b2", faint="#6c7280",
)  # fmt: skip
SIXTEEN = _variables(
    "ansi_bright_blue ansi_yellow ansi_green ansi_magenta ansi_cyan ansi_bright_yellow ansi_red "
    "ansi_bright_magenta",
    good="ansi_green", fair="ansi_yellow", poor="ansi_red", heat="ansi_blue",
    faint="ansi_bright_black",
)  # fmt: skip

DEFAULT = "trm-dark"
THEMES = (
    Theme(
        name=DEFAULT,
        primary="#5fafff", secondary="#87afaf", accent="#ffaf5f", foreground="#d8dce4",
        background="#14161b", surface="#1b1e25", panel="#262a33",
        success="#87d787", warning="#ffd75f", error="#ff8787", dark=True, variables=ON_DARK,
    ),
    Theme(
        name="trm-light",
        primary="#005faf", secondary="#3f6f6f", accent="#af5f00", foreground="#20242c",
        background="#fafafa", surface="#f0f1f4", panel="#e2e5ea",
        success="#2f7f2f", warning="#8a6500", error="#bf2f2f", dark=False, variables=ON_LIGHT,
    ),
    Theme(
        name="trm-colour-blind",
        primary="#56b4e9", secondary="#999999", accent="#e69f00", foreground="#dddddd",
        background="#14161b", surface="#1b1e25", panel="#262a33",
        success="#56b4e9", warning="#f0e442", error="#e0702a", dark=True, variables=COLOUR_BLIND,
    ),
)  # fmt: skip


class ThemedApp(App[Any]):
    """An app with these themes. It starts with ``trm-dark``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DEFAULT

    def get_theme_variable_defaults(self) -> Variables:
        """The variables above, for Textual's own themes."""
        theme = self.current_theme
        if theme.ansi:
            return SIXTEEN
        return ON_DARK if theme.dark else ON_LIGHT
