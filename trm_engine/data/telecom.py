"""The built-in data set: customer service of an internet and mobile provider, made on the spot.

A conversation is played by two sides. The *user* (`_User`) is simulated: a persona with values, a
way of writing and a list of things to get done, who forgets, corrects, digresses and mentions
other people's data. The *assistant* follows a fixed policy (`_State`), a function of what the user
has said so far and of what the tools have answered:

1. A turn that says nothing to the point (small talk, general questions, thanks, requests that no
   tool serves, other people's data) is answered directly and changes nothing.
2. A request is served by one tool. Required arguments that the user has never given are asked for.
3. Costly tools are called only after a "yes" to a summary. A "no" drops the request; a value
   given instead of (or with) the "yes" leads to a new summary.
4. Otherwise the tool is called with every argument known: slots ever given, details (a month, a
   date) given for this request. The latest correction counts.
5. A response is put into words, but three lead to a second call (`NEXT_TOOL`), and after
   "not_found" the assistant waits for a corrected value.

Every decision of the assistant is one sample. Labels follow from the policy, never from chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from trm_engine.data import telecom_phrases as phrases
from trm_engine.data.telecom_phrases import PLACEHOLDER, Dice, Outcome, expand, fill

Sample = dict[str, Any]

SLOTS = ("address", "phone", "device_number", "intent_of_user", "name", "contract_id")

PARAMETERS: dict[str, str] = {
    "phone": "Phone number of the customer",
    "name": "Full name of the customer",
    "address": "Street, house number and town",
    "contract_id": "Number of the contract",
    "device_number": "Serial number or IMEI of the device",
    "date": "Day of the visit",
    "time_window": "Part of the day",
    "plan": "Name of the new plan",
    "month": "Month in question, the current one if absent",
    "reason": "Why the customer leaves",
}


@dataclass(frozen=True)
class Tool:
    """A function the assistant may call, and the user's intent that it serves."""

    name: str
    intent: str
    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    costly: bool = False

    def definition(self) -> dict[str, Any]:
        """The tool as OpenAI's function calling describes it."""
        properties = {param: _property(param) for param in self.required + self.optional}
        parameters = {
            "type": "object",
            "properties": properties,
            "required": list(self.required),
        }
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": parameters,
        }
        return {"type": "function", "function": function}


def _property(param: str) -> dict[str, Any]:
    described: dict[str, Any] = {"type": "string", "description": PARAMETERS[param]}
    if param in phrases.ENUM_WORDS:
        described["enum"] = list(phrases.ENUM_WORDS[param])
    return described


_TOOLS = (
    Tool("get_customer_info", "check_info", "Look up a customer", ("phone",), ("name",)),
    Tool("check_bill", "check_bill", "Amount and state of a bill", ("contract_id",), ("month",)),
    Tool("check_data_usage", "check_data_usage", "Mobile data used", ("phone",), ("month",)),
    Tool("report_outage", "report_outage", "Report that a line is down", ("address",), ("phone",)),
    Tool(
        "schedule_technician",
        "book_technician",
        "Book a technician's visit",
        ("address", "date", "time_window"),
        ("phone",),
        costly=True,
    ),
    Tool("reset_device", "reset_device", "Restart a device remotely", ("device_number",)),
    Tool("change_plan", "change_plan", "Change a plan", ("contract_id", "plan"), costly=True),
    Tool(
        "update_address",
        "update_address",
        "Store a new address",
        ("contract_id", "address"),
        costly=True,
    ),
    Tool(
        "cancel_contract",
        "cancel_contract",
        "End a contract",
        ("contract_id", "name", "reason"),
        costly=True,
    ),
    Tool("activate_sim", "activate_sim", "Activate a SIM card", ("phone", "device_number")),
    Tool("create_ticket", "complain", "Open a ticket", ("phone", "name"), ("device_number",)),
    Tool("transfer_to_agent", "talk_to_agent", "Hand over to a human", (), ("name",)),
)
TOOLS: dict[str, Tool] = {tool.name: tool for tool in _TOOLS}
INTENTS = tuple(tool.intent for tool in _TOOLS)

# (tool, status of its response) -> the tool that is called next.
NEXT_TOOL = {
    ("report_outage", "no_outage"): "create_ticket",
    ("reset_device", "failed"): "create_ticket",
    ("cancel_contract", "check_bill_first"): "check_bill",
}


