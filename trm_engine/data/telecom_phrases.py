"""Words and values of the built-in telecom conversations: tables, and the small grammar they use.

A template is plain text with three marks: ``(a|b|)`` is a choice, ``<can>`` is a choice that many
templates share, ``{phone}`` is a value. Templates are lower case where a sentence may start;
the speaker's style (see ``telecom.py``) decides about capitals and full stops.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Random choices that are the same everywhere.

    Python promises the same ``random()`` for the same seed in every version, and nothing about
    ``choice`` or ``shuffle``; so all choices are made from ``random()`` alone.
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(seed).random

    def below(self, n: int) -> int:
        return int(self._random() * n)

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[float, T]]) -> T:
        """One of ``(weight, item)``, each as often as its weight says."""
        rest = self._random() * sum(weight for weight, _ in items)
        for weight, item in items:
            rest -= weight
            if rest < 0:
                return item
        return items[-1][1]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]


# --- the grammar --------------------------------------------------------------------------------

SHARED = {
    "can": "(can|could|would|will) you (please|kindly|)",
    "want": "(I want to|I'd like to|I would like to|I need to|I have to|I'm trying to)",
    "may": "(can I|could I|may I|is it possible to|would it be possible to)",
    "router": "(router|modem|box|wifi router)",
    "expert": "(a technician|an engineer|a repairman|a service person)",
}
_SHARED_MARK = re.compile(r"<(\w+)>")
_CHOICE = re.compile(r"\(([^()]*)\)")
_SPACES = re.compile(r" +")
_SPACE_BEFORE_MARK = re.compile(r" +([,.?!:])")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def expand(dice: Dice, template: str) -> str:
    """The template with every choice made; placeholders stay."""
    text = _SHARED_MARK.sub(lambda mark: SHARED[mark[1]], template)
    while "(" in text:
        text = _CHOICE.sub(lambda choice: dice.pick(choice[1].split("|")), text)
    return _SPACE_BEFORE_MARK.sub(r"\1", _SPACES.sub(" ", text)).strip()


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced (a value may contain anything, braces too)."""
    return PLACEHOLDER.sub(lambda mark: values[mark[1]], text)


# --- values -------------------------------------------------------------------------------------


def _digits(dice: Dice, pattern: str) -> str:
    """The pattern with ``#`` replaced by digits and ``?`` by capital letters."""
    digit, letter = "0123456789", "ABCDEFGHJKLMNPRSTUVWXYZ"
    kinds = {"#": digit, "?": letter}
    return "".join(dice.pick(kinds[c]) if c in kinds else c for c in pattern)


PHONES = (
    "09########", "03########", "07########", "090 ### ####", "091 ### ####", "038 ### ####",
    "+84 9## ### ###", "+84 3## ### ###", "0901-###-###", "098#-###-###", "+849########",
    "+44 77## ######", "+49 15# ########", "06 ## ## ## ##", "(555) 01#-####", "555-01#-####",
)  # fmt: skip
CONTRACTS = (
    "HD-######", "HD######", "CT#####", "CT-#####", "KH-##-####", "C-00####", "VN######",
    "FTTH-####", "NET-#####-?", "hd-######", "ct#####",
)  # fmt: skip
DEVICES = (
    "SN#####?", "SN-######", "ONT-####-A?", "ONT####", "35#############", "86#############",
    "ZX-F6##-###", "HG8#45-#####", "RT?##-###", "MDM-##?###", "sn#####?",
)  # fmt: skip
ORDERS = ("DH-######", "ORD-#####", "ORD######", "INV-#####", "77#####", "PK-######")
TICKETS = ("T-#####", "TK-####", "#####")

