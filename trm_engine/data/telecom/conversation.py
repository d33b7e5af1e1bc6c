"""Dialogue: plays a conversation of user and assistant, and collects a sample per decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trm_engine.data.telecom import assistant_phrases, opening_phrases, user_phrases
from trm_engine.data.telecom.dice import Dice
from trm_engine.data.telecom.grammar import PLACEHOLDER, expand, fill
from trm_engine.data.telecom.outcomes import NOT_FOUND, OUTCOMES, Outcome
from trm_engine.data.telecom.policy import Request, State, Turn
from trm_engine.data.telecom.schema import NEXT_TOOL, PARAMETERS, SLOTS, TOOLS, Tool
from trm_engine.data.telecom.user import User
from trm_engine.data.telecom.values import ENUM_WORDS

Sample = dict[str, Any]


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


class Dialogue:
    """One conversation, played turn by turn. It collects a sample for each decision."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.user = User(dice)
        self.state = State()
        self.agenda = self._draw_agenda()
        self.tools = self._draw_tools()
        self.history: list[dict[str, Any]] = []
        self.samples: list[Sample] = []
        self.asked: list[str] = []  # parameters that the assistant asked for
        self.open_end = ""  # what the last answer ended with: "", "at_hand", "else" or "offer"
        self.offer = ("", "")  # what the assistant offered to explain, and the explanation
        self.found: list[str] = []  # values that the tools found

    def play(self) -> list[Sample]:
        self._begin()
        for tool in self.agenda:
            self._pursue(tool)
        if not self.agenda or self.dice.chance(0.16):
            self._finish()
        return self.samples

    # the course of a conversation

    def _draw_agenda(self) -> list[Tool]:
        """The user's requests, in order.

        A change of address comes first: later, the new address could be mistaken for an old one.
        """
        length = self.dice.weighted(((0.03, 0), (0.5, 1), (0.37, 2), (0.1, 3)))
        drawn = self.dice.shuffled(list(TOOLS.values()))[:length]
        return sorted(drawn, key=lambda tool: tool.name != "update_address")

    def _draw_tools(self) -> list[dict[str, Any]]:
        """4 to 8 tools in random order, including all that this conversation can call."""
        names = {tool.name for tool in self.agenda}
        names |= {following for (name, _), following in NEXT_TOOL.items() if name in names}
        rest = [name for name in TOOLS if name not in names]
        wanted = 4 + self.dice.below(5)
        chosen = sorted(names) + self.dice.shuffled(rest)[: max(0, wanted - len(names))]
        return [TOOLS[name].definition() for name in self.dice.shuffled(chosen)]

    def _begin(self) -> None:
        if self.dice.chance(0.75):
            self._add("system", expand(self.dice, self.dice.pick(assistant_phrases.SYSTEMS)))
        if self.dice.chance(0.13):
            self._introduce()

    def _introduce(self) -> None:
        """A first turn without a request: a greeting, or values that are needed later."""
        given = self._volunteered(1 + self.dice.below(2)) if self.dice.chance(0.7) else []
        statements = [self.dice.pick(user_phrases.STATEMENTS[param]) for param in given]
        replies = assistant_phrases.NOTED_REPLIES if given else assistant_phrases.GREETING_REPLIES
        self._hear(
            self.user.say(self.dice.pick(opening_phrases.GREETINGS), *statements, replies=replies)
        )

    def _volunteered(self, count: int) -> list[str]:
        """Slots the user may mention unasked: unknown ones, but no address that will change."""
        moving = any(tool.name == "update_address" for tool in self.agenda)
        kept = {"intent_of_user", *self._known(), *(["address"] if moving else [])}
        return self.dice.shuffled([slot for slot in SLOTS if slot not in kept])[:count]

    def _pursue(self, tool: Tool) -> None:
        if self.dice.chance(0.07):
            self._hear(self.user.aside())
        if self.open_end == "else" and self.dice.chance(0.15):
            self._hear(
                self.user.say(
                    self.dice.pick(user_phrases.YES_OPEN), replies=assistant_phrases.GO_ON
                )
            )
        elif self.open_end == "offer":
            self._hear(self._take_offer())
        first = all(turn["role"] == "system" for turn in self.history)
        lead = (
            [self.dice.pick(opening_phrases.GREETINGS)] if first and self.dice.chance(0.45) else []
        )
        if self.state.request:
            lead = [self.dice.pick(opening_phrases.SWITCHES)]
        self._hear(self.user.opening(tool, self._known(), lead))
        self._settle(wavering=0.04 if tool is not self.agenda[-1] else 0.0)
        served = self.state.served
        if served and served.tool is tool and not self.state.request and self.dice.chance(0.3):
            self._ask_again(served)

    def _settle(self, wavering: float = 0.0) -> None:
        """Reply until the request is served or dropped, or the user changes the subject."""
        for _ in range(7):
            if not self.state.request or self.dice.chance(wavering):
                return
            self._hear(self._reply(self.state.request))

    def _ask_again(self, served: Request) -> None:
        """Repeat the request: for another month, or because a value was wrong."""
        tool = served.tool
        if "month" in tool.optional and self.dice.chance(0.6):
            if "month" in served.details:
                self.user.values.replace("month")
            self._hear(self.user.say(self.dice.pick(opening_phrases.OTHER_MONTH), request=tool))
        elif tool.required and not tool.costly:
            again = self.dice.pick(opening_phrases.AGAIN)
            param = tool.required[0]
            self._hear(self.user.correct(param, user_phrases.CORRECTIONS, "", again, request=tool))
        self._settle()

    def _finish(self) -> None:
        if not self.agenda:
            for _ in range(1 + self.dice.below(3)):
                self._hear(self.user.aside())
        self._hear(
            self.user.say(
                self.dice.pick(user_phrases.THANKS), replies=assistant_phrases.THANKS_REPLIES
            )
        )

    def _take_offer(self) -> Turn:
        if self.dice.chance(0.6):
            return self.user.say(self.dice.pick(user_phrases.YES_OPEN), replies=(self.offer[1],))
        return self.user.say(
            self.dice.pick(user_phrases.NO_OFFER), replies=assistant_phrases.OFFER_DECLINED
        )

    # the user's replies

    def _reply(self, request: Request) -> Turn:
        if request.summarised:
            return self._reply_to_summary(request)
        if request.rejected and any(self.state.value(p) for p in self.state.missing()):
            return self._reply_to_rejected()
        return self._reply_to_question()

    def _reply_to_question(self) -> Turn:
        dice, user, asked = self.dice, self.user, self.asked
        if self.open_end == "at_hand" and dice.chance(0.3):
            return user.say(dice.pick(user_phrases.YES_OPEN))
        kind = dice.weighted(_QUESTION_REPLIES)
        wrong = user_phrases.WRONG_PERSON.get(asked[0])
        if kind == "wrong person" and wrong:
            return user.say(dice.pick(wrong), replies=assistant_phrases.NOT_YOURS_REPLIES)
        if kind == "correct" and asked[0] not in ENUM_WORDS:
            return user.correct(asked[0], user_phrases.SELF_CORRECTIONS)
        if kind == "correct earlier" and (known := [p for p in self._known() if p not in asked]):
            values = [dice.pick(user_phrases.STATEMENTS[param]) for param in asked]
            return user.correct(dice.pick(known), user_phrases.CORRECTIONS, *values)
        if kind == "other":
            return user.aside()
        if kind == "hold":
            return user.say(dice.pick(user_phrases.HOLD), replies=assistant_phrases.HOLD_REPLIES)
        if kind == "give up":
            return user.say(
                dice.pick(user_phrases.GIVE_UP), declines=True, replies=assistant_phrases.DECLINED
            )
        if kind == "unneeded" and (unneeded := self._unneeded()):
            return user.say(dice.pick(user_phrases.STATEMENTS[unneeded[0]]))
        if kind == "some":
            return user.give(asked[:1])
        return user.give(asked, self._unneeded() if dice.chance(0.1) else ())

    def _known(self) -> list[str]:
        slots = self.state.slots
        return [param for param in slots if param in PARAMETERS and slots[param]]

    def _unneeded(self) -> list[str]:
        return [param for param in self._volunteered(1) if param not in self.state.missing()]

    def _reply_to_summary(self, request: Request) -> Turn:
        dice, user = self.dice, self.user
        kind = dice.weighted(_SUMMARY_REPLIES)
        param = dice.pick([p for p in request.tool.required if p not in ENUM_WORDS])
        if kind == "correct":
            return user.correct(param, user_phrases.CORRECTIONS)
        if kind == "yes but":
            but = dice.pick(user_phrases.YES_BUT)
            wordings = [f"{but} {wording}" for wording in user_phrases.CORRECTIONS]
            return user.correct(param, wordings, agrees=True)
        if kind == "wrong":
            wrong = dice.pick(user_phrases.WRONG_VALUE).replace(
                "{noun}", assistant_phrases.NOUNS[param]
            )
            return user.say(wrong, rejects=param)
        if kind == "no":
            return user.say(
                dice.pick(user_phrases.NO), declines=True, replies=assistant_phrases.DECLINED
            )
        if kind == "other":
            return user.aside()
        return user.say(dice.pick(user_phrases.YES), agrees=True)

    def _reply_to_rejected(self) -> Turn:
        dice, user = self.dice, self.user
        kind = dice.weighted(((0.75, "correct"), (0.15, "hold"), (0.1, "give up")))
        if kind == "hold":
            return user.say(dice.pick(user_phrases.HOLD), replies=assistant_phrases.HOLD_REPLIES)
        if kind == "give up":
            return user.say(
                dice.pick(user_phrases.GIVE_UP), declines=True, replies=assistant_phrases.DECLINED
            )
        param = self.state.missing()[0]
        if dice.chance(0.5):
            return user.correct(param, user_phrases.CORRECTIONS)
        user.values.replace(param)
        return user.give([param])

    # the assistant's side

    def _hear(self, turn: Turn) -> None:
        """The user's turn and the assistant's reaction."""
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
        """Call the tool, and put its response into words."""
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
        """A random outcome, except that a value found once is found again."""
        possible = [
            (outcome.weight, outcome)
            for outcome in OUTCOMES[tool.name]
            if outcome is not NOT_FOUND or searched not in self.found
        ]
        outcome = self.dice.weighted(possible)
        if outcome is not NOT_FOUND:
            self.found.append(searched)
        return outcome

    def _facts(self, text: str) -> dict[str, str]:
        return {kind: self.user.values.fresh(kind) for kind in PLACEHOLDER.findall(text)}

    def _report(self, news: str) -> str:
        """The news in a response, and what happens next."""
        request, self.open_end = self.state.request, ""
        if not request:
            return f"{news} {self._close()}".strip()
        if request.rejected:
            self.asked = self.state.missing()[:1]
            return news
        return f"{news} {self._ask(assistant_phrases.REMINDERS)}"

    def _close(self) -> str:
        """The end of a served request: nothing, "anything else?" or an offer."""
        self.open_end = self.dice.weighted(((0.6, ""), (0.31, "else"), (0.09, "offer")))
        if self.open_end == "else":
            return self._pick(assistant_phrases.ANYTHING_ELSE)
        if self.open_end == "offer":
            self.offer = self.dice.pick(assistant_phrases.OFFERS)
            return self.offer[0]
        return ""

    def _phrase(self, step: str, turn: Turn) -> str:
        """The assistant's answer if there is no news."""
        self.open_end = ""
        if step == "chat" and turn.replies:
            return f"{self._pick(turn.replies)} {self._remind()}".strip()
        if step == "summarise":
            return self._summarise()
        if self.dice.chance(0.2):
            text = self._ask(assistant_phrases.ASKS_AT_HAND)
            self.open_end = "at_hand"
            return text
        return self._ask(assistant_phrases.ASKS)

    def _summarise(self) -> str:
        assert self.state.request
        request = self.state.request
        request.summarised = True
        wording = self._pick(assistant_phrases.SUMMARIES[request.tool.name])
        return fill(wording, self.state.arguments())

    def _ask(self, wordings: Sequence[str]) -> str:
        """Ask for all missing values, or for the first of them."""
        missing = self.state.missing()
        self.asked = missing if self.dice.chance(0.7) else missing[:1]
        *others, last = [assistant_phrases.ASKED_NOUNS[param] for param in self.asked]
        nouns = f"{', '.join(others)} and {last}" if others else last
        return fill(self._pick(wordings), {"nouns": nouns})

    def _remind(self) -> str:
        """Repeat the open question after something else, if there is one."""
        if not self.state.request:
            return ""
        if self.state.request.summarised:
            return self._pick(assistant_phrases.STILL_CONFIRM)
        return self._ask(assistant_phrases.REMINDERS) if self.dice.chance(0.5) else ""

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
