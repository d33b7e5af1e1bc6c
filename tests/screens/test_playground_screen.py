"""The playground over models that the test makes up."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import SelectionList, TabbedContent, TextArea

from tests.predicted import prediction, step, value, without
from tests.screens.panes import text_of
from tests.screens.test_checkpoint_facts import summary
from tests.screens.whole_screen import shown, until
from tests.support import sample, write_jsonl
from trm_engine.data.samples import parse_sample
from trm_engine.runs.schema.answers import (
    Answer,
    Call,
    OccludedPrediction,
    Progress,
    TokenColumns,
)
from trm_engine.runs.schema.model_file import ModelSummary
from trm_tui.app import TrmApp
from trm_tui.screens.pick_sample import PickSampleDialog
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.save_sample import SaveSampleDialog
from trm_tui.screens.tools import ToolsDialog
from trm_tui.sessions.models import Model, ModelSession, titles_of
from trm_tui.sessions.saved_conversations import SavedConversations
from trm_tui.settings import Settings
from trm_tui.store.draft import Draft
from trm_tui.widgets.conversation.answer_pane import AnswerPane
from trm_tui.widgets.conversation.composer import Composer
from trm_tui.widgets.conversation.editor import ConversationEditor
from trm_tui.widgets.conversation.turn_list import TurnList

SIZE = (160, 48)
PHONE = "0901234567"
CHECKPOINT = Path("outputs/run/checkpoints/best.pt")
LABELS = {
    "tools": ["find_customer", "change_plan"],
    "args": [{"name": "phone"}, {"name": "plan"}],
    "parameters": [[0], [1]],
    "definitions": [
        {"name": "find_customer", "description": "", "schema": "", "required": []},
        {"name": "change_plan", "description": "", "schema": "", "required": []},
    ],
}


class MadeUp:
    """Calls find_customer from the second step on where a phone number stands; counts questions."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.models = [Model(CHECKPOINT)]
        self.summaries: dict[Path, Any] = {}
        self.labels = LABELS
        self.asked: list[dict[str, Any]] = []
        self.given_up = 0
        self.is_closed = False
        self._seconds = seconds

    @property
    def summary(self) -> ModelSummary | None:
        return self.summaries.get(self.models[0].path)

    async def open(self) -> None:
        facts = summary(step=100, parameters=1234, labels=LABELS)
        self.summaries = {model.path: facts for model in self.models}

    async def predict(self, model: Model, conversation: dict[str, Any]) -> Answer:
        self.asked.append(conversation)
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        texts = [str(turn["content"]) for turn in conversation["history"]]
        turn = next((place for place, text in enumerate(texts) if PHONE in text), None)
        return _answer(turn, texts)

    async def occlude(
        self, conversation: dict[str, Any]
    ) -> AsyncIterator[Progress | list[OccludedPrediction]]:
        yield [without(None, 0.9, "find_customer", 0.8, phone=PHONE)]
        for turn, each in enumerate(conversation["history"]):
            has_phone = PHONE in str(each["content"])
            phone = "" if has_phone else PHONE
            yield [without(turn, 0.1 if has_phone else 0.9, "find_customer", 0.8, phone=phone)]
            yield Progress("leaving turns out", turn / len(conversation["history"]))

    async def close(self) -> None:
        self.is_closed = True


def _answer(turn: int | None, texts: list[str]) -> Answer:
    begin = texts[turn].index(PHONE) if turn is not None else 0
    span = (turn, begin, begin + len(PHONE)) if turn is not None else None
    slot = value("phone", PHONE if span else "", 0.9 if span else 0.1, span)
    tools = [("find_customer", 0.8), ("change_plan", 0.2)]
    slots = [slot, value("name", "", 0.1), value("plan", "", 0.1)]
    call = Call("find_customer", {"phone": PHONE}) if span else None
    steps = [
        step(None, tools, slots, probability=0.3, q=0.2, number=1),
        step(call, tools, slots, q=0.95, number=2),
    ]
    return prediction(None, steps, halts_at=2, tokens=_tokens(texts))


def _tokens(texts: list[str]) -> TokenColumns:
    words = [(turn, word) for turn, text in enumerate(texts) for word in text.split()]
    return TokenColumns(
        ids=list(range(len(words))),
        pieces=[word for _, word in words],
        roles=["user"] * len(words),
        turns=[turn for turn, _ in words],
        begins=[texts[turn].index(word) for turn, word in words],
        ends=[texts[turn].index(word) + len(word) for turn, word in words],
    )


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)


