"""`trm-tui tensorboard`: write runs as event files of TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_engine.errors import RunError, in_words
from trm_tui.commands.report import read_whole
from trm_tui.commands.watch import find_run_folder
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.growing import AXES

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

NEEDS = "`trm-tui tensorboard` needs more packages: pip install 'trm-tui[tensorboard]'"

Scalars = Mapping[str, float | None]


def write_event_files(runs: list[Path], out: Path) -> None:
    """Write a folder of event files for each run, named as the run, into ``out``.

    Raises:
        RunError: a run cannot be read, a folder is there already, or a package is missing.
    """
    try:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise RunError(NEEDS) from None
    for path in runs:
        run = read_whole(find_run_folder(path))
        place = out / run.folder.path.name
        if place.exists():
            raise RunError(f"{place}: exists already; choose another --out")
        try:
            writer = EventFileWriter(str(place))
            for event in _events(run):
                writer.add_event(event)
            writer.close()
        except OSError as error:
            raise RunError(in_words(error)) from None


def _events(run: AttachedRun) -> Iterator[Event]:
    """The configuration, the values of each update, and the metrics of each evaluation."""
    began = run.store.started.t if run.store.started else 0.0
    yield _text_event("config", run.config.dump(), began)
    columns = run.store.columns
    names = [name for name in columns if name not in AXES]
    values = [columns[name].values for name in names]
    steps, times = columns["step"].values, columns["time"].values
    for row, (step, seconds) in enumerate(zip(steps.tolist(), times.tolist(), strict=True)):
        scalars = {f"train/{name}": float(y[row]) for name, y in zip(names, values, strict=True)}
        yield _scalar_event(scalars, int(step), began + seconds)
    metrics = run.store.metrics
    for row, evaluation in enumerate(run.store.evaluations):
        shares = {f"val/{n}": float(y.values[row]) for n, y in metrics.items() if n not in AXES}
        yield _scalar_event(shares, evaluation.step, evaluation.t)


def _scalar_event(scalars: Scalars, step: int, time: float) -> Event:
    """One event with all values that are known. TensorBoard shows infinities itself."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    known = ((tag, value) for tag, value in scalars.items() if value is not None)
    values = [
        Summary.Value(tag=tag, simple_value=value)
        for tag, value in known
        if not math.isnan(value) or tag == "train/total_loss"
    ]
    return Event(wall_time=time, step=step, summary=Summary(value=values))


def _text_event(tag: str, text: str, time: float) -> Event:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    plugin = SummaryMetadata.PluginData(plugin_name="text")
    block = "\n".join(f"    {line}" for line in text.splitlines())  # as code
    tensor = TensorProto(dtype=DT_STRING, string_val=[block.encode()])
    value: Any = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)
    return Event(wall_time=time, step=0, summary=Summary(value=[value]))
