"""Rasa stories: what users say with marked entities, and the actions that follow.

Entities, as in ``[Lima](city)``, and ``slot_was_set`` give the slots. An action whose name begins
with ``utter_`` is an answer, with the text of ``responses`` where the file has it; any other is a
call without arguments. A user who has only an intent says the first example of it under ``nlu``,
else "/intent". Source: rasa.com, training data format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import as_list, as_object, each, fail, json_or_text
from trm_engine.data.formats.conversation import Call, Conversation, Format, Match, Message
from trm_engine.data.formats.parts import id_of, objects_in, text_of

KINDS = {"stories": "story", "rules": "rule"}
"""Keys of a document, and of the names of what stands there."""
SILENT = {"action_listen", "action_session_start", "action_extract_slots", "action_restart"}
"""Actions of Rasa itself that do nothing a user sees."""
_ENTITY = re.compile(r"\[([^\]]+)\](?:\(([^)]+)\)|(\{[^}]+\}))")
_EXAMPLE = re.compile(r"^\s*-\s*(\S.*)$", re.MULTILINE)


def matches(record: Any) -> Match:
    """Whether a record is a document with stories of steps."""
    if not isinstance(record, dict):
        return Match.NO
    told = [story for kind in KINDS for story in objects_in(record.get(kind))]
    return Match.CERTAIN if any(objects_in(story.get("steps")) for story in told) else Match.NO


def read(record: Any, where: str) -> Iterator[Conversation]:
    """A conversation a story."""
    if not matches(record):
        fail(where, None, "stories or rules with steps", record)
    document = _Document(record)
    told = [
        (story, kind, f"{where}, {kind} {number}")
        for key, kind in KINDS.items()
        for number, story in enumerate(as_list(record.get(key) or [], where, key), 1)
    ]
    yield from each(told, lambda story: document.story(*story))


class _Document:
    """A document: its stories refer to its examples and responses."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._examples = {
            str(entry.get("intent")): _first_example(entry.get("examples"))
            for entry in objects_in(document.get("nlu"))
        }
        responses = document.get("responses")
        self._responses = responses if isinstance(responses, dict) else {}

    def story(self, story: Any, kind: str, where: str) -> Conversation:
        story = as_object(story, where, None)
        slots: dict[str, Any] = {}
        messages: list[Message] = []
        for number, step in enumerate(as_list(story.get("steps"), where, "steps"), 1):
            messages += self._messages(step, slots, f"{where}, step {number}")
        return Conversation(where, tuple(messages), name=id_of(story.get(kind)))

    def _messages(self, step: Any, slots: dict[str, Any], where: str) -> list[Message]:
        """The message of a step, if it has one; ``slots`` are brought up to date."""
        step = as_object(step, where, None)
        if alternatives := objects_in(step.get("or")):
            return self._messages(alternatives[0], slots, where)
        slots.update(_set_slots(step.get("slot_was_set")))
        if step.get("user") is not None or step.get("intent") is not None:
            text, entities = self._said(step, where)
            slots.update(entities)
            return [Message(where, "user", text, slots=dict(slots))]
        if isinstance(step.get("bot"), str):
            return [Message(where, "assistant", step["bot"], slots=dict(slots))]
        action = step.get("action")
        if not isinstance(action, str) or action in SILENT:
            return []
        if action.startswith("utter_"):
            return [Message(where, "assistant", self._uttered(action), slots=dict(slots))]
        return [Message(where, "assistant", calls=(Call(action),), slots=dict(slots))]

    def _said(self, step: dict[str, Any], where: str) -> tuple[str, dict[str, Any]]:
        """What the user says, and the entities in it."""
        intent = step.get("intent")
        text = text_of(step.get("user"), where, "user").strip() or self._examples.get(str(intent))
        given = _set_slots(step.get("entities"))
        if not text:
            return f"/{intent}", given
        return _ENTITY.sub(r"\1", text), dict(map(_entity, _ENTITY.finditer(text))) | given

    def _uttered(self, action: str) -> str:
        variants = objects_in(self._responses.get(action))
        text = variants[0].get("text") if variants else None
        return text if isinstance(text, str) else action


def _first_example(examples: Any) -> str:
    found = _EXAMPLE.search(examples) if isinstance(examples, str) else None
    return found[1].strip() if found else ""


def _entity(match: re.Match[str]) -> tuple[str, Any]:
    """The name and the value of an entity such as ``[Lima](city)`` or ``[Lima](city:LIM)``."""
    text, name, details = match.groups()
    if name:
        name, _, value = name.partition(":")
        return name.strip(), value.strip() or text
    found = json_or_text(details)
    found = found if isinstance(found, dict) else {}
    return str(found.get("entity", "")), found.get("value", text)


def _set_slots(value: Any) -> dict[str, Any]:
    """Slots with their values: a list of objects, or one. Slots that are only named have none."""
    found = value if isinstance(value, list) else [value]
    return {
        str(name): set_value
        for item in found
        if isinstance(item, dict)
        for name, set_value in item.items()
        if not isinstance(set_value, dict | list)
    }


RASA = Format("rasa", "Rasa stories", matches, read)
