"""The live chart: what it draws, says and answers to keys and mouse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import TabbedContent, TabPane

from tests.screens.panes import PaneApp, assert_golden, text_of
from trm_tui.keys import CHART, KEYS
from trm_tui.store.trace import Points, Trace
from trm_tui.widgets.chart.canvas import ASCII, BLOCKS, BRAILLE, Glyphs
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.chart.ticks import precise
from trm_tui.widgets.chart.view import View

STEPS = 400


def losses(seed: int = 0, steps: int = STEPS, floor: float = 0.1) -> np.ndarray:
    """A noisy curve that falls."""
    noise = np.random.default_rng(seed).normal(0, 0.25, steps)
    return (floor + 3 * np.exp(-np.linspace(0, 6, steps))) * np.exp(noise)


def axes(steps: Sequence[float] | np.ndarray) -> dict[str, Points]:
    """Half a second and a hundredth of an epoch a step."""
    steps = np.asarray(steps, dtype=float)
    return {"step": Points(steps), "time": Points(steps / 2), "epoch": Points(steps / 100)}


def training(values: np.ndarray | None = None, name: str = "training") -> Trace:
    values = losses() if values is None else values
    return Trace(name, Points(values), axes(np.arange(1, len(values) + 1)))


def validation() -> Trace:
    return Trace("validation", Points([1.9, 0.9, 0.4, 0.25]), axes([100, 200, 300, 400]), True)


def loss_chart(**options: Any) -> Chart:
    return Chart("Loss", [training(), validation()], glyphs=BRAILLE, **options)


class ChartApp(PaneApp):
    """Keeps what charts say."""

    def on_chart_cursor_moved(self, message: Chart.CursorMoved) -> None:
        self.heard.append(message)

    on_chart_view_changed = on_chart_cursor_moved
    on_chart_export_requested = on_chart_cursor_moved

    def last(self, kind: type[Message]) -> Any:
        """The newest message of a kind."""
        return next(each for each in reversed(self.heard) if isinstance(each, kind))


@asynccontextmanager
async def shown(chart: Chart, size: tuple[int, int] = (80, 20)) -> AsyncIterator[Pilot[Any]]:
    async with ChartApp(chart).run_test(size=size) as pilot:
        chart.focus()
        await pilot.pause()
        yield pilot


# Pictures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 30), (80, 20), (40, 12), (26, 7)])
async def test_loss_of_training_and_validation(size: tuple[int, int]) -> None:
    chart = loss_chart()
    async with shown(chart, size):
        assert_golden(f"chart-loss_{size[0]}x{size[1]}", text_of(chart))


PICTURES: dict[str, tuple[Callable[[], Chart], list[str]]] = {
    "log_scale": (loss_chart, ["y"]),
    "crosshair": (loss_chart, ["left"] * 6),
    "zoomed_over_time": (loss_chart, ["x", "plus", "plus"]),
    "raw": (loss_chart, ["left_square_bracket"] * 3),
    "selected_and_hidden": (loss_chart, ["n", "v", "n"]),
    "blocks": (lambda: Chart("Loss", [training(), validation()], glyphs=BLOCKS), ["left"]),
    "ascii": (lambda: Chart("Loss", [training(), validation()], glyphs=ASCII), ["left"]),
    "holes": (lambda: Chart("Loss", [training(with_holes())], glyphs=BRAILLE), []),
    "robust": (lambda: Chart("Norm", [training(with_spike())], glyphs=BRAILLE), ["u"]),
    "not_logarithmic": (lambda: Chart("Zero", [training(np.zeros(9))], glyphs=BRAILLE), ["y"]),
    "partly_logarithmic": (lambda: Chart("Few", [training(with_zeros())], glyphs=BRAILLE), ["y"]),
    "many_names": (lambda: Chart("Parts", parts(), glyphs=BRAILLE), ["n"] * 6),
    "one_value": (lambda: Chart("Loss", [training(np.array([3.0]))], glyphs=BRAILLE), []),
}


@pytest.mark.parametrize("name", PICTURES)
async def test_pictures(name: str) -> None:
    make, keys = PICTURES[name]
    chart = make()
    async with shown(chart, (64, 16)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        text = f"{chart.border_title} | {chart.border_subtitle}\n{text_of(chart)}"
        assert_golden(f"chart-{name}", text)


async def test_long_labels_of_the_y_axis_are_whole() -> None:
    chart = Chart("Rate", [training(7.3333e-4 + 1e-9 * np.arange(9.0))], glyphs=BRAILLE)
    async with shown(chart, (80, 20)):
        lines = [line for line in text_of(chart).splitlines() if "┤" in line]
        labels = [line.partition("┤")[0] for line in lines]
        assert len(labels) >= 2 and all(7.3e-4 < float(label) < 7.4e-4 for label in labels)


async def test_the_newest_values_are_in_title_and_legend() -> None:
    single, double = Chart("Rate", [training(np.array([1.0, 0.25]))]), loss_chart()
    async with shown(single, (64, 16)) as pilot:
        single.view = replace(single.view, smoothing=0.0)
        await pilot.pause()
        assert str(single.border_title) == "Rate  0.2500"
    async with shown(double, (64, 16)) as pilot:
        newest = precise(double.traces[1].values[-1])
        assert f"validation {newest}" in text_of(double)


def with_holes() -> np.ndarray:
    values = losses()
    values[100] = np.nan
    values[300:] = np.inf
    return values


def with_spike() -> np.ndarray:
    values = losses()
    values[[40, 350]] = 1e6
    return values


def with_zeros() -> np.ndarray:
    values = losses()
    values[200:220] = 0.0
    return values


def parts() -> list[Trace]:
    names = ["decision", "tool", "slots", "日本語", "arguments", "values", "halting"]
    return [training(losses(seed, floor=0.1 * seed), name) for seed, name in enumerate(names)]


async def test_without_values_it_waits() -> None:
    chart = Chart("Loss", [training(np.empty(0)), training(np.full(3, np.nan), "never")])
    async with shown(chart, (50, 9)) as pilot:
        assert "waiting for the first update" in text_of(chart)
        for key in KEYS[CHART]:
            await pilot.press(key.keys.split(",")[0])
        await pilot.hover(Chart, (10, 3))
        await pilot.click(Chart, (10, 3))
        assert "waiting" in text_of(chart)


@pytest.mark.parametrize("glyphs", [BRAILLE, BLOCKS, ASCII])
async def test_no_size_is_too_small(glyphs: Glyphs) -> None:
    chart = Chart("Loss", [training(with_holes()), validation()], glyphs=glyphs)
    async with shown(chart, (124, 34)) as pilot:
        await pilot.press("left", "y", "u")
        for width, height in [(1, 1), (5, 2), (9, 3), (20, 5), (28, 6), (31, 9), (124, 1), (3, 30)]:
            chart.styles.width, chart.styles.height = width + 4, height + 2
            await pilot.pause()
            lines = text_of(chart).splitlines()
            assert len(lines) == height
            assert max(map(len, lines)) <= width


@pytest.mark.parametrize("theme", ["trm-dark", "trm-light", "ansi-dark", "ansi-light"])
async def test_lines_are_brighter_than_envelopes_in_every_theme(theme: str) -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        pilot.app.theme = theme
        await pilot.pause()
        line, envelope = (
            chart.get_component_rich_style(f"chart--{kind}-1") for kind in ("line", "envelope")
        )
        assert line.color != envelope.color or envelope.dim


async def test_without_colour_curves_carry_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    chart = loss_chart()
    async with shown(chart, (64, 16)) as pilot:
        await pilot.press("left")
        assert_golden("chart-no_colour", text_of(chart))


# Data ---------------------------------------------------------------------------------------------


async def test_new_data_is_shown_when_it_is_told() -> None:
    y, steps = Points([1.0]), axes([1])
    chart = Chart("Loss", [Trace("loss", y, steps)])
    async with shown(chart) as pilot:
        y.extend([2.0, 50.0])
        for name, more in axes([2, 3]).items():
            steps[name].extend(more.values)
        chart.refresh_data()
        await pilot.pause()
        assert "50" in text_of(chart)


async def test_a_hidden_chart_does_no_work_and_catches_up() -> None:
    class Counted(Points):
        looks = 0

        @property
        def values(self) -> np.ndarray:
            self.looks += 1
            return super().values

    y, steps = Counted([1.0, 2.0]), axes([1, 2])
    chart = Chart("Loss", [Trace("loss", y, steps)], classes="panel")

    class Tabs(ChartApp):
        def compose(self) -> ComposeResult:
            with TabbedContent(initial="b"):
                with TabPane("A", id="a"):
                    yield chart
                yield TabPane("B", id="b")

    async with Tabs(chart).run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        y.looks = 0
        chart.refresh_data()
        chart.view = View(smoothing=0.99)
        chart.cursor = 2.0
        await pilot.pause()
        assert y.looks == 0
        pilot.app.query_one(TabbedContent).active = "a"
        await pilot.pause()
        await pilot.pause()
        assert "step 2" in text_of(chart)
        assert "~0.99" in str(chart.border_subtitle)


async def test_drawing_happens_once_a_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    chart = loss_chart()
    drawn = []
    draw = Trace.draw
    monkeypatch.setattr(Trace, "draw", lambda *args: drawn.append(1) or draw(*args))
    async with shown(chart) as pilot:
        drawn.clear()
        for _ in range(5):
            chart.refresh_data()
        await pilot.pause()
        text_of(chart)
        assert len(drawn) == len(chart.traces)


async def test_the_title_tells_what_is_not_a_number() -> None:
    broken, once = losses(), losses()
    broken[300:] = np.nan
    once[9] = np.nan
    chart = Chart("Loss [a]", [training(broken, "a"), training(once, "b")])
    async with shown(chart):
        title = chart.render_str(str(chart.border_title)).plain
        assert title == "Loss [a]  ✗ a: NaN since step 301; b: NaN at step 10"


async def test_all_data_can_be_taken() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press("plus", "w")
        app = pilot.app
        assert isinstance(app, ChartApp)
        assert app.last(Chart.ExportRequested).chart is chart
    names, columns = chart.columns()
    assert names == ["step", "time", "epoch", "training", "validation"]
    np.testing.assert_array_equal(columns[3], losses())
    assert columns[4].count() == 4


# Keys ---------------------------------------------------------------------------------------------


def window_of(chart: Chart) -> tuple[float, float]:
    return chart.view.shown((1, STEPS))


async def test_zoom_pan_freeze_and_reset() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press("plus", "plus")
        low, high = window_of(chart)
        assert (high, chart.view.follow) == (STEPS, True)
        assert low == pytest.approx(STEPS - 0.49 * (STEPS - 1))
        assert "following, zoomed" in str(chart.border_subtitle)
        await pilot.press("H")
        assert window_of(chart)[1] < STEPS
        assert "frozen" in str(chart.border_subtitle)
        await pilot.press("space")
        assert window_of(chart)[1] == STEPS
        await pilot.press("space", "minus")
        assert "frozen" in str(chart.border_subtitle)
        await pilot.press("0")
        assert chart.view == View()
        assert isinstance(pilot.app, ChartApp)
        assert pilot.app.last(Chart.ViewChanged).view == View()


async def test_every_value_can_be_reached_by_zooming_in() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        chart.cursor = 200.0
        await pilot.press("plus")
        for _ in range(20):
            chart.action_zoom_in()
        low, high = window_of(chart)
        assert low < 200 < high
        assert high - low == pytest.approx(4, abs=0.1)


async def test_the_crosshair_walks_over_the_values() -> None:
    chart = loss_chart()
    async with shown(chart, (80, 20)) as pilot:
        await pilot.press("left")
        assert chart.cursor == STEPS
        await pilot.press("left")
        assert chart.cursor is not None
        assert STEPS - 10 < chart.cursor < STEPS
        assert chart.cursor == int(chart.cursor)
        for _ in range(20):
            chart.action_zoom_in()
        await pilot.press("left", "left")
        before = chart.cursor
        await pilot.press("left")
        assert chart.cursor == before - 1
        await pilot.press("h", "l")
        assert chart.cursor == before - 1
        await pilot.press("escape")
        assert chart.cursor is None


async def test_the_crosshair_takes_the_window_along() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press(*["plus"] * 6, "left")
        for _ in range(60):
            chart.action_cursor(-1)
        low, high = window_of(chart)
        assert chart.cursor is not None
        assert low <= chart.cursor <= high < STEPS


async def test_the_crosshair_passes_values_at_the_same_place() -> None:
    values = Trace("loss", Points([1, 2, 3, 4, 5]), {"epoch": Points([0, 1, 1, 1, 2])})
    chart = Chart("Loss", [values], view=View(axis="epoch"))
    async with shown(chart) as pilot:
        await pilot.press("left", "plus", "plus")
        for _ in range(100):
            chart.action_cursor(-1)
        assert chart.cursor == 0
        for _ in range(200):
            chart.action_cursor(1)
        assert chart.cursor == 2


async def test_the_readout_has_raw_and_smoothed_values() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        chart.cursor = 250.0
        await pilot.pause()
        smooth = chart.traces[0].smoothed(chart.view.smoothing)[249]
        text = text_of(chart)
        assert "step 250" in text
        assert f"{losses()[249]:.4f}  ~{smooth:.4f}" in text
        assert "0.9000  @200" in text


async def test_axis_keeps_window_and_crosshair() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        chart.cursor = 300.0
        await pilot.press("plus", "H")
        low, high = window_of(chart)
        await pilot.press("x")
        assert chart.view.axis == "time"
        assert chart.view.window == pytest.approx((low / 2, high / 2))
        assert chart.cursor == 150
        await pilot.press("x", "x")
        assert chart.view.axis == "step"
        assert chart.view.window == pytest.approx((low, high))


async def test_smoothing_ends_at_both_ends() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press("right_square_bracket")
        assert chart.view.smoothing == 0.97
        for _ in range(9):
            chart.action_smooth(1)
        assert chart.view.smoothing == 0.999
        for _ in range(9):
            chart.action_smooth(-1)
        await pilot.press("left_square_bracket")
        assert chart.view.smoothing == 0
        assert "~" not in str(chart.border_subtitle)


async def test_hiding_every_curve_says_so() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press("v", "n", "v")
        assert "all curves are hidden" in text_of(chart)


async def test_fewer_traces_forget_the_selection() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press("n", "n")
        chart.traces = [training()]
        await pilot.pause()
        await pilot.press("v", "v", "left")
        assert chart.cursor == STEPS


# Mouse --------------------------------------------------------------------------------------------

MIDDLE = (45, 8)


async def test_hover_shows_the_crosshair_and_leaving_hides_it() -> None:
    chart = loss_chart()

    class Beside(ChartApp):
        def compose(self) -> ComposeResult:
            with Horizontal():
                yield chart
                yield Chart("Other", [training()], id="other")

    async with Beside(chart).run_test(size=(120, 20)) as pilot:
        await pilot.hover(chart, (30, 8))
        assert chart.cursor is not None
        await pilot.hover("#other", (30, 8))
        await pilot.pause()
        assert chart.cursor is None


async def test_a_click_pins_the_crosshair() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.click(Chart, offset=MIDDLE)
        pinned = chart.cursor
        assert pinned is not None
        await pilot.hover(Chart, offset=(20, 8))
        assert chart.cursor == pinned
        await pilot.press("escape")
        await pilot.hover(Chart, offset=(21, 8))
        assert chart.cursor is not None
        assert chart.cursor < pinned


async def test_a_click_on_a_name_hides_its_curve_and_shows_it_again() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.click(Chart, offset=(6, 1))
        assert "✕ training" in text_of(chart)
        assert chart.cursor is None
        await pilot.click(Chart, offset=(6, 1))
        assert "━ training" in text_of(chart)


async def test_the_wheel_zooms_around_the_pointer() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.hover(Chart, offset=MIDDLE)
        under = chart.cursor
        assert under is not None
        for _ in range(5):
            await pilot._post_mouse_events([_wheel_up()], Chart, MIDDLE)
        low, high = window_of(chart)
        assert high - low < 0.5 * STEPS
        await pilot.hover(Chart, offset=(MIDDLE[0], 9))
        assert chart.cursor == pytest.approx(under, abs=5)
        assert not chart.view.follow
        before = window_of(chart)
        await pilot._post_mouse_events([_wheel_up()], Chart, MIDDLE, shift=True)
        assert window_of(chart)[0] < before[0]
        assert window_of(chart)[1] - window_of(chart)[0] == pytest.approx(before[1] - before[0])


def _wheel_up() -> Any:
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_a_drag_moves_the_window_and_pins_nothing() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        await pilot.press("plus", "plus")
        before = window_of(chart)
        await pilot.mouse_down(Chart, offset=MIDDLE)
        await pilot.hover(Chart, offset=(MIDDLE[0] + 20, MIDDLE[1]))
        await pilot.mouse_up(Chart, offset=(MIDDLE[0] + 20, MIDDLE[1]))
        columns = 80 - 4 - 8
        moved = 20 / columns * (before[1] - before[0])
        assert window_of(chart)[0] == pytest.approx(before[0] - moved)
        assert not chart.view.follow
        await pilot.press("0")
        assert chart.view == View()


# Other charts -------------------------------------------------------------------------------------


async def test_what_is_set_from_outside_is_not_told_again() -> None:
    chart = loss_chart()
    async with shown(chart) as pilot:
        assert isinstance(pilot.app, ChartApp)
        pilot.app.heard.clear()
        chart.cursor = 100.0
        chart.view = View(axis="epoch", window=(0.5, 1.0), follow=False, smoothing=0.6)
        chart.traces = [training()]
        await pilot.pause()
        assert pilot.app.heard == []
        assert "frozen" in str(chart.border_subtitle)


async def test_another_chart_follows_what_is_told() -> None:
    one, other = loss_chart(), Chart("Rate", [training(name="rate")], id="other")

    class Both(ChartApp):
        def compose(self) -> ComposeResult:
            yield one
            yield other

        def on_chart_cursor_moved(self, message: Any) -> None:
            for chart in (one, other):
                if isinstance(message, Chart.CursorMoved):
                    chart.cursor = message.x
                else:
                    chart.view = message.view

        on_chart_view_changed = on_chart_cursor_moved

    async with Both(one).run_test(size=(80, 40)) as pilot:
        one.focus()
        await pilot.press("x", "plus", "left", "left")
        await pilot.pause()
        assert other.view == one.view
        assert other.cursor == one.cursor
        assert "rate" in text_of(other)


async def test_points_without_a_line_have_no_newest_value() -> None:
    """Values by a setting: nothing to follow, nothing to smooth."""
    scattered = Trace("trials", Points([0.2, 0.4]), {"lr": Points([1, 2])}, True, joined=False)
    chart = Chart("exact by lr", [scattered], view=View(axis="lr"), glyphs=BRAILLE)
    async with shown(chart):
        assert chart.border_title == "exact by lr"
        assert chart.border_subtitle == "lr"


async def test_trials_are_counted_in_whole_numbers() -> None:
    trials = Trace("trials", Points([0.2, 0.4]), {"trial": Points([0, 1])}, True)
    chart = Chart("exact", [trials], view=View(axis="trial"), glyphs=BRAILLE)
    async with shown(chart):
        assert "0.5" not in text_of(chart).splitlines()[-1]
        assert text_of(chart).splitlines()[-1].split() == ["0", "1"]
