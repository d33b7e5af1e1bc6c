"""What the pictures need beside a run: a sweep, runs that differ, a server, a file with faults.

They are small, real and made once, in a folder beside the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from trm_engine.runs.folder import RunFolder

PORT = 8321
SMALL = {
    "model.hidden_size": 32,
    "model.num_heads": 2,
    "model.expansion": 2.0,
    "model.n_latent_recursion": 1,
    "model.T_deep_recursion": 1,
    "model.N_supervision": 1,
    "training.num_epochs": 3,
    "training.num_threads": 1,
    "training.eval_interval": 20,
    "data.builtin_conversations": 120,
}
SWEEP = """\
trials: 10
workers: 1
metric: exact_match
settings:
  training.learning_rate: {low: 0.0003, high: 0.01, log: true}
  training.batch_size: {choices: [8, 16, 32]}
  model.hidden_size: {choices: [16, 32]}
"""


class Stage:
    """The scenery for the pictures of a run."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.folder = run.path.parent / f"{run.path.name}-pictures"
        self.folder.mkdir(exist_ok=True)
        self.samples = [json.loads(line) for line in run.validation.read_text("utf-8").splitlines()]
        self.errors = self.folder / "errors"
        self.config = self.folder / "small.yaml"
        settings: dict[str, Any] = {}
        for key, value in SMALL.items():
            section, _, name = key.partition(".")
            settings.setdefault(section, {})[name] = value
        self.config.write_text(json.dumps(settings), encoding="utf-8")

    def sweep(self) -> Path:
        """The folder of a sweep."""
        out, plan = self.folder / "sweep", self.folder / "sweep.yaml"
        plan.write_text(SWEEP, encoding="utf-8")
        _call("sweep", self.config, plan, "--out", out, "--plain")
        return out

    def runs(self) -> Path:
        """A folder with two configurations, each trained with three seeds."""
        folder = self.folder / "runs"
        for name, rate in (("slow", 0.001), ("fast", 0.004)):
            for seed in (1, 2, 3):
                out = folder / f"{name}-{seed}"
                if RunFolder(out).exists():
                    continue
                options = ("--output-dir", out, "--seed", seed, "--learning-rate", rate, "--plain")
                _call("train", self.config, *options)
        return folder

    def faulty(self) -> Path:
        """The validation samples with some labels changed, and the search for label errors."""
        path = self.folder / "samples.jsonl"
        calls = [each for each in self.samples if each["decision"] == "tool_call"]
        changed = [{**each, "decision": "direct_answer", "tool": {}} for each in calls[::40]]
        emptied = [{**each, "tool": {**each["tool"], "arguments": {}}} for each in calls[5::60]]
        texts = (json.dumps(e, ensure_ascii=False) for e in (*self.samples, *changed, *emptied))
        text = "".join(f"{text}\n" for text in texts)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")
        _call("data", "errors", path, "--folds", 2, "--output-dir", self.errors)
        return path

    @contextmanager
    def server(self) -> Iterator[str]:
        """The address of a server that is asked the validation samples again and again."""
        texts, address = self.folder / "texts.jsonl", f"http://127.0.0.1:{PORT}"
        texts.unlink(missing_ok=True)
        command = _command("serve", self.run.path, "--port", PORT, "--log-texts", texts)
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE)
        over = threading.Event()
        asking = threading.Thread(target=self._ask, args=(address, over))
        try:
            for line in server.stdout or ():
                if b"listening on" in line:
                    break
            asking.start()
            yield address
        finally:
            over.set()
            if asking.ident:
                asking.join()
            server.terminate()
            server.wait()

    def _ask(self, address: str, over: threading.Event) -> None:
        for sample in cycle(self.samples):
            if over.wait(0.01):
                return
            body = json.dumps({"messages": sample["history"], "tools": sample.get("tools")})
            request = urllib.request.Request(f"{address}/v1/route", body.encode(), method="POST")
            request.add_header("Content-Type", "application/json")
            with urllib.request.urlopen(request) as answer:
                answer.read()


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "trm_tui", *map(str, words)]


def _call(*words: object) -> None:
    """Run a command of trm-tui; its text is not shown."""
    print(f"trm-tui {words[0]} …", flush=True)
    subprocess.run(_command(*words), check=True, stdout=subprocess.DEVNULL)
