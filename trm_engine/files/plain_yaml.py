"""YAML without surprises: text, numbers, true, false, null, lists and mappings, and no aliases.

All YAML that users write is read here. Three things are refused: aliases, which can turn 800 bytes
into billions of values, tags, which make values of other types, and repeated keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

LONGEST = 1 << 20
"""Characters of a document."""

LONGEST_ESCAPED = 1 << 16
"""The limit for PyYAML's own parser, which takes a minute or more for a million characters."""

DEEPEST = 32
LONGEST_NUMBER = 100

PREFIX = "tag:yaml.org,2002:"
SCALARS = ("str", "null", "bool", "int", "float")

FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, 20 times as fast as PyYAML's own parser. It cannot read escaped surrogates, which PyYAML
and JSON write for emoji and for file names that are not UTF-8."""

Keys = tuple[str, ...]


class YamlError(ValueError):
    """A document cannot be read. ``line`` counts from 1; None if it is about no line."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.problem = problem
        self.line = line


@dataclass
class Document:
    """A document's value, and the line of each key by the keys above it and itself."""

    value: Any = None
    lines: dict[Keys, int] = field(default_factory=dict)

    def line(self, keys: Keys) -> int | None:
        """The line, from 1, of the deepest key on the path ``keys`` that the document has."""
        known = (self.lines.get(keys[:end]) for end in range(len(keys), 0, -1))
        return next(filter(None, known), None)


def read_yaml(text: str, longest: int = LONGEST) -> Document:
    """Read one document of at most ``longest`` characters; an empty text is null.

    Raises:
        YamlError: it is not YAML, or it holds what is refused.
    """
    is_escaped = "\\u" in text
    longest = LONGEST_ESCAPED if is_escaped else longest
    if len(text) > longest:
        escapes = " with escapes (\\u)" if is_escaped else ""
        raise YamlError(f"longer than {longest} characters{escapes}")
    document = Document()
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader if is_escaped else FAST)
        first = next(event for event in events if not _is_start(event))
        if not isinstance(first, yaml.StreamEndEvent):
            document.value = _Reader(events, document.lines).value(first, ())
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise _refusal(event, "a second document begins")
    except yaml.YAMLError as error:
        raise _syntax_error(error) from None
    except UnicodeError:
        raise YamlError("not Unicode text") from None
    return document


class _Scalars(SafeConstructor, Resolver):
    """Plain scalars as in YAML 1.1, except that dates, ``<<`` and ``=`` are text."""

    yaml_implicit_resolvers = {
        start: [(tag, form) for tag, form in forms if tag.removeprefix(PREFIX) in SCALARS]
        for start, forms in Resolver.yaml_implicit_resolvers.items()
    }

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


class _Reader:
    """Builds values from the events of a parser."""

    def __init__(self, events: Iterator[Any], lines: dict[Keys, int]) -> None:
        self._events = events
        self._lines = lines
        self._scalars = _Scalars()

    def value(self, event: Any, keys: Keys, depth: int = 0) -> Any:
        """The value that begins with ``event``; ``keys`` is its path."""
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(event, f"an alias, *{event.anchor}; write the value itself")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth == DEEPEST:
            raise _refusal(event, "nested too deeply")
        if isinstance(event, yaml.SequenceStartEvent):
            _refuse_tag(event, "seq")
            return self._list(keys, depth + 1)
        _refuse_tag(event, "map")
        return self._mapping(keys, depth + 1)

    def _list(self, keys: Keys, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self.value(event, keys, depth))
        return values

    def _mapping(self, keys: Keys, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None
            if not isinstance(key, str):
                raise _refusal(event, "a key must be text; put other keys in quotes")
            if key in values:
                raise _refusal(event, f"'{key}' is given twice")
            place = (*keys, key)
            self._lines[place] = event.start_mark.line + 1
            values[key] = self.value(next(self._events), place, depth)
        return values

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            plain = event.value, event.implicit
            tag = self._scalars.resolve(yaml.ScalarNode, *plain)  # type: ignore[no-untyped-call]
        kind = tag.removeprefix(PREFIX)
        if kind not in SCALARS:
            raise _refusal(event, f"a value of type '{kind}'")
        if kind == "str":
            return _text(event)
        if len(event.value) > LONGEST_NUMBER:
            raise _refusal(event, f"a number of more than {LONGEST_NUMBER} digits")
        node = yaml.ScalarNode(tag, event.value)
        try:
            return getattr(self._scalars, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, IndexError, OverflowError):  # of an explicit tag: !!int x
            raise _refusal(event, f"'{event.value}' is no {kind}") from None


def _text(event: Any) -> str:
    """A scalar as text. Surrogate pairs are joined; file names that are not UTF-8 stay as Python
    has them."""
    text: str = event.value.encode("utf-16-le", "surrogatepass").decode(
        "utf-16-le", "surrogatepass"
    )
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _refusal(event, "not Unicode text") from None
    return text


def _refuse_tag(event: Any, kind: str) -> None:
    if event.tag not in (None, "!", PREFIX + kind):
        raise _refusal(event, f"a value of type '{event.tag.removeprefix(PREFIX)}'")


def _is_start(event: Any) -> bool:
    return isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent)


def _refusal(event: Any, problem: str) -> YamlError:
    return YamlError(problem, event.start_mark.line + 1)


def _syntax_error(error: yaml.YAMLError) -> YamlError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return YamlError(f"not valid YAML: {problem}", mark.line + 1 if mark else None)