def generate_samples(conversations: int, seed: int = 0) -> Iterator[Sample]:
    """The samples of that many conversations, in order.

    A pure function of its arguments, the same on every machine. Conversation i depends on
    (seed, i) alone: asking for more conversations keeps the earlier ones.
    """
    for index in range(conversations):
        yield from _Dialogue(Dice(f"telecom/{seed}/{index}")).play()


# --- the assistant's policy ---------------------------------------------------------------------


@dataclass
class _Turn:
    """What the user says in one turn, and what it means."""

    text: str
    request: Tool | None = None
    values: dict[str, str] = field(default_factory=dict)
    agrees: bool = False
    declines: bool = False
    rejects: str = ""  # the parameter that the user calls wrong without giving a new value
    replies: tuple[str, ...] = ()  # how to answer, if the policy leads nowhere else


@dataclass
class _Request:
    """What the assistant is about to do for the user."""

    tool: Tool
    details: dict[str, str] = field(default_factory=dict)
    summarised: bool = False
    confirmed: bool = False
    rejected: str = ""  # a value that turned out to be wrong: as good as not given


@dataclass
class _State:
    """What the assistant knows; `hear` and `learn` change it, `step` says what to do."""

    slots: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SLOTS, ""))
    request: _Request | None = None
    served: _Request | None = None

    def hear(self, turn: _Turn) -> None:
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
        self.request = _Request(tool, details)

    def _hear_about(self, request: _Request, turn: _Turn) -> None:
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

    def step(self, turn: _Turn | None) -> str:
        """What to do after this turn (None: after a response): chat, ask, summarise or call."""
        if not self.request or (turn and not self._matters(turn, self.request)):
            return "chat"
        if self.missing():
            return "ask"
        if self.request.tool.costly and not self.request.confirmed:
            return "summarise"
        return "call"

    @staticmethod
    def _matters(turn: _Turn, request: _Request) -> bool:
        return bool(turn.request or turn.values or turn.rejects or request.confirmed)

    def learn(self, status: str) -> None:
        """Take note of the response to the call that was just made."""
        assert self.request
        request, self.served = self.request, self.request
        if status == "not_found":
            request.rejected = self.value(request.tool.required[0])
            return
        following = NEXT_TOOL.get((request.tool.name, status))
        self.request = _Request(TOOLS[following]) if following else None


# --- the simulated user -------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z']+")
_SHORT_FORMS = {
    "please": "pls", "you": "u", "are": "r", "your": "ur", "number": "nr", "thanks": "thx",
    "because": "bc", "about": "abt", "internet": "inet", "technician": "tech",
    "contract": "contr", "and": "n", "okay": "k",
}  # fmt: skip


@dataclass(frozen=True)
class _Style:
    """How a user writes: capitals, full stops, short forms, typing errors."""

    lower: bool
    punctuated: bool
    comma: bool  # between sentences that have no full stop
    short: bool
    typos: float

    @staticmethod
    def draw(dice: Dice) -> _Style:
        sloppy = dice.chance(0.5)
        return _Style(
            lower=sloppy or dice.chance(0.1),
            punctuated=not (sloppy and dice.chance(0.6)),
            comma=dice.chance(0.5),
            short=sloppy and dice.chance(0.4),
            typos=dice.pick((0.0, 0.02, 0.06)) if sloppy else dice.pick((0.0, 0.01)),
        )

    def write(self, dice: Dice, sentences: Sequence[str]) -> str:
        """One text of the sentences; placeholders are left as they are."""
        text = ""
        for sentence in sentences:
            text = self._append(text, self._spell(dice, sentence))
        return text if self.punctuated else text.rstrip(".!")

    def _append(self, text: str, sentence: str) -> str:
        ended = not text or text[-1] in ".!?"
        if not self.punctuated:
            text = text.rstrip(".!,")
            comma = "," if self.comma and text and not text.endswith("?") else ""
            return f"{text}{comma} {sentence}".strip()
        if text.endswith(","):
            return f"{text} {sentence}"
        if not self.lower:
            sentence = sentence[:1].upper() + sentence[1:]
        return f"{text}{'' if ended else '.'} {sentence}".strip()

    def _spell(self, dice: Dice, sentence: str) -> str:
        # split() with a group alternates: words, placeholder, words, ...
        parts = re.split(r"(\{\w+\})", sentence)
        parts[::2] = [self._words(dice, part) for part in parts[::2]]
        return "".join(parts)

    def _words(self, dice: Dice, text: str) -> str:
        text = _WORD.sub(lambda word: self._word(dice, word[0]), text)
        return text.lower() if self.lower else text

    def _word(self, dice: Dice, word: str) -> str:
        if self.short and word.lower() in _SHORT_FORMS and dice.chance(0.6):
            return _SHORT_FORMS[word.lower()]
        return _mistype(dice, word) if len(word) > 3 and dice.chance(self.typos) else word


