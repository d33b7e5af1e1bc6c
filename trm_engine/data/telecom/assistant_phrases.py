"""What the assistant says: questions, summaries, answers."""

from __future__ import annotations

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

# Answers to turns that no tool serves.
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
APOLOGIES = (
    "(Sorry|I'm sorry), (I can't help with that|that's not something I can do) here.",
    "(Unfortunately|I'm afraid) (I can't do that|that is beyond what I can do).",
    "(Sorry|I apologise), I can only help with your internet and mobile services.",
)
THANKS_REPLIES = (
    "(You're welcome|My pleasure|Gladly)! (Have a nice day|Goodbye|Bye)(.|!)",
    "(Thank you|Thanks) for (contacting|calling) us. (Bye!|Have a good day.)",
)
