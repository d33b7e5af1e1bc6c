"""What is taken out of texts that are kept."""

from __future__ import annotations

import time

import pytest

from trm_engine.errors import UserError
from trm_engine.serving.redaction import Redactor


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Write to an.nguyen+shop@mail.example.vn, please.", "Write to [email 1], please."),
        ("It is 0901234567.", "It is [phone 1]."),
        ("It is +84 90 123 45 67 or (090) 123-4568", "It is [phone 1] or ([phone 2]"),
        ("card 4111 1111 1111 1111", "card [card 1]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [iban 1]"),
        ("my key is sk-proj_abcdefgh12345678", "my key is [key 1]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[key 1]"),
        ("contract HD-204518 from 2026-11-30 at 10:30, 249,000 VND", None),
        ("on 2026-11-30 14:05:10", None),
        ("", None),
    ],
)
def test_kinds(said: str, kept: str | None) -> None:
    assert Redactor().redacted(said) == (said if kept is None else kept)


def test_a_text_has_one_name_in_a_conversation() -> None:
    kept = Redactor().redacted(
        {
            "history": [{"content": "0901234567, no, 0907654321"}, {"content": "0901234567"}],
            "slots": {"phone": "0907654321", "n": 3, "id": 901234567890, "ok": True, "x": None},
        }
    )
    assert kept == {
        "history": [{"content": "[phone 1], no, [phone 2]"}, {"content": "[phone 1]"}],
        "slots": {"phone": "[phone 2]", "n": 3, "id": "[phone 3]", "ok": True, "x": None},
    }


def test_patterns_of_the_user() -> None:
    redactor = Redactor([r"HD-\d+", "x*"], kept=["phone"])
    assert redactor.redacted("HD-204518 of 0901234567") == "[redacted 1] of 0901234567"
    with pytest.raises(UserError, match=r"--redact '\(': no regular expression"):
        Redactor(["("])
    with pytest.raises(UserError, match="--keep fax: expected one of"):
        Redactor(kept=["fax"])


@pytest.mark.parametrize("text", ["a", "1", "a@", "1-", "eyJ-", "sk-a.", "AB12 ", "+1 (", "a.b@c."])
def test_long_texts_take_linear_time(text: str) -> None:
    """Quadratic time would be hours."""
    began = time.process_time()
    Redactor().redacted(text * (1_000_000 // len(text)))
    assert time.process_time() - began < 30
