"""Damage to bytes: what a bad disk, a torn copy or an attacker does to a file.

Each takes the bytes of a file and a source of chance, and returns other bytes; empty bytes grow or
stay empty.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

LARGEST_BLOCK = 4096

Mutator = Callable[[bytes, Random], bytes]


def flip(data: bytes, rng: Random) -> bytes:
    """Change one bit, or one whole byte."""
    if not data:
        return data
    place = rng.randrange(len(data))
    change = 1 << rng.randrange(8) if rng.random() < 0.7 else rng.randrange(1, 256)
    return data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]


def cut(data: bytes, rng: Random) -> bytes:
    """Keep the beginning only, or lose a block in the middle."""
    if rng.random() < 0.6:
        return data[: rng.randrange(len(data) + 1)]
    begin, end = _block(data, rng)
    return data[:begin] + data[end:]


def zero_block(data: bytes, rng: Random) -> bytes:
    """Overwrite a block with zeros, as a disk does that lost what was written last."""
    begin, end = _block(data, rng)
    return data[:begin] + bytes(end - begin) + data[end:]


def swap(data: bytes, rng: Random) -> bytes:
    """Exchange two neighbouring blocks."""
    begin, end = _block(data, rng)
    middle = rng.randint(begin, end)
    return data[:begin] + data[middle:end] + data[begin:middle] + data[end:]


def repeat(data: bytes, rng: Random) -> bytes:
    """Write a block twice."""
    begin, end = _block(data, rng)
    return data[:end] + data[begin:end] + data[end:]


def insert(data: bytes, rng: Random) -> bytes:
    """Add bytes that mean something to some reader, or none."""
    place = rng.randint(0, len(data))
    return data[:place] + rng.choice(FOREIGN) + data[place:]


FOREIGN = (
    b"\0",
    b"\n",
    b"\r",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x1b]52;c;VFJN\x07",
    b"\x1b[31m",
    "\x9b31m\u202e".encode(),
    b"[" * 3000,
    b'{"a":' * 3000,
    b"9" * 5000,
    b"1e999",
    b"NaN",
    b"-",
    b"'",
    b'"',
    b"\\ud800",
    b"&a [*a,*a]",
    b"!!python/name:os.system ",
    b"PK\x05\x06" + bytes(18),
)

MUTATORS: tuple[Mutator, ...] = (flip, cut, zero_block, swap, repeat, insert)


def mutate(data: bytes, rng: Random) -> bytes:
    """One to three mutations, by chance."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(MUTATORS)(data, rng)
    return data


def _block(data: bytes, rng: Random) -> tuple[int, int]:
    """The borders of a part of the bytes; short ones are as likely as long ones."""
    length = min(len(data), round(LARGEST_BLOCK ** rng.random()))
    begin = rng.randint(0, len(data) - length)
    return begin, begin + length
