"""Many cases of one reader in one forked process; who hangs or dies ends the batch."""

from __future__ import annotations

import faulthandler
import json
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.torture.chance import rng_of
from tests.torture.readers import READERS, Corpus


def run(job: dict[str, Any]) -> int:
    """Try the cases, and write one line for each into ``results``: its number and its problem."""
    read = READERS[job["reader"]]
    corpus = Corpus(Path(job["corpus"]))
    faulthandler.register(signal.SIGPROF, file=sys.__stderr__, all_threads=False, chain=True)
    with open(job["results"], "a", encoding="utf-8") as results:
        for case in job["cases"]:
            place = Path(job["folder"]) / str(case)
            place.mkdir(parents=True)
            signal.setitimer(signal.ITIMER_PROF, job["cpu_seconds"])
            faulthandler.dump_traceback_later(job["wall_seconds"], exit=True)
            problem = None
            try:
                read(corpus, place, rng_of(job["reader"], case, seed=job["seed"]))
            except BaseException:
                problem = traceback.format_exc()
            shutil.rmtree(place, ignore_errors=True)
            results.write(json.dumps({"case": case, "problem": problem}) + "\n")
            results.flush()
    return 0