def _mistype(dice: Dice, word: str) -> str:
    """Swap two letters, drop one or double one; the first letter stays."""
    at = 1 + dice.below(len(word) - 2)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    dropped = word[:at] + word[at + 1 :]
    doubled = word[:at] + word[at] + word[at:]
    return dice.pick((swapped, dropped, doubled))


_CODES = ("phone", "contract_id", "device_number")
_WORDY = ("name", "address", "plan")


class _Values:
    """The user's own values, and others that must not be taken for them.

    No two texts drawn for a conversation contain one another, so a value is found in the
    conversation without doubt.
    """

    def __init__(self, dice: Dice, lower: bool) -> None:
        self._dice = dice
        self._lower = lower
        self._used: list[str] = []
        self._own: dict[str, tuple[str, str]] = {}

    def own(self, param: str) -> tuple[str, str]:
        """(what the user says, the value it stands for): the same text except for an enum."""
        if param not in self._own:
            self._own[param] = self._draw(param)
        return self._own[param]

    def replace(self, param: str) -> None:
        """From now on the user's value is another one, often nearly the same."""
        similar = self._similar(self.own(param)[1])
        if param in _CODES and self._dice.chance(0.5) and not self._clashes(similar):
            self._used.append(similar.casefold())
            self._own[param] = similar, similar
        else:
            self._own[param] = self._draw(param)

    def other(self, kind: str) -> str:
        """A value of somebody or something else."""
        return self._draw(kind)[0]

    def fresh(self, kind: str) -> str:
        """A text that neither contains nor is contained in one drawn before."""
        text = phrases.VALUES[kind](self._dice)
        while self._clashes(text):
            text = phrases.VALUES[kind](self._dice)
        self._used.append(text.casefold())
        return text

    def _draw(self, kind: str) -> tuple[str, str]:
        if kind in phrases.ENUM_WORDS:
            value = self._dice.pick(list(phrases.ENUM_WORDS[kind]))
            return self._dice.pick(phrases.ENUM_WORDS[kind][value]), value
        text = self.fresh(kind)
        text = text.lower() if self._lower and kind in _WORDY else text
        return text, text

    def _clashes(self, text: str) -> bool:
        text = text.casefold()
        return any(text in used or used in text for used in self._used)

    def _similar(self, text: str) -> str:
        """The text with one of its later digits changed."""
        places = [at for at, char in enumerate(text) if char.isdigit()]
        at = self._dice.pick(places[2:] or [0])
        return text[:at] + str(self._dice.below(10)) + text[at + 1 :]


def _mark(param: str) -> str:
    return f"{{{param}}}"


def _told_at_once(required: bool, known: bool) -> float:
    """How often a request comes with this value."""
    if known:
        return 0.06
    return 0.66 if required else 0.15