def app_of(
    models: MadeUp, draft: Draft | None = None, saved: SavedConversations | None = None
) -> TrmApp:
    session = cast(ModelSession, models)
    return TrmApp(lambda _: PlaygroundScreen(session, draft, saved), Settings())


async def type_text(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Composer).insert(text)
    await pilot.pause()


async def answered(pilot: Pilot[None], *words: str) -> str:
    """The screen, once it has these words."""
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))
    return shown(pilot.app)


def editor(pilot: Pilot[None]) -> ConversationEditor:
    return pilot.app.screen.query_one(ConversationEditor)


async def test_what_is_typed_is_answered_and_what_is_deleted_is_gone() -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        assert pilot.app.focused is pilot.app.screen.query_one(Composer)
        await type_text(pilot, f"I am {PHONE}")
        text = await answered(pilot, "answered in", '"find_customer"', f'"phone": "{PHONE}"')
        assert "step 2 of 2" in text
        await pilot.press("escape", "d")
        await until(pilot, lambda: PHONE not in shown(pilot.app))


async def test_the_step_looked_at_moves_everything() -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await type_text(pilot, f"I am {PHONE}")
        await answered(pilot, "step 2 of 2", '"find_customer"')
        await pilot.press("escape", "left_square_bracket")
        await answered(pilot, "step 1 of 2", "No call: the model answers.")
        await pilot.press("right_square_bracket")
        await answered(pilot, "step 2 of 2", '"find_customer"')


async def test_the_halting_threshold_moves() -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await type_text(pilot, "hello")
        await answered(pilot, "halts at step 2")
        await pilot.press("escape", "greater_than_sign", "greater_than_sign")
        await answered(pilot, "never: it runs all steps")


async def test_only_the_newest_question_is_answered() -> None:
    models = MadeUp(seconds=0.3)
    async with app_of(models).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: models.summaries)
        for letter in "slowly":
            await type_text(pilot, letter)
            await pilot.pause(0.15)
        await answered(pilot, "answered in")
        assert models.asked[-1]["history"][-1]["content"] == "slowly"
        assert models.given_up >= 1


async def test_fast_typing_asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trm_tui.screens.playground.DEBOUNCE_SECONDS", 2.0)
    models = MadeUp()
    async with app_of(models).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: models.summaries)
        for letter in "all at once":
            await type_text(pilot, letter)
        await answered(pilot, "answered in")
        assert [each["history"][0]["content"] for each in models.asked] == ["all at once"]


async def test_what_is_typed_right_behind_enter_is_in_the_new_turn() -> None:
    draft = Draft.of({"history": [{"role": "user", "content": "hello"}]})
    async with app_of(MadeUp(), draft).run_test(size=SIZE) as pilot:
        await pilot.pause()
        said = ["hello", *(f"turn{turn}" for turn in range(5))]
        for turn in range(5):
            for key in ("enter", *f"turn{turn}"):
                pilot.app.post_message(Key(key, None if key == "enter" else key))
        editor = pilot.app.screen.query_one(ConversationEditor)
        await until(pilot, lambda: [turn.text for turn in editor.draft.turns] == said)


async def test_what_cannot_be_read_is_not_asked() -> None:
    models = MadeUp()
    draft = Draft.of({"history": [{"role": "user", "content": "hello"}]})
    async with app_of(models, draft).run_test(size=SIZE) as pilot:
        await answered(pilot, "answered in")
        count = len(models.asked)
        await pilot.press("enter", "ctrl+r")
        await type_text(pilot, '{"name": ')
        await answered(pilot, "tool_call", "broken JSON", "the conversation is incomplete")
        assert len(models.asked) == count


async def test_why_shows_what_each_turn_does() -> None:
    history = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "your number?"},
        {"role": "user", "content": PHONE},
    ]
    async with app_of(MadeUp(), Draft.of({"history": history})).run_test(size=SIZE) as pilot:
        await answered(pilot, "answered in")
        await pilot.press("escape", "w")
        text = await answered(pilot, "-0.800", "phone empty", "without it P(call)")
        assert text.count("+0.000") >= 2
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: editor(pilot).place == 2)
        await pilot.press("d")
        await answered(pilot, "Press w to measure again")


