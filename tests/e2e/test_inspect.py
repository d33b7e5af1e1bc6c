"""`trm-tui inspect` over a real worker: the screen, the tables, the object for machines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from typer.testing import CliRunner, Result

from tests.inspected import VALIDATION, finished_run
from tests.screens.whole_screen import until
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.runs.folder import RunFolder
from trm_tui.app import TrmApp
from trm_tui.cli import app as command
from trm_tui.screens.inspect import InspectScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.settings import Settings
from trm_tui.widgets.chart.histogram import HistogramView
from trm_tui.widgets.checkpoint.judged_samples import JudgedList
from trm_tui.widgets.checkpoint.parameters import ParametersTree
from trm_tui.widgets.checkpoint.sample_detail import SampleDetail
from trm_tui.widgets.checkpoint.tabs import InspectTabs


@pytest.fixture(scope="module")
def run(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


def trm(*arguments: object) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)))


def screen_text(pilot: Pilot[None], widget: Widget) -> str:
    """What is painted where a widget is."""
    widget.refresh()
    region = widget.region
    lines = pilot.app.screen._compositor.render_strips()
    shown = lines[region.y : region.bottom]
    return "\n".join(strip.crop(region.x, region.right).text for strip in shown)


def app_of(session: CheckpointSession) -> TrmApp:
    return TrmApp(lambda _: InspectScreen(session), Settings())


def best(run: RunFolder) -> Path:
    return run.path / "checkpoints" / "best.pt"


async def test_from_the_start_to_the_first_wrong_sample_with_one_key(run: RunFolder) -> None:
    session = CheckpointSession(best(run), device="cpu")
    async with app_of(session).run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: session.summary)
        await pilot.press("8")
        await until(pilot, lambda: session.judgement.metrics)
        samples = pilot.app.screen.query_one(JudgedList)
        await until(pilot, lambda: samples.selected)
        assert samples.selected and samples.selected.wrong
        detail = pilot.app.screen.query_one(SampleDetail)
        lines = run.validation.read_text(encoding="utf-8").splitlines()
        shown = json.loads(lines[samples.selected.line - 1])
        said = shown["history"][-1]["content"]
        word = max(str(said).split(), key=len)[:8]
        await until(pilot, lambda: word in screen_text(pilot, detail))
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)


async def test_every_tab_gets_what_it_shows(run: RunFolder) -> None:
    session = CheckpointSession(best(run), other=run.path / "checkpoints" / "last.pt", device="cpu")
    async with app_of(session).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: session.other_summary)
        screen = pilot.app.screen
        for number, name in enumerate(InspectTabs.TABS, 1):
            await pilot.press(str(number))
            await until(pilot, lambda name=name: screen.query(f"#{name.lower()} > *"))
        await until(pilot, lambda: session.other_judgement.metrics)
        assert len(session.judgement.samples) == VALIDATION
        assert session.judgement.metrics == session.other_judgement.metrics
        await pilot.press("2")
        await until(
            pilot, lambda: "embedding" in screen_text(pilot, screen.query_one(ParametersTree))
        )


async def test_a_tensor_without_an_average_is_no_error(run: RunFolder) -> None:
    session = CheckpointSession(best(run), device="cpu")
    async with app_of(session).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: session.summary)
        await pilot.press("2")
        screen = pilot.app.screen
        await until(pilot, lambda: screen.query(HistogramView))
        histogram, tree = screen.query_one(HistogramView), screen.query_one(ParametersTree)
        for name in ("y_init", "embedding.tokens.weight"):
            tree.post_message(ParametersTree.Chosen(name))
            await until(pilot, lambda name=name: name in screen_text(pilot, histogram))
        assert "EMA" in screen_text(pilot, histogram)
        assert not len(pilot.app._notifications)


async def test_a_file_that_is_none_ends_the_screen_with_its_message(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.pt"
    foreign.write_text("not a checkpoint")
    app = app_of(CheckpointSession(foreign, device="cpu"))
    async with app.run_test() as pilot:
        screen = app.screen_stack[1]
        assert isinstance(screen, InspectScreen)
        await until(pilot, lambda: screen.problem)
    assert "foreign.pt" in str(screen.problem)


def test_printed_for_people(run: RunFolder) -> None:
    result = trm("inspect", run.path, "--plain")
    assert result.exit_code == 0, result.stderr
    assert str(best(run)) in result.stdout
    assert "embedding.tokens.weight" in result.stdout
    assert "Evaluation Results" not in result.stdout
    rows = [line.rstrip().split(maxsplit=2) for line in result.stdout.splitlines()]
    assert ["model.hidden_size", "32", "512"] in rows
    assert ["change_plan", "plan", "(2 choices), months"] in rows


def test_printed_for_people_beside_another(run: RunFolder) -> None:
    last = run.path / "checkpoints" / "last.pt"
    result = trm("inspect", run.path, "--compare", last, "--plain")
    assert "No setting differs between the two." in result.stdout
    assert "When They Were Saved" in result.stdout
    options = ("--data", run.validation, "--compare", last, "--plain", "--device", "cpu")
    result = trm("inspect", run.path, *options)
    assert result.exit_code == 0, result.stderr
    assert "lowest threshold" in result.stdout or "at every threshold" in result.stdout
    assert re.search(r"Worst Errors\s+\d+ of \d+ wrong samples", result.stdout)
    assert re.search(r"Exact Match +│ (0\.\d+) │ \1 │ += │", result.stdout)
    assert "only in this one: 0 samples; only in the other one: 0." in result.stdout


def test_printed_for_machines_with_the_figures_of_eval(run: RunFolder) -> None:
    result = trm("inspect", run.path, "--data", run.validation, "--json", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["summary"]["step"] == 7
    evaluated = trm("eval", run.path, run.validation, "--json", "--device", "cpu")
    evaluation = told["evaluation"]
    assert evaluation["metrics"] == json.loads(evaluated.stdout)
    assert evaluation["cheapest_halting"] in evaluation["halting_curve"]
    assert [sample["line"] for sample in evaluation["samples"]] == [*range(1, VALIDATION + 1)]
    wrong = [bool(sample["wrong"]) for sample in evaluation["samples"]]
    assert any(wrong)
    tools = {tool["name"]: tool["parameters"] for tool in told["labels"]["tools"]}
    assert [each["name"] for each in tools["change_plan"]] == ["plan", "months"]
    vocabulary = told["vocabulary"]
    assert len(vocabulary["pieces"]) == told["summary"]["tokenizer"]["pieces"]


@pytest.mark.parametrize("name", ["missing.pt", "README.md"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    if name == "README.md":
        (tmp_path / name).write_text("# text")
    result = trm("inspect", tmp_path / name, "--plain")
    assert result.exit_code == 2
    assert name in result.stderr
