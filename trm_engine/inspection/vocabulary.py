"""The tokenizer's vocabulary, and the type of its SentencePiece model."""

from __future__ import annotations

import sentencepiece as spm

from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.runs.schema.model_file import Vocabulary

MODEL_TYPES = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
TRAINER_SPEC = 2
MODEL_TYPE = 3
"""Field numbers in SentencePiece's sentencepiece_model.proto."""


def list_vocabulary(files: ModelFiles, job: Job, path: str) -> Vocabulary:
    """All pieces of the tokenizer."""
    model = files.open(path).tokenizer.model_bytes
    processor = spm.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model)
    ids = list(range(processor.get_piece_size()))
    return Vocabulary(
        kind=model_type(model),
        pieces=processor.id_to_piece(ids),
        scores=[round(score, 4) for score in processor.get_score(ids)],
        types=[_type(processor, index) for index in ids],
    )


def model_type(model: bytes) -> str:
    """The type of a SentencePiece model: unigram, bpe, word or char."""
    trainer = _field(model, TRAINER_SPEC)
    number = _field(trainer, MODEL_TYPE) if isinstance(trainer, bytes) else None
    return MODEL_TYPES.get(number, "unknown") if isinstance(number, int) else "unigram"


def _type(processor: spm.SentencePieceProcessor, index: int) -> str:
    tests = {
        "control": processor.is_control,
        "unknown": processor.is_unknown,
        "byte": processor.is_byte,
        "unused": processor.is_unused,
    }
    return next((name for name, holds in tests.items() if holds(index)), "normal")


def _field(message: bytes, number: int) -> int | bytes | None:
    """The value of a field in a Protocol Buffers message; None if it is missing."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire_type = key & 7
        value: int | bytes
        if wire_type == 0:
            value, place = _varint(message, place)
        else:
            size = {1: 8, 5: 4}.get(wire_type)
            if size is None:
                size, place = _varint(message, place)
            value, place = message[place : place + size], place + size
        if key >> 3 == number:
            return value
    return None


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Decode a varint (seven bits a byte, lowest first). Returns it and the offset after it."""
    value = shift = 0
    while place < len(message):
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            break
    return value, place
