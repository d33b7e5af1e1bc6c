"""The tools, slots and intents of the telecom conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trm_engine.data.telecom.values import ENUM_WORDS

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
    """A tool and the intent that it serves."""

    name: str
    intent: str
    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    costly: bool = False

    def definition(self) -> dict[str, Any]:
        """The tool in OpenAI's format."""
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
    if param in ENUM_WORDS:
        described["enum"] = list(ENUM_WORDS[param])
    return described


_ALL = (
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
TOOLS: dict[str, Tool] = {tool.name: tool for tool in _ALL}
INTENTS = tuple(tool.intent for tool in _ALL)

# (tool, status of its response) -> the tool that is called next.
NEXT_TOOL = {
    ("report_outage", "no_outage"): "create_ticket",
    ("reset_device", "failed"): "create_ticket",
    ("cancel_contract", "check_bill_first"): "check_bill",
}
