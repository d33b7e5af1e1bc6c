"""ToolACE: ShareGPT turns, with the tools as JSON in the system text and Python-like calls.

Source: Team-ACE/ToolACE on Hugging Face.
"""

from __future__ import annotations

from typing import Any

from trm_engine.data.formats import sharegpt
from trm_engine.data.formats.columns import turns_in
from trm_engine.data.formats.conversation import Format, Match
from trm_engine.data.formats.json_texts import tools_in
from trm_engine.data.formats.parts import objects_in, speaker


def matches(record: Any) -> Match:
    """Whether a record has ShareGPT's turns, and a system text with the definitions of tools."""
    if not isinstance(record, dict) or record.get("tools"):
        return Match.NO
    turns = objects_in(turns_in(record))
    if any(turn.get("tool_calls") or turn.get("function_call") for turn in turns):
        return Match.NO
    spoken = [speaker(turn.get("from", turn.get("role"))) for turn in turns]
    if not spoken or not all(spoken):
        return Match.NO
    system = _system_text(record, turns)
    has_tools = "<tools>" not in system and tools_in(system)[1]
    return Match.CERTAIN if has_tools else Match.NO


def _system_text(record: dict[str, Any], turns: list[dict[str, Any]]) -> str:
    first = turns[0]
    says = first.get("value", first.get("content"))
    is_system = speaker(first.get("from", first.get("role"))) == "system"
    text = says if is_system else record.get("system")
    return text if isinstance(text, str) else ""


TOOLACE = Format("toolace", "ToolACE", matches, sharegpt.SHAREGPT.read)
