"""Samples: decision points of an assistant, read from JSON lines."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from trm_engine.data.catalogue.schema import parameters_of
from trm_engine.data.quick import NOT_READ, read_fields, read_items, read_value
from trm_engine.errors import did_you_mean
from trm_engine.field_problems import in_our_words
from trm_engine.files import strict_json
from trm_engine.vocabulary import ROLES, TOOL_ROLES

DECISIONS = ("tool_call", "direct_answer")
CACHED_TOOL_LISTS = 64
"""Number of lists of tools that are kept, for the lines of a conversation repeat one."""

CACHED_TOOLS = 4096
"""Number of tools that are kept, for other lists have them too."""


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class _Part(BaseModel):
    """A part of a line. Its validator is built when it is used first: not all programs use all."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class ToolCall(_Part):
    """A call: the tool's name and its arguments."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": self.arguments}


class Function(_Part):
    """A tool's name, description and parameters (JSON Schema)."""

    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)

    @field_validator("parameters", mode="after")
    @classmethod
    def _properties_are_schemas(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        properties = parameters.get("properties", {})
        if not isinstance(properties, dict):
            raise ValueError("properties must be an object")
        if any(not isinstance(schema, dict) for schema in properties.values()):
            raise ValueError("every property must be an object")
        if any(not isinstance(schema.get("enum", []), list) for schema in properties.values()):
            raise ValueError("the enum of a property must be a list")
        return parameters

    @cached_property
    def schema_text(self) -> str:
        """The schema of the parameters as JSON."""
        return json.dumps(self.parameters)

    @cached_property
    def digest(self) -> str:
        """A short hash of what the definition means; schemas may say the same in other ways."""
        parameters = sorted(parameters_of(self.parameters).items())
        text = repr((self.name, self.description, parameters))
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing but a name."""
        return not self.description and not self.properties

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """The schema of each parameter, by name."""
        properties: dict[str, dict[str, Any]] = self.parameters.get("properties", {})
        return properties


class Tool(_Part):
    """A tool in OpenAI's format: ``{"type": "function", "function": {...}}``."""

    type: Literal["function"] = "function"
    function: Function


class Turn(_Part):
    """One turn of a conversation. ``content`` is text, or JSON in a tool turn."""

    role: str
    content: Any

    @field_validator("role")
    @classmethod
    def _known_role(cls, role: str) -> str:
        if role not in ROLES:
            raise PydanticCustomError(
                "unknown_role",
                "unknown role '{role}'{hint}: expected one of {roles}",
                {"role": role, "hint": did_you_mean(role, ROLES), "roles": ", ".join(ROLES)},
            )
        return role

    @model_validator(mode="after")
    def _content_fits_role(self) -> Turn:
        if self.role not in TOOL_ROLES and not isinstance(self.content, str):
            raise ValueError(f"content of a {self.role} turn must be text")
        if self.role == "tool_call":
            self.content = _as_call(self.content)
        return self

    def text(self) -> str:
        """The text that the model reads: the content, as compact JSON if it is not text."""
        return self.content if isinstance(self.content, str) else self._json

    @cached_property
    def _json(self) -> str:
        return _compact(self.content)


class Conversation(_Part):
    """The input of a prediction: the history, and the available tools if known."""

    history: list[Turn] = Field(min_length=1)
    tools: list[Tool] = Field(default_factory=list)

    @property
    def tool_names(self) -> list[str]:
        return [tool.function.name for tool in self.tools]


class Sample(Conversation):
    """A decision point with its correct answer."""

    decision: str
    tool: ToolCall | None = None
    slots: dict[str, Any]
    content: str = ""
    conversation: str | None = Field(None, description="Name shared by samples of one dialogue.")

    @field_validator("decision")
    @classmethod
    def _known_decision(cls, decision: str) -> str:
        if decision not in DECISIONS:
            raise PydanticCustomError(
                "unknown_decision",
                "unknown decision '{decision}'{hint}: expected tool_call or direct_answer",
                {"decision": decision, "hint": did_you_mean(decision, DECISIONS)},
            )
        return decision

    @field_validator("tool", mode="before")
    @classmethod
    def _no_tool_is_empty(cls, tool: Any) -> Any:
        empty = tool in ({}, "") or (isinstance(tool, dict) and tool.get("name", "?") in (None, ""))
        return None if empty else tool

    @model_validator(mode="after")
    def _tool_fits_decision(self) -> Sample:
        if self.decision == "tool_call" and self.tool is None:
            raise ValueError("decision is tool_call, so tool must be {name, arguments}")
        if self.decision == "direct_answer" and self.tool is not None:
            raise ValueError("decision is direct_answer, so tool must be {}")
        if self.tool and self.tools and self.tool.name not in self.tool_names:
            hint = did_you_mean(self.tool.name, self.tool_names)
            raise ValueError(f"tool '{self.tool.name}' is not among tools{hint}")
        return self


Parsed = TypeVar("Parsed", bound=Conversation)


def parse_sample(raw: bytes) -> Sample:
    """Parse one JSON line as a Sample.

    Raises:
        ValueError: it is not a sample. ``explain`` gives the reasons.
    """
    return _parsed(Sample, raw)


def parse_conversation(raw: bytes) -> Conversation:
    """Parse one JSON line with at least ``history`` as a Conversation. Raises ValueError."""
    return _parsed(Conversation, raw)


def explain(error: ValueError) -> list[str]:
    """One message per problem. Each starts with the field."""
    if not isinstance(error, ValidationError):
        return [str(error)]
    return [_explain_one(dict(problem)) for problem in error.errors()]


def _parsed(model: type[Parsed], raw: bytes) -> Parsed:
    """Read a line quickly; if it is not right, read it again in the way that explains why."""
    try:
        fields = read_fields(raw, as_bytes="tools")
        if fields is not None:
            if "tools" in fields:
                fields["tools"] = _tools(fields["tools"])
            return model.model_validate(fields)
    except (ValidationError, *NOT_READ):
        pass
    return model.model_validate(_parse_line(raw))


@lru_cache(CACHED_TOOL_LISTS)
def _tools(raw: bytes) -> tuple[Tool, ...]:
    """The tools in a JSON text. Lines that repeat it share them."""
    return tuple(_tool(each) for each in read_items(raw))


@lru_cache(CACHED_TOOLS)
def _tool(raw: bytes) -> Tool:
    """The tool in a JSON text. Lists that repeat it share it."""
    return Tool.model_validate(read_value(raw))


def _parse_line(raw: bytes) -> dict[str, Any]:
    try:
        value = _parse_json(raw.decode("utf-8").rstrip())
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start + 1} of the line)") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, not {type(value).__name__}")
    return value


