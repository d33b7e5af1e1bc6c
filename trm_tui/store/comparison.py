"""Compared: the metrics of a group of runs, and their differences from another group's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from trm_engine.runs.schema.evaluation import METRICS, Evaluation
from trm_tui.store.spread import Difference, Spread, difference

COUNTED_BY = {
    "decision.accuracy": "samples",
    "tool.accuracy": "tool.samples",
    "arguments.accuracy": "arguments.calls",
    "slots.all_right": "samples",
    "exact_match": "samples",
    "exact_match_values": "samples",
}
"""Shares of independent samples, with the field that has the number of these samples."""


@dataclass(frozen=True)
class Compared:
    """Each metric's spread over the runs of a group, and how many samples one run's share is of."""

    spreads: Mapping[str, Spread | None]
    counts: Mapping[str, int | None]

    @classmethod
    def of(cls, evaluations: Iterable[Evaluation | None]) -> Compared:
        """From one evaluation of each run; None for a run without one."""
        known = [each for each in evaluations if each]
        spreads = {
            metric.name: Spread.of([metric.of(each) for each in known]) for metric in METRICS
        }
        counts = {
            name: attrgetter(path)(known[0]) if known else None for name, path in COUNTED_BY.items()
        }
        return cls(spreads, counts)

    def minus(self, base: Compared) -> dict[str, Difference | None]:
        """The difference of each metric from ``base``."""
        return {
            name: difference(
                spread, base.spreads[name], (self.counts.get(name), base.counts.get(name))
            )
            for name, spread in self.spreads.items()
        }
