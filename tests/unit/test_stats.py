"""Statistics of a data file: every figure of a small file is known beforehand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, dialogue, dialogues, sample, write_jsonl
from trm_engine.data.stats import EXACT_DISTINCT, DistinctCount, file_statistics, percentiles
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import DataError


def test_counts_of_one_conversation(tmp_path: Path) -> None:
    found = file_statistics(write_jsonl(tmp_path / "one.jsonl", dialogue(0)))

    assert found["samples"] == 3
    assert found["conversations"] == 1
    assert found["decisions"] == {"user": {"direct_answer": 1, "tool_call": 2}}
    assert found["tools"]["calls"] == {"find_customer": 1, "change_plan": 1}
    assert found["tools"]["offered"] == 2
    assert found["tools"]["never_called"] == []
    phone = found["slots"]["phone"]
    assert (phone["filled"], phone["distinct"]) == (2, 1)
    assert phone["filled_share"] == pytest.approx(2 / 3)
    assert phone["verbatim"] == {"user": 1.0, "said": 1.0, "history": 1.0}
    assert found["arguments"]["months"]["filled_share"] == pytest.approx(1 / 2)
    assert found["lengths"]["turns"] == {
        "p5": 2, "p25": 2, "p50": 4, "p75": 7, "p95": 7, "p99": 7, "max": 7,
    }  # fmt: skip


def test_where_values_stand_is_told_apart(tmp_path: Path) -> None:
    history = [
        {"role": "user", "content": "I am Ann"},
        {"role": "assistant", "content": "Plan Gold?"},
        {"role": "tool_response", "content": {"id": "X-1"}},
        {"role": "user", "content": "yes"},
    ]
    slots = {"user": "ann", "said": "Gold", "tool": "X-1", "nowhere": "blue", "empty": ""}
    path = write_jsonl(tmp_path / "places.jsonl", [sample(history=history, slots=slots)])

    found = file_statistics(path)["slots"]

    places = {name: list(each["verbatim"].values()) for name, each in found.items()}
    assert places == {
        "user": [1.0, 1.0, 1.0],
        "said": [0.0, 1.0, 1.0],
        "tool": [0.0, 0.0, 1.0],
        "nowhere": [0.0, 0.0, 0.0],
        "empty": [None, None, None],
    }


def test_tools_never_called_are_listed(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "idle.jsonl", dialogue(0)[:2])
    assert file_statistics(path)["tools"]["never_called"] == ["change_plan"]


def test_values_are_distinct_case_aside(tmp_path: Path) -> None:
    samples = [sample(slots={"plan": value}) for value in ("Gold", "gold", "silver")]
    found = file_statistics(write_jsonl(tmp_path / "case.jsonl", samples))
    assert found["slots"]["plan"]["distinct"] == 2


def test_parameters_have_the_names_that_their_tools_have(tmp_path: Path) -> None:
    named = {"page[size]": 3, "v1.0": 2, "a": {"b": 1}, "a.b": 4, "to": [{"id": 7}]}
    path = write_jsonl(
        tmp_path / "named.jsonl",
        [sample(decision="tool_call", tool={"name": "list", "arguments": named})],
    )
    found = file_statistics(path)["arguments"]
    assert list(found) == ["page[size]", "v1.0", "a.b", r"a\.b", "to[0].id"]


def test_tokens_are_counted_untruncated(data_file: Path, tokenizer: TRMTokenizer) -> None:
    lengths = file_statistics(data_file, tokenizer)["lengths"]
    longest = max(len(tokenizer.encode_turns(each["history"], 10**6)) for each in dialogues())
    assert lengths["tokens"]["max"] == longest
    assert "tokens" not in file_statistics(data_file)["lengths"]


def test_progress_ends_at_the_size_of_the_file(data_file: Path) -> None:
    told: list[int] = []
    file_statistics(data_file, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == data_file.stat().st_size


def test_statistics_are_json(data_file: Path) -> None:
    found = file_statistics(data_file)
    assert json.loads(json.dumps(found)) == found


def test_a_bad_file_is_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "bad.jsonl", [sample(), b"{"])
    with pytest.raises(DataError, match="line 2: broken JSON"):
        file_statistics(path)


def test_percentiles_are_values_that_occur() -> None:
    assert percentiles(range(101)) == {
        "p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "p99": 99, "max": 100,
    }  # fmt: skip
    assert percentiles([7]) == dict.fromkeys(("p5", "p25", "p50", "p75", "p95", "p99", "max"), 7)


def test_needs_no_torch() -> None:
    code = "import sys, trm_engine.data.stats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("texts", [0, 1, EXACT_DISTINCT, 5 * EXACT_DISTINCT])
def test_distinct_texts_are_counted_exactly_then_estimated_in_constant_memory(texts: int) -> None:
    count = DistinctCount()
    for text in [*range(texts), *range(texts)]:
        count.add(str(text))
    allowed = 0 if texts <= EXACT_DISTINCT else 0.05 * texts
    assert abs(int(count) - texts) <= allowed
    assert len(count._kept) <= 2 * EXACT_DISTINCT