def _parse_json(text: str) -> Any:
    try:
        value = strict_json.parse(text)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise ValueError(f"broken JSON at column {error.pos + 1}: {error.msg}") from None
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("ascii", "backslashreplace").decode()
        raise ValueError(f"{half} is half of a character, the other half is missing") from None
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    return value


def _as_call(content: Any) -> dict[str, Any]:
    if isinstance(content, str):
        try:
            content = _parse_json(content)
        except ValueError as error:
            raise ValueError(
                f"content of a tool_call turn must be {{name, arguments}}: {error}"
            ) from None
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        raise ValueError("content of a tool_call turn must be {name, arguments}")
    return content


def _explain_one(problem: dict[str, Any]) -> str:
    name = re.sub(r"\.(\d+)", r"[\1]", ".".join(str(part) for part in problem["loc"]))
    if problem["type"] == "missing":
        given = problem["input"]
        field_name = str(problem["loc"][-1])
        hint = did_you_mean(field_name, [])
        if isinstance(given, dict):
            similar = [key for key in given if did_you_mean(field_name, [key])]
            hint = f" (there is '{similar[0]}')" if similar else ""
        return f"{name}: missing{hint}"
    message = in_our_words(problem)
    if problem["type"].startswith(("unknown_", "value_error", "too_short")):
        return f"{name}: {message}" if name else message
    return f"{name}: {message}, not {json.dumps(problem['input'], default=str)[:60]}"