# (given names, family names, names between them, templates); a template gives the order.
_NAMES = (
    (
        "An|Bình|Châu|Dũng|Giang|Hà|Hạnh|Hiếu|Hương|Khánh|Lan|Linh|Long|Mai|Minh|Ngọc|Phúc|Quân"
        "|Thảo|Trang|Tuấn|Yến",
        "Nguyễn|Trần|Lê|Phạm|Hoàng|Vũ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Lý|Phan|Võ|Đinh",
        "Văn|Thị|Quốc|Minh|Thanh|Thu|Đức|Ngọc|Xuân|Gia|Kim|Bảo|Phương",
        ("{family} {middle} {given}", "{family} {middle} {given}", "{family} {given}"),
    ),
    (
        "Emma|Oliver|Grace|Jack|Chloe|Harry|Lucy|Thomas|Ruby|George|Hannah|Samuel|Alice|Ethan",
        "Smith|Walker|Turner|Hughes|Bennett|Cooper|Ward|O'Neill|Marsh|Fletcher|Quinn|Barrett",
        "A.|B.|C.|D.|J.|L.|M.|P.|R.|T.|Rose|James|Marie|Lee",
        ("{given} {family}", "{given} {middle} {family}"),
    ),
    (
        "María|José|Lucía|Andrés|Sofía|Mateo|Inés|Álvaro|Carmen|Joaquín|Núria|Raúl",
        "García|Fernández|López|Muñoz|Peña|Ibáñez|Ortiz|Castaño|Vidal|Núñez",
        "Ramos|Torres|Serrano|Molina|Rubio|Gil|Santos|Reyes|Cruz|Vega",
        ("{given} {family}", "{given} {family} {middle}"),
    ),
    (
        "Jürgen|Anke|Björn|Käthe|Sören|Łukasz|Zofia|Agnieszka|Ondřej|Živa|Françoise|Étienne",
        "Müller|Schäfer|Groß|Kowalski|Wójcik|Dvořák|Novak|Lefèvre|Girard|Jansen|Lindström",
        "Weiß|Zając|Bauer|Horák|Moreau|Visser|Berg|Lang|Malý|Roux",
        ("{given} {family}", "{given} {family}-{middle}"),
    ),
    (
        "Priya|Arjun|Meera|Rohan|Fatima|Omar|Layla|Yusuf|Amina|Chidi|Ngozi|Kwame|Wei|Xiu|Kenji",
        "Sharma|Patel|Iyer|Hassan|Al-Sayed|Rahman|Okafor|Mensah|Zhang|Chen|Tanaka|Sato|Kim",
        "K.|S.|N.|M.|H.|V.|Ali|Devi|Noor|Raj|Obi|Jun",
        ("{given} {family}", "{given} {middle} {family}"),
    ),
)
# (streets, towns, templates)
_ADDRESSES = (
    (
        "Nguyễn Huệ|Lê Lợi|Trần Phú|Hai Bà Trưng|Lý Thường Kiệt|Điện Biên Phủ|Võ Thị Sáu|Hàng Bông"
        "|Phan Chu Trinh|Cách Mạng Tháng Tám|Láng Hạ|Kim Mã",
        "Quận 1, TP.HCM|Quận 7, TP.HCM|Ba Đình, Hà Nội|Cầu Giấy, Hà Nội|Hải Châu, Đà Nẵng"
        "|District 3, Ho Chi Minh City|Ninh Kiều, Cần Thơ|Hoàn Kiếm, Hanoi",
        ("{n} {street}, {town}", "{n}/{m} {street}, {town}", "số {n} {street}, {town}"),
    ),
    (
        "Oak|Maple|Station|Church|King|Mill|Park|Victoria|Green|Chapel|Bridge|Cedar|Garden|Hill",
        "Leeds|Bristol|Springfield|Riverton|Oxford|Dublin|Perth|Auckland|Boston|Portland",
        ("{n} {street} Street, {town}", "{n} {street} Road, {town}", "{n}B {street} Lane, {town}",
         "{n} {street} Avenue, Apt {m}, {town}"),
    ),
    (
        "Haupt|Garten|Bahnhof|Schul|Linden|Berg|Wald|Kirch|Ring|Brunnen",
        "Berlin|Köln|Hamburg|Graz|München|Leipzig|Zürich|Bremen",
        ("{street}straße {n}, {town}", "{street}str. {n}, {town}", "{street}weg {n}a, {town}"),
    ),
    (
        "Paix|Gare|Liberté|Victoire|Fontaine|Poste|République|Montagne",
        "Lyon|Paris|Genève|Lille|Nantes|Liège",
        ("{n} rue de la {street}, {town}", "{n} place de la {street}, {town}"),
    ),
)  # fmt: skip
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PLAN_KINDS = ("Fiber", "Home", "Mobile", "Giga", "Speed", "Family", "Data", "Net", "Smart", "Sky")
_PLAN_SIZES = ("50", "80", "100", "120", "150", "200", "250", "300", "500", "600", "1000")
_PLAN_GRADES = ("", "", " Plus", " Max", " Lite", " Pro", " Go")


def _name(dice: Dice) -> str:
    given, family, middle, orders = dice.pick(_NAMES)
    parts = {
        "given": dice.pick(given.split("|")),
        "middle": dice.pick(middle.split("|")),
        "family": dice.pick(family.split("|")),
    }
    return fill(dice.pick(orders), parts)


def _address(dice: Dice) -> str:
    streets, towns, orders = dice.pick(_ADDRESSES)
    parts = {
        "n": str(1 + dice.below(299)),
        "m": str(1 + dice.below(39)),
        "street": dice.pick(streets.split("|")),
        "town": dice.pick(towns.split("|")),
    }
    return fill(dice.pick(orders), parts)


def _plan(dice: Dice) -> str:
    return f"{dice.pick(_PLAN_KINDS)} {dice.pick(_PLAN_SIZES)}{dice.pick(_PLAN_GRADES)}"


def _date(dice: Dice) -> str:
    day, month, weekday = 1 + dice.below(28), dice.pick(_MONTH_NAMES), dice.pick(_WEEKDAYS)
    number = 1 + _MONTH_NAMES.index(month)
    forms = (
        f"{month} {day}", f"{day} {month}", f"{day:02}/{number:02}", f"{day:02}.{number:02}.2026",
        f"2026-{number:02}-{day:02}", weekday, f"next {weekday}", f"this {weekday}",
        f"{weekday}, {day} {month}", "tomorrow", "the day after tomorrow", f"the {day}th of {month}"
        if 4 <= day <= 20 else f"{month} {day}, 2026",
    )  # fmt: skip
    return dice.pick(forms)


