"""Restraint: charts of a fast run leave the processor to the training."""

from __future__ import annotations

import time

MOST_SHARE = 0.08
"""The share of a core that this process may use before charts wait."""
MOST_WAIT = 0.5
"""Seconds after which a chart is drawn in any case."""
LATELY = 1.0
"""Seconds over which the share is averaged."""


class Restraint:
    """Says when the next chart may be drawn.

    The share of a core is an exponential average, of which every ``LATELY`` seconds leave 1/e.
    """

    def __init__(self) -> None:
        self._share = 0.0
        self._looked = time.monotonic()
        self._cpu = time.process_time()
        self._drawn = -MOST_WAIT

    def allows(self) -> bool:
        """Whether to draw now. Call it with every tick."""
        now, cpu = time.monotonic(), time.process_time()
        seconds = max(now - self._looked, 1e-6)
        new = min(seconds / LATELY, 1.0)
        self._share += new * ((cpu - self._cpu) / seconds - self._share)
        self._looked, self._cpu = now, cpu
        if self._share > MOST_SHARE and now - self._drawn < MOST_WAIT:
            return False
        self._drawn = now
        return True
