"""Outcomes: possible responses of tools, and what the assistant then says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """A response of a tool: its weight, further fields, and what the assistant says."""

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
