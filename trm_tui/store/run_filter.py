"""The language that filters runs: ``val.exact > 0.95 and lr < 1e-3``.

It is read by Python's own parser. Only comparisons, ``and``, ``or``, ``not``, names, numbers and
text are accepted; nothing is executed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from trm_engine.config import known_keys
from trm_engine.errors import UserError, did_you_mean
from trm_engine.runs.schema.evaluation import METRICS
from trm_engine.runs.summary import RunSummary
from trm_tui.store.groups import ALIASES, flat

Facts = Mapping[str, Any]
"""What is known of a run, by the names of the language."""
Test = Callable[[Facts], Any]

LONGEST = 500
SINGLE_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")
OPERATORS = re.compile(r"[<>=!]|\b(in|not|and|or)\b")
OWN = ("name", "folder", "state", "step", "epoch", "age", "tags", "note", "device", "samples_per_s")
ORDERED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


class FilterError(UserError):
    """A filter cannot be read. The message says why."""


def names() -> list[str]:
    """All names of the language."""
    return [*OWN, *_setting_names(), *_metric_names()]


def facts_of(run: RunSummary, now: float) -> Facts:
    """What is known of a run at the time ``now`` (Unix seconds). ``age`` is in hours."""
    metrics = run.best.metrics if run.best else {}
    settings = flat(run.config)
    return {
        "name": run.title,
        "folder": run.name,
        "state": run.state or "unknown",
        "step": run.step,
        "epoch": run.epoch,
        "age": (now - run.started) / 3600 if run.started else None,
        "tags": list(run.about.tags),
        "note": run.about.note,
        "device": run.device,
        "samples_per_s": run.samples_per_s,
        **{name: settings.get(key) for name, key in _setting_names().items()},
        **{name: metrics.get(key) for name, key in _metric_names().items()},
    }


def run_filter(text: str) -> Callable[[Facts], bool]:
    """The test that a text describes. Words without an operator are searched for.

    Raises:
        FilterError: the text is no filter.
    """
    text = text.strip()
    if not OPERATORS.search(text):
        words = text.casefold().split()
        return lambda facts: all(word in _searched(facts) for word in words)
    test = _test(_parsed(text))
    return lambda facts: bool(test(facts))


def _searched(facts: Facts) -> str:
    parts = [facts["name"], facts["folder"], facts["state"], facts["note"], *facts["tags"]]
    return "\n".join(parts).casefold()


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise FilterError(f"the filter is longer than {LONGEST} characters")
    try:
        return ast.parse(SINGLE_EQUALS.sub("==", text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FilterError(
            f"{text!r} is no filter; write for example: val.exact > 0.95 and lr < 1e-3"
        ) from None


def _test(node: ast.expr) -> Test:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            tests = [_test(each) for each in values]
            return lambda facts: all(test(facts) for test in tests)
        case ast.BoolOp(values=values):
            tests = [_test(each) for each in values]
            return lambda facts: any(test(facts) for test in tests)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            test = _test(operand)
            return lambda facts: not test(facts)
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [left, *others]
            tests = [
                _comparison(
                    operator,
                    _value(first, is_text=isinstance(operator, ast.In | ast.NotIn)),
                    _value(second, is_text=type(operator) not in ORDERED),
                )
                for operator, first, second in zip(operators, sides, others, strict=False)
            ]
            return lambda facts: all(test(facts) for test in tests)
    return _value(node)


def _comparison(operator: ast.cmpop, first: Test, second: Test) -> Test:
    match operator:
        case ast.Eq():
            return lambda facts: _equal(first(facts), second(facts))
        case ast.NotEq():
            return lambda facts: not _equal(first(facts), second(facts))
        case ast.In():
            return lambda facts: _within(first(facts), second(facts))
        case ast.NotIn():
            return lambda facts: not _within(first(facts), second(facts))
    if type(operator) not in ORDERED:
        raise FilterError("'is' is no operator; write =")
    compare = ORDERED[type(operator)]
    return lambda facts: _ordered(compare, first(facts), second(facts))


def _value(node: ast.expr, is_text: bool = False) -> Test:
    """A constant or the value of a name. With ``is_text`` an unknown name stands for itself."""
    match node:
        case ast.Constant(value=value) if isinstance(value, int | float | str | None):
            return lambda facts: value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return lambda facts: -number
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            values = [_value(each, is_text=True) for each in elements]
            return lambda facts: [value(facts) for value in values]
        case ast.Name() | ast.Attribute():
            return _named(ast.unparse(node), is_text)
    raise FilterError(f"{ast.unparse(node)}: expected a name, a number, or text in quotes")


def _named(name: str, is_text: bool) -> Test:
    known = names()
    if name in known:
        return lambda facts: facts.get(name)
    if is_text and "." not in name:
        truth = {"true": True, "false": False, "null": None}
        return lambda facts: truth.get(name, name)
    raise FilterError(f"unknown name '{name}'{did_you_mean(name, known)}")


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, list):
        return any(_equal(each, second) for each in first)
    if isinstance(first, str) and isinstance(second, str):
        return fnmatchcase(first.casefold(), second.casefold())
    return bool(first == second)


def _within(first: Any, second: Any) -> bool:
    if isinstance(second, list):
        return any(_equal(each, first) for each in second)
    return isinstance(second, str) and str(first).casefold() in second.casefold()


def _ordered(compare: Callable[[Any, Any], bool], first: Any, second: Any) -> bool:
    """An unknown value, or a number beside a text, is neither less nor greater."""
    try:
        return compare(first, second)
    except TypeError:
        return False


def _setting_names() -> dict[str, str]:
    """The settings by their keys, by their names where only one has it, and by their aliases."""
    keys = known_keys()
    short = [key.partition(".")[2] for key in keys]
    named = {name: key for name, key in zip(short, keys, strict=True) if short.count(name) == 1}
    aliases = {alias: named[name] for name, alias in ALIASES.items()}
    return {**{key: key for key in keys}, **named, **aliases}


def _metric_names() -> dict[str, str]:
    """The metrics of the best evaluation by name, choice and short name."""
    return {
        f"val.{name}": metric.name
        for metric in METRICS
        for name in _spellings((metric.short, metric.choice, metric.name))
    }


def _spellings(given: Iterable[str]) -> list[str]:
    return [name for name in given if all(part.isidentifier() for part in name.split("."))]
