"""README says what is true: every setting with its default, every key."""

from __future__ import annotations

import re
from pathlib import Path

from trm_engine.config import Config, DataConfig, TrainingConfig, TRMConfig
from trm_tui.keys import CHART, EVERYWHERE, KEYS, TRAINING

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def test_readme_lists_every_setting_with_its_default() -> None:
    text = README.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", text, re.MULTILINE))
    expected = {
        name: _shown(field.default)
        for section in (TRMConfig, TrainingConfig, DataConfig)
        for name, field in section.model_fields.items()
    }
    sections = dict.fromkeys(Config.model_fields, "default")
    assert rows == expected | sections


def test_readme_lists_the_keys_of_the_training_screen() -> None:
    text = README.read_text(encoding="utf-8")
    told = re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE)
    known = [
        (key.shown, key.help)
        for where in (EVERYWHERE, TRAINING, CHART)
        for key in KEYS[where]
        if key.shown
    ]
    assert [pair for pair in told if pair in known] == known


def _shown(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_papers_configuration_names_its_departures_as_the_documentation_does() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    table = text.partition("## Departures")[2].partition("Only in `configs/default.yaml`")[0]
    names = re.findall(r"^\| \*\*(.+?)\*\* \|", table, re.MULTILINE)
    assert len(names) > 10
    comments = (ROOT / "configs" / "paper.yaml").read_text(encoding="utf-8")
    told = " ".join(comments.partition("by these names:")[2].partition("model:")[0].split())
    assert told.replace("# ", "").rstrip(".").split("; ") == names