def _month(dice: Dice) -> str:
    month = dice.pick(_MONTH_NAMES)
    year = dice.pick(("2025", "2026"))
    forms = (month, month, f"{month} {year}", "last month", "this month", f"{month[:3]} {year}")
    return dice.pick(forms)


VALUES: dict[str, Callable[[Dice], str]] = {
    "phone": lambda dice: _digits(dice, dice.pick(PHONES)),
    "name": _name,
    "address": _address,
    "contract_id": lambda dice: _digits(dice, dice.pick(CONTRACTS)),
    "device_number": lambda dice: _digits(dice, dice.pick(DEVICES)),
    "order": lambda dice: _digits(dice, dice.pick(ORDERS)),
    "date": _date,
    "month": _month,
    "plan": _plan,
    "ticket": lambda dice: _digits(dice, dice.pick(TICKETS)),
    "amount": lambda dice: f"{9 + dice.below(90)}.{dice.below(10)}0 EUR",
    "gigabytes": lambda dice: f"{dice.below(60)}.{dice.below(10)} GB",
    "hours": lambda dice: f"{1 + dice.below(9)} h",
    "minutes": lambda dice: f"{1 + dice.below(20)} min",
    "year": lambda dice: str(2012 + dice.below(14)),
}

# What a user says for each value of an enum.
ENUM_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "time_window": {
        "morning": ("the morning", "before noon", "before lunch", "between 8 and 11 am",
                    "around 9 am", "early in the day", "any time from 8 to 10 am"),
        "afternoon": ("the afternoon", "after lunch", "between 1 and 4 pm", "around 3 pm",
                      "early afternoon", "at about 2 pm"),
        "evening": ("the evening", "after work", "after 6 pm", "around 7 pm", "late in the day",
                    "between 6 and 8 pm"),
    },
    "reason": {
        "moving": ("I'm moving abroad", "we are moving to another city", "I'm leaving the country",
                   "my new flat has no line of yours", "I'm relocating for work"),
        "price": ("it's too expensive", "I can't afford it any more", "you raised the price again",
                  "it costs too much", "I have to save money"),
        "quality": ("the connection is terrible", "it's far too slow", "it drops every evening",
                    "the quality is bad", "the wifi never works properly"),
        "competitor": ("I found a better provider", "another company made me a better offer",
                       "I'm switching to a competitor", "my new provider takes over"),
    },
}  # fmt: skip

# --- what users say -----------------------------------------------------------------------------

