"""Tokenizer: encodes conversations as token ids with roles and exact character offsets."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece as spm

from trm_engine.data.borders import borders
from trm_engine.data.samples import Turn
from trm_engine.errors import TokenizerError
from trm_engine.files.atomic import write_atomically
from trm_engine.vocabulary import (
    BEGINS_WORD,
    BOS_ID,
    CAPITALISED,
    ENDS_WORD,
    EOS_ID,
    FIRST_MARKER_ID,
    MARKERS,
    MASK_ID,
    MASK_TOKEN,
    PAD_ID,
    ROLE_IDS,
    TOOL_ROLES,
    UNK_ID,
    WORD_START,
    marker_id,
)

SPECIAL_PIECES = {
    **{FIRST_MARKER_ID + index: marker for index, marker in enumerate(MARKERS)},
    MASK_ID: MASK_TOKEN,
}
MIN_VOCAB_SIZE = MASK_ID + 1 + 256 + 1  # special tokens, every byte, one piece
MAX_TRAINING_SENTENCES = 2_000_000
LONGEST_LINE = 1000  # characters; SentencePiece skips lines above 4192 bytes
CACHED_TURNS = 1024  # as few as serve a batch; see data/spans.py
LARGEST_MODEL = 1 << 28

NO_TURN = -1

Limits = tuple[int, int | None]
"""Maximum tokens of a conversation, and of one tool turn (None: no limit)."""


@dataclass(frozen=True)
class Encoding:
    """A conversation as the model reads it. All arrays have one entry per token, [L].

    ``turns``: index of the turn in the history, -1 for BOS and EOS. ``begins`` and ``ends``:
    character offsets in the turn's text, without surrounding spaces; both 0 for markers. ``text``:
    the flags BEGINS_WORD, ENDS_WORD and CAPITALISED. ``dropped_tokens``: number of tokens that did
    not fit into the conversation. ``cut_tokens``: number that did not fit into their tool turn.
    """

    input_ids: np.ndarray
    role_ids: np.ndarray
    turns: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    text: np.ndarray
    dropped_turns: int
    dropped_tokens: int
    cut_tokens: int = 0

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True)
class _EncodedTurn:
    """One turn with its marker. ``rows`` [4, L]: id, begin, end and text flags of each token."""

    rows: np.ndarray

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def tail(self, length: int) -> _EncodedTurn:
        """The marker and the newest ``length - 1`` tokens."""
        return _EncodedTurn(self.rows[:, np.r_[0, len(self) - (length - 1) : len(self)]])

    def head(self, length: int) -> _EncodedTurn:
        """The marker and the first ``length - 1`` tokens."""
        return _EncodedTurn(self.rows[:, :length])


class TRMTokenizer:
    """A SentencePiece model with fixed ids for roles and special tokens.

    Args:
        model: path of a ``.model`` file, or its bytes.

    Raises:
        TokenizerError: the file is missing, is not a SentencePiece model, or has other ids.
    """

    def __init__(self, model: str | Path | bytes) -> None:
        self.model_bytes = model if isinstance(model, bytes) else _read_model(Path(model))
        source = "tokenizer" if isinstance(model, bytes) else str(model)
        self._processor = spm.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(self.model_bytes)
            self._processor.id_to_piece(list(range(self._processor.get_piece_size())))
            self._processor.encode("0 a", return_type="offset_mapping")
        except (RuntimeError, UnicodeDecodeError) as error:
            raise TokenizerError(f"{source}: not a SentencePiece model") from error
        _refuse_other_ids(self._processor, source)
        self._encode_turn = lru_cache(CACHED_TURNS)(self._encode_turn_uncached)

    @classmethod
    def train(
        cls,
        files: str | Path | Sequence[str | Path],
        prefix: str | Path,
        vocab_size: int = 4000,
        lowercase: bool = False,
    ) -> TRMTokenizer:
        """Train on sample files (JSONL) or text files and write ``<prefix>.model``."""
        paths = [files] if isinstance(files, str | Path) else list(files)
        texts = (text for path in paths for text in _texts_of(Path(path)))
        tokenizer = cls.train_on_texts(texts, vocab_size=vocab_size, lowercase=lowercase)
        target = Path(f"{prefix}.model")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, tokenizer.model_bytes)
        except OSError as error:
            raise TokenizerError(f"{target}: cannot be written: {error.strerror}") from None
        return tokenizer

    @classmethod
    def train_on_texts(
        cls, texts: Iterable[str], vocab_size: int = 4000, lowercase: bool = False
    ) -> TRMTokenizer:
        """Train on texts. A vocabulary that is too large for them is reduced.

        Each digit is a piece, and pieces never join words and punctuation, so that values begin and
        end at token borders.

        Raises:
            TokenizerError: the texts are empty or ``vocab_size`` cannot hold their characters.
        """
        if vocab_size < MIN_VOCAB_SIZE:
            raise TokenizerError(f"vocab_size {vocab_size} is too small: at least {MIN_VOCAB_SIZE}")
        lines = _Lines(texts)
        first = next(lines, None)
        if first is None:
            raise TokenizerError("there is no text to train a tokenizer on")
        model = io.BytesIO()
        with tempfile.TemporaryFile("w", encoding="utf-8") as folding:  # a file without a name
            try:
                spm.SentencePieceTrainer.train(
                    sentence_iterator=_chain(first, lines),
                    model_writer=model,
                    vocab_size=vocab_size,
                    model_type="unigram",
                    hard_vocab_limit=False,
                    byte_fallback=True,
                    split_digits=True,
                    remove_extra_whitespaces=False,
                    character_coverage=0.9995,
                    input_sentence_size=MAX_TRAINING_SENTENCES,
                    shuffle_input_sentence=False,
                    num_threads=2,
                    pad_id=PAD_ID,
                    unk_id=UNK_ID,
                    bos_id=BOS_ID,
                    eos_id=EOS_ID,
                    control_symbols=list(SPECIAL_PIECES.values()),
                    minloglevel=2,
                    **_normalisation(lowercase, folding),
                )
            except (RuntimeError, ValueError, OSError) as error:
                if lines.failure:  # an error of the texts, which SentencePiece would hide
                    raise lines.failure from None
                raise TokenizerError(_training_problem(str(error), vocab_size)) from error
        return cls(model.getvalue())

    def __reduce__(self) -> tuple[type[TRMTokenizer], tuple[bytes]]:
        return TRMTokenizer, (self.model_bytes,)

    @property
    def vocab_size(self) -> int:
        return self._processor.get_piece_size()

    @property
    def pad_token_id(self) -> int:
        return PAD_ID

    @property
    def fingerprint(self) -> str:
        """Short hash of the model; equal tokenizers have equal fingerprints."""
        return hashlib.sha256(self.model_bytes).hexdigest()[:16]

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Markers in it are encoded as plain text."""
        ids: list[int] = self._processor.encode(text)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without special tokens."""
        text: str = self._processor.decode([int(index) for index in ids])
        return text

    def piece(self, index: int) -> str:
        """The vocabulary entry at ``index``."""
        return self._processor.id_to_piece(index)

    def words(self) -> dict[int, str]:
        """The entries that begin a word, without the mark of the space, by their id."""
        pieces = ((index, self.piece(index)) for index in range(MASK_ID + 1, self.vocab_size))
        return {index: piece[1:] for index, piece in pieces if piece[1:] and piece[0] == WORD_START}

    def encode_conversation(
        self, history: Sequence[Turn | Mapping[str, Any]], max_length: int = 2048
    ) -> dict[str, list[int]]:
        """``input_ids``, ``role_ids`` and ``attention_mask`` of a conversation, [L] each.

        The tokens are BOS, then each turn's role marker and text, then EOS. The oldest turns are
        dropped to fit ``max_length``, except a leading system turn and the last turn.
        """
        encoding = self.encode_turns(history, max_length)
        return {
            "input_ids": encoding.input_ids.tolist(),
            "role_ids": encoding.role_ids.tolist(),
            "attention_mask": [1] * len(encoding),
        }

    def encode_turns(
        self,
        history: Sequence[Turn | Mapping[str, Any]],
        max_length: int = 2048,
        max_tool_tokens: int | None = None,
    ) -> Encoding:
        """Like ``encode_conversation``, with turns and character offsets. ``max_length`` >= 8.

        A tool turn is truncated to ``max_tool_tokens`` tokens, including its role marker. Calls at
        the end of the history are not: what they ask decides which calls are still to be made.

        Raises:
            ValueError: the history is empty.
        """
        if not history:
            raise ValueError("history is empty")
        turns = [turn if isinstance(turn, Turn) else Turn.model_validate(turn) for turn in history]
        encoded = [self._encode_turn(turn.role, turn.text()) for turn in turns]
        short = _without_tool_tails(turns, encoded, max_tool_tokens)
        kept = _fit(short, turns[0].role == "system", max_length - 2)
        return _join(turns, short, kept, _tokens(encoded) - _tokens(short))

    def _encode_turn_uncached(self, role: str, text: str) -> _EncodedTurn:
        result = self._processor.encode(text, return_type="offset_mapping")
        spans = [_without_spaces(text, begin, end) for begin, end in result["offsets"]]
        rows = np.empty((4, len(spans) + 1), dtype=np.int32)
        rows[:, 0] = (marker_id(role), 0, 0, 0)
        rows[0, 1:] = result["ids"]
        if spans:
            rows[1:3, 1:] = np.array(spans, dtype=np.int32).T
        rows[3, 1:] = list(_text_flags(text, spans))
        return _EncodedTurn(rows)


def _without_tool_tails(
    turns: Sequence[Turn], encoded: list[_EncodedTurn], limit: int | None
) -> list[_EncodedTurn]:
    """Truncate tool turns to ``limit`` tokens, but not calls without a response at the end."""
    if limit is None:
        return encoded
    closed = len(turns)
    while closed and turns[closed - 1].role == "tool_call":
        closed -= 1
    return [
        each.head(limit) if turn.role in TOOL_ROLES and place < closed else each
        for place, (turn, each) in enumerate(zip(turns, encoded, strict=True))
    ]


def _tokens(encoded: Iterable[_EncodedTurn]) -> int:
    return sum(map(len, encoded))


def _fit(encoded: list[_EncodedTurn], system_first: bool, budget: int) -> dict[int, _EncodedTurn]:
    """The turns that fit into ``budget`` tokens, newest first, by index."""
    last = len(encoded) - 1
    kept: dict[int, _EncodedTurn] = {}
    if system_first and last > 0:
        share = max(budget // 2, budget - len(encoded[last]))
        kept[0] = encoded[0].head(min(len(encoded[0]), share))
        budget -= len(kept[0])
    newest = encoded[last]
    kept[last] = newest if len(newest) <= budget else newest.tail(budget)
    budget -= len(kept[last])
    for index in range(last - 1, -1, -1):
        if index in kept or len(encoded[index]) > budget:
            break
        kept[index] = encoded[index]
        budget -= len(encoded[index])
    return dict(sorted(kept.items()))


_BEGIN, _END = (np.array([[token], [0], [0], [0]], np.int32) for token in (BOS_ID, EOS_ID))


def _join(
    turns: Sequence[Turn], encoded: list[_EncodedTurn], kept: dict[int, _EncodedTurn], cut: int
) -> Encoding:
    lengths = [1, *map(len, kept.values()), 1]
    roles = [0, *(ROLE_IDS[turns[index].role] for index in kept), 0]
    rows = np.concatenate([_BEGIN, *(turn.rows for turn in kept.values()), _END], axis=1)
    all_roles, all_turns = np.repeat(
        np.array([roles, [NO_TURN, *kept, NO_TURN]], dtype=np.int32), lengths, axis=1
    )
    return Encoding(
        input_ids=rows[0],
        role_ids=all_roles,
        turns=all_turns,
        begins=rows[1],
        ends=rows[2],
        text=rows[3],
        dropped_turns=len(encoded) - len(kept),
        dropped_tokens=_tokens(encoded) - sum(lengths[1:-1]),
        cut_tokens=cut,
    )


def _text_flags(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[int]:
    """The text flags of each token; 0 for tokens without characters."""
    capitals_tell = any(letter.islower() for letter in text)
    is_border = borders(text)
    word = 0
    for begin, end in spans:
        if begin >= end:
            yield 0
            continue
        begins, ends = is_border[begin], is_border[end]
        word = begin if begins else word
        capitalised = capitals_tell and text[word].isupper()
        yield begins * BEGINS_WORD | ends * ENDS_WORD | capitalised * CAPITALISED


def _without_spaces(text: str, begin: int, end: int) -> tuple[int, int]:
    while begin < end and text[begin].isspace():
        begin += 1
    while begin < end and text[end - 1].isspace():
        end -= 1
    return begin, end


def _read_model(path: Path) -> bytes:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise TokenizerError(f"{path}: not a file")
    try:
        with open(path, "rb") as file:
            model = file.read(LARGEST_MODEL + 1)
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from None
    if len(model) > LARGEST_MODEL:
        raise TokenizerError(f"{path}: not a SentencePiece model: more than {LARGEST_MODEL} bytes")
    return model


def _refuse_other_ids(processor: spm.SentencePieceProcessor, source: str) -> None:
    expected = {PAD_ID: "<pad>", UNK_ID: "<unk>", BOS_ID: "<s>", EOS_ID: "</s>", **SPECIAL_PIECES}
    advice = "leave out tokenizer_path to have a fitting one trained"
    if processor.get_piece_size() < MIN_VOCAB_SIZE:
        size = processor.get_piece_size()
        raise TokenizerError(
            f"{source}: too small, {size} pieces, at least {MIN_VOCAB_SIZE}; {advice}"
        )
    for index, piece in expected.items():
        if processor.id_to_piece(index) != piece:
            found = processor.id_to_piece(index)
            raise TokenizerError(f"{source}: id {index} is '{found}', expected '{piece}'; {advice}")


def _normalisation(lowercase: bool, folding: Any) -> dict[str, Any]:
    """SentencePiece options to keep the text as it is, or to fold case without changing lengths."""
    if not lowercase:
        return {"normalization_rule_name": "identity"}
    folding.write(_case_folding())
    folding.seek(0)
    return {"normalization_rule_tsv": f"/dev/fd/{folding.fileno()}"}


@cache
def _case_folding() -> str:
    """SentencePiece's table of all letters whose lower case is one letter."""
    blocks = ("".join(map(chr, range(at, at + 256))) for at in range(0, sys.maxunicode, 256))
    with_case = (block for block in blocks if block.lower() != block)  # few: much faster
    pairs = ((letter, letter.lower()) for block in with_case for letter in block)
    return "".join(
        f"{ord(letter):X}\t{ord(lower):X}\n"
        for letter, lower in pairs
        if lower != letter and len(lower) == 1
    )


