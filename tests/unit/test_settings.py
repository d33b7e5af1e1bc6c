"""Settings: what was saved is loaded, and nothing that a file holds stops the app."""

from __future__ import annotations

import math
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import convert, structs

from tests.mutations import mutate
from tests.support import rounds
from trm_tui.settings import Remembered, Settings, load, save, settings_path

words = st.text(max_size=8)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
valid = st.builds(
    Settings,
    theme=words,
    tab=words,
    x_axis=st.sampled_from(["step", "time", "epoch"]),
    smoothing=st.floats(0, 1, exclude_max=True),
    log_scale=st.dictionaries(words, st.booleans(), max_size=3),
    hidden_series=st.lists(words, max_size=3),
    bell=st.booleans(),
)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_they_are_in_the_users_configuration_folder(folder: Path) -> None:
    assert settings_path() == folder / "trm-tui" / "settings.yaml"
    assert save(Settings(tab="log"))
    assert [path.name for path in settings_path().parent.iterdir()] == ["settings.yaml"]
    assert yaml.safe_load(settings_path().read_text())["tab"] == "log"


@same_folder
@given(valid)
def test_what_was_saved_is_loaded(remembered: Settings) -> None:
    assert save(remembered)
    assert load() == remembered


def test_without_a_file_there_are_the_defaults() -> None:
    assert load() == Settings()


@same_folder
@given(st.dictionaries(st.sampled_from([*Settings.__struct_fields__, "unknown"]), junk))
def test_a_value_that_makes_no_sense_is_its_default(values: dict[str, Any]) -> None:
    settings_path().parent.mkdir(exist_ok=True)
    settings_path().write_text(yaml.safe_dump({**values, "bell": False}), encoding="utf-8")
    loaded = load()
    assert loaded.bell is False
    assert convert(structs.asdict(loaded), Settings) == loaded
    assert 0 <= loaded.smoothing < 1
    assert math.isfinite(loaded.smoothing)
    assert all(isinstance(name, str) for name in loaded.hidden_series)
    for name in set(Settings.__struct_fields__) - set(values) - {"bell"}:
        assert getattr(loaded, name) == getattr(Settings(), name)


@pytest.mark.parametrize(
    "content",
    [b"[1, 2]", b"a: [", b"\xff\xfe", b"a: b: c", b"text", b"!!python/object:x {}",
     b"[" * 1000, b"1: 2", b"theme: &a [*a]", b"theme: !!timestamp 2024-01-01", b"tab: 1\ntab: 2",
     b"a: !!set {b}", b"x" * (1 << 21), b"\0", b"theme: !!binary aGk=", b"a: 1" + b"0" * 5000],
)  # fmt: skip
def test_a_broken_file_is_told_and_kept(content: bytes) -> None:
    settings_path().parent.mkdir()
    settings_path().write_bytes(content)
    assert load() == Settings()
    remembered = Remembered()
    assert remembered.settings == Settings()
    assert remembered.problem.startswith(f"{settings_path()}: ")
    assert remembered.problem.endswith("; the defaults are used")
    assert settings_path().read_bytes() == content
    remembered.change(tab="log")
    remembered.change(tab="charts")
    assert load().tab == "charts"
    assert settings_path().with_name("settings.yaml.unread").read_bytes() == content
    assert Remembered().problem == ""


def test_single_values_that_make_no_sense_are_told_and_kept() -> None:
    settings_path().parent.mkdir()
    text = "theme: mine\nsmoothing: 7\nhidden_series: {a: 1}\nbell: 0\nother: 1\nx_axis: step\n"
    settings_path().write_text(text)
    remembered = Remembered()
    assert remembered.settings == Settings(theme="mine", bell=False)
    said = f"{settings_path()}: the defaults are used for smoothing, hidden_series"
    assert remembered.problem == said
    remembered.change(tab="log")
    assert settings_path().with_name("settings.yaml.unread").read_text() == text
    assert load() == Settings(theme="mine", bell=False, tab="log")


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_told(kind: str) -> None:
    settings_path().parent.mkdir()
    if kind == "folder":
        settings_path().mkdir()
    elif kind == "pipe":
        os.mkfifo(settings_path())
    else:
        settings_path().symlink_to("/dev/zero")
    assert Remembered().problem == f"{settings_path()}: not a file; the defaults are used"


def test_a_mutated_file_never_stops_the_app() -> None:
    assert save(Settings(tab="log", hidden_series=["a", "b"], log_scale={"loss": True}))
    text = settings_path().read_bytes()
    for seed in range(rounds(100)):
        settings_path().write_bytes(mutate(text, Random(seed)))
        loaded = Remembered().settings
        assert convert(structs.asdict(loaded), Settings) == loaded


def test_what_cannot_be_written_is_not_saved(folder: Path) -> None:
    (folder / "trm-tui").write_text("a file where the folder should be")
    assert save(Settings()) is False
    assert load() == Settings()


def test_a_failed_save_leaves_the_file_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert save(Settings(tab="log"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert save(Settings(tab="charts")) is False
    assert load().tab == "log"
    assert [path.name for path in settings_path().parent.iterdir()] == ["settings.yaml"]