GREETINGS = (
    "(hi|hello|hey|good morning|good evening|good day|hi there|hello there|xin chào)(!|,|.)",
    "(hi|hello|hey) (team|support|everyone)(!|,)",
)
# Requests, by the tool that serves them. Those with placeholders give values at once.
OPENINGS: dict[str, tuple[str, ...]] = {
    "get_customer_info": (
        "<can> (check|look up|pull up|open|find) my (account|customer record|profile|details)?",
        "<want> (see|know|check) (what you have on file about me|my account details|my profile).",
        "what (information|data|details) do you have (about|on) me?",
        "is my account (still active|in order|all right)? (please check|have a look|)",
        "<may> see (the data you hold about me|my customer record|what is stored about me)?",
        "check (info|the account|the record) for {phone}(, please|).",
        "<can> look up {phone} for me? it's my number.",
    ),
    "check_bill": (
        "<can> (check|look at|tell me|show me) my (latest|current|) (bill|invoice)?",
        "how much (is my bill|do I owe you|do I have to pay) (this time|now|)?",
        "<want> (know what I owe|see my bill|check my invoice|know the amount due).",
        "why is my bill so high? (please check it|can you look at it).",
        "(my bill|the invoice) looks (wrong|too high|odd), <can> check it?",
        "how much do I owe for {month}?",
        "<can> check the bill for {month}?",
        "what's the balance on (my contract|contract) {contract_id}?",
        "what do I owe on {contract_id} for {month}?",
    ),
    "check_data_usage": (
        "how much data (have I used|did I use|is left|do I have left)?",
        "<can> check my data (usage|volume|consumption)?",
        "<want> (know how much data is left|see my data usage|know how many gigabytes I've used).",
        "(did I use up|have I used up|am I out of) my data? (please check|)",
        "I (get|keep getting) warnings about my limit, (how much data is left|is my data used up)?",
        "how much data did I use in {month}?",
        "data usage of my number {phone}, please.",
        "how many gigabytes did {phone} use in {month}? that's me.",
    ),
    "report_outage": (
        "my (internet|wifi|connection|line) is (down|dead|not working|out) (again|).",
        "I have no (internet|connection|signal|network) (at home|at all|since last night|).",
        "<want> report an outage.",
        "(nothing works|everything is offline) here, is there an outage?",
        "is there an outage (in my area|near me|in my street)? I'm offline.",
        "(we've|I've) been offline (for hours|all day|since yesterday).",
        "there's no internet (at my place|here at home), {address}.",
        "I live at {address} and the (internet|line) is (down|dead|out).",
    ),
    "schedule_technician": (
        "<can> send (<expert>|someone) (to my place|over|to look at my line)?",
        "<want> (book|schedule|arrange) (<expert> visit|a repair appointment|a visit).",
        "I need (<expert>|someone to come and look at my line|<expert> at my place).",
        "<may> (get|have|book) <expert>?",
        "<can> send <expert> for {date}?",
        "I need <expert> at my place, {address}.",
        "<want> book <expert> visit: {date}, {time_window}.",
    ),
    "reset_device": (
        "<can> (reset|restart|reboot) my <router> (remotely|for me|)?",
        "my <router> (hangs|is frozen|keeps blinking red|is stuck), <can> (reset|restart) it?",
        "<want> (reset|reboot|restart) my <router>.",
        "(a reset|a restart|a reboot) of my <router>, please.",
        "please (reset|reboot|restart) my <router> {device_number}.",
        "my <router> {device_number} (hangs|is stuck), (please|) (reboot|reset) it.",
    ),
    "change_plan": (
        "<want> (change|switch|upgrade|downgrade) my (plan|tariff).",
        "<can> (switch|move) me to (another|a different|a better|a cheaper) plan?",
        "I need (more speed|a bigger plan|something cheaper), please change my (plan|tariff).",
        "<may> (change|switch|upgrade) my (plan|tariff)?",
        "<want> (switch|change|upgrade|move) to {plan}.",
        "<can> put me on {plan}?",
        "{plan} sounds good, <can> switch me to it?",
        "please move my contract {contract_id} to {plan}.",
    ),
    "update_address": (
        "<want> (update|change|correct) my address.",
        "(I've just moved|we've moved|I moved last week), <can> (update|change) my address?",
        "<may> change the address (on my contract|you have for me|on file)?",
        "you (still|) have the wrong address for me, please (change|update|correct) it.",
        "(we|I) moved to {address}, please (update|change) my address.",
        "my new address is {address}, <can> (save|update) it?",
        "please change the address on my contract {contract_id}.",
    ),
    "cancel_contract": (
        "<want> (cancel|end|terminate|quit) my (contract|subscription|internet contract).",
        "<can> (cancel|terminate|end) my (contract|subscription)?",
        "<may> (cancel|end|terminate) my contract?",
        "I've had enough, (please|) (cancel|end) my contract.",
        "I (won't|don't want to) (extend|continue|keep) my contract, please (cancel|end) it.",
        "please (cancel|end) my contract {contract_id}.",
        "{reason}, so <want> (cancel|end) my contract.",
    ),
    "activate_sim": (
        "<can> activate my (new|) (SIM|SIM card)?",
        "<want> activate (my new SIM|a SIM card|the SIM you sent me).",
        "my new SIM (doesn't work yet|is not active yet|arrived today), please activate it.",
        "I (bought|got|received) a new SIM card, <can> switch it on?",
        "please activate the SIM for my number {phone}.",
        "SIM activation for my number {phone} in device {device_number}, please.",
    ),
    "create_ticket": (
        "<want> (file|make|lodge) a (formal|) complaint.",
        "<can> (open|create|log) a ticket (for me|)?",
        "I'm (very|really|) unhappy with your service, please (note|record) a complaint.",
        "please (write down|record|register) my complaint.",
        "<want> open a ticket, (my name is|I'm) {name}.",
        "please open a ticket for me, {name}, {phone}.",
    ),
    "transfer_to_agent": (
        "<want> (talk|speak) to (a human|a real person|an agent|someone from your team).",
        "<can> (put me through|connect me|transfer me) to (a human|an agent|a colleague)?",
        "(an agent|a human|a real person), please.",
        "I don't want to talk to a (bot|machine), (get|give) me (a human|an agent).",
        "let me (speak|talk) to (somebody real|your manager|an agent).",
    ),
}
# The same request again, for another month.
OTHER_MONTH = (
    "(and|what about|and what about|how about) {month}?",
    "(thanks, |ok, |) (and|now) (the same|) for {month}(, please|)?",
    "<can> (also check|check) {month} (as well|too)?",
)
# A value of the last request was wrong.
AGAIN = (
    "(please|) (check|try) (again|once more).",
    "<can> (check|try|do) it again?",
    "(could you repeat that|once more), please?",
)
# Said before a request: names a thing that is not wanted. By the tool that must not follow.
CONTRASTS: dict[str, tuple[str, ...]] = {
    "cancel_contract": (
        "(don't worry, |) I (don't want|am not here) to cancel anything.",
        "I nearly cancelled last year, but I'm happy now.",
    ),
    "schedule_technician": (
        "no need (for|to send) a technician (this time|yet|).",
        "the technician was here last week, he was nice.",
    ),
    "check_bill": ("it's not about my bill.", "the bill is fine, I paid it."),
    "change_plan": ("I don't want a new plan.", "I changed my plan in spring, that went well."),
    "report_outage": ("the internet works again, by the way.", "the outage last week is over."),
    "create_ticket": ("this is not a complaint.", "no need to open a ticket."),
}

