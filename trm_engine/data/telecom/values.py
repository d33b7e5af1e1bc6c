"""Values: phone numbers, names, addresses and the like, drawn at random."""

from __future__ import annotations

from collections.abc import Callable

from trm_engine.data.telecom.dice import Dice
from trm_engine.data.telecom.grammar import fill


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
