"""PlaygroundScreen: a conversation, and the model's answer while the user types."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from msgspec import to_builtins
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from trm_engine.errors import UserError, WorkerError
from trm_engine.files.jsonl import to_json
from trm_engine.runs.schema.answers import Progress
from trm_tui.keys import PLAYGROUND, bindings
from trm_tui.screens.pick_sample import PickSampleDialog
from trm_tui.screens.save_sample import SaveSampleDialog
from trm_tui.screens.tools import ToolsDialog
from trm_tui.sessions.models import ModelSession, figures_of, titles_of
from trm_tui.sessions.saved_conversations import DraftSaver, SavedConversations
from trm_tui.store.answers import Answers
from trm_tui.store.draft import Draft, DraftTurn
from trm_tui.store.occlusion import Occlusion
from trm_tui.store.step_answer import Mark, marks
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.checkpoint.header import InspectHeader
from trm_tui.widgets.conversation.answer_pane import AnswerPane
from trm_tui.widgets.conversation.editor import ConversationEditor
from trm_tui.widgets.conversation.occlusion_rows import (
    ASK,
    ASKING,
    CHANGED,
    ONLY_TURN,
    OcclusionRows,
)
from trm_tui.widgets.conversation.tabs import PlaygroundTabs
from trm_tui.widgets.conversation.tokenised import Tokenised
from trm_tui.widgets.conversation.tokens_pane import TokensPane
from trm_tui.widgets.conversation.tool_words import ToolWordsView
from trm_tui.widgets.conversation.turn_list import CURSOR
from trm_tui.widgets.key_footer import KeyFooter

DEBOUNCE_SECONDS = 0.06
SAVE_SECONDS = 2.0
THRESHOLD_STEP = 0.05

PREDICTION, CONVERSATION = range(2)


class PlaygroundScreen(Screen[None]):
    """Sends the conversation to the model when it changes. Only the newest answer is shown."""

    ABOUT = (
        "Write a conversation. The model answers as you type. "
        "Press esc to leave the text. Then the keys below work."
    )
    BINDINGS = bindings(PLAYGROUND)
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    def __init__(
        self,
        session: ModelSession,
        draft: Draft | None = None,
        saved: SavedConversations | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self.problem: Exception | None = None
        self._saver = DraftSaver(saved, session.models[0].name)
        self._draft = draft or self._saver.reopen()
        self._answers = Answers()
        self._occlusion: Occlusion | None = None
        self._explained: Draft | None = None
        self._explanation = ASK
        self._token: Sequence[Mark] = ()
        self._is_explaining = False

    def compose(self) -> ComposeResult:
        yield InspectHeader()
        yield Banner()
        with Container(id="playground"):
            yield ConversationEditor(self._draft)
            yield PlaygroundTabs(titles_of(self.session.models), self._show_answers)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Open the files, then send the conversation."""
        self._header = self.query_one(InspectHeader)
        self._banner = self.query_one(Banner)
        self._editor = self.query_one(ConversationEditor)
        self._tabs = self.query_one(PlaygroundTabs)
        self._show_header("opening")
        self._editor.write()
        if self._saver.is_of_another:
            self.notify("The newest conversation was held with another model. O opens it.")
        self._open()

    @work
    async def leave(self) -> None:
        """Save the conversation, end the worker processes and close the screen."""
        for group in ("open", "ask", "explain"):
            self.workers.cancel_group(self, group)
        self._save()
        await self.session.close()
        self.dismiss()

    @property
    def subject(self) -> str:
        """The model's name, for file names."""
        return self.session.models[0].name.replace("/", "-")

    # Requests ---------------------------------------------------------------------------------

    @work(group="open")
    async def _open(self) -> None:
        """Open the files. An error closes the screen, and is printed in the terminal."""
        try:
            await self.session.open()
        except (UserError, WorkerError) as error:
            self.problem = error
            self.leave()
            return
        self._show_header()
        self._ask(self._editor.draft)

    @on(ConversationEditor.Changed)
    def _change(self, event: ConversationEditor.Changed) -> None:
        if self._explained not in (None, event.draft):
            self._forget_explanation(CHANGED)
        self._ask(event.draft, event.time + DEBOUNCE_SECONDS)
        self._save_later()

    @work(exclusive=True, group="ask")
    async def _ask(self, draft: Draft, not_before: float = 0.0) -> None:
        """Send a draft to the models. A newer draft cancels this request.

        ``not_before`` is a time of ``time.monotonic``, to wait while the user is typing.
        """
        if self.session.summary is None:
            return
        if draft.problem or not draft.said:
            self._show_header(draft.problem and "the conversation is incomplete")
            if not draft.said:
                self._answers.clear()
                self._show_answers()
            return
        if self._answers.knows(draft, self.session.models):
            self._show_answers()
            return
        await asyncio.sleep(max(not_before - time.monotonic(), 0.0))
        self._show_header("waiting for the answer")
        try:
            await self._predict(draft)
        except (UserError, WorkerError) as error:
            self._show_header("no answer")
            self._banner.show([str(error)])
        else:
            self._banner.show([])

    async def _predict(self, draft: Draft) -> None:
        """Send a draft to all models, then show their answers."""
        record, models = draft.record(), self.session.models
        began = time.perf_counter()
        answers = {model: await self.session.predict(model, record) for model in models}
        seconds = time.perf_counter() - began
        self._answers.update(draft, answers)
        self._show_answers()
        self._show_header(f"answered in {seconds * 1000:.0f} ms")

    # Showing ----------------------------------------------------------------------------------

    def _show_answers(self) -> None:
        """Show the answers at the selected step, and their marks in the conversation."""
        answers = self._answers
        for pane, model in zip(self.query(AnswerPane), self.session.models, strict=False):
            answer = answers.answer(model)
            pane.show(answer, answers.step, answers.warning(model))
        first = answers.answer(self.session.models[0])
        if first:
            draft = answers.draft
            texts = [draft.turns[place].shown for place in draft.said]
            for tokens in self.query(TokensPane):
                tokens.show(first.tokenization, texts)
        self._show_marks()
        self._show_explanation()

    def _show_header(self, busy: str = "") -> None:
        model = self.session.models[0]
        self._header.show(model.name, figures_of(model, self.session.summary), busy)

    # Steps ------------------------------------------------------------------------------------

    async def action_tab(self, number: int) -> None:
        """Open a tab."""
        self.minimize()
        await self._tabs.open(number)

    def action_move_step(self, steps: int) -> None:
        """Select another supervision step."""
        self._answers.move_step(steps)
        self._show_answers()

    @on(AnswerPane.StepMoved)
    def _move_step(self, event: AnswerPane.StepMoved) -> None:
        self.action_move_step(event.steps)

    def action_threshold(self, steps: int) -> None:
        """Raise or lower the halting threshold."""
        self._answers.move_threshold(steps * THRESHOLD_STEP)
        self._show_answers()

    @on(Tokenised.Moved)
    def _mark_token(self, event: Tokenised.Moved) -> None:
        """Mark the token's text in the conversation."""
        token = event.token
        is_text = token.begin >= 0 and token.turn >= 0
        self._token = [Mark(token.turn, token.begin, token.end, CURSOR)] if is_text else ()
        self._show_marks()

    def _show_marks(self) -> None:
        first = self._answers.answer(self.session.models[0])
        if first:
            step = first.steps[self._answers.step]
            self._editor.mark(self._answers.draft, marks(first, step), self._token)
        else:
            self._editor.mark(Draft(), ())

    # Why --------------------------------------------------------------------------------------

    async def action_explain(self) -> None:
        """Request the answers without each of the turns."""
        draft = self._editor.draft
        await self.action_tab(self._tabs.TABS.index("Why") + 1)
        if draft.problem:
            self._explanation = draft.problem
            self._show_explanation()
        else:
            self._explain(draft)

    @work(exclusive=True, group="explain")
    async def _explain(self, draft: Draft) -> None:
        self._occlusion, self._explained = Occlusion(draft.said), draft
        self._is_explaining, self._explanation = True, ASKING
        self._show_explanation()
        try:
            async with aclosing(self.session.occlude(draft.record())) as messages:
                async for message in messages:
                    if isinstance(message, Progress):
                        self._show_header(f"{message.what} {message.share:.0%} (esc: cancel)")
                    else:
                        self._occlusion.add(message)
                    self._show_explanation()
            self._show_header()
        except (UserError, WorkerError) as error:
            self.notify(str(error), severity="error")
        finally:
            self._is_explaining = False
        if len(draft.said) < 2:
            self._explanation = ONLY_TURN
            self._show_explanation()

    def action_give_up(self) -> None:
        """Cancel the request, or go to the conversation."""
        if self._is_explaining:
            self._forget_explanation(ASK)
            self._show_header("cancelled")
        else:
            self._editor.look()

    def _forget_explanation(self, why: str) -> None:
        self.workers.cancel_group(self, "explain")
        self._occlusion, self._explained, self._explanation = None, None, why
        self._show_explanation()

    def _show_explanation(self) -> None:
        occlusion, draft = self._occlusion, self._explained or Draft()
        for rows in self.query(OcclusionRows):
            rows.show(occlusion, draft, self._explanation)
        for view in self.query(ToolWordsView):
            view.show(occlusion.words if occlusion else ())
        self._editor.note(occlusion.notes() if occlusion else {})

    @on(OcclusionRows.Chosen)
    def _to_turn(self, event: OcclusionRows.Chosen) -> None:
        self._editor.look(event.place)

    # Conversations ----------------------------------------------------------------------------

    def action_new(self) -> None:
        """Start a conversation with the same tools."""
        self._saver.finish(self._editor.draft)
        self._editor.load(Draft(tools=self._editor.draft.tools))
        self._editor.write()

    def action_pick(self) -> None:
        """Open a sample from a file."""
        summary = self.session.summary
        known = summary.data if summary else None
        self.app.push_screen(PickSampleDialog("Open a sample", known), self._load)

    def action_reopen(self) -> None:
        """Open an earlier conversation."""
        if path := self._saver.path:
            self._save()
            dialog = PickSampleDialog("Earlier conversations", str(path), newest_first=True)
            self.app.push_screen(dialog, self._load)

    def _load(self, record: dict[str, Any] | None) -> None:
        if record is None:
            return
        try:
            draft = Draft.of(record)
        except UserError as error:
            self.notify(str(error), severity="error")
            return
        self._saver.finish(self._editor.draft)
        self._editor.load(draft)
        self._editor.look()

    def action_save(self) -> None:
        """Append the conversation, with its correct answer, to a file."""
        draft = self._editor.draft
        problem = draft.problem or ("" if draft.said else "There is nothing to save yet.")
        model = self.session.models[0]
        answer = draft.right_answer or self._answers.sample_answer(draft, model)
        if problem or answer is None:
            self.notify(problem or "There is no answer yet.", severity="warning")
            return
        record = {**draft.record(), **answer}
        source = "from the sample" if draft.right_answer else "the model's"
        self.app.push_screen(SaveSampleDialog(record, source))

    def action_tools(self) -> None:
        """Choose the available tools."""
        dialog = ToolsDialog(self._editor.draft.tools, self.session.labels)
        self.app.push_screen(dialog, self._set_tools)

    def _set_tools(self, tools: Sequence[Mapping[str, Any]] | None) -> None:
        if tools is not None:
            self._editor.set_tools(tools)

    def action_call(self) -> None:
        """Add the predicted call as a turn, and an empty turn for its result."""
        prediction = self._answers.prediction(self.session.models[0])
        call = prediction and prediction.tool
        if not call:
            self.notify("No call is predicted.")
            return
        text = to_json(to_builtins(call))
        self._editor.add_turns(DraftTurn("tool_call", text), DraftTurn("tool_response"))
        self._editor.write()

    def action_copy(self, what: int) -> None:
        """Copy the prediction at the selected step, or the conversation."""
        if what == CONVERSATION:
            copied: Any = self._editor.draft.record()
        else:
            copied = to_builtins(self._answers.prediction(self.session.models[0]))
        if copied is None:
            self.notify("There is no answer yet.")
            return
        self.app.copy_to_clipboard(to_json(copied))
        self.notify(f"Copied the {'conversation' if what == CONVERSATION else 'prediction'}")

    @work(exclusive=True, group="models")
    async def action_raw(self) -> None:
        """Compare raw and averaged weights, or stop comparing."""
        first, *others = self.session.models
        if others:
            self.session.models = [first]
        elif self.session.summary and self.session.summary.has_ema:
            self.session.models = [first, replace(first, raw=not first.raw)]
        else:
            self.notify("The file has only one set of weights.")
            return
        await self._tabs.set_models(titles_of(self.session.models))
        self._ask(self._editor.draft)

    # Saving -----------------------------------------------------------------------------------

    @work(exclusive=True, group="save")
    async def _save_later(self) -> None:
        await asyncio.sleep(SAVE_SECONDS)
        self._save()

    def _save(self) -> None:
        self._saver.save(self._editor.draft)