# Said before a request while another one is open.
SWITCHES = (
    "(actually|wait|hmm), (something else|another thing) first.",
    "(forget that|leave that) for now.",
    "(oh|sorry), (I have a more urgent thing|there's something more important).",
    "let's do that later.", "before that, one other thing.",
)  # fmt: skip

# How a value is given, by parameter.
STATEMENTS: dict[str, tuple[str, ...]] = {
    "phone": (
        "my (phone|mobile|) number is {phone}.", "(phone|tel|mobile|my number): {phone}",
        "you can (reach|call) me (at|on|under) {phone}.", "{phone} is my number.",
        "I'm (registered|listed) under {phone}.", "(call|text) me on {phone}.",
    ),
    "name": (
        "my name is {name}.", "I'm {name}.", "this is {name}.", "{name} here.", "name: {name}",
        "my (full|) name's {name}.", "I am {name}.", "you are talking to {name}.",
    ),
    "address": (
        "I live at {address}.", "my address is {address}.", "(address|my address): {address}",
        "my (place|flat|house) is at {address}.", "I'm at {address}.", "we live at {address}.",
    ),
    "contract_id": (
        "my contract (number|ID|) is {contract_id}.", "(my|the|) contract: {contract_id}",
        "I have contract {contract_id}.", "{contract_id} is my contract (number|).",
        "my contract (number|) says {contract_id}.",
    ),
    "device_number": (
        "the (device|serial) number is {device_number}.", "(serial|device): {device_number}",
        "the (sticker|label) (says|reads) {device_number}.", "my device is {device_number}.",
        "{device_number} is what my device says.",
    ),
    "month": ("(it's about|I mean|that's for) {month}.", "for {month}(, please|).", "{month}."),
    "date": (
        "{date} would be (good|best|fine|great).", "(preferably|ideally|best) {date}.",
        "{date} works for me.", "let's say {date}.", "how about {date}?",
    ),
    "time_window": (
        "{time_window} (suits me|is best|would be good|works for me).",
        "(best|ideally) {time_window}.", "{time_window}(, please|).",
    ),
    "plan": ("I'd like {plan}.", "the plan is {plan}.", "{plan}, please.", "I want {plan}.",
             "I'd go for {plan}.", "{plan} looks right for me."),
    "reason": ("{reason}.", "because {reason}.", "well, {reason}.", "to be honest, {reason}."),
}  # fmt: skip
# A value on its own, as the answer to a question.
BARE = (
    "{value}", "{value}", "{value}", "it's {value}", "it is {value}", "that's {value}",
    "that would be {value}.", "sure, {value}", "sure: {value}", "of course, {value}",
    "yes, {value}", "ok, {value}", "here you go: {value}", "{value}, please",
    "thanks, it's {value}", "no problem, {value}", "just a second... {value}", "found it: {value}",
)  # fmt: skip
SELF_CORRECTIONS = (
    "{old}... no wait, {new}.", "{old}, sorry, {new}.", "it's {old}, no, {new}.",
    "{old}. no, that's (wrong|old), it's {new}.", "not {old} but {new}.",
    "{old} - (oops|ah no), I mean {new}.",
)  # fmt: skip
CORRECTIONS = (
    "(no wait|sorry|wait|oh), (it's|it is) {new}, not {old}.",
    "(sorry|oops), (I mistyped|that was wrong), the {noun} is {new}, not {old}.",
    "(actually|wait), not {old} but {new}.",
    "{old} (was|is) wrong, {new} is (right|correct).",
    "I said {old} but (I meant|it should be|it is) {new}.",
    "the {noun} (must be|is) {new}, (please forget|instead of) {old}.",
    "(correction|sorry): {new} (instead of|replaces) {old}.",
)
# Values that are not the customer's own.
DISTRACTORS = (
    "my (wife|husband|sister|brother|mother)'s number is {other_phone}, (she|that one) is fine.",
    "please don't call {other_phone}, (that's my office|I gave that phone away).",
    "my neighbour at {other_address} has no problem.",
    "I used to live at {other_address}.",
    "my (parents|friends) at {other_address} are (with you|customers) too.",
    "my (order|parcel|delivery) number was {other_order}, (that's done|it came already).",
    "I also have an order {other_order}, but that's another story.",
    "my (friend|colleague|cousin) {other_name} recommended you.",
    "last time I (spoke|talked) to {other_name}, very friendly.",
    "my brother has contract {other_contract_id}, not me.",
    "my old contract {other_contract_id} ended years ago.",
    "the old device {other_device_number} is already in the bin.",
    "a friend of mine is on {other_plan}.",
)
# The answer to a question for a value, by its parameter: somebody else's, so it does not help.
WRONG_PERSON: dict[str, tuple[str, ...]] = {
    "phone": (
        "my (wife|husband|son)'s (number|phone) is {other_phone}, mine I (must|have to) look up.",
        "{other_phone} is my office, not my own number.",
    ),
    "contract_id": (
        "I only have the order number here, {other_order}.",
        "{other_contract_id} is my brother's contract, mine is in the other room.",
        "(there's|I see) a number {other_order} on the parcel, is that it?",
    ),
    "device_number": ("the old one was {other_device_number}, I must look for the new one.",),
    "address": ("my parents live at {other_address}, but it's not about their place.",),
    "name": ("my (husband|wife) is {other_name}, but the contract is mine.",),
    "plan": ("my friend has {other_plan}, that's too big for me.",),
}