class _User:
    """A customer: says sentences in a personal style and knows what they mean."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.style = _Style.draw(dice)
        self.values = _Values(dice, self.style.lower and dice.chance(0.6))

    def say(
        self, *templates: str, request: Tool | None = None, old: str = "", **meaning: Any
    ) -> _Turn:
        """A turn of these sentences; whatever value of the user's they hold is given with it."""
        sentences = [expand(self._dice, template) for template in templates if template]
        text = self.style.write(self._dice, sentences)
        texts, values = {"old": old}, {}
        for mark in PLACEHOLDER.findall(text):
            if mark in PARAMETERS:
                texts[mark], values[mark] = self.values.own(mark)
            elif mark.startswith("other_"):
                texts[mark] = self.values.other(mark.removeprefix("other_"))
        return _Turn(fill(text, texts), request, values, **meaning)

    def aside(self) -> _Turn:
        """A turn that changes nothing."""
        said, answer = self._dice.pick(self._dice.pick((phrases.SMALL_TALK, phrases.QUESTIONS)))
        if self._dice.chance(0.25):
            return self.say(self._dice.pick(phrases.OUT_OF_SCOPE), replies=phrases.APOLOGIES)
        return self.say(said, replies=(answer,))

    def opening(self, tool: Tool, known: Sequence[str], lead: Sequence[str] = ()) -> _Turn:
        """A new request, with some of the values it needs (seldom those known already)."""
        dice = self._dice
        wording = dice.pick(phrases.OPENINGS[tool.name])
        held = set(PLACEHOLDER.findall(wording))
        left = [p for p in tool.required + tool.optional if p not in held]
        given = [p for p in left if dice.chance(_told_at_once(p in tool.required, p in known))]
        statements = [dice.pick(phrases.STATEMENTS[param]) for param in dice.shuffled(given)]
        contrast = [self._contrast(tool)] if dice.chance(0.12) else []
        distractor = [dice.pick(phrases.DISTRACTORS)] if dice.chance(0.12) else []
        around = dice.shuffled([*statements, *distractor])
        cut = dice.below(2) * len(around)
        return self.say(*lead, *contrast, *around[:cut], wording, *around[cut:], request=tool)

    def _contrast(self, tool: Tool) -> str:
        """A sentence about something else than this request."""
        unlike = [wordings for name, wordings in phrases.CONTRASTS.items() if name != tool.name]
        return self._dice.pick(self._dice.pick(unlike))

    def give(self, params: Sequence[str], extra: Sequence[str] = ()) -> _Turn:
        """The values asked for, bare or in sentences, with something else around them at times."""
        dice = self._dice
        if len(params) == 1:
            sentences = [self._give_one(params[0])]
        elif dice.chance(0.35):
            sentences = [", ".join(_mark(param) for param in params)]
        else:
            sentences = [dice.pick(phrases.STATEMENTS[param]) for param in params]
        sentences += [dice.pick(phrases.STATEMENTS[param]) for param in extra]
        if dice.chance(0.1):
            sentences.insert(dice.below(2) * len(sentences), dice.pick(phrases.DISTRACTORS))
        return self.say(*sentences)

    def _give_one(self, param: str) -> str:
        if param != "reason" and self._dice.chance(0.5):
            return self._dice.pick(phrases.BARE).replace("{value}", _mark(param))
        return self._dice.pick(phrases.STATEMENTS[param])

    def correct(self, param: str, wordings: Sequence[str], *around: str, **meaning: Any) -> _Turn:
        """A new value for something said before (or in the same breath)."""
        old = self.values.own(param)[0]
        self.values.replace(param)
        template = self._dice.pick(wordings).replace("{new}", _mark(param))
        template = template.replace("{noun}", phrases.NOUNS[param])
        before, after = around[:1], around[1:]
        return self.say(*before, template, *after, old=old, **meaning)


# --- the two of them ----------------------------------------------------------------------------


