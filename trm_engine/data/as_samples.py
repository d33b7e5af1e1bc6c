"""As samples: any file of conversations, as a JSON Lines file of samples.

Code that reads samples needs lines, and their places in a file. A file that is none of ours is
converted once, into the cache: other formats, and our samples in a list, a table or compressed. Its
messages still name the file itself.
"""

from __future__ import annotations

import json
import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from trm_engine.data.cache import build_once, code_hash, content_hash, default_cache_dir, key_of
from trm_engine.data.fields import ConvertError
from trm_engine.files.jsonl import to_line

if TYPE_CHECKING:
    from trm_engine.config import DataConfig
    from trm_engine.data.labels import Labels
    from trm_engine.data.sources import Source

Wanted = Literal["samples", "requests"]
Progress = Callable[[str, float], None]

PROBLEM = "$problem"
"""Key of a line that stands for a conversation with a problem. The line has its place too."""

HEAD = 1 << 20
LOOKED_AT = 20
"""Number of lines at the beginning by which our own files are told."""

EVERY = 64
"""Number of records between two reports of progress."""

OWN_KEYS = {"history", "decision", "slots", "tool"}
CODE = (
    *("account", "as_samples", "convert", "decisions", "fields", "said_slots"),
    *("catalogue", "formats", "sources"),
)

_known: dict[tuple[Any, ...], Path] = {}


@dataclass(frozen=True)
class ConvertOptions:
    """What a file of conversations does not say by itself. Files of samples need none of it.

    Attributes:
        slots: names of the slots; by default those that the format states.
        tools: file with the tools of conversations that list none.
        default_slots: names of the slots if the format states none.
        default_tools: tools that calls may mean where none are listed, as JSON.
    """

    slots: tuple[str, ...] = ()
    tools: str | None = None
    default_slots: tuple[str, ...] = ()
    default_tools: str = "[]"

    @classmethod
    def of(cls, data: DataConfig, labels: Labels | None = None) -> ConvertOptions:
        """The options of a configuration; for other data than the training's, with its labels."""
        return cls(tuple(data.slots), data.tools).completed_by(labels)

    def completed_by(self, labels: Labels | None) -> ConvertOptions:
        """With the slots and tools of labels where a file has none."""
        if labels is None:
            return self
        return replace(
            self, default_slots=tuple(labels.slot_names), default_tools=labels.tools_json()
        )

    @property
    def key(self) -> str:
        """Names these options in the cache. Raises DataError if the tools cannot be read."""
        tools = content_hash(self.tools) if self.tools else None
        return key_of(self.slots, tools, self.default_slots, self.default_tools)


NO_OPTIONS = ConvertOptions()


def samples_file(
    path: str | Path,
    wanted: Wanted = "samples",
    cache_dir: Path | None = None,
    progress: Progress = lambda what, share: None,
    stream: Rejoined | None = None,
    options: ConvertOptions = NO_OPTIONS,
) -> Path:
    """The JSON Lines file that a file stands for: itself, or a converted copy in the cache.

    A file that is missing, or whose text is of no known format, stands for itself, so that whoever
    reads it says why it cannot be used.

    Args:
        path: the file, or "-" for standard input, which is read once by each process.
        wanted: "samples" with their answers, or "requests" for what comes next.
        cache_dir: folder of the copy; by default the user's cache folder.
        progress: called while the file is converted.
        stream: what to read in place of standard input.
        options: how conversations are converted.

    Raises:
        DataError: it cannot be converted, or the cache cannot be written.
    """
    identity = _identity(path)
    if identity is None:
        return Path(path)
    key = (*identity, wanted, options)
    if key not in _known or not _known[key].exists():
        is_regular = len(identity) > 1
        own = is_regular and has_samples(Path(path))
        cache = cache_dir or default_cache_dir()
        converting = (wanted, cache, progress, stream, options)
        _known[key] = Path(path) if own else _converted(path, *converting)
    return _known[key]


def states_samples(path: str | Path) -> bool:
    """Whether a file has samples, with their slots and tools: a sample a line, a list or a table.

    Raises:
        DataError: it cannot be read.
    """
    from trm_engine.data.sources import Source

    if has_samples(Path(path)):
        return True
    with Source(path) as source:
        return is_sample(_first(source))


def has_its_own(path: str | Path, what: str) -> str:
    """Says that slots or tools cannot be given for a file of samples."""
    return (
        f"{path}: has samples, which state their own {what}; other {what} are for conversations of "
        f"other formats"
    )


def is_sample(value: Any) -> bool:
    """Whether a value is a sample or a request of ours, maybe a wrong one."""
    if not isinstance(value, dict):
        return False
    history = value.get("history")
    turns = isinstance(history, list) and history and all(map(_is_turn, history))
    is_alone = turns and not any(isinstance(value.get(key), list) for key in ("messages", "turns"))
    return len(OWN_KEYS & value.keys()) > 1 or bool(is_alone)


