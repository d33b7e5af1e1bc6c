"""Tokens of a text or a conversation, and the text that the model does not see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from trm_engine.data.samples import Conversation, Turn, explain, parse_conversation, parse_sample
from trm_engine.data.tokenizer import NO_TURN, Encoding, TRMTokenizer
from trm_engine.errors import DataError
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.runs.schema.answers import Place, TokenColumns, Tokenization
from trm_engine.vocabulary import MASK_ID, ROLES, UNK_ID

UNLIMITED = 1 << 30


def tokenize(
    files: ModelFiles,
    job: Job,
    path: str,
    text: str | None = None,
    conversation: dict[str, Any] | None = None,
) -> Tokenization:
    """The tokens of a conversation as the model reads it, or of a text without markers or limit."""
    file = files.open(path)
    if conversation is None:
        turn = Turn(role="user", content=text or "")
        encoding = file.tokenizer.encode_turns([turn], UNLIMITED)
        return Tokenization(tokens=token_columns(encoding, file.tokenizer, with_markers=False))
    history = read_conversation(conversation).history
    limits = file.token_limits
    encoding = file.tokenizer.encode_turns(history, *limits)
    texts = [turn.text() for turn in history]
    return describe_tokens(texts, encoding, file.tokenizer, limits[0])


def read_conversation(record: dict[str, Any]) -> Conversation:
    """A Sample if the record is a complete one, else a Conversation.

    Raises:
        DataError: it is neither. The message names the field.
    """
    raw = json.dumps(record).encode()
    try:
        return parse_sample(raw)
    except ValueError:
        pass
    try:
        return parse_conversation(raw)
    except ValueError as error:
        raise DataError(explain(error)[0]) from None


def describe_tokens(
    texts: Sequence[str], encoding: Encoding, tokenizer: TRMTokenizer, max_length: int
) -> Tokenization:
    """The tokens of a conversation with these ``texts``, and what the model does not read."""
    return Tokenization(
        tokens=token_columns(encoding, tokenizer),
        unseen=unseen(texts, encoding),
        dropped_tokens=encoding.dropped_tokens,
        cut_tokens=encoding.cut_tokens,
        max_length=max_length,
    )


def token_columns(
    encoding: Encoding, tokenizer: TRMTokenizer, with_markers: bool = True
) -> TokenColumns:
    """The tokens of an encoding, or only those that stand for characters."""
    is_marker = (encoding.input_ids < MASK_ID) & (encoding.input_ids != UNK_ID)
    shown = np.flatnonzero(with_markers | ~is_marker)
    ids, turns = encoding.input_ids[shown].tolist(), encoding.turns[shown].tolist()
    roles = zip(turns, encoding.role_ids[shown].tolist(), strict=True)
    return TokenColumns(
        ids=ids,
        pieces=[tokenizer.piece(index) for index in ids],
        roles=["" if turn == NO_TURN else ROLES[role] for turn, role in roles],
        turns=turns,
        begins=np.where(is_marker, -1, encoding.begins)[shown].tolist(),
        ends=np.where(is_marker, -1, encoding.ends)[shown].tolist(),
    )


def unseen(texts: Sequence[str], encoding: Encoding) -> list[Place]:
    """The ranges of characters that were cut; a dropped turn is one whole range."""
    if not encoding.dropped_tokens and not encoding.cut_tokens:
        return []
    seen = _seen(encoding)
    ranges = []
    for turn, text in enumerate(texts):
        if turn not in seen:
            ranges.append(Place(turn, 0, len(text)))
            continue
        begin, end = seen[turn]
        if text[:begin].strip():
            ranges.append(Place(turn, 0, begin))
        if text[end:].strip():
            ranges.append(Place(turn, end, len(text)))
    return ranges


def _seen(encoding: Encoding) -> dict[int, tuple[int, int]]:
    """The range of kept characters of each kept turn; (0, 0) if only its marker is kept."""
    seen: dict[int, tuple[int, int]] = {}
    columns = (encoding.turns.tolist(), encoding.begins.tolist(), encoding.ends.tolist())
    for turn, begin, end in zip(*columns, strict=True):
        if turn == NO_TURN:
            continue
        known = seen.setdefault(turn, (0, 0))
        if end > begin:
            seen[turn] = (begin if known == (0, 0) else known[0], end)
    return seen
