"""WatchedServer: a server that a screen shows, by its address."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.errors import UserError
from trm_engine.printable import one_line
from trm_engine.serving.facts import ServerFacts
from trm_tui.sessions.kept_texts import KeptTexts
from trm_tui.store.traffic import Figures, Traffic
from trm_tui.store.unsure import Unsure

SECONDS = 5.0
LARGEST = 8 << 20
NEEDS = "watching a server needs more packages: pip install 'trm-tui[serve]'"


class ServerError(UserError):
    """A server cannot be watched, at least not now."""


@dataclass(frozen=True)
class Look:
    """What a server is and has counted at time ``t`` (seconds of a clock that never goes back)."""

    t: float
    facts: ServerFacts
    figures: Figures


class WatchedServer:
    """A server at an address, its traffic since now, and the requests that it was unsure of.

    Args:
        address: such as "http://127.0.0.1:8321".
        key: what it wants to be sent, if it wants something.
    """

    def __init__(self, address: str, key: str | None = None) -> None:
        self.address = base_of(address)
        self.traffic = Traffic()
        self.unsure = Unsure()
        self.facts: ServerFacts | None = None
        self._key = key
        self._texts: KeptTexts | None = None

    def look(self) -> Look:
        """Ask the server. It takes at most some seconds.

        Raises:
            ServerError: it does not answer, or is no server of ours.
        """
        try:
            facts = msgspec.json.decode(self._get("/v1/server"), type=ServerFacts)
        except msgspec.MsgspecError:
            raise ServerError(f"{self.address}: not a server of trm-tui") from None
        figures = figures_of(self._get("/metrics").decode("utf-8", "replace"))
        return Look(time.monotonic(), facts, figures)

    def take(self, look: Look) -> None:
        """Note what a look has shown."""
        self.facts = look.facts
        self.traffic.take(look.t, look.figures)
        path = look.facts.texts
        if path and (self._texts is None or str(self._texts.path) != path):
            self._texts = KeptTexts(Path(path))

    def read_texts(self) -> bool:
        """Read the conversations that are new. Returns whether the queue has changed."""
        return self._texts is not None and self.unsure.take(self._texts.read())

    @property
    def no_texts(self) -> str:
        """Why there are no conversations to show; "" if there may be some."""
        if self.facts is None:
            return "waiting for the server"
        if self._texts is None:
            return "Texts are not kept. Start the server with --log-texts FILE"
        return "" if self._texts.is_here else "The file of texts cannot be read on this machine"

    def _get(self, path: str) -> bytes:
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with _opener().open(request, timeout=SECONDS) as answer:
                body: bytes = answer.read(LARGEST)
                return body
        except urllib.error.HTTPError as error:
            why = (
                "it wants a key (TRM_TUI_API_KEY)" if error.code == 401 else f"it says {error.code}"
            )
            raise ServerError(f"{self.address}: {why}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            said = getattr(reason, "strerror", None) or reason
            raise ServerError(f"{self.address}: {one_line(str(said)).lower()}") from None


def base_of(address: str) -> str:
    """An address without what clients of OpenAI append."""
    whole = address if "://" in address else f"http://{address}"
    return whole.rstrip("/").removesuffix("/v1")


def figures_of(text: str) -> Figures:
    """The counters in a server's metrics.

    Raises:
        ServerError: these are no metrics, or a package is missing that reads them.
    """
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ModuleNotFoundError:
        raise ServerError(NEEDS) from None
    sums: dict[str, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    keys = {
        "trm_requests_total": ("status", int),
        "trm_answers_total": ("outcome", str),
        "trm_calls_total": ("tool", str),
        "trm_request_seconds_bucket": ("le", float),
        "trm_drift": ("of", str),
        "trm_waiting": (None, str),
        "trm_texts_lost": (None, str),
    }
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in keys:
                    label, kind = keys[sample.name]
                    key = kind(sample.labels[label]) if label else ""
                    sums[sample.name][key] += sample.value
    except (ValueError, KeyError):
        raise ServerError("the server's metrics cannot be read") from None
    return Figures(
        statuses=sums["trm_requests_total"],
        outcomes=sums["trm_answers_total"],
        calls=sums["trm_calls_total"],
        seconds=sums["trm_request_seconds_bucket"],
        drift=sums["trm_drift"],
        waiting=sums["trm_waiting"][""],
        texts_lost=sums["trm_texts_lost"][""],
    )


def _opener() -> urllib.request.OpenerDirector:
    """Follows no redirection and asks no proxy, which would take the key elsewhere."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    return urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))
