"""The table of a conversion: which conversations, turns and calls were kept, and which were not."""

from __future__ import annotations

from rich.table import Table

from trm_engine.data.account import Account

KINDS = {
    "conversation": "Conversations",
    "system": "System Turns",
    "user": "User Turns",
    "assistant": "Answers",
    "tool_call": "Calls",
    "stop": "No Further Call",
    "tool_response": "Responses",
}


def account_table(account: Account) -> Table:
    """One row for each kind and outcome."""
    table = Table()
    table.add_column("What", no_wrap=True)
    table.add_column("Number", justify="right", no_wrap=True)
    table.add_column("Became")
    last = ""
    for kind, outcome, count in account.rows():
        table.add_row("" if kind == last else KINDS[kind], f"{count:,}", outcome)
        last = kind
    return table