class _Dialogue:
    """One conversation, played turn by turn; collects a sample for each decision."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.user = _User(dice)
        self.state = _State()
        self.agenda = self._draw_agenda()
        self.tools = self._draw_tools()
        self.history: list[dict[str, Any]] = []
        self.samples: list[Sample] = []
        self.asked: list[str] = []  # what the assistant wants to know
        self.open_end = ""  # what the last answer ended with: "", "at_hand", "else" or "offer"
        self.offer = ("", "")  # what the assistant offered to explain, and the explanation
        self.found: list[str] = []  # values that the tools know

    def play(self) -> list[Sample]:
        self._begin()
        for tool in self.agenda:
            self._pursue(tool)
        if not self.agenda or self.dice.chance(0.16):
            self._finish()
        return self.samples

    # the course of a conversation

    def _draw_agenda(self) -> list[Tool]:
        """What the user wants, in order.

        A new address comes first: asked for later, it could be mistaken for one given before.
        """
        length = self.dice.weighted(((0.03, 0), (0.5, 1), (0.37, 2), (0.1, 3)))
        drawn = self.dice.shuffled(_TOOLS)[:length]
        return sorted(drawn, key=lambda tool: tool.name != "update_address")

    def _draw_tools(self) -> list[dict[str, Any]]:
        """4 to 8 tools in any order, among them all that this conversation may call."""
        names = {tool.name for tool in self.agenda}
        names |= {following for (name, _), following in NEXT_TOOL.items() if name in names}
        rest = [tool.name for tool in _TOOLS if tool.name not in names]
        wanted = 4 + self.dice.below(5)
        chosen = sorted(names) + self.dice.shuffled(rest)[: max(0, wanted - len(names))]
        return [TOOLS[name].definition() for name in self.dice.shuffled(chosen)]

    def _begin(self) -> None:
        if self.dice.chance(0.75):
            self._add("system", expand(self.dice, self.dice.pick(phrases.SYSTEMS)))
        if self.dice.chance(0.13):
            self._introduce()

    def _introduce(self) -> None:
        """A first turn without a request: a greeting, or values that are needed later."""
        given = self._volunteered(1 + self.dice.below(2)) if self.dice.chance(0.7) else []
        statements = [self.dice.pick(phrases.STATEMENTS[param]) for param in given]
        replies = phrases.NOTED_REPLIES if given else phrases.GREETING_REPLIES
        self._hear(self.user.say(self.dice.pick(phrases.GREETINGS), *statements, replies=replies))

    def _volunteered(self, count: int) -> list[str]:
        """Slots the user may mention unasked: unknown ones, but no address if that is to change."""
        moving = any(tool.name == "update_address" for tool in self.agenda)
        kept = {"intent_of_user", *self._known(), *(["address"] if moving else [])}
        return self.dice.shuffled([slot for slot in SLOTS if slot not in kept])[:count]

    def _pursue(self, tool: Tool) -> None:
        if self.dice.chance(0.07):
            self._hear(self.user.aside())
        if self.open_end == "else" and self.dice.chance(0.15):
            self._hear(self.user.say(self.dice.pick(phrases.YES_OPEN), replies=phrases.GO_ON))
        elif self.open_end == "offer":
            self._hear(self._take_offer())
        first = all(turn["role"] == "system" for turn in self.history)
        lead = [self.dice.pick(phrases.GREETINGS)] if first and self.dice.chance(0.45) else []
        if self.state.request:
            lead = [self.dice.pick(phrases.SWITCHES)]
        self._hear(self.user.opening(tool, self._known(), lead))
        self._settle(wavering=0.04 if tool is not self.agenda[-1] else 0.0)
        served = self.state.served
        if served and served.tool is tool and not self.state.request and self.dice.chance(0.3):
            self._ask_again(served)

    def _settle(self, wavering: float = 0.0) -> None:
        """Reply until the request is served or dropped, or the user turns to something else."""
        for _ in range(7):
            if not self.state.request or self.dice.chance(wavering):
                return
            self._hear(self._reply(self.state.request))

    def _ask_again(self, served: _Request) -> None:
        """The same request once more: for another month, or since a value was wrong."""
        tool = served.tool
        if "month" in tool.optional and self.dice.chance(0.6):
            if "month" in served.details:
                self.user.values.replace("month")
            self._hear(self.user.say(self.dice.pick(phrases.OTHER_MONTH), request=tool))
        elif tool.required and not tool.costly:
            again = self.dice.pick(phrases.AGAIN)
            param = tool.required[0]
            self._hear(self.user.correct(param, phrases.CORRECTIONS, "", again, request=tool))
        self._settle()

    def _finish(self) -> None:
        if not self.agenda:
            for _ in range(1 + self.dice.below(3)):
                self._hear(self.user.aside())
        self._hear(self.user.say(self.dice.pick(phrases.THANKS), replies=phrases.THANKS_REPLIES))

    def _take_offer(self) -> _Turn:
        if self.dice.chance(0.6):
            return self.user.say(self.dice.pick(phrases.YES_OPEN), replies=(self.offer[1],))
        return self.user.say(self.dice.pick(phrases.NO_OFFER), replies=phrases.OFFER_DECLINED)

    # the user's replies

    def _reply(self, request: _Request) -> _Turn:
        if request.summarised:
            return self._reply_to_summary(request)
        if request.rejected and any(self.state.value(p) for p in self.state.missing()):
            return self._reply_to_rejected()
        return self._reply_to_question()

    def _reply_to_question(self) -> _Turn:
        dice, user, asked = self.dice, self.user, self.asked
        if self.open_end == "at_hand" and dice.chance(0.3):
            return user.say(dice.pick(phrases.YES_OPEN))
        kind = dice.weighted(_QUESTION_REPLIES)
        wrong = phrases.WRONG_PERSON.get(asked[0])
        if kind == "wrong person" and wrong:
            return user.say(dice.pick(wrong), replies=phrases.NOT_YOURS_REPLIES)
        if kind == "correct" and asked[0] not in phrases.ENUM_WORDS:
            return user.correct(asked[0], phrases.SELF_CORRECTIONS)
        if kind == "correct earlier" and (known := [p for p in self._known() if p not in asked]):
            values = [dice.pick(phrases.STATEMENTS[param]) for param in asked]
            return user.correct(dice.pick(known), phrases.CORRECTIONS, *values)
        if kind == "other":
            return user.aside()
        if kind == "hold":
            return user.say(dice.pick(phrases.HOLD), replies=phrases.HOLD_REPLIES)
        if kind == "give up":
            return user.say(dice.pick(phrases.GIVE_UP), declines=True, replies=phrases.DECLINED)
        if kind == "unneeded" and (unneeded := self._unneeded()):
            return user.say(dice.pick(phrases.STATEMENTS[unneeded[0]]))
        if kind == "some":
            return user.give(asked[:1])
        return user.give(asked, self._unneeded() if dice.chance(0.1) else ())

    def _known(self) -> list[str]:
        slots = self.state.slots
        return [param for param in slots if param in PARAMETERS and slots[param]]

    def _unneeded(self) -> list[str]:
        return [param for param in self._volunteered(1) if param not in self.state.missing()]

    def _reply_to_summary(self, request: _Request) -> _Turn:
        dice, user = self.dice, self.user
        kind = dice.weighted(_SUMMARY_REPLIES)
        param = dice.pick([p for p in request.tool.required if p not in phrases.ENUM_WORDS])
        if kind == "correct":
            return user.correct(param, phrases.CORRECTIONS)
        if kind == "yes but":
            but = dice.pick(phrases.YES_BUT)
            wordings = [f"{but} {wording}" for wording in phrases.CORRECTIONS]
            return user.correct(param, wordings, agrees=True)
        if kind == "wrong":
            wrong = dice.pick(phrases.WRONG_VALUE).replace("{noun}", phrases.NOUNS[param])
            return user.say(wrong, rejects=param)
        if kind == "no":
            return user.say(dice.pick(phrases.NO), declines=True, replies=phrases.DECLINED)
        if kind == "other":
            return user.aside()
        return user.say(dice.pick(phrases.YES), agrees=True)

    def _reply_to_rejected(self) -> _Turn:
        dice, user = self.dice, self.user
        kind = dice.weighted(((0.75, "correct"), (0.15, "hold"), (0.1, "give up")))
        if kind == "hold":
            return user.say(dice.pick(phrases.HOLD), replies=phrases.HOLD_REPLIES)
        if kind == "give up":
            return user.say(dice.pick(phrases.GIVE_UP), declines=True, replies=phrases.DECLINED)
        param = self.state.missing()[0]
        if dice.chance(0.5):
            return user.correct(param, phrases.CORRECTIONS)
        user.values.replace(param)
        return user.give([param])

    # the assistant's side

    def _hear(self, turn: _Turn) -> None:
        """The user's turn and all that the assistant does about it."""
        self._add("user", turn.text)
        self.state.hear(turn)
        step, news = self.state.step(turn), ""
        while step == "call":
            news = self._call()
            step = self.state.step(None)
        text = self._report(news) if news else self._phrase(step, turn)
        self._decide(content=text)
        self._add("assistant", text)

    def _call(self) -> str:
        """Call the tool that is due; its response in words."""
        assert self.state.request
        tool, arguments = self.state.request.tool, self.state.arguments()
        call = {"name": tool.name, "arguments": arguments}
        self._decide(call=call)
        self._add("tool_call", call)
        searched = arguments[tool.required[0]] if tool.required else ""
        outcome = self._outcome(tool, searched)
        facts = {key: fill(text, self._facts(text)) for key, text in outcome.fields.items()}
        self._add("tool_response", {"status": outcome.status, **facts})
        self.state.learn(outcome.status)
        return fill(self._pick(outcome.answers), {**facts, "searched": searched})

    def _outcome(self, tool: Tool, searched: str) -> Outcome:
        """By chance; but what was found once is found again."""
        possible = [
            (outcome.weight, outcome)
            for outcome in phrases.OUTCOMES[tool.name]
            if outcome is not phrases.NOT_FOUND or searched not in self.found
        ]
        outcome = self.dice.weighted(possible)
        if outcome is not phrases.NOT_FOUND:
            self.found.append(searched)
        return outcome

    def _facts(self, text: str) -> dict[str, str]:
        return {kind: self.user.values.fresh(kind) for kind in PLACEHOLDER.findall(text)}

    def _report(self, news: str) -> str:
        """The news of a response, and what is to come."""
        request, self.open_end = self.state.request, ""
        if not request:
            return f"{news} {self._close()}".strip()
        if request.rejected:
            self.asked = self.state.missing()[:1]
            return news
        return f"{news} {self._ask(phrases.REMINDERS)}"

    def _close(self) -> str:
        """What a served request ends with: nothing, "anything else?" or an offer."""
        self.open_end = self.dice.weighted(((0.6, ""), (0.31, "else"), (0.09, "offer")))
        if self.open_end == "else":
            return self._pick(phrases.ANYTHING_ELSE)
        if self.open_end == "offer":
            self.offer = self.dice.pick(phrases.OFFERS)
            return self.offer[0]
        return ""

    def _phrase(self, step: str, turn: _Turn) -> str:
        """What the assistant says when there is no news."""
        self.open_end = ""
        if step == "chat" and turn.replies:
            return f"{self._pick(turn.replies)} {self._remind()}".strip()
        if step == "summarise":
            return self._summarise()
        if self.dice.chance(0.2):
            text = self._ask(phrases.ASKS_AT_HAND)
            self.open_end = "at_hand"
            return text
        return self._ask(phrases.ASKS)

    def _summarise(self) -> str:
        assert self.state.request
        request = self.state.request
        request.summarised = True
        wording = self._pick(phrases.SUMMARIES[request.tool.name])
        return fill(wording, self.state.arguments())

    def _ask(self, wordings: Sequence[str]) -> str:
        """A question for all that is missing, or for the first of it."""
        missing = self.state.missing()
        self.asked = missing if self.dice.chance(0.7) else missing[:1]
        *others, last = [phrases.ASKED_NOUNS[param] for param in self.asked]
        nouns = f"{', '.join(others)} and {last}" if others else last
        return fill(self._pick(wordings), {"nouns": nouns})

    def _remind(self) -> str:
        """After something else: the question that is still open, if any."""
        if not self.state.request:
            return ""
        if self.state.request.summarised:
            return self._pick(phrases.STILL_CONFIRM)
        return self._ask(phrases.REMINDERS) if self.dice.chance(0.5) else ""

    def _pick(self, wordings: Sequence[str]) -> str:
        return expand(self.dice, self.dice.pick(wordings))

    def _add(self, role: str, content: Any) -> None:
        self.history.append({"role": role, "content": content})

    def _decide(self, content: str = "", call: dict[str, Any] | None = None) -> None:
        self.samples.append(
            {
                "tools": self.tools,
                "history": list(self.history),
                "decision": "tool_call" if call else "direct_answer",
                "tool": call or {},
                "slots": dict(self.state.slots),
                "content": content,
            }
        )


# How a question is answered, and a summary: (how often, how).
_QUESTION_REPLIES = (
    (0.66, "all"),
    (0.07, "some"),
    (0.06, "correct"),
    (0.05, "correct earlier"),
    (0.05, "wrong person"),
    (0.05, "other"),
    (0.03, "hold"),
    (0.03, "give up"),
    (0.04, "unneeded"),
)
_SUMMARY_REPLIES = (
    (0.66, "yes"),
    (0.09, "correct"),
    (0.06, "yes but"),
    (0.05, "wrong"),
    (0.07, "no"),
    (0.07, "other"),
)
