"""What users say within a request, and beside it: values, corrections, yes and no, small talk."""

from __future__ import annotations

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
THANKS = (
    "(thanks|thank you|thx|great, thanks|perfect, thank you|cool, thanks) (a lot|so much|)",
    "(that's all|that's it), (thanks|thank you|bye)", "(bye|goodbye|see you|have a nice day)",
    "(ok|great), (bye|that helped|you helped me a lot)", "no(,|) (thanks|that's all|that was all)",
    "no need to (check|change|cancel) anything else, thanks",
)  # fmt: skip