def _texts_of(path: Path) -> Iterator[str]:
    if path.suffix == ".jsonl":
        from trm_engine.data.sample_reader import SampleReader  # slow to import

        for _, sample in SampleReader(path):
            yield from (turn.text() for turn in sample.history)
        return
    try:
        with open(path, encoding="utf-8") as file:
            yield from file
    except UnicodeDecodeError:
        raise TokenizerError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from None


class _Lines:
    """The unique lines of texts. ``failure`` is the error that ended them early."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.failure: Exception | None = None
        self._lines = _unique_lines(texts)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._lines)
        except StopIteration:
            raise
        except Exception as error:
            self.failure = error
            raise


def _unique_lines(texts: Iterable[str]) -> Iterator[str]:
    """Each line once, as the samples of a dialogue repeat its turns."""
    seen: set[int] = set()
    for text in texts:
        for line in text.replace("\0", " ").splitlines():
            for begin in range(0, len(line), LONGEST_LINE):
                part = line[begin : begin + LONGEST_LINE]
                if part.strip() and hash(part) not in seen:
                    seen.add(hash(part))
                    yield part


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _training_problem(message: str, vocab_size: int) -> str:
    if "required_chars" in message or "too small" in message.lower():
        return (
            f"vocab_size {vocab_size} is too small for the characters of this text; "
            f"raise data.vocab_size"
        )
    return f"no tokenizer can be trained on this text: {message}"
