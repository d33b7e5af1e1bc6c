"""ConfigView: settings in groups, what is not the default, search, another one beside."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_tui.widgets.run.config import ConfigView, settings_of
from trm_tui.widgets.table.scrolling import Scroller

DEFAULTS: dict[str, Any] = {
    "model": {"hidden_size": 512, "num_heads": 8, "halt_threshold": 0.9},
    "training": {"learning_rate": 1e-4, "supervision": "averaged", "max_steps": None},
    "data": {"train_data": "builtin:telecom", "lowercase": True, "cache_dir": None},
}
CONFIG: dict[str, Any] = {
    "model": {"hidden_size": 128, "num_heads": 8, "halt_threshold": 0.9},
    "training": {"learning_rate": 1e-3, "supervision": "per_step", "max_steps": None},
    "data": {
        "train_data": "/home/someone/conversations/of a [red]folder[/red]/with a long name.jsonl",
        "lowercase": False,
        "cache_dir": "",
    },
}
OTHER: dict[str, Any] = {
    "model": {"hidden_size": 256, "num_heads": 8},
    "training": CONFIG["training"],
    "data": CONFIG["data"],
    "more": {"nested": {"deep": [1, 2]}},
}

values = st.one_of(st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.floats())
configs = st.dictionaries(
    st.sampled_from(["model", "training", "data"]),
    st.dictionaries(st.text(min_size=1, max_size=4), values, max_size=4),
    max_size=3,
)


async def filled(pilot: Pilot[None], **more: Any) -> ConfigView:
    """The view with the configuration above, focused."""
    view = pilot.app.query_one(ConfigView)
    view.show(CONFIG, defaults=DEFAULTS, **more)
    view.query_one(Scroller).focus()
    await pilot.pause()
    return view


@pytest.mark.parametrize("size", [(60, 18), (130, 18)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with PaneApp(ConfigView()).run_test(size=size) as pilot:
        await filled(pilot)
        assert_golden(f"config_view_{size[0]}x{size[1]}", shown(pilot.app))


async def test_beside_another_as_text() -> None:
    async with PaneApp(ConfigView()).run_test(size=(80, 20)) as pilot:
        await filled(pilot, other=OTHER, other_name="best.pt")
        assert_golden("config_view_other", shown(pilot.app))


async def test_a_search_leaves_the_settings_whose_name_or_value_has_the_words() -> None:
    async with PaneApp(ConfigView()).run_test(size=(60, 18)) as pilot:
        view = await filled(pilot)
        await pilot.press("slash", *"PER_")
        assert "supervision" in shown(pilot.app) and "learning_rate" not in shown(pilot.app)
        assert str(view.border_subtitle).startswith("1 of 9 settings")
        await pilot.press("backspace", "backspace", "backspace", "backspace", *"model.")
        assert "hidden_size" in shown(pilot.app) and "supervision" not in shown(pilot.app)
        await pilot.press(*"zzz")
        assert "No setting contains these words." in shown(pilot.app)
        await pilot.press("enter", "escape")
        assert "supervision" in shown(pilot.app)
        assert view.query_one(Scroller).has_focus


async def test_the_same_again_stays_where_it_was_scrolled_to() -> None:
    async with PaneApp(ConfigView()).run_test(size=(60, 8)) as pilot:
        view = await filled(pilot)
        await pilot.press("G")
        assert "cache_dir" in shown(pilot.app)
        view.show(dict(CONFIG), defaults=dict(DEFAULTS))
        await pilot.pause()
        assert "cache_dir" in shown(pilot.app)
        await pilot.press("g")
        assert "hidden_size" in shown(pilot.app)


async def test_before_there_is_one() -> None:
    async with PaneApp(ConfigView()).run_test(size=(60, 8)) as pilot:
        assert "Not known yet." in shown(pilot.app)


@given(configs, configs, configs)
def test_every_setting_once_and_only_differences_are_told(
    config: dict[str, Any], defaults: dict[str, Any], other: dict[str, Any]
) -> None:
    settings = settings_of(config, defaults, other)
    keys = [(setting.section, setting.name) for setting in settings]
    wanted = {(s, n) for each in (config, other) for s, names in each.items() for n in names}
    assert sorted(keys) == sorted(wanted)
    sections = [section for section, _ in keys]
    assert sections == sorted(sections, key=sections.index)
    for setting in settings:
        assert setting.default != setting.value != setting.other


def test_values_are_written_as_in_a_configuration_file() -> None:
    config = {"a": {"one": None, "two": True, "three": 1e-3, "four": "", "five": [1, "x"]}}
    assert [each.value for each in settings_of(config, {})] == [
        "null", "true", "0.001", '""', "[1, 'x']",
    ]  # fmt: skip
