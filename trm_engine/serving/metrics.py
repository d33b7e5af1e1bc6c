"""Metrics: what a server counts, for Prometheus. No texts, and no names from requests."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from trm_engine.inference.route import Route
from trm_engine.serving.drift import EDGES, Drift
from trm_engine.serving.engine import Engine

SECONDS = (0.001, 0.002, 0.003, 0.005, 0.008, 0.013, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
CONFIDENCE = (*EDGES[:-1], 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0)
DRIFT = ("actions", "confidence")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one server."""

    def __init__(self, engine: Engine) -> None:
        to = self._registry = CollectorRegistry()
        self._requests = Counter(
            "trm_requests",
            "Requests by interface and HTTP status.",
            ["interface", "status"],
            registry=to,
        )
        self._seconds = Histogram(
            "trm_request_seconds",
            "Time until the answer begins.",
            ["interface"],
            buckets=SECONDS,
            registry=to,
        )
        self._answers = Counter(
            "trm_answers",
            "Answers by what became of them: call, answer, abstain or forward.",
            ["interface", "outcome"],
            registry=to,
        )
        self._calls = Counter("trm_calls", "Calls by tool of the model.", ["tool"], registry=to)
        self._q = Histogram(
            "trm_q", "Probability that all of an answer is right.", buckets=SHARES, registry=to
        )
        self._confidence = Histogram(
            "trm_confidence",
            "Probability that decision, tool and arguments of an answer are right.",
            buckets=CONFIDENCE,
            registry=to,
        )
        self._steps = Counter("trm_steps", "Supervision steps that were computed.", registry=to)
        self._tokens = Counter("trm_tokens", "Tokens that were read.", registry=to)
        waiting = Gauge("trm_waiting", "Requests that wait for the model.", registry=to)
        waiting.set_function(lambda: engine.waiting)
        reloads = Gauge("trm_reloads", "How often another checkpoint was loaded.", registry=to)
        reloads.set_function(lambda: engine.reloads)
        loaded = Gauge("trm_checkpoint_time", "When the checkpoint was written.", registry=to)
        loaded.set_function(lambda: engine.model.created)
        self.drift = Drift()
        drift = Gauge(
            "trm_drift",
            "Population stability index of the newest answers against the validation set.",
            ["of"],
            registry=to,
        )
        for name in DRIFT:
            drift.labels(name).set_function(partial(self._drift, engine, name))

    def count_request(self, interface: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(interface, str(status)).inc()
        self._seconds.labels(interface).observe(seconds)

    def count_route(self, interface: str, route: Route, outcome: str) -> None:
        """Count an answer of the model, and what became of it."""
        self._answers.labels(interface, outcome).inc()
        if outcome == "call":
            for call in route.calls:
                self._calls.labels(call.name).inc()
        self._q.observe(route.q)
        self._confidence.observe(route.confidence)
        self.drift.note(route)
        self._steps.inc(route.steps_used)
        self._tokens.inc(route.tokens)

    def count_texts_lost(self, lost: Callable[[], int]) -> None:
        """Count the conversations that were to be kept and could not be."""
        gauge = Gauge(
            "trm_texts_lost", "Conversations that could not be kept.", registry=self._registry
        )
        gauge.set_function(lost)

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self._registry)

    def _drift(self, engine: Engine, name: str) -> float:
        index = self.drift.index(engine.model.validation)
        return math.nan if index is None else index[name]
