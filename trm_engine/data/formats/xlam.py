"""xLAM: ``query``, ``answers`` and ``tools``, the last two as JSON text.

The calls in ``answers`` are made together; none is the answer that no tool fits. A tool's
``parameters`` are the properties alone, with types such as "str, optional".
Source: Salesforce/xlam-function-calling-60k on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import as_list, as_object, decoded
from trm_engine.data.formats.columns import name_of, system_of, with_system
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message
from trm_engine.data.formats.parts import calls_of, text_of


def matches(record: Any) -> Match:
    """Whether a record has a query, calls that answer it, and tools."""
    if not isinstance(record, dict) or not isinstance(record.get("query"), str):
        return Match.NO
    lists = [decoded(record.get(key)) for key in ("answers", "tools")]
    return Match.CERTAIN if all(isinstance(found, list) for found in lists) else Match.NO


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record: a question and the calls that answer it."""
    question = Message(where, "user", text_of(record.get("query"), where, "query"))
    calls = calls_of(record.get("answers"), where, "answers")
    messages = [question, Message(where, "assistant", calls=calls)]
    tools = as_list(decoded(record.get("tools")), where, "tools")
    defined = [_tool(tool, where, f"tools[{place}]") for place, tool in enumerate(tools)]
    name = name_of(record)
    yield Conversation(where, with_system(system_of(record, where), messages), defined, name)


def _tool(value: Any, where: str, place: str) -> dict[str, Any]:
    """A tool whose parameters are a schema. All are required but those with a default."""
    tool = as_object(value, where, place)
    parameters = tool.get("parameters")
    if not isinstance(parameters, dict) or _is_schema(parameters):
        return tool
    required = [name for name, schema in parameters.items() if not _has_default(schema)]
    schema = {"type": "object", "properties": parameters, "required": required}
    return {**tool, "parameters": schema}


def _is_schema(parameters: dict[str, Any]) -> bool:
    """Whether this is a whole schema. A parameter may itself be named type or properties."""
    return isinstance(parameters.get("type"), str) or "$ref" in parameters


def _has_default(schema: Any) -> bool:
    return isinstance(schema, dict) and "default" in schema


XLAM = Format("xlam", "xLAM", matches, read)
