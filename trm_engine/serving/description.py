"""Description: the paths of a server in OpenAPI, and a page that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

TITLE = "trm-tui"
VERSION = "0.1.0"
ABOUT = "A Tiny Recursive Model that decides an assistant's next tool call."
SCHEMAS = "#/components/schemas/{name}"

SWAGGER = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/swagger-ui"
DOCS = f"""<!doctype html>
<title>{TITLE}</title>
<link rel="stylesheet" href="{SWAGGER}.css">
<div id="ui"></div>
<script src="{SWAGGER}-bundle.js"></script>
<script>SwaggerUIBundle({{url: "/openapi.json", dom_id: "#ui"}})</script>
"""


def described(
    asked: Mapping[str, tuple[str, type, type]], facts: Mapping[str, str]
) -> dict[str, Any]:
    """The description.

    Args:
        asked: by path what is posted there: a title, the type of the body, that of the answer.
        facts: by path what can be got there.
    """
    types = [each for _, *pair in asked.values() for each in pair]
    references, schemas = msgspec.json.schema_components(types, ref_template=SCHEMAS)
    paths: dict[str, Any] = {path: {"get": _operation(title)} for path, title in facts.items()}
    for number, (path, (title, *_)) in enumerate(asked.items()):
        body, answer = references[2 * number : 2 * number + 2]
        operation = _operation(title, answer)
        operation["requestBody"] = {"required": True, "content": _json(body)}
        paths[path] = {"post": operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "description": ABOUT, "version": VERSION},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(title: str, answer: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"content": _json(answer)} if answer else {}
    return {"summary": title, "responses": {"200": {"description": "The answer.", **content}}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
