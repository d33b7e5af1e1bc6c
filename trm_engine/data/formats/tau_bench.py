"""tau-bench: trajectories of an agent and a simulated user, with OpenAI messages.

A record is ``{"task_id": …, "trial": …, "reward": …, "traj": […]}``. tau2-bench stores a whole file
of them under ``simulations``, with ``messages`` whose calls are flat; calls of the user's own tools
are not the assistant's, and are left out. Sources: historical_trajectories of
sierra-research/tau-bench; sierra-research/tau2-bench.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import as_list, as_object, fail
from trm_engine.data.formats.columns import read_turns, tools_of
from trm_engine.data.formats.conversation import Conversation, Format, Match
from trm_engine.data.formats.dialogue import read_dialogue
from trm_engine.data.formats.parts import objects_in

TURN_KEYS = ("traj", "trajectory", "messages")


def matches(record: Any) -> Match:
    """Whether a record is a trajectory of a task, or has some."""
    if not isinstance(record, dict):
        return Match.NO
    if simulations := objects_in(record.get("simulations")):
        return Match.CERTAIN if all(map(_is_trajectory, simulations)) else Match.NO
    return Match.CERTAIN if _is_trajectory(record) else Match.NO


def _is_trajectory(record: dict[str, Any]) -> bool:
    is_judged = "reward" in record or "reward_info" in record
    return "task_id" in record and is_judged and bool(_key(record))


def _key(record: dict[str, Any]) -> str | None:
    """The key under which the messages stand."""
    return next((key for key in TURN_KEYS if objects_in(record.get(key))), None)


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of each trajectory of a record."""
    record = as_object(record, where, None)
    if "simulations" not in record:
        yield _conversation(record, where)
        return
    simulations = as_list(record["simulations"], where, "simulations")
    yield from read_turns(simulations, where, _conversation, "simulation")


def _conversation(record: Any, where: str) -> Conversation:
    record = as_object(record, where, None)
    if "task_id" not in record:
        fail(where, "task_id", "the task of a trajectory", None)
    key = _key(record) or TURN_KEYS[0]
    turns = [turn for turn in as_list(record.get(key), where, key) if not _is_of_user(turn)]
    parts = [record.get("task_id"), record.get("trial")]
    name = "-".join(str(part) for part in parts if part is not None)
    messages = read_dialogue(turns, "user", where)
    return Conversation(where, messages, tools_of(record), name or None)


def _is_of_user(turn: Any) -> bool:
    """Whether a turn is a user's own call of a tool, or the response to it."""
    if not isinstance(turn, dict):
        return False
    is_call = turn.get("role") == "user" and turn.get("tool_calls") and not turn.get("content")
    return bool(is_call) or (turn.get("role") == "tool" and turn.get("requestor") == "user")


TAU_BENCH = Format("tau-bench", "tau-bench trajectories", matches, read)