YES = (
    "yes", "yes please", "yes, please", "yep", "yeah", "sure", "ok", "okay", "go ahead", "correct",
    "(yes|ok|sure|perfect), (go ahead|do it|please do)", "(that's|that is) (right|correct|fine)",
    "sounds (good|great|right)", "please do", "exactly", "yes, (that's|that is) (right|correct)",
    "(all|everything is) (correct|right|fine)", "do it(, please|)", "absolutely", "of course",
    "thanks, that's right", "fine with me", "confirmed",
)  # fmt: skip
# A "yes" to an open question rather than to a summary.
YES_OPEN = (
    "yes",
    "yes please",
    "yes, please",
    "yep",
    "yeah",
    "sure",
    "ok",
    "of course",
    "yes I do",
)
YES_BUT = ("yes, but", "ok, but", "almost:", "nearly right,", "sure, only", "yes, just one thing:")
NO = (
    "no", "no, (please|) (don't|leave it)", "no thanks", "(stop|wait), I don't want (that|it)",
    "no, I've changed my mind", "better not", "hmm no, (leave it|keep it) as it is",
    "not (now|today), thanks", "no, forget it", "I'd rather not", "let me think about it first",
    "no, I (must|want to) ask my (wife|husband) first", "nope, leave everything as it is",
)  # fmt: skip
NO_OFFER = ("no", "no thanks", "no, thank you", "not now, thanks", "nope", "better not", "no need")
GIVE_UP = (
    "(never mind|forget it|leave it), (I don't have it here|I'll call later|it's not important)",
    "I can't find it, (forget it|let's leave it)",
    "(ok|hmm), then (leave it|forget about it)",
    "that's too complicated, (never mind|let's drop it)",
    "I'd rather not say, forget it",
)
WRONG_VALUE = (
    "(no|hmm no|wait), the {noun} is (wrong|not right).", "the {noun} isn't right.",
    "no, (that's|this is) the wrong {noun}.", "(sorry|stop), wrong {noun}.",
    "almost, but (check|look at) the {noun} again, it's wrong.",
)  # fmt: skip
HOLD = (
    "(one|just a) (sec|moment|minute), (please|) (let me look|I'm looking for it|I'll find it)",
    "(wait|hold on), I (have to|must) (look it up|find it|get my papers)",
    "hmm, where is it",
    "I'm on the bus, give me a (minute|second)",
    "one moment, someone is at the door",
)
HOLD_REPLIES = (
    "Take your time.", "No problem, I'll wait.", "(Sure|Of course), (no hurry|take your time).",
)  # fmt: skip
NOTED_REPLIES = (
    "(Thanks|Thank you), noted. What can I do for you?",
    "(Nice to meet you|Welcome)! How can I help?",
    "Thank you. What can I do for you (today|)?",
)
GREETING_REPLIES = (
    "(Hello|Hi)! (How can I help|What can I do for you)(| today)?",
    "(Hello|Welcome), how (can|may) I help you?",
)
NOT_YOURS_REPLIES = ("(Thanks|I see|Sorry), but that's not the one I need.",)

