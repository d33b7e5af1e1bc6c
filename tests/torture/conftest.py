"""Fixtures of the torture: forks, things to maltreat; and how a failure is repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.runs import tiny_run
from tests.forks import Forks
from tests.torture import chance
from tests.torture.readers import Corpus
from tests.torture.runs import Undisturbed


@pytest.fixture(scope="session")
def corpus(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A finished run, its data and a token cache."""
    place = tmp_path_factory.mktemp("corpus")
    run, _ = tiny_run(place / "run", max_steps=3, num_epochs=1)
    worker = forks.command("train", run.path, entry="worker", cwd=place, log=run.log)
    assert worker.wait() == 0, run.log.read_text()
    corpus = Corpus(place)
    corpus.dataset(place / "tokens")
    return corpus


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, object, None]:
    """Add to a failure the command that repeats it."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        report.sections.append(("Repeat just this", chance.again(item.nodeid)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was tried."""
    tried: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, number in report.user_properties:
                    tried[name] += number
    told = ", ".join(f"{number:,} {name}" for name, number in sorted(tried.items()))
    terminalreporter.write_line(f"torture: SEED={chance.SEED} N={chance.N}: {told}")


def pytest_report_header() -> str:
    return f"torture: N={chance.N} SEED={chance.SEED}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of the test's own."""
    return tmp_path


@pytest.fixture(scope="session")
def undisturbed(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The runs that disturbed ones must equal."""
    return Undisturbed(forks, tmp_path_factory.mktemp("undisturbed"))
