"""Values: what a value means however it is spelled, where it stands, and how values nest."""

from trm_engine.data.values.folding import folded, same_text
from trm_engine.data.values.meaning import JsonType, is_empty, meaning, same_value, value_text
from trm_engine.data.values.numbers import read_number
from trm_engine.data.values.paths import flatten, parse_path, shown_path, shown_paths, unflatten
from trm_engine.data.values.search import Search, find_value, search_for
from trm_engine.data.values.typed import as_type, type_of

__all__ = [
    "JsonType",
    "Search",
    "as_type",
    "find_value",
    "flatten",
    "folded",
    "is_empty",
    "meaning",
    "parse_path",
    "read_number",
    "same_text",
    "same_value",
    "search_for",
    "shown_path",
    "shown_paths",
    "type_of",
    "unflatten",
    "value_text",
]
