"""The assistant's policy: a function of what the user has said and of what the tools have answered.

1. A turn that says nothing to the point (small talk, general questions, thanks, requests that no
   tool serves, other people's data) is answered directly and changes nothing.
2. A request is served by one tool. Required arguments that the user has never given are asked for.
3. Costly tools are called only after a "yes" to a summary. A "no" drops the request; a value
   given instead of (or with) the "yes" leads to a new summary.
4. Otherwise the tool is called with every argument known: slots ever given, details (a month, a
   date) given for this request. The latest correction counts.
5. A response is put into words, but three lead to a second call (`NEXT_TOOL`), and after
   "not_found" the assistant waits for a corrected value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trm_engine.data.telecom.schema import NEXT_TOOL, SLOTS, TOOLS, Tool


@dataclass
class Turn:
    """What the user says in one turn, and what it means."""

    text: str
    request: Tool | None = None
    values: dict[str, str] = field(default_factory=dict)
    agrees: bool = False
    declines: bool = False
    rejects: str = ""  # the parameter that the user calls wrong without giving a new value
    replies: tuple[str, ...] = ()  # how to answer, if the policy leads nowhere else


@dataclass
class Request:
    """What the assistant is about to do for the user."""

    tool: Tool
    details: dict[str, str] = field(default_factory=dict)
    summarised: bool = False
    confirmed: bool = False
    rejected: str = ""  # a value that turned out to be wrong: as good as not given


@dataclass
class State:
    """What the assistant knows; `hear` and `learn` change it, `step` says what to do."""

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
        """A new request; asked again at once, the same request keeps its details."""
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
        """What to do after this turn (None: after a response): chat, ask, summarise or call."""
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
        """Take note of the response to the call that was just made."""
        assert self.request
        request, self.served = self.request, self.request
        if status == "not_found":
            request.rejected = self.value(request.tool.required[0])
            return
        following = NEXT_TOOL.get((request.tool.name, status))
        self.request = Request(TOOLS[following]) if following else None
