"""Numbers with their nouns."""

import pytest

from trm_engine.wording import counted


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 samples"), (1, "1 sample"), (2, "2 samples"), (12500, "12,500 samples")],
)
def test_one_is_singular(count: int, said: str) -> None:
    assert counted(count, "sample") == said
