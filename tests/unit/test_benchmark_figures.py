"""Figures of benchmarks: what a row says, and which of them changed."""

from pathlib import Path

from benchmarks import figures


def line(*rows: str) -> dict:
    return {**figures.record("speed", list(rows)), "commit": "0123456789abcdef"}


def test_the_numbers_of_a_row() -> None:
    assert figures.figures_in("1,024 rows: 3.5 ms, 1e-3 of −2.0 % (p95)") == [1024, 3.5, 1e-3, -2.0]


def test_only_rows_that_changed_much_are_named() -> None:
    before = line("start 2.0 s, 10 rows", "stop 1.0 s")
    after = line("start 3.0 s, 11 rows", "stop 1.1 s", "new 5 s")
    assert list(figures.changes(before, after)) == [
        "start 3.0 s, 11 rows  [1.50 x 2 of 0123456789]"
    ]


def test_the_latest_record_of_a_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.jsonl"
    assert figures.latest(file, "speed") is None
    for row in ("1 s", "2 s"):
        figures.append(file, line(row))
    figures.append(file, {**line("3 s"), "benchmark": "memory"})
    found = figures.latest(file, "speed")
    assert found and found["rows"] == [{"text": "2 s", "figures": [2.0]}]
