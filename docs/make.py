"""Make the tables of the documentation from the code: python -m docs.make

A page marks where a table goes, and the table is written between the marks:

    <!-- made from trm_tui/keys.py: keys -->
    <!-- end -->
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from trm_engine.config import RETIRED, Config
from trm_engine.data.formats.detection import FORMATS
from trm_engine.data.problems.kind import COSTS
from trm_engine.data.problems.kinds import KINDS as PROBLEMS
from trm_engine.runs.schema.evaluation import METRICS
from trm_engine.training.terms import TERMS
from trm_tui.cli import app
from trm_tui.keys import KEYS

HERE = Path(__file__).parent
PACKAGES = ("trm_engine", "trm_tui")
MARKED = re.compile(r"(<!-- made from [^\n]+: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
KINDS = {int: "integer", float: "number", str: "text", bool: "true, false"}


def pages() -> list[Path]:
    """Every page that is written in Markdown, the index first."""
    return [HERE / "README.md", *sorted({*HERE.rglob("*.md")} - {HERE / "README.md"})]


def filled(text: str) -> str:
    """A page with its tables as the code has them now.

    Raises:
        KeyError: the page asks for a table that there is not.
    """
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


# Configuration ----------------------------------------------------------------------------------


def configuration() -> str:
    """A table for each section of the configuration."""
    return "\n".join(f"## `{name}`\n\n{_section(name)}" for name in Config.model_fields)


def _section(name: str) -> str:
    rows = [
        (f"`{key}`", f"`{shown(field.default)}`", _values(field), field.description)
        for key, field in settings(name).items()
    ]
    return _table(("setting", "default", "values", "what it does"), rows)


def settings(section: str) -> dict[str, FieldInfo]:
    """The settings of a section by name."""
    fields: dict[str, FieldInfo] = type(getattr(Config(), section)).model_fields
    return fields


def shown(value: object) -> str:
    """A value as YAML has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(field: FieldInfo) -> str:
    """The values that a setting takes: its choices, or its kind and bounds."""
    kinds = _alternatives(field.annotation)
    told = [_kind(kind) for kind in kinds if kind is not types.NoneType]
    bounds = [
        f"{sign} {getattr(bound, name):g}"
        for bound in field.metadata
        for kind, (sign, name) in BOUNDS.items()
        if isinstance(bound, kind)
    ]
    return " ".join(filter(None, [", ".join(told), ", ".join(bounds)]))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    return KINDS.get(kind, "list")


def metrics() -> str:
    """Every metric: its name on the screens and in JSON, and what it is."""
    rows = [(each.title, each.short, f"`{each.name}`", each.help) for each in METRICS]
    return _table(("metric", "short", "in JSON", "what it is"), rows)


def retired() -> str:
    """Every setting of earlier versions, and why it is gone."""
    return _table(("setting", ""), [(f"`{key}`", told) for key, told in RETIRED.items()])


def losses() -> str:
    """Every part of the loss with the settings that it is multiplied by."""
    rows = [
        (f"`{term.name}`", " × ".join(f"`{each}`" for each in (term.weight, term.share) if each))
        for term in TERMS
    ]
    return _table(("part of the loss", "weight in `model`"), rows)


# Command line -----------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its arguments, options and examples."""
    return "\n".join(_command(name, command) for name, command in _commands())


def _commands() -> Iterator[tuple[str, Any]]:
    """Every command by its name, ``data make`` and the like included."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        yield from (
            ((f"{name} {each}", inner[each]) for each in inner) if inner else [(name, command)]
        )


def _command(name: str, command: Any) -> str:
    told, _, examples = inspect.cleandoc(command.help).partition("\b\nExamples:\n")
    arguments = [_argument(each) for each in command.params if not _is_option(each)]
    usage = " ".join(["trm-tui", name, *arguments, "[OPTIONS]"])
    rows = [(f"`{_name(each)}`", each.help) for each in command.params]
    parts = [f"## trm-tui {name}", told.strip(), f"```text\n{usage}\n```", _table(("", ""), rows)]
    if examples:
        parts.append(f"```sh\n{inspect.cleandoc(examples)}\n```\n")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _name(parameter: Any) -> str:
    """An argument's name, or an option with the form of its value."""
    if not _is_option(parameter):
        return _argument(parameter).strip("[]")
    names = ", ".join(parameter.opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or 'N'}"


def _argument(parameter: Any) -> str:
    name = parameter.metavar.strip("[]")
    return name if parameter.required else f"[{name}]"


# Keys -------------------------------------------------------------------------------------------


def problems() -> str:
    """A table of the kinds of problems of a data file, most costly first."""
    order = sorted(PROBLEMS, key=lambda kind: COSTS.index(kind.cost))
    rows = [(kind.title, kind.cost, kind.explanation, kind.repair) for kind in order]
    return _table(("problem", "cost", "what it is", "what to do"), rows)


def keys() -> str:
    """A table for each part of the screens."""
    tables = []
    for where, each in KEYS.items():
        rows = [(f"`{key.shown}`", f"`{key.name}`", key.help) for key in each if key.shown]
        tables.append(f"## {where}\n\n{_table(('key', 'name', ''), rows)}")
    return "\n".join(tables)


# Architecture -----------------------------------------------------------------------------------


def rooms() -> str:
    """Every folder of both packages, and every file that is in none, with its first line."""
    return "\n".join(f"### `{package}/`\n\n{_rooms(HERE.parent / package)}" for package in PACKAGES)


def _rooms(package: Path) -> str:
    folders = [path.parent for path in package.rglob("__init__.py") if path.parent != package]
    files = [path for path in package.glob("*.py") if not path.name.startswith("__")]
    rows = [
        *((f"`{each.relative_to(package)}/`", _subject(each / "__init__.py")) for each in folders),
        *((f"`{each.name}`", _subject(each)) for each in files),
    ]
    return _table(
        ("where", "what is there"), sorted(rows, key=lambda row: (row[0][-2] != "/", row))
    )


def _subject(path: Path) -> str:
    """The first line of a module's docstring; the module is not imported."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0].replace("``", "`")


# Data -------------------------------------------------------------------------------------------


def formats() -> str:
    """Every format of conversations, with the first line of its module."""
    rows = []
    for each in sorted(FORMATS, key=lambda each: each.title.lower()):
        path = HERE.parent / (each.matches.__module__.replace(".", "/") + ".py")
        rows.append((f"`{each.name}`", each.title, _subject(path).partition(": ")[2]))
    return _table(("`--format`", "named", "what it is"), rows)


# Tables -----------------------------------------------------------------------------------------


def _table(headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in lines
    )


TABLES: dict[str, Callable[[], str]] = {
    "configuration": configuration,
    "metrics": metrics,
    "retired": retired,
    "losses": losses,
    "commands": commands,
    "keys": keys,
    "problems": problems,
    "rooms": rooms,
    "formats": formats,
}


def main() -> None:
    """Write every page whose tables have changed."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page.relative_to(HERE.parent)}: written")


if __name__ == "__main__":
    main()
