"""A report as HTML or Markdown."""

from __future__ import annotations

import base64
import re
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from trm_engine.printable import one_line, printable
from trm_tui import __version__
from trm_tui.report.content import Report

SPECIAL = re.compile(r"([\\`*_{}\[\]|<>~$&])")
"""Characters that Markdown may read as markup."""

FORMATS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


def rendered(report: Report, kind: str) -> str:
    """The text of a report. ``kind`` is one of the values of ``FORMATS``."""
    environment = Environment(
        loader=PackageLoader("trm_tui.report"),
        autoescape=kind == "html",
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=kind == "md",
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": _markdown, "data_uri": _data_uri}
    made = datetime.now().strftime("%Y-%m-%d %H:%M")
    template = environment.get_template(f"report.{kind}.jinja")
    return template.render(report=report, version=__version__, made=made)


def _printable(value: object) -> object:
    """Texts without control characters. Markup is our own."""
    return printable(value) if type(value) is str else value


def _markdown(text: str) -> str:
    """A text in one line, without markup."""
    return SPECIAL.sub(r"\\\1", one_line(text))


def _data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