# Turns that change nothing: (what the user says, what is answered).
SMALL_TALK: tuple[tuple[str, str], ...] = (
    ("how are you (today|)?", "(Fine, thanks|Very well, thank you)!"),
    ("are you a (robot|bot|human|real person)?", "I'm a digital assistant."),
    ("it's (so|really) (hot|cold|rainy) here (today|)", "I hope it gets better soon."),
    ("(wow|great), that was (quick|fast)", "Happy to hear that."),
    ("(sorry|excuse me), my (dog|baby|cat) is (noisy|crazy) today", "No problem at all."),
    ("what's your name?", "I'm the assistant of your provider."),
    ("(haha|lol), you are funny", "Thank you!"),
    ("I've been a customer for (three|five|ten) years (now|)", "Thank you for staying with us."),
    ("did you watch the (match|game) yesterday?", "I didn't, but I hope it was good."),
    ("thanks (a lot|so much|) for your patience", "You're welcome."),
    ("(that is|) good to know", "(Good|Fine)."),
    ("you people are always (so kind|friendly)", "Thank you, that's nice to hear."),
)
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("how much (does|is) a technician (cost|visit)?", "A visit is free in the first year."),
    ("(can I|is it possible to) cancel at any time?", "After the first year, yes."),
    ("what happens (to my number|) when (I cancel|people cancel)?", "Numbers stay for 30 days."),
    ("how long does it take to (change a plan|activate a SIM|update an address)?",
     "(A few minutes|Up to an hour)."),
    ("when do you send the (bills|invoices)?", "On the first of every month."),
    ("(how|where) can (people|one) pay (a bill|bills)?", "By card or by bank transfer."),
    ("what are your (opening hours|office hours)?", "We are here from 7 am to 10 pm."),
    ("is there a (fee|charge) for (a reset|a new SIM|changing plans|a visit)?", "No, it's free."),
    ("do you have a shop (nearby|in the centre)?", "There's a list of shops on our site."),
    ("what does (an outage|fiber|IMEI|a ticket) mean?", "I can explain that: see our help page."),
    ("where (is|do I find) the (serial|contract) number?", "It's printed on the (label|bill)."),
    ("why do you (need|want) (that|this|my data)?", "We (must|have to) know who we talk to."),
    ("do you (check|reset|restart) (routers|devices) at night?", "Only when you ask us to."),
)  # fmt: skip
OUT_OF_SCOPE = (
    "<can> (check|look at) my (electricity|gas|water) bill?",
    "<want> cancel my (newspaper|gym|train) subscription.",
    "<can> (change|switch) my (electricity|insurance) plan?",
    "<can> (book|schedule) (a doctor's appointment|a taxi|a table for two)?",
    "please activate my (credit card|bank card).",
    "<can> reset my (email|bank|games) password?",
    "<can> update my address at the (bank|post office)?",
    "<can> send someone to repair my (washing machine|fridge|TV)?",
    "<can> (tell me|check) the weather (for the weekend|in Paris)?",
    "<want> (order a pizza|buy a laptop|book a flight|rent a car).",
    "<can> (translate a letter|write a poem|recommend a film)?",
    "how much (money|) do I have (in my bank account|on my bank card)?",
)
APOLOGIES = (
    "(Sorry|I'm sorry), (I can't help with that|that's not something I can do) here.",
    "(Unfortunately|I'm afraid) (I can't do that|that is beyond what I can do).",
    "(Sorry|I apologise), I can only help with your internet and mobile services.",
)
THANKS = (
    "(thanks|thank you|thx|great, thanks|perfect, thank you|cool, thanks) (a lot|so much|)",
    "(that's all|that's it), (thanks|thank you|bye)", "(bye|goodbye|see you|have a nice day)",
    "(ok|great), (bye|that helped|you helped me a lot)", "no(,|) (thanks|that's all|that was all)",
    "no need to (check|change|cancel) anything else, thanks",
)  # fmt: skip
THANKS_REPLIES = (
    "(You're welcome|My pleasure|Gladly)! (Have a nice day|Goodbye|Bye)(.|!)",
    "(Thank you|Thanks) for (contacting|calling) us. (Bye!|Have a good day.)",
)
# --- what the assistant says --------------------------------------------------------------------

SYSTEMS = (
    "You are a helpful assistant.",
    "You help customers of an internet provider.",
    "You are the support assistant of a telecom company.",
    "Answer politely and use tools when needed.",
    "Customer service for internet and mobile.",
)
NOUNS = {
    "phone": "phone number", "name": "name", "address": "address", "contract_id": "contract number",
    "device_number": "device number", "date": "date", "time_window": "time of day", "plan": "plan",
    "month": "month", "reason": "reason",
}  # fmt: skip
ASKED_NOUNS = {
    param: f"{'the' if param in ('date', 'time_window', 'plan', 'reason') else 'your'} {noun}"
    for param, noun in NOUNS.items()
}
ASKS = (
    "(Please tell me|Please give me|I need|I'd need) {nouns}.",
    "(Could you tell me|May I have|Could I have|What is) {nouns}?",
    "(Sure|Of course|Gladly|Certainly), (what is|may I have) {nouns}?",
    "(Thanks|Thank you). (And|Now) {nouns}, please.",
)
ASKS_AT_HAND = ("Do you have {nouns} at hand?", "Can you tell me {nouns}?", "Do you know {nouns}?")
REMINDERS = ("(And|Now) {nouns}?", "I still need {nouns}.", "(So|Now), could I have {nouns}?")
SUMMARIES: dict[str, tuple[str, ...]] = {
    "schedule_technician": (
        "A technician at {address}, {date}, {time_window}. (Is that right|Shall I book it)?",
        "I'd book {date}, {time_window}, at {address}. (OK|Correct)?",
    ),
    "change_plan": (
        "I'd switch contract {contract_id} to {plan}. (Shall I|Is that right)?",
        "New plan {plan} for {contract_id}, (correct|shall I go ahead)?",
    ),
    "update_address": (
        "New address {address} for contract {contract_id}. (Is that right|Shall I save it)?",
        "I'd save {address} for {contract_id}. (OK|Correct)?",
    ),
    "cancel_contract": (
        "Cancel contract {contract_id} of {name}, reason: {reason}. (Shall I|Are you sure)?",
        "I'd end {contract_id} for {name}, reason: {reason}. (Correct|Shall I go ahead)?",
    ),
}
STILL_CONFIRM = ("(So, shall|Shall|And shall) I go ahead?", "Do you want me to go ahead?")
DECLINED = (
    "(Alright|OK|No problem), I (won't do it|leave it as it is). (Anything else?|)",
    "(Understood|Fine), (nothing was changed|I've stopped here).",
)
ANYTHING_ELSE = (
    "(Is there anything else|Anything else) (I can do for you|)?", "Can I help with anything else?",
    "Do you need anything else?",
)  # fmt: skip
GO_ON = ("(Sure|Of course|Gladly), what (is it|can I do)?", "Please tell me(, what is it|).")
OFFERS: tuple[tuple[str, str], ...] = (
    ("Would you like a tip to save data?", "Use wifi for videos and turn off updates on the go."),
    ("Shall I tell you how to read the bill?", "The sum comes first, then each item."),
    ("Do you want to hear about our new plans?", "They start at 50 Mbit and include a router."),
    ("Shall I explain how to restart the router?", "Unplug it for ten seconds."),
)  # fmt: skip
OFFER_DECLINED = ("(Alright|OK|No problem).", "(Fine|Sure), (maybe|perhaps) another time.")