async def test_the_call_becomes_a_turn() -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await type_text(pilot, PHONE)
        await answered(pilot, '"find_customer"')
        await pilot.press("escape", "c")
        await until(pilot, lambda: len(editor(pilot).draft.turns) == 3)
        turns = editor(pilot).draft.turns
        assert [turn.role for turn in turns] == ["user", "tool_call", "tool_response"]
        assert json.loads(turns[1].text)["arguments"] == {"phone": PHONE}


async def test_raw_weights_beside_the_average() -> None:
    models = MadeUp()
    async with app_of(models).run_test(size=SIZE) as pilot:
        await type_text(pilot, PHONE)
        await answered(pilot, "answered in")
        await pilot.press("escape", "m")
        await answered(pilot, "Averaged weights", "Raw weights")
        assert len(pilot.app.screen.query(AnswerPane)) == 2
        await pilot.press("m")
        await until(pilot, lambda: len(pilot.app.screen.query(AnswerPane)) == 1)


async def test_a_sample_is_picked_by_its_words_and_saved_as_training_takes_it(
    tmp_path: Path,
) -> None:
    samples = [sample(content=f"answer {number}") for number in range(30)]
    wanted = sample(history=[{"role": "user", "content": f"Find {PHONE}, please"}])
    file = write_jsonl(tmp_path / "samples.jsonl", [*samples, wanted])
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await answered(pilot, "all tools available")
        await pilot.press("escape", "o")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickSampleDialog))
        pilot.app.screen.query_one("#path").value = str(file)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await answered(pilot, "31 samples in samples.jsonl")
        await pilot.press("slash", *PHONE[:5], "enter", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
        await answered(pilot, f"Find {PHONE}, please", "answered in")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveSampleDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
    saved = (tmp_path / "playground.jsonl").read_bytes()
    read = parse_sample(saved)
    assert read.history[0].content == f"Find {PHONE}, please"
    assert list(read.slots) == ["phone", "name", "plan"]


async def test_the_models_answer_is_saved_where_nothing_says_what_is_right(tmp_path: Path) -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await type_text(pilot, PHONE)
        await answered(pilot, '"find_customer"')
        await pilot.press("escape", "s")
        await answered(pilot, "Edit it if it is wrong")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
    read = parse_sample((tmp_path / "playground.jsonl").read_bytes())
    assert read.tool and read.tool.arguments == {"phone": PHONE}


async def test_tools_on_offer_are_chosen() -> None:
    models = MadeUp()
    async with app_of(models).run_test(size=SIZE) as pilot:
        await type_text(pilot, "hello")
        await answered(pilot, "answered in")
        await pilot.press("escape", "t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ToolsDialog))
        await pilot.press("down", "space", "tab", "tab")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
        await answered(pilot, "1 tool: find_customer")
        await until(pilot, lambda: models.asked[-1]["tools"])
        assert models.asked[-1]["tools"][0]["function"]["name"] == "find_customer"


async def test_tools_are_written_in_any_shape() -> None:
    models = MadeUp()
    schema = {"properties": {"amount": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}
    async with app_of(models).run_test(size=SIZE) as pilot:
        await type_text(pilot, "hello")
        await answered(pilot, "answered in")
        await pilot.press("escape", "t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ToolsDialog))
        dialog = cast(ToolsDialog, pilot.app.screen)
        dialog.query_one(TabbedContent).active = "json"
        await until(pilot, lambda: bool(dialog.query_one("#json TextArea", TextArea).text))
        text = dialog.query_one("#json TextArea", TextArea)
        text.text = '[{"description": "nameless"}]'
        dialog.choose(0)
        await answered(pilot, "field 'tools[0].name': expected the name of a tool")
        text.text = json.dumps({"tools": [{"name": "heat", "inputSchema": schema}]})
        dialog.choose(0)
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
        await until(pilot, lambda: models.asked[-1]["tools"])
        parameters = models.asked[-1]["tools"][0]["function"]["parameters"]
        assert parameters["properties"] == {"amount": {"type": "integer"}}
        await pilot.press("t")
        await answered(pilot, "heat (new to the model)")
        listed = pilot.app.screen.query_one(SelectionList)
        assert next(option.value for option in listed.options) == "heat"
        assert listed.selected == ["heat"]


async def test_conversations_are_saved_and_reopened(tmp_path: Path) -> None:
    saved = SavedConversations(tmp_path / "saved.jsonl")
    models = MadeUp()
    async with app_of(models, saved=saved).run_test(size=SIZE) as pilot:
        await type_text(pilot, "the first one")
        await pilot.press("escape", "N")
        await type_text(pilot, "the second one")
        await pilot.press("escape", "q")
        await until(pilot, lambda: models.is_closed)
    last = saved.last()
    assert last and last["history"][0]["content"] == "the second one"
    async with app_of(MadeUp(), saved=saved).run_test(size=SIZE) as pilot:
        await answered(pilot, "the second one")
        await pilot.press("escape", "O")
        await answered(pilot, "the first one", "2 samples")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
        assert editor(pilot).draft.turns[0].text == "the first one"


async def test_tokens_point_into_the_conversation() -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await type_text(pilot, "one two three")
        await answered(pilot, "answered in")
        await pilot.press("escape", "2")
        await answered(pilot, "3 tokens")
        await pilot.press("right")
        await answered(pilot, "2: two", "turn 1, user")


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (20, 6)])
async def test_small_terminals(size: tuple[int, int]) -> None:
    async with app_of(MadeUp()).run_test(size=size) as pilot:
        await type_text(pilot, f"I am {PHONE}")
        await pilot.press("escape", "2", "3", "1", "f", "f")
        assert pilot.app.screen.query_one(TurnList)


async def test_only_ticked_tools_have_a_mark() -> None:
    async with app_of(MadeUp()).run_test(size=SIZE) as pilot:
        await answered(pilot, "1,234 parameters")
        await pilot.press("escape", "t")
        await until(pilot, lambda: len(re.findall("▐X▌ (find|change)_", shown(pilot.app))) == 2)
        await pilot.press("space")
        await until(pilot, lambda: "▐ ▌ find_customer" in shown(pilot.app))
        assert "▐X▌ change_plan" in shown(pilot.app)


def test_titles_say_what_differs_between_models(tmp_path: Path) -> None:
    for run in ("first", "second"):
        (tmp_path / run / "checkpoints").mkdir(parents=True)
        (tmp_path / run / "config.yaml").touch()
    best, early, other = (
        tmp_path / place
        for place in (
            "first/checkpoints/best.pt",
            "first/checkpoints/step_80.pt",
            "second/model.pt",
        )
    )
    assert titles_of([Model(best)]) == ["Answer"]
    assert titles_of([Model(best), Model(best, raw=True)]) == ["Averaged weights", "Raw weights"]
    assert titles_of([Model(best), Model(early, raw=True)]) == ["best.pt", "step_80.pt (raw)"]
    assert titles_of([Model(best), Model(other)]) == ["first/best.pt", "second/model.pt"]
    same = tmp_path / "second/checkpoints/best.pt"
    assert titles_of([Model(best), Model(same)]) == ["first", "second"]
    bare = [tmp_path / "one" / "bare.pt", tmp_path / "two" / "bare.pt"]
    assert titles_of(list(map(Model, bare))) == list(map(str, bare))


@pytest.mark.parametrize("size", [(120, 36), (160, 48)])
async def test_two_models_show_their_values(size: tuple[int, int]) -> None:
    models = MadeUp()
    models.models = [Model(CHECKPOINT), Model(CHECKPOINT, raw=True)]
    async with app_of(models).run_test(size=size) as pilot:
        await type_text(pilot, f"I am {PHONE}")
        text = await answered(pilot, "Averaged weights", "Raw weights", "answered in")
        assert len(re.findall(f"phone +{PHONE} +0.900", text)) == 2


async def test_the_end_of_a_turn_stays_in_sight_on_a_narrower_screen() -> None:
    text = " ".join(f"word{number}" for number in range(30))
    draft = Draft.of({"history": [{"role": "user", "content": text}]})
    async with app_of(MadeUp(), draft).run_test(size=(200, 36)) as pilot:
        await answered(pilot, "answered in")
        await pilot.resize_terminal(121, 36)
        composer = pilot.app.screen.query_one(Composer)
        await until(pilot, lambda: "word29" in text_of(composer))