def is_request_line(line: bytes) -> bool:
    """Whether a line of standard input is a sample or a request, maybe a wrong one, or blank."""
    return not line.strip() or is_sample(_value(line)) or b'"history"' in line


class Rejoined:
    """A stream and what was read of it already."""

    def __init__(self, begun: bytes, stream: IO[bytes]) -> None:
        self._begun = begun
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next bytes, b"" at the end."""
        begun, self._begun = self._begun, b""
        return begun or self._stream.read(size)


def has_samples(path: Path) -> bool:
    """Whether a file has a sample a line, as it is, judged by its beginning."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return True
    if head.startswith(BOM_UTF8):
        return False
    lines = [line for line in head.splitlines()[: 2 * LOOKED_AT] if line.strip()]
    if not lines or any(is_sample(_value(line)) for line in lines[:LOOKED_AT]):
        return True
    is_cut = len(lines) == 1 and len(head) == HEAD and head.startswith(b"{")
    return is_cut and b'"history"' in head and b'"decision"' in head


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and "role" in value and "content" in value


def _value(line: bytes) -> Any:
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError):
        return None


def _identity(path: str | Path) -> tuple[Any, ...] | None:
    """What tells a file from others, and from itself after a change; None for no file.

    Of standard input and pipes, which are read once, it is only the name.
    """
    if str(path) == "-":
        return ("-",)
    try:
        status = os.stat(path)
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return (os.path.abspath(path),)
    return os.path.abspath(path), status.st_ino, status.st_size, status.st_mtime_ns


# Conversion -------------------------------------------------------------------------------------


def _converted(
    path: str | Path,
    wanted: Wanted,
    cache: Path,
    progress: Progress,
    stream: Rejoined | None,
    options: ConvertOptions,
) -> Path:
    from trm_engine.data.sources import Source

    with Source(path, stream) as source:
        if source.is_plain and not _has_records(source):
            return Path(path)
        stem = "stdin" if str(path) == "-" else Path(path).stem
        key = key_of(source.digest(), stem, wanted, options.key, code_hash(*CODE))
        folder = cache / f"{wanted}-{key}"
        build_once(folder, partial(_build, source, wanted, progress, options))
    return folder / f"{wanted}.jsonl"


def _has_records(source: Source) -> bool:
    """Whether a file has anything that can be read."""
    try:
        return any(each.problem is None for each in source)
    except ConvertError:
        return False


def _first(source: Source) -> Any:
    """The first value that can be read, or None."""
    return next((each.value for each in source if each.problem is None), None)


def _build(
    source: Source, wanted: Wanted, progress: Progress, options: ConvertOptions, folder: Path
) -> None:
    if is_sample(_first(source)):
        lines = _copied(source, progress)
    else:
        lines = _cut(source, wanted, progress, options)
    with open(folder / f"{wanted}.jsonl", "wb") as file:
        for line in lines:
            file.write(line)


def _copied(source: Source, progress: Progress) -> Iterator[bytes]:
    """The samples of a list, a table or a compressed file. Lines keep their numbers."""
    written = 0
    for record in source:
        if written % EVERY == 0:
            progress(f"reading {source.name}", source.share)
        while record.number.isdecimal() and written + 1 < int(record.number):
            written += 1
            yield b"\n"
        written += 1
        if record.problem is None:
            yield to_line(record.value)
        else:
            yield _problem_line(str(record.problem), source)


def _cut(
    source: Source, wanted: Wanted, progress: Progress, options: ConvertOptions
) -> Iterator[bytes]:
    """A line for each problem, then the samples or requests of the conversations."""
    from trm_engine.data.catalogue import read_tools_file
    from trm_engine.data.convert import convert_source

    tools = read_tools_file(Path(options.tools)) if options.tools else None
    if tools:
        tools.all_tools()

    def tell(what: str, share: float) -> None:
        progress(f"converting {source.name}: {what}", share)

    conversion = convert_source(
        source,
        tools=tools,
        slots=options.slots,
        default_slots=options.default_slots,
        default_tools=json.loads(options.default_tools),
        on_error="skip",
        progress=tell,
    )
    yield from (_problem_line(problem, source) for problem in conversion.problems)
    yield from map(to_line, conversion if wanted == "samples" else conversion.requests())


# Problems ---------------------------------------------------------------------------------------


def _problem_line(problem: str, source: Source) -> bytes:
    """A line for a problem: its line in the file, and the rest of the message."""
    place = re.match(r", (?:line|row) (\d+)(?:, |: )", problem.removeprefix(source.name))
    if place is None:
        return to_line({PROBLEM: problem, "line": 1})
    rest = problem.removeprefix(source.name)[place.end() :]
    return to_line({PROBLEM: rest, "line": int(place[1])})


def problem_in(raw: bytes) -> tuple[int, str] | None:
    """The line and the message of a problem, if a line stands for one."""
    if not raw.startswith(b'{"$problem":'):
        return None
    value = _value(raw)
    is_problem = isinstance(value, dict) and isinstance(value.get("line"), int)
    return (value["line"], str(value[PROBLEM])) if is_problem else None
