"""The assistant's policy. It depends only on the user's turns and the tools' responses.

1. An irrelevant turn (small talk, general questions, thanks, requests that no tool serves, other
   people's data) is answered directly and changes nothing.
2. A request is served by one tool. The assistant asks for required arguments not given yet.
3. Costly tools are called only after a "yes" to a summary. A "no" drops the request. A value
   instead of the "yes", or beside it, leads to a new summary.
4. Otherwise the tool is called with all known arguments: slots given at any time, and details (a
   month, a date) given for this request. The latest correction counts.
5. A response is put into words, except for three that lead to a second call (`NEXT_TOOL`). After
   "not_found" the assistant waits for a corrected value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trm_engine.data.telecom.schema import NEXT_TOOL, SLOTS, TOOLS, Tool


@dataclass
class Turn:
    """A user turn and its meaning."""

    text: str
    request: Tool | None = None
    values: dict[str, str] = field(default_factory=dict)
    agrees: bool = False
    declines: bool = False
    rejects: str = ""  # parameter whose value is wrong, without a new value
    replies: tuple[str, ...] = ()  # answers, if the policy has no other action


@dataclass
class Request:
    """The current request."""

    tool: Tool
    details: dict[str, str] = field(default_factory=dict)
    summarised: bool = False
    confirmed: bool = False
    rejected: str = ""  # a wrong value, which counts as not given


@dataclass
class State:
    """The assistant's knowledge. `hear` and `learn` update it; `step` returns the next action."""

    slots: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SLOTS, ""))
    request: Request | None = None
    served: Request | None = None

    def hear(self, turn: Turn) -> None:
        if turn.request:
            self._begin(turn.request)
        for param, value in turn.values.items():
            if param in self.slots:
                self.slots[param] = value
            elif self.request:
                self.request.details[param] = value
        if self.request:
            self._hear_about(self.request, turn)

    def _begin(self, tool: Tool) -> None:
        """Start a request. If it repeats the previous request, it keeps its details."""
        before = self.request or self.served
        details = dict(before.details) if before and before.tool is tool else {}
        self.slots["intent_of_user"] = tool.intent
        self.request = Request(tool, details)

    def _hear_about(self, request: Request, turn: Turn) -> None:
        if turn.declines:
            self.request = None
        elif turn.agrees and request.summarised and not turn.values:
            request.confirmed = True
        elif turn.values or turn.rejects:
            request.summarised = False
            request.rejected = self.value(turn.rejects) or request.rejected

    def value(self, param: str) -> str:
        details = self.request.details if self.request else {}
        return self.slots.get(param) or details.get(param, "")

    def missing(self) -> list[str]:
        assert self.request
        rejected = self.request.rejected
        return [p for p in self.request.tool.required if self.value(p) in ("", rejected)]

    def arguments(self) -> dict[str, str]:
        assert self.request
        params = self.request.tool.required + self.request.tool.optional
        return {param: self.value(param) for param in params if self.value(param)}

    def step(self, turn: Turn | None) -> str:
        """The action after this turn (None: after a response): chat, ask, summarise or call."""
        if not self.request or (turn and not self._matters(turn, self.request)):
            return "chat"
        if self.missing():
            return "ask"
        if self.request.tool.costly and not self.request.confirmed:
            return "summarise"
        return "call"

    @staticmethod
    def _matters(turn: Turn, request: Request) -> bool:
        return bool(turn.request or turn.values or turn.rejects or request.confirmed)

    def learn(self, status: str) -> None:
        """Update the knowledge with the response to the last call."""
        assert self.request
        request, self.served = self.request, self.request
        if status == "not_found":
            request.rejected = self.value(request.tool.required[0])
            return
        following = NEXT_TOOL.get((request.tool.name, status))
        self.request = Request(TOOLS[following]) if following else None
