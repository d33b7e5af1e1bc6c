"""Services: the intents of a schema file of SGD or MultiWOZ 2.2 as tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trm_engine.data.catalogue.plain import Warn


def is_service(value: Any) -> bool:
    """Whether this is a service with its slots and intents."""
    return isinstance(value, dict) and all(
        isinstance(value.get(key), kind)
        for key, kind in (("service_name", str), ("slots", list), ("intents", list))
    )


def intents(services: Iterable[tuple[str, Any]], warn: Warn) -> Iterator[tuple[str, Any]]:
    """Each intent as a tool ``{name, description, parameters}``, with its place.

    Services may share an intent, and calls do not name the service: such an intent is one tool
    whose parameters are those of any of them.
    """
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for path, service in services:
        slots = {slot["name"]: _slot(slot) for slot in service["slots"] if _has_name(slot)}
        for index, intent in enumerate(service["intents"]):
            place = f"{path}.intents[{index}]"
            if not _has_name(intent):
                warn(f"{place}.name", "expected the name of an intent")
                continue
            found.setdefault(intent["name"], []).append((place, _tool(intent, slots)))
    for name, tools in found.items():
        yield (
            tools[0][0],
            {
                "name": name,
                "description": tools[0][1]["description"],
                "parameters": {"anyOf": [tool["parameters"] for _, tool in tools]},
            },
        )


def _has_name(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _slot(slot: dict[str, Any]) -> dict[str, Any]:
    """A slot as a schema. Values are text, and listed where the slot is a choice."""
    schema = {"type": "string", "description": slot.get("description")}
    if slot.get("is_categorical"):
        schema["enum"] = slot.get("possible_values")
    return schema


def _tool(intent: dict[str, Any], slots: dict[str, Any]) -> dict[str, Any]:
    required = [name for name in intent.get("required_slots") or () if isinstance(name, str)]
    names = dict.fromkeys([*required, *(intent.get("optional_slots") or ())])
    properties = {name: slots.get(name, {}) for name in names}
    return {
        "description": intent.get("description"),
        "parameters": {"type": "object", "properties": properties, "required": required},
    }
