"""The user's keymap: what it may say, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.errors import ConfigError
from trm_tui.keymap import BOUND, as_yaml, for_textual, keymap_path, read_keymap
from trm_tui.keys import KEYS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("trm_tui.keymap.user_config_path", lambda app: tmp_path / app)
    (tmp_path / "trm-tui").mkdir()
    return tmp_path


def write(text: str) -> None:
    keymap_path().write_text(text, encoding="utf-8")


def test_no_file_changes_nothing() -> None:
    assert read_keymap() == {}


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("ctrl+s", "ctrl+s"),
        ("'?, f5'", "question_mark,f5"),
        ("['+', x, 7]", "plus,x,7"),
        ("minus", "minus"),
        ("'-'", "minus"),
        ("shift+f3", "shift+f3"),
        ("é", "é"),
    ],
)
def test_keys_are_named_as_textual_names_them(written: str, keys: str) -> None:
    write(f"Charts:\n  pan: {written}\nLog:\n")
    taken = {"question_mark": "help", "plus": "zoom_in", "minus": "zoom_out", "x": "axis"}
    others = {name for key, name in taken.items() if key in keys.split(",")}
    moved = "".join(f"  {name}: f1{n}\n" for n, name in enumerate(sorted(others - {"help"})))
    everywhere = "Everywhere:\n  help: f8\n" if "help" in others else ""
    write(f"Charts:\n  pan: {written}\n{moved}{everywhere}")
    assert read_keymap()["Charts.pan"] == keys


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Chart:\n  pan: x", "1: unknown part 'Chart' (did you mean 'Charts'?)"),
        ("\nCharts:\n  zoom: x", "3: Charts has no key 'zoom' (did you mean 'zoom_in'?)"),
        ("Charts:\n  pan: contrl+x", "2: Charts, pan: 'contrl+x': expected the name of a key"),
        ("Charts:\n  pan: leftt", "2: Charts, pan: 'leftt': expected"),
        ("Charts:\n  pan: null", "2: Charts, pan: 'None': expected"),
        ("Charts:\n  pan: []", "2: Charts, pan: expected"),
        ("Charts: x", "1: Charts: expected names with their keys"),
        ("- x", " expected parts with their keys"),
        ("Charts:\n  pan: [", "3: "),
        ("Charts:\n  pan: y", "2: Charts.pan: 'y' is the key of Charts.log_scale, too"),
        ("Charts:\n  pan: x\n  follow: x\n  axis: f9", "'x' is the key of Charts.pan"),
        ("Log:\n  level: j", "2: Log.level: 'j' is the key of Tables.step, too"),
        ("Tables:\n  step: l", "2: Tables.step: 'l' is the key of Log.level, too"),
        ("Log:\n  level: q", "2: Log.level: 'q' is the key of Everywhere.leave, too"),
        ("Everywhere:\n  help: h", "2: Everywhere.help: 'h' is the key of Answer.move_step_back"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, problem: str) -> None:
    write(text)
    with pytest.raises(ConfigError) as caught:
        read_keymap()
    assert f"{keymap_path()}:{problem}" in str(caught.value) or problem in str(caught.value)


def test_all_problems_are_said_at_once() -> None:
    write("Chart:\n  pan: x\nLog:\n  lever: x\n")
    with pytest.raises(ConfigError) as caught:
        read_keymap()
    assert [line.partition(":")[2][0] for line in str(caught.value).splitlines()] == ["1", "4"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"Log:\n  level: \xff"])
def test_no_text(content: bytes) -> None:
    keymap_path().write_bytes(content)
    with pytest.raises(ConfigError, match=r"keys\.yaml"):
        read_keymap()


@given(st.sets(st.sampled_from(sorted(BOUND))))
def test_what_is_printed_is_read_again(own: set[str]) -> None:
    keymap = {each: BOUND[each].key.keys for each in BOUND if each in own}
    write(as_yaml(keymap))
    assert read_keymap() == keymap


def test_a_key_that_two_actions_share_stays_with_the_other() -> None:
    assert for_textual({"Training.pause": "P"}) == {"Training.pause": "P", "Training.resume": "p"}
    assert for_textual({"Tables.last": "e"})["Log.last"] == "end,G"


def test_names_are_unique() -> None:
    assert len(BOUND) == sum(map(len, KEYS.values()))
