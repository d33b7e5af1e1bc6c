"""Settings: what was saved is loaded, and nothing that a file holds stops the app."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trm_tui.settings import Settings, load, save, settings_path

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
@given(st.dictionaries(st.sampled_from([*Settings.model_fields, "unknown"]), junk))
def test_a_value_that_makes_no_sense_is_its_default(values: dict[str, Any]) -> None:
    settings_path().parent.mkdir(exist_ok=True)
    settings_path().write_text(yaml.safe_dump({**values, "bell": False}), encoding="utf-8")
    loaded = load()
    assert loaded.bell is False
    assert Settings.model_validate(loaded.model_dump()) == loaded
    assert 0 <= loaded.smoothing < 1
    assert math.isfinite(loaded.smoothing)
    assert all(isinstance(name, str) for name in loaded.hidden_series)
    for name in set(Settings.model_fields) - set(values) - {"bell"}:
        assert getattr(loaded, name) == getattr(Settings(), name)


@pytest.mark.parametrize(
    "content",
    [b"", b"[1, 2]", b"a: [", b"\xff\xfe", b"a: b: c", b"text", b"!!python/object:x {}",
     b"[" * 1000, b"1: 2", b"theme: &a [*a]"],
)  # fmt: skip
def test_a_broken_file_is_no_file(content: bytes) -> None:
    settings_path().parent.mkdir()
    settings_path().write_bytes(content)
    assert load() == Settings()


def test_what_cannot_be_written_is_not_saved(folder: Path) -> None:
    (folder / "trm-tui").write_text("a file where the folder should be")
    assert save(Settings()) is False
    assert load() == Settings()


def test_a_failed_save_leaves_the_file_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert save(Settings(tab="log"))

    def full(self: Path, *_: Any, **__: Any) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert save(Settings(tab="charts")) is False
    assert load().tab == "log"
    assert [path.name for path in settings_path().parent.iterdir()] == ["settings.yaml"]
