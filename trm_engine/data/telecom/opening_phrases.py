"""What users say when a request begins: greetings, requests, what stands before them."""

from __future__ import annotations

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
