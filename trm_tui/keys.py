"""The one table of keys: bindings, footer, help and docs/keys.md are made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True)
class Key:
    """What a key does.

    ``keys`` are Textual's names, alternatives after commas; ``shown`` is how people write them;
    ``label`` is the footer's word for it, "" keeps it out of the footer; ``help`` says it in full.
    """

    keys: str
    shown: str
    action: str
    label: str
    help: str


EVERYWHERE = "Everywhere"
TRAINING = "Training"
CHART = "Charts"
MATRIX = "Tool matrix"
CELL = "Samples of a cell"
ROWS = "Tables"
EVALUATIONS = "Evaluations"
SAMPLES = "Samples"
LOG = "Log"
CONFIG = "Configuration"
RUNS = "Runs"
JUDGED = "Judged samples"
DETAIL = "A judged sample"
INSPECT = "Inspecting"
PARAMETERS = "Parameters"
LABELS = "Labels"
VOCABULARY = "Vocabulary"
TOKENS = "Tokens of a text"
PLAYGROUND = "Playground"
EDITOR = "Conversation"
TURNS = "Turns"
COMPOSER = "Writing a turn"
ANSWER = "Answer"
OCCLUSION = "Why"
PICKER = "Picking a sample"

KEYS: dict[str, list[Key]] = {
    EVERYWHERE: [
        Key("question_mark,f1", "?", "help", "Help", "This help"),
        Key("q,ctrl+q,ctrl+c", "q", "leave", "Quit", "Leave; asks whether a training goes on"),
        Key("f", "f", "maximise", "Maximise", "The focused pane as large as the screen, and back"),
        Key("tab", "tab", "app.focus_next", "", "The next pane (shift+tab: the one before)"),
        Key("ctrl+p", "^p", "app.command_palette", "Palette", "Everything by name, themes too"),
    ],
    TRAINING: [
        Key("p", "p", "pause", "Pause", "Pause the training"),
        Key("p", "p", "resume", "Resume", "Go on with the training"),
        Key("e", "e", "evaluate", "Evaluate", "Evaluate now"),
        Key("s", "s", "save", "Save", "Write a checkpoint now"),
        Key("S", "S", "stop", "Stop", "Save and end the training"),
        Key("A", "A", "abort", "", "End the training at once, without saving"),
        Key("1", "1 … 8", "tab(1)", "", "The tabs"),
        *(Key(str(number), "", f"tab({number})", "", "") for number in range(2, 9)),
    ],
    INSPECT: [
        Key("1", "1 … 8", "tab(1)", "", "The tabs"),
        *(Key(str(number), "", f"tab({number})", "", "") for number in range(2, 9)),
        Key("p", "p", "play", "", "The selected sample in the playground"),
    ],
    PLAYGROUND: [
        Key("1", "1 2 3", "tab(1)", "", "Answer, tokens, why"),
        *(Key(str(number), "", f"tab({number})", "", "") for number in range(2, 4)),
        Key("right_square_bracket", "]", "move_step(1)", "Step", "A supervision step on"),
        Key("left_square_bracket", "[", "move_step(-1)", "", "A supervision step back"),
        Key("greater_than_sign,full_stop", ">", "threshold(1)", "", "Halt at a higher q"),
        Key("less_than_sign,comma", "<", "threshold(-1)", "", "Halt at a lower q"),
        Key("w", "w", "explain", "Why", "What each turn does to the answer; esc gives up"),
        Key("escape", "", "give_up", "", ""),
        Key("t", "t", "tools", "Tools", "The tools on offer"),
        Key("o", "o", "pick", "Open", "A sample of a file"),
        Key("O", "O", "reopen", "", "A conversation of this or an earlier session"),
        Key("N", "N", "new", "", "A new conversation; this one is kept"),
        Key("s", "s", "save", "Save", "Add the conversation to a JSONL file"),
        Key("c", "c", "call", "", "Add the predicted call as a turn"),
        Key("m", "m", "raw", "", "The raw weights beside their average, or not"),
        Key("y", "y", "copy(0)", "", "Copy the prediction as JSON"),
        Key("Y", "Y", "copy(1)", "", "Copy the conversation as JSON"),
    ],
    EDITOR: [
        Key("a", "a", "add", "Add", "A turn behind this one"),
        Key("d,delete", "d", "delete", "Delete", "Delete the turn"),
        Key("J,shift+down", "⇧↓ J", "move(1)", "", "Move the turn down"),
        Key("K,shift+up", "⇧↑ K", "move(-1)", "", "Move the turn up"),
        Key("r", "r", "role(1)", "", "The turn's next role (R: the one before)"),
        Key("R", "", "role(-1)", "", ""),
        Key("u,ctrl+z", "u ^z", "undo", "", "Undo, also what was typed"),
        Key("U,ctrl+y", "U ^y", "redo", "", "Redo"),
    ],
    TURNS: [
        Key("enter,i", "enter", "open", "Edit", "Write its text (also i, or a double click)"),
        Key("up,k", "↑ k", "step(-1)", "", "The turn before"),
        Key("down,j", "↓ j", "step(1)", "", "The next turn"),
        Key("pageup,ctrl+b", "pgup", "page(-1)", "", "A page up"),
        Key("pagedown,ctrl+f", "pgdn", "page(1)", "", "A page down"),
        Key("home,g", "home g", "first", "", "The first turn"),
        Key("end,G", "end G", "last", "", "The last turn"),
    ],
    COMPOSER: [
        Key("enter", "enter", "finish", "Next turn", "On to the next turn"),
        Key("ctrl+j,shift+enter,alt+enter", "^j", "line_break", "Line", "A line break"),
        Key("ctrl+r", "^r", "next_role(1)", "Role", "The turn's next role"),
        Key("escape", "esc", "leave_turn", "Done", "Back to the turns, where the other keys are"),
    ],
    ANSWER: [
        Key("right,l", "→ l", "move_step(1)", "", "A supervision step on"),
        Key("left,h", "← h", "move_step(-1)", "", "A supervision step back"),
    ],
    OCCLUSION: [
        Key("enter", "enter", "choose", "Turn", "To the turn in the conversation"),
    ],
    PICKER: [
        Key("enter", "enter", "pick", "Open", "Open the sample"),
        Key("slash", "/", "search", "Search", "Search texts, decisions and tools"),
        Key("p", "p", "path", "File", "Another file"),
        Key("escape", "esc", "close", "Close", "Close"),
    ],
    CHART: [
        Key("plus,equals_sign", "+", "zoom_in", "Zoom", "Zoom in (also the wheel)"),
        Key("minus", "-", "zoom_out", "", "Zoom out"),
        Key("left,h", "← h", "cursor(-1)", "", "Crosshair to the left, with values in every chart"),
        Key("right,l", "→ l", "cursor(1)", "", "Crosshair to the right"),
        Key("shift+left,H", "⇧← H", "pan(-1)", "", "Move the window to the left (also drag)"),
        Key("shift+right,L", "⇧→ L", "pan(1)", "", "Move the window to the right"),
        Key("home,0", "0", "reset", "", "Show everything and follow"),
        Key("space", "space", "follow", "Freeze", "Freeze the window, or follow the newest update"),
        Key("y", "y", "log_scale", "", "Logarithmic or linear scale"),
        Key("u", "u", "robust", "", "A scale without the extremes (arrows show them), or with"),
        Key("x", "x", "axis", "", "Over updates, seconds or epochs"),
        Key("left_square_bracket", "[", "smooth(-1)", "", "Smooth less, down to not at all"),
        Key("right_square_bracket", "]", "smooth(1)", "", "Smooth more"),
        Key("n", "n", "next_series", "", "Select the next curve of the legend"),
        Key("v", "v", "toggle_series", "", "Show or hide the selected curve (also a click)"),
        Key("w", "w", "export", "", "Write all data of the chart to a CSV or JSON file"),
        Key("escape", "esc", "clear", "", "Away with the crosshair"),
    ],
    MATRIX: [
        Key("up,k", "↑ k", "move(-1, 0)", "", "The cell above"),
        Key("down,j", "↓ j", "move(1, 0)", "", "The cell below"),
        Key("left,h", "← h", "move(0, -1)", "", "The cell to the left"),
        Key("right,l", "→ l", "move(0, 1)", "", "The cell to the right"),
        Key("pageup,ctrl+b", "pgup", "page(-1)", "", "A page up"),
        Key("pagedown,ctrl+f", "pgdn", "page(1)", "", "A page down"),
        Key("home,g", "home g", "first", "", "The first row"),
        Key("end,G", "end G", "last", "", "The last row"),
        Key("enter", "enter", "open", "Samples", "The samples of the cell (also a double click)"),
        Key("c", "c", "next_error", "", "The largest confusion, then the next one"),
        Key("n", "n", "normalise", "Normalise", "Counts, shares of the row, shares of the column"),
        Key("o", "o", "order", "", "By name, by samples, by errors"),
    ],
    CELL: [
        Key("up,k", "↑ k", "sample(-1)", "", "The sample above, or scroll the text up"),
        Key("down,j", "↓ j", "sample(1)", "", "The sample below, or scroll the text down"),
        Key("enter", "enter", "read", "Read", "To the conversation, to scroll it"),
        Key("left,h", "← h", "back", "", "Back to the list"),
        Key("t", "t", "tools", "Tools", "All tools on offer with their parameters, or their names"),
        Key("escape,q", "esc", "close", "Close", "Close"),
    ],
    ROWS: [
        Key("up,k", "↑ k", "step(-1)", "", "A row up"),
        Key("down,j", "↓ j", "step(1)", "", "A row down"),
        Key("pageup,ctrl+b", "pgup", "page(-1)", "", "A page up"),
        Key("pagedown,ctrl+f", "pgdn", "page(1)", "", "A page down"),
        Key("home,g", "home g", "first", "", "The first row"),
        Key("end,G", "end G", "last", "", "The last row; of evaluations the newest, now and later"),
    ],
    EVALUATIONS: [
        Key("enter", "enter", "choose", "Show", "Show this evaluation in every panel"),
    ],
    SAMPLES: [
        Key("enter", "enter", "open", "Open", "The sample's whole conversation"),
        Key("w", "w", "worst", "Worst", "The worst samples of the evaluation, or the fixed ones"),
    ],
    LOG: [
        Key("slash", "/", "search", "Search", "Search; enter goes to the next line that matches"),
        Key("n,enter", "n", "find(1)", "", "The next line that matches"),
        Key("N", "N", "find(-1)", "", "The line before that matches"),
        Key("l", "l", "level", "Level", "All, warnings and errors, errors only"),
        Key("end,G", "end G", "last", "", "The newest line, and follow the log"),
        Key("escape", "esc", "close_search", "", "End the search"),
    ],
    CONFIG: [
        Key("slash", "/", "search", "Search", "Only settings whose name or value has the words"),
        Key("escape", "esc", "close_search", "", "Show all settings again"),
    ],
    RUNS: [
        Key("enter", "enter", "open", "Open", "Open the run"),
        Key("space", "space", "mark", "Mark", "Mark the run for an overlay"),
        Key("o", "o", "overlay", "Overlay", "The marked runs over each other"),
    ],
    PARAMETERS: [
        Key("enter,space", "enter", "fold_or_unfold", "Fold", "Fold or unfold the module"),
        Key("left,h", "← h", "fold", "", "Fold the module, or go up to the one around"),
        Key("right,l", "→ l", "unfold", "", "Unfold the module, or go into it"),
        Key("a", "a", "toggle_all", "", "Fold or unfold all modules"),
        Key("o", "o", "order", "Order", "As in the model, by size, by distance of raw and EMA"),
        Key("slash", "/", "search", "Search", "Only tensors whose name has the words"),
        Key("escape", "esc", "close_search", "", "Show all tensors again"),
    ],
    LABELS: [
        Key("slash", "/", "search", "Search", "Only labels whose name or choices have the words"),
        Key("escape", "esc", "close_search", "", "Show all labels again"),
    ],
    VOCABULARY: [
        Key("t", "t", "type", "Tokenise", "Type a text to see its tokens"),
        Key("slash", "/", "search", "Search", "Only pieces that have the words, or this id"),
        Key("escape", "esc", "close_search", "", "Back to all pieces"),
    ],
    TOKENS: [
        Key("left,h", "← h", "token(-1)", "", "The token before"),
        Key("right,l", "→ l", "token(1)", "", "The next token"),
        Key("up,k", "↑ k", "line(-1)", "", "The token above"),
        Key("down,j", "↓ j", "line(1)", "", "The token below"),
        Key("home,g", "home g", "token(-1000000)", "", "The first token"),
        Key("end,G", "end G", "token(1000000)", "", "The last token"),
        Key("enter", "enter", "choose", "Piece", "The token's piece in the vocabulary"),
        Key("i", "i", "ids", "Ids", "The ids below the tokens, or not"),
    ],
    JUDGED: [
        Key("t", "t", "kind(1)", "Kind", "The next type of error, right ones, all (T: back)"),
        Key("T", "", "kind(-1)", "", "The type of error before"),
        Key("o", "o", "order", "Order", "By loss, by confidence, as in the file"),
        Key("slash", "/", "search", "Search", "Only samples with these words in text or tools"),
        Key("enter", "enter", "open", "Open", "To the sample's conversation (also a double click)"),
        Key("w", "w", "export", "Write", "Write these samples to a JSONL file"),
        Key("escape", "esc", "close_search", "", "End the search"),
    ],
    DETAIL: [
        Key("n", "n", "sample(1)", "Next", "The next sample of the list"),
        Key("N", "N", "sample(-1)", "", "The sample before"),
        Key("right_square_bracket,right,l", "] →", "move_step(1)", "Step", "A supervision step on"),
        Key("left_square_bracket,left,h", "[ ←", "move_step(-1)", "", "A supervision step back"),
    ],
}  # fmt: skip


def bindings(where: str) -> list[BindingType]:
    """Textual's bindings of one part of the app."""
    return [_binding(where, key) for key in KEYS[where] if key.action]


def _binding(where: str, key: Key) -> Binding:
    return Binding(
        key.keys,
        key.action,
        key.label or key.help,
        show=bool(key.label),
        key_display=key.shown,
        tooltip=key.help,
        id=f"{where}.{key.action}",
    )


def table() -> Iterator[tuple[str, str, str]]:
    """All keys for the help screen: where, key, what it does."""
    for where, keys in KEYS.items():
        for key in keys:
            if key.shown:
                yield where, key.shown, key.help
