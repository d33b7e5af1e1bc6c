"""The documentation says what is true: tables, links, paths, settings, samples, options."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.__main__ import NAMES
from docs import make
from tests.documents import PAGES, blocks, mentioned, stages
from tests.support import ROOT
from trm_engine.config import Config
from trm_engine.data.samples import Sample
from trm_engine.runs.schema.answers import Prediction
from trm_engine.sweeps.plan import SweepPlan
from trm_tui.keymap import keymap_of
from trm_tui.widgets.checkpoint.tabs import InspectTabs
from trm_tui.widgets.conversation.tabs import PlaygroundTabs
from trm_tui.widgets.run.tabs import TrainTabs

LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:trm_engine|trm_tui|docs|configs|tests|benchmarks)/[\w./-]*")
NO_COMMANDS = ("COMMAND", "data", "--help", "--install-completion")
SCREENS = 2 * 50
"""Lines of two screens."""


def titles(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", make.pages(), ids=lambda page: page.name)
def test_the_tables_are_those_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert make.filled(text) == text, f"{page.name} is stale: make docs"


def test_every_setting_key_and_command_is_documented() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", make.configuration(), re.M)) == {
        name for section in Config.model_fields for name in make.settings(section)
    }
    assert make.commands().count("\n## ") + 1 == len(list(_commands()))


def test_readme_is_two_screens_long() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= SCREENS


def test_the_index_lists_every_page() -> None:
    index = make.HERE / "README.md"
    linked = {make.HERE / each for each in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {index, *linked} == set(make.pages())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        name, _, title = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not title or title in titles(target), link


def test_files_that_are_named_exist() -> None:
    named = {(page.name, code) for page, code in mentioned() if PATH.fullmatch(code)}
    assert len(named) > 20
    assert [each for each in sorted(named) if not (ROOT / each[1]).exists()] == []


@pytest.mark.parametrize("page", ["architecture.md", "model.md"])
def test_modules_that_are_named_exist(page: str) -> None:
    paths = [f"/{path}" for package in make.PACKAGES for path in (ROOT / package).rglob("*.py")]
    named = set(re.findall(r"`([\w/]+\.py)`", (make.HERE / page).read_text(encoding="utf-8")))
    assert named
    assert [each for each in named if not any(p.endswith(f"/{each}") for p in paths)] == []


def test_the_guides_tell_of_every_tab() -> None:
    guides = {"train": TrainTabs, "inspect": InspectTabs, "playground": PlaygroundTabs}
    for name, tabs in guides.items():
        page = (make.HERE / "guide" / f"{name}.md").read_text(encoding="utf-8")
        told = " ".join(
            re.findall(r"^\| ([\w, ]+) \|", page, re.M) + re.findall(r"\*\*(\w+)\*\*", page)
        )
        assert [tab for tab in tabs.TABS if tab not in told] == []


def test_messages_that_are_explained_are_those_of_the_code() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for package in make.PACKAGES
        for path in (ROOT / package).rglob("*.py")
    )
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # a text on several lines
    page = (make.HERE / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `(.+?)` \|", page, re.M) + re.findall(r'\*\*"(.+?)"\.\*\*', page)
    assert len(messages) > 5
    for message in messages:
        for part in re.split(r"\d+|…", message):
            assert part.strip() in code, message


def test_commands_in_the_text_have_the_options_they_are_given() -> None:
    known = dict(_commands())
    for page, code in mentioned():
        if not code.startswith("trm-tui "):
            continue
        words = stages(code)[0][1:]
        options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        command = " ".join(word for word in words[: 1 + (words[0] == "data")])
        if command not in known:
            assert command in NO_COMMANDS, f"{page.name}: {code}"
            continue
        accepted = {name for each in known[command].params for name in each.opts} | {"--help"}
        assert options <= accepted, f"{page.name}: {code}"


def test_make_targets_and_benchmarks_in_the_text_exist() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for page, code in mentioned():
        words = code.split()
        if words[0] == "make" and words[1:]:
            assert words[1] in targets, f"{page.name}: {code}"
        if words[:3] == ["python", "-m", "benchmarks"]:
            assert set(words[3:]) <= set(NAMES), f"{page.name}: {code}"


def _commands() -> list[tuple[str, Any]]:
    return list(make._commands())


def test_configurations_that_are_shown_are_valid() -> None:
    readers = {
        "file: sweep.yaml": lambda text: SweepPlan.model_validate(yaml.safe_load(text)),
        "file: keys.yaml": lambda text: keymap_of(text, Path("keys.yaml")),
    }
    shown = list(blocks("yaml"))
    assert shown
    for each in shown:
        readers.get(each.mark, lambda text: Config.model_validate(yaml.safe_load(text)))(each.text)


def test_samples_that_are_shown_are_valid() -> None:
    shown = [json.loads(block.text) for block in blocks("json") if block.mark == "sample"]
    assert shown
    for each in shown:
        assert Sample.model_validate(each).tool


def test_predictions_that_are_shown_have_the_keys_of_predictions() -> None:
    shown = [each.text.replace("{...}", "{}").replace("[...]", "[]") for each in blocks("text")]
    answers = [json.loads(text) for text in shown if "steps_used" in text]
    assert answers
    assert all(tuple(each) == Prediction.__struct_fields__ for each in answers)


def test_the_papers_configuration_names_its_departures_as_the_documentation_does() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    table = text.partition("## Departures")[2].partition("Only in `configs/default.yaml`")[0]
    names = re.findall(r"^\| \*\*(.+?)\*\* \|", table, re.MULTILINE)
    assert len(names) > 10
    comments = (ROOT / "configs" / "paper.yaml").read_text(encoding="utf-8")
    told = " ".join(comments.partition("by these names:")[2].partition("model:")[0].split())
    assert told.replace("# ", "").rstrip(".").split("; ") == names


def test_the_changelog_has_this_version_with_its_date() -> None:
    versions = re.findall(
        r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(project['version'])} \(\d{{4}}-\d\d-\d\d\)", versions[1])
