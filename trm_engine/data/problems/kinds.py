"""Kinds: all kinds of problems, and the order in which they are shown."""

from __future__ import annotations

from trm_engine.data.problems import (
    constant,
    copies,
    cut,
    nowhere,
    schema,
    too_long,
    tools,
    two_labels,
    wrong_labels,
)
from trm_engine.data.problems.kind import Kind

KINDS: tuple[Kind, ...] = (
    two_labels.KIND,
    wrong_labels.KIND,
    schema.KIND,
    copies.ACROSS,
    cut.ACROSS,
    cut.KIND,
    nowhere.KIND,
    tools.NOT_OFFERED,
    tools.NEVER_CALLED,
    too_long.KIND,
    copies.WITHIN,
    constant.KIND,
)

BY_NAME = {kind.name: kind for kind in KINDS}
