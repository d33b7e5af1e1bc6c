"""Reports of runs as HTML and Markdown."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.screens.fake_run import SAMPLE, FakeRun
from trm_engine.config import Config
from trm_engine.files.jsonl import to_line
from trm_engine.runs.about import change_about
from trm_tui.cli import app

EVIL = "<script>alert('x')</script> & \"q\" | *bold* \x1b[31m"


def trained(path: Path, evaluations: int = 2, **training: object) -> FakeRun:
    config = Config.model_validate({"training": training})
    run = FakeRun(path, config=config)
    sample = {**SAMPLE, "history": [{"role": "user", "content": f"My number is 0900 1 {EVIL}"}]}
    sample["slots"] = {"phone": "0900 1"}
    run.sample_file.write_bytes(b"\n" * 10206 + to_line(sample))
    run.begin()
    for _ in range(evaluations):
        run.train(50)
        run.evaluate(best_metric="exact_match_values")
    run.end("finished")
    return run


def trm(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


class Page(HTMLParser):
    """The tags that were opened and not closed, all tags, and what is loaded."""

    VOID = {"meta", "br"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pictures(markdown: str) -> list[str]:
    found = re.findall(r"\(data:image/svg\+xml;base64,([^)]+)\)", markdown)
    return [base64.b64decode(each).decode() for each in found]


def test_a_page_is_whole_and_alone(tmp_path: Path) -> None:
    run = trained(tmp_path / "first")
    change_about(run.folder, note=EVIL, tags=("paper",), name="Best")
    out = tmp_path / "report.html"
    result = trm("report", run.folder.path, "-o", out)
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and page.loaded == []
    assert "script" not in page.tags
    assert "\x1b" not in text
    assert page.tags.count("svg") >= 5
    for told in ("first (Best)", "Tags: paper", "Worst errors", "<mark>0900 1</mark>"):
        assert told in text
    assert "git checkout abc1234" in text and "trm-tui train" in text
    assert "hidden_size: 512" in text  # the whole configuration


def test_pictures_are_well_formed_and_show_the_curves(tmp_path: Path) -> None:
    run = trained(tmp_path / "first", evaluations=3)
    out = tmp_path / "report.md"
    assert trm("report", run.folder.path, "-o", out).exit_code == 0
    svgs = pictures(out.read_text(encoding="utf-8"))
    roots = [ElementTree.fromstring(each) for each in svgs]
    assert len(roots) >= 5
    space = "{http://www.w3.org/2000/svg}"
    assert len(roots[1].findall(f"{space}circle")) == 3  # one for each evaluation
    ticks = [each.text for each in roots[0].findall(f"{space}text")]
    assert "100" in ticks or "120" in ticks or "150" in ticks


def test_markdown_escapes_what_is_no_markup(tmp_path: Path) -> None:
    run = trained(tmp_path / "first")
    out = tmp_path / "report.md"
    assert trm("report", run.folder.path, "-o", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert r"\|" in text and r"\*bold\*" in text
    assert "**0900 1**" in text
    assert "| Exact Match | " in text


@pytest.mark.parametrize("suffix", [".html", ".md"])
def test_a_comparison_has_groups_and_differences(tmp_path: Path, suffix: str) -> None:
    places = [
        trained(tmp_path / f"{name}-{seed}", evaluations, batch_size=size, seed=seed).folder.path
        for name, size, seed, evaluations in (
            ("small", 8, 1, 1),
            ("small", 8, 2, 2),
            ("large", 64, 1, 3),
        )
    ]
    out = tmp_path / f"report{suffix}"
    assert trm("report", *places, "--out", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    for told in (
        "small ×2",
        "large-1",
        "0.425 ±.177",
        "− small ×2",
        "+0.208 ±2.751",
        "small-1",
        "small-2",
    ):
        assert told in text
    assert "Settings that differ" in text


PROBE = """
<script>addEventListener("load", () => {
  const box = each => each.getBoundingClientRect();
  const seen = {
    charts: [...document.querySelectorAll("svg")].map(each => [box(each).width, box(each).height]),
    tables: [...document.querySelectorAll("table")].map(each => box(each).height),
    loaded: performance.getEntriesByType("resource").map(each => each.name),
    ground: getComputedStyle(document.body).backgroundColor,
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
  document.documentElement.dataset.seen = JSON.stringify(seen);
})</script>
"""
"""What a browser makes of the page, as an attribute of it."""


def seen_in(browser: str, page: Path, profile: Path, *options: str) -> dict[str, Any]:
    """What ``PROBE`` says of a page in a headless browser, which must not complain."""
    probed = page.with_suffix(".probed.html")
    probed.write_text(page.read_text("utf-8") + PROBE, encoding="utf-8")
    quiet = ("no-first-run", "disable-background-networking", "disable-component-update")
    switches = ("headless", "no-sandbox", "disable-gpu", "disable-sync", *quiet, "dump-dom")
    shown = subprocess.run(
        [
            browser,
            *(f"--{each}" for each in switches),
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            *options,
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in shown.stderr
    found = re.search(r'data-seen="([^"]*)"', shown.stdout)
    assert found, shown.stdout[:500]
    return dict(json.loads(html.unescape(found[1])))


@pytest.mark.slow
@pytest.mark.parametrize("is_comparison", [False, True])
def test_a_browser_shows_it(tmp_path: Path, is_comparison: bool) -> None:
    """In both colour schemes, wide and narrow: charts and tables have room, nothing is loaded."""
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no headless browser")
    runs = [trained(tmp_path / "first")]
    if is_comparison:
        runs.append(trained(tmp_path / "second", 3, batch_size=8))
    out = tmp_path / "report.html"
    assert trm("report", *(run.folder.path for run in runs), "-o", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    grounds = set()
    for number, (width, scheme) in enumerate(((1200, "1"), (420, "0"))):
        look = f"--blink-settings=preferredColorScheme={scheme}"
        profile = tmp_path / f"profile-{number}"
        seen = seen_in(browser, out, profile, look, f"--window-size={width},900")
        assert len(seen["charts"]) == text.count("<svg") >= 5
        assert all(wide > 300 and high > 100 for wide, high in seen["charts"])
        assert len(seen["tables"]) == text.count("<table") > 5
        assert sum(map(bool, seen["tables"])) >= 2  # others are folded in a comparison
        assert seen["loaded"] == []
        assert seen["overflow"] <= 0
        grounds.add(seen["ground"])
    assert len(grounds) == 2


def test_a_run_that_failed_before_anything(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "failed")
    run.event("failed", message="no space left", traceback="")
    run.end("failed")
    out = tmp_path / "report.html"
    assert trm("report", run.folder.path, "-o", out).exit_code == 0
    assert "no space left" in out.read_text(encoding="utf-8")


def test_files_are_not_overwritten_unasked(tmp_path: Path) -> None:
    run = trained(tmp_path / "first")
    out = tmp_path / "report.html"
    out.write_text("mine")
    refused = trm("report", run.folder.path, "-o", out)
    assert refused.exit_code == 2 and "--force overwrites it" in refused.stderr
    assert out.read_text() == "mine"
    assert trm("report", run.folder.path, "-o", out, "--force").exit_code == 0
    assert "a report ends in .html or .md" in trm("report", tmp_path, "-o", "report.pdf").stderr
    assert "contains no run" in trm("report", tmp_path, "-o", tmp_path / "r.md").stderr
