"""The table of all keys. Bindings, footer, help screen and docs/keys.md are made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from trm_engine.runs.commands import COMMANDS


@dataclass(frozen=True)
class Key:
    """A key and its action.

    ``keys`` are Textual's names, separated by commas. ``shown`` is how the user reads them.
    ``label`` is the word in the footer; "" leaves it out. ``help`` is one line for the help screen.
    ``named`` is its name in a user's keymap, where the action does not give one.
    """

    keys: str
    shown: str
    action: str
    label: str
    help: str
    priority: bool = False
    """Whether it works before the keys of the focused widget, such as those of a text."""
    named: str = ""

    @property
    def name(self) -> str:
        """Its name in a keymap: ``kind(-1)`` is ``kind_back``, ``command('pause')`` ``pause``."""
        action, _, given = self.action.removeprefix("app.").rstrip(")").partition("(")
        if given in ("", "1", "-1"):
            return self.named or action + ("_back" if given == "-1" else "")
        return self.named or given.strip("'")


def _command(key: str, name: str, label: str = "") -> Key:
    """A key that sends a command to the run."""
    return Key(key, key, f"command('{name}')", label, COMMANDS[name].help)


def _tabs(shown: str, help: str, count: int) -> Iterator[Key]:
    """The digits that open tabs, as one line of the help."""
    yield Key("1", shown, "tab(1)", "", help, named="tab_1")
    for number in range(2, count + 1):
        yield Key(
            f"{number}", "", f"tab({number})", "", f"Open tab {number}", named=f"tab_{number}"
        )


def _search(what: str, end: str) -> Iterator[Key]:
    """The keys that begin and end a search."""
    yield Key("slash", "/", "search", "Search", what)
    yield Key("escape", "esc", "close_search", "", end)


def _lines(what: str, last: str = "") -> Iterator[Key]:
    """The keys that move in a list of turns or rows; ``last`` is added to the help of the last."""
    yield Key("up,k", "↑ k", "step(-1)", "", f"Previous {what}")
    yield Key("down,j", "↓ j", "step(1)", "", f"Next {what}")
    yield from _pages()
    yield Key("home,g", "home g", "first", "", f"First {what}")
    yield Key("end,G", "end G", "last", "", f"Last {what}{last}")


def _pages() -> Iterator[Key]:
    yield Key("pageup,ctrl+b", "pgup", "page(-1)", "", "Page up")
    yield Key("pagedown,ctrl+f", "pgdn", "page(1)", "", "Page down")


EVERYWHERE = "Everywhere"
TRAINING = "Training"
CHART = "Charts"
MATRIX = "Tool matrix"
CELL = "Conversations of samples"
ROWS = "Tables"
EVALUATIONS = "Evaluations"
SAMPLES = "Samples"
LOG = "Log"
CONFIG = "Configuration"
RUNS = "Runs"
COMPARISON = "Comparison of runs"
SWEEP = "Sweep"
CONFIG_DIFF = "Two configurations"
JUDGED = "Evaluated samples"
DETAIL = "An evaluated sample"
INSPECT = "Inspect"
PARAMETERS = "Parameters"
LABELS = "Labels"
VOCABULARY = "Vocabulary"
TOKENS = "Tokens"
PLAYGROUND = "Playground"
EDITOR = "Conversation"
TURNS = "Turns"
COMPOSER = "Writing a turn"
ANSWER = "Answer"
OCCLUSION = "Why"
PICKER = "Picking a sample"
DATA = "Data"
FIGURES = "Figures and problems"
SAMPLES_BEHIND = "Samples behind a figure"
VIEWED = "A sample of the data"
REVIEW = "Suspected labels"
SUSPECTS = "The list of suspected labels"
SERVER = "A server"
UNSURE = "Least sure requests"

KEYS: dict[str, list[Key]] = {
    EVERYWHERE: [
        Key("question_mark,f1", "?", "help", "Help", "Show this help"),
        Key("q,ctrl+q,ctrl+c", "q", "leave", "Quit", "Leave; asks whether to keep a training"),
        Key("f", "f", "maximise", "Maximise", "Maximise the focused pane, or restore it"),
        Key("tab", "tab", "app.focus_next", "", "Next pane (shift+tab: previous pane)"),
        Key("ctrl+p", "^p", "app.command_palette", "Palette", "All commands and themes"),
        Key("ctrl+z", "^z", "suspend_process", "", "Suspend; fg in the shell goes on", True),
    ],
    TRAINING: [
        _command("p", "pause", "Pause"),
        _command("p", "resume", "Resume"),
        _command("e", "evaluate", "Evaluate"),
        _command("s", "save", "Save"),
        _command("S", "stop", "Stop"),
        _command("A", "abort"),
        *_tabs("1 … 9", "Open a tab", 9),
    ],
    INSPECT: [
        *_tabs("1 … 9", "Open a tab", 9),
        Key("p", "p", "play", "", "Open the selected sample in the playground"),
    ],
    PLAYGROUND: [
        *_tabs("1 2 3", "Open the tab Answer, Tokens or Why", 3),
        Key("right_square_bracket", "]", "move_step(1)", "Step", "Next supervision step"),
        Key("left_square_bracket", "[", "move_step(-1)", "", "Previous supervision step"),
        Key("greater_than_sign,full_stop", ">", "threshold(1)", "", "Raise the halting threshold"),
        Key("less_than_sign,comma", "<", "threshold(-1)", "", "Lower the halting threshold"),
        Key("w", "w", "explain", "Why", "Measure the effect of each turn (esc: cancel)"),
        Key("escape", "", "give_up", "", "Stop measuring"),
        Key("t", "t", "tools", "Tools", "Choose the available tools"),
        Key("o", "o", "pick", "Open", "Open a sample from a file"),
        Key("O", "O", "reopen", "", "Open an earlier conversation"),
        Key("N", "N", "new", "", "Start a new conversation (this one is saved)"),
        Key("s", "s", "save", "Save", "Append the conversation to a JSONL file"),
        Key("c", "c", "call", "", "Add the predicted call as a turn"),
        Key("m", "m", "raw", "", "Compare raw and averaged weights, or stop"),
        Key("y", "y", "copy(0)", "", "Copy the prediction as JSON", named="copy_prediction"),
        Key("Y", "Y", "copy(1)", "", "Copy the conversation as JSON", named="copy_conversation"),
    ],
    EDITOR: [
        Key("a", "a", "add", "Add", "Add a turn after this one"),
        Key("d,delete", "d", "delete", "Delete", "Delete the turn"),
        Key("J,shift+down", "⇧↓ J", "move(1)", "", "Move the turn down"),
        Key("K,shift+up", "⇧↑ K", "move(-1)", "", "Move the turn up"),
        Key("r", "r", "role(1)", "", "Change the turn's role (R: backwards)"),
        Key("R", "", "role(-1)", "", "Change the turn's role, backwards"),
        Key("u,ctrl+underscore", "u ^_", "undo", "", "Undo, including typed text"),
        Key("U,ctrl+y", "U ^y", "redo", "", "Redo"),
    ],
    TURNS: [
        Key("enter,i", "enter", "open", "Edit", "Edit the text (also i or a double click)"),
        *_lines("turn"),
    ],
    COMPOSER: [
        Key("enter", "enter", "finish", "Next turn", "Finish, and go to the next turn"),
        Key("ctrl+j,shift+enter,alt+enter", "^j", "line_break", "Line", "Insert a line break"),
        Key("ctrl+r", "^r", "next_role(1)", "Role", "Change the turn's role"),
        Key("escape", "esc", "leave_turn", "Done", "Back to the list of turns and its keys"),
    ],
    ANSWER: [
        Key("right,l", "→ l", "move_step(1)", "", "Next supervision step"),
        Key("left,h", "← h", "move_step(-1)", "", "Previous supervision step"),
    ],
    OCCLUSION: [
        Key("enter", "enter", "choose", "Turn", "Go to the turn in the conversation"),
    ],
    PICKER: [
        Key("enter", "enter", "pick", "Open", "Open the sample"),
        Key("slash", "/", "search", "Search", "Search in texts, decisions and tools"),
        Key("p", "p", "path", "File", "Open another file"),
        Key("escape", "esc", "close", "Close", "Close"),
    ],
    CHART: [
        Key("plus,equals_sign", "+", "zoom_in", "Zoom", "Zoom in (also with the wheel)"),
        Key("minus", "-", "zoom_out", "", "Zoom out"),
        Key("left,h", "← h", "cursor(-1)", "", "Move the crosshair left, in every chart"),
        Key("right,l", "→ l", "cursor(1)", "", "Move the crosshair right"),
        Key("shift+left,H", "⇧← H", "pan(-1)", "", "Scroll left (also by dragging)"),
        Key("shift+right,L", "⇧→ L", "pan(1)", "", "Scroll right"),
        Key("home,0", "0", "reset", "", "Show everything and follow new data"),
        Key("space", "space", "follow", "Freeze", "Freeze the view, or follow new data"),
        Key("y", "y", "log_scale", "", "Logarithmic or linear scale"),
        Key("u", "u", "robust", "", "Exclude outliers from the scale, or include them"),
        Key("x", "x", "axis", "", "x axis: updates, seconds or epochs"),
        Key("left_square_bracket", "[", "smooth(-1)", "", "Less smoothing, down to none"),
        Key("right_square_bracket", "]", "smooth(1)", "", "More smoothing"),
        Key("n", "n", "next_series", "", "Select the next curve in the legend"),
        Key("v", "v", "toggle_series", "", "Show or hide the selected curve (also with a click)"),
        Key("w", "w", "export", "", "Export the chart's data to a CSV or JSON file"),
        Key("escape", "esc", "clear", "", "Hide the crosshair"),
    ],
    MATRIX: [
        Key("up,k", "↑ k", "move(-1, 0)", "", "Cell above", named="up"),
        Key("down,j", "↓ j", "move(1, 0)", "", "Cell below", named="down"),
        Key("left,h", "← h", "move(0, -1)", "", "Cell to the left", named="left"),
        Key("right,l", "→ l", "move(0, 1)", "", "Cell to the right", named="right"),
        *_pages(),
        Key("home,g", "home g", "first", "", "First row"),
        Key("end,G", "end G", "last", "", "Last row"),
        Key("enter", "enter", "open", "Samples", "Show the cell's samples (also a double click)"),
        Key("c", "c", "next_error", "", "Go to the largest confusion, then to the next"),
        Key("n", "n", "normalise", "Normalise", "Counts, row shares or column shares"),
        Key("o", "o", "order", "", "Order by name, samples or errors"),
    ],
    CELL: [
        Key("up,k", "↑ k", "sample(-1)", "", "Previous sample, or scroll the text up"),
        Key("down,j", "↓ j", "sample(1)", "", "Next sample, or scroll the text down"),
        Key("enter", "enter", "read", "Read", "Go to the conversation, to scroll it"),
        Key("left,h", "← h", "back", "", "Back to the list"),
        Key("t", "t", "tools", "Tools", "Show the tools' parameters, or only names"),
    ],
    ROWS: [
        *_lines("row", "; in Evaluations, follow the newest"),
    ],
    EVALUATIONS: [
        Key("enter", "enter", "choose", "Show", "Show this evaluation in all panels"),
    ],
    SAMPLES: [
        Key("enter", "enter", "open", "Open", "Show the sample's conversation"),
        Key("w", "w", "worst", "Worst", "Show the worst samples, or the fixed ones"),
    ],
    LOG: [
        *_search("Search (enter: next match)", "End the search"),
        Key("n,enter", "n", "find(1)", "", "Next match"),
        Key("N", "N", "find(-1)", "", "Previous match"),
        Key("l", "l", "level", "Level", "Show all, warnings and errors, or only errors"),
        Key("end,G", "end G", "last", "", "Go to the newest line and follow the log"),
    ],
    CONFIG: [
        *_search("Search in names and values of settings", "Show all settings again"),
    ],
    RUNS: [
        Key("enter", "enter", "open", "Open", "Open the run, or the seeds of a group"),
        Key("space", "space", "mark", "Mark", "Mark the run, to compare or change several"),
        Key("o", "o", "overlay", "Overlay", "Compare the marked runs"),
        Key("slash", "/", "filter", "Filter", "Filter, as val.exact>0.95 and lr<1e-3, or by words"),
        Key("escape", "esc", "close_filter", "", "Show all runs again"),
        Key("s", "s", "sort(1)", "Sort", "Sort by the next column"),
        Key("S", "S", "sort(0)", "", "Sort in the other direction", named="sort_back"),
        Key("d", "d", "ask('diff')", "Diff", "Differences of two configurations"),
        Key("b", "b", "ask_one('baseline')", "Baseline", "Show differences from this run, or not"),
        Key("right,l", "→ l", "unfold", "", "Show the seeds of a group"),
        Key("left,h", "← h", "fold", "", "Hide the seeds of a group"),
        Key("g", "g", "group", "Seeds", "Runs that differ by their seed only: as one, or apart"),
        Key("t", "t", "ask('tags')", "Tags", "Change the tags"),
        Key("n", "n", "ask_one('note')", "Note", "Write a note"),
        Key("r", "r", "ask_one('name')", "", "Rename the run in lists (its folder stays)"),
        Key("a", "a", "ask('archive')", "", "Archive: hide the runs from the list, or undo that"),
        Key("A", "A", "archived", "", "Show or hide archived runs"),
        Key("D,delete", "D", "ask('delete')", "", "Delete the runs with their checkpoints (asks)"),
    ],
    COMPARISON: [
        Key("g", "g", "group", "Seeds", "Runs that differ by their seed only: as one, or apart"),
        Key("b", "b", "baseline", "Baseline", "Show differences from the next run of the table"),
    ],
    SWEEP: [
        Key("enter", "enter", "open", "Open", "Open the trial's run (also a double click)"),
        Key("s", "s", "sort", "Sort", "Sort by value or by number"),
        Key("l", "l", "slice", "Slice", "Show the values of the trials by the next setting"),
        Key("S", "S", "end('stop')", "Stop", "Stop the trial; its value so far counts"),
        Key("x", "x", "end('prune')", "Prune", "Prune the trial: it has no prospects"),
        Key("p", "p", "promote", "Promote", "Write its configuration; it is never pruned"),
    ],
    CONFIG_DIFF: [
        Key("a", "a", "all", "All", "Show all settings, or only those that differ"),
        Key("escape", "esc", "app.leave", "Back", "Back to the runs"),
    ],
    PARAMETERS: [
        Key("enter,space", "enter", "fold_or_unfold", "Fold", "Fold or unfold the module"),
        Key("left,h", "← h", "fold", "", "Fold the module, or go to its parent"),
        Key("right,l", "→ l", "unfold", "", "Unfold the module, or go to its first child"),
        Key("a", "a", "toggle_all", "", "Fold or unfold all modules"),
        Key("o", "o", "order", "Order", "Order as in the model, by size or by distance raw–EMA"),
        *_search("Search in tensor names", "Show all tensors again"),
    ],
    LABELS: [
        *_search("Search in names and choices", "Show all labels again"),
    ],
    VOCABULARY: [
        Key("t", "t", "type", "Tokenise", "Tokenise a text that you type"),
        *_search("Search for a piece or an id", "Show all pieces again"),
    ],
    TOKENS: [
        Key("left,h", "← h", "token(-1)", "", "Previous token"),
        Key("right,l", "→ l", "token(1)", "", "Next token"),
        Key("up,k", "↑ k", "line(-1)", "", "Token above"),
        Key("down,j", "↓ j", "line(1)", "", "Token below"),
        Key("home,g", "home g", "token(-1000000)", "", "First token", named="first"),
        Key("end,G", "end G", "token(1000000)", "", "Last token", named="last"),
        Key("enter", "enter", "choose", "Piece", "Find the token in the vocabulary"),
        Key("i", "i", "ids", "Ids", "Show or hide ids"),
    ],
    JUDGED: [
        Key("t", "t", "kind(1)", "Kind", "Next type of error, correct, all (T: back)"),
        Key("T", "", "kind(-1)", "", "Previous type of error"),
        Key("o", "o", "order", "Order", "Order by loss, by confidence or as in the file"),
        *_search("Search in texts and tools", "End the search"),
        Key("enter", "enter", "open", "Open", "Show the conversation (also a double click)"),
        Key("w", "w", "export", "Write", "Export these samples to a JSONL file"),
    ],
    DETAIL: [
        Key("n", "n", "sample(1)", "Next", "Next sample"),
        Key("N", "N", "sample(-1)", "", "Previous sample"),
        Key("right_square_bracket,right,l", "] →", "move_step(1)", "Step", "Next supervision step"),
        Key("left_square_bracket,left,h", "[ ←", "move_step(-1)", "", "Previous supervision step"),
    ],
    DATA: [
        *_tabs("1 2 3", "Open the tab Overview, Problems or Labels", 3),
        Key("escape", "esc", "cancel", "Cancel", "Stop reading the file, and leave"),
    ],
    FIGURES: [
        Key("enter,right,l", "enter", "open", "Samples", "Go to the samples behind it"),
        *_search("Search in names and facts", "Show all again"),
    ],
    SAMPLES_BEHIND: [
        Key("enter", "enter", "open", "Open", "Show the conversation (also a double click)"),
        Key("t", "t", "note(1)", "Note", "Only samples with the next note, or all (T: back)"),
        Key("T", "", "note(-1)", "", "Only samples with the previous note, or all"),
        *_search("Search in conversations, tools and slots", "End the search"),
        Key("w", "w", "export", "Write", "Write these samples to a JSONL file"),
        Key("escape,left,h", "esc ←", "leave", "Back", "Back to the figures or problems"),
    ],
    REVIEW: [
        Key("y", "y", "decide('keep')", "Keep", "Keep the label as it is"),
        Key("t", "t", "decide('take')", "Take", "Take the model's label"),
        Key("e", "e", "edit", "Edit", "Type the right label"),
        Key("d", "d", "decide('drop')", "Drop", "Leave the sample out of the corrected file"),
        Key("u", "u", "decide('undo')", "Undo", "Take the decision on this label back"),
        Key("w", "w", "write", "Write", "Write the corrected file and the log of its changes"),
    ],
    SUSPECTS: [
        Key("enter", "enter", "open", "Open", "Show the conversation (also a double click)"),
        *_search("Search in kinds, fields, labels and decisions", "Show all again"),
    ],
    SERVER: [
        *_tabs("1 2", "Open the tab Traffic or Unsure", 2),
    ],
    UNSURE: [
        Key("enter", "enter", "open", "Try", "Open the conversation in the playground"),
        Key("s", "s", "correct", "Correct", "Correct the answer, and save it as a sample"),
        Key("d,delete", "d", "drop", "Drop", "Take the request out of the list"),
        *_search("Search in texts, answers and reasons", "Show all again"),
    ],
    VIEWED: [
        Key("n", "n", "sample(1)", "Next", "Next sample"),
        Key("N", "N", "sample(-1)", "", "Previous sample"),
        Key("o", "o", "swap", "Other", "Show the compared sample, or go back"),
    ],
}  # fmt: skip


WITH_ROWS = frozenset(
    (EVALUATIONS, SAMPLES, LOG, CONFIG, RUNS, SWEEP, JUDGED, DETAIL, PARAMETERS, LABELS, VOCABULARY,
     OCCLUSION, ANSWER, FIGURES, SAMPLES_BEHIND, VIEWED, SUSPECTS, UNSURE)
)  # fmt: skip
"""Parts whose panes also have the keys of ``ROWS``."""


def bindings(where: str) -> list[BindingType]:
    """Textual's bindings for the panes of one part of the table."""
    parts = (where, ROWS) if where in WITH_ROWS else (where,)
    return [_binding(part, key) for part in parts for key in KEYS[part]]


def _binding(where: str, key: Key) -> Binding:
    return Binding(
        key.keys,
        key.action,
        key.label or key.help,
        show=bool(key.label),
        key_display=key.shown,
        tooltip=key.help,
        id=binding_id(where, key),
        priority=key.priority,
    )


def binding_id(where: str, key: Key) -> str:
    """The name of a key among all parts, as keymaps have it."""
    return f"{where}.{key.name}"