@dataclass(frozen=True)
class Outcome:
    """One way a tool may respond: how often, with which further fields, and what is then said."""

    weight: float
    status: str
    answers: tuple[str, ...]
    fields: dict[str, str] = field(default_factory=dict)


NOT_FOUND = Outcome(
    1.2,
    "not_found",
    ("I (can't find|found nothing for) {searched}. (Could you check it|Is it correct)?",
     "There is no entry for {searched}, please (check|look at it) again."),
)  # fmt: skip
OUTCOMES: dict[str, tuple[Outcome, ...]] = {
    "get_customer_info": (
        Outcome(8, "active", ("Your account is active since {since}, plan {plan}.",
                              "You are with us since {since} on {plan}."),
                {"plan": "{plan}", "since": "{year}"}),
        Outcome(2, "suspended", ("Your account is suspended, {open} is open.",),
                {"open": "{amount}"}),
        NOT_FOUND,
    ),
    "check_bill": (
        Outcome(6, "unpaid", ("You owe {amount}, due {due}.", "The bill is {amount}, due {due}."),
                {"amount": "{amount}", "due": "{date}"}),
        Outcome(3, "paid", ("The bill of {amount} is paid.", "All paid: {amount}."),
                {"amount": "{amount}"}),
        NOT_FOUND,
    ),
    "check_data_usage": (
        Outcome(9, "ok", ("You used {used}, {left} are left.", "{used} used, {left} left."),
                {"used": "{gigabytes}", "left": "{gigabytes}"}),
        NOT_FOUND,
    ),
    "report_outage": (
        Outcome(5, "outage", ("There is an outage, it should be fixed in {fixed_in}.",
                              "We know of an outage there and fix it within {fixed_in}."),
                {"fixed_in": "{hours}"}),
        Outcome(5, "no_outage", ("There is no outage there, so I want to open a ticket.",
                                 "No outage is known, I'd open a ticket.")),
    ),
    "schedule_technician": (
        Outcome(8, "booked", ("The visit is booked, number {visit}.", "Done, visit {visit}."),
                {"visit": "{ticket}"}),
        Outcome(2, "full", ("Sorry, that time is taken.", "There is no free technician then.")),
    ),
    "reset_device": (
        Outcome(6, "done", ("The reset is done, wait {wait}.", "It restarts now, about {wait}."),
                {"wait": "{minutes}"}),
        Outcome(4, "failed", ("The reset failed, so I want to open a ticket.",
                              "That didn't work, I'd open a ticket."), {"error": "no answer"}),
    ),
    "change_plan": (
        Outcome(1, "changed", ("Done, it starts {start}.", "Your plan changes {start}."),
                {"start": "{date}"}),
    ),
    "update_address": (Outcome(1, "saved", ("The new address is saved.", "Done, it's updated.")),),
    "cancel_contract": (
        Outcome(6, "cancelled", ("Your contract ends {end}.", "It's cancelled, last day {end}."),
                {"end": "{date}"}),
        Outcome(4, "check_bill_first", ("There may be an open bill.",)),
    ),
    "activate_sim": (
        Outcome(1, "activated", ("Your SIM is active in {wait}.", "Done, give it {wait}."),
                {"wait": "{minutes}"}),
    ),
    "create_ticket": (
        Outcome(1, "open", ("I opened ticket {ticket}, we call you in {reply_in}.",
                            "Ticket {ticket} is open, expect us in {reply_in}."),
                {"ticket": "{ticket}", "reply_in": "{hours}"}),
    ),
    "transfer_to_agent": (
        Outcome(1, "queued", ("An agent takes over in {wait}.", "I connect you, {wait} to wait."),
                {"wait": "{minutes}"}),
    ),
}  # fmt: skip
