"""Listen: serve a model over HTTP, as the command line asks."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from trm_engine.errors import UserError, in_words

NEEDS = "`trm-tui serve` needs more packages: pip install 'trm-tui[serve]'"


def listen(arguments: argparse.Namespace) -> int:
    """Serve until asked to stop. Keys come from the environment, never from the command line."""
    try:
        from trm_engine.serving.server import serve
        from trm_engine.serving.settings import API_KEY, UPSTREAM_KEY, Limits, Settings
    except ModuleNotFoundError as error:
        return _is_missing(error)
    settings = Settings(
        path=Path(arguments.checkpoint),
        host=arguments.host,
        port=arguments.port,
        api_key=os.environ.get(API_KEY),
        upstream=arguments.upstream,
        upstream_key=os.environ.get(UPSTREAM_KEY),
        device=arguments.device,
        threads=arguments.threads,
        raw=arguments.raw,
        halt_threshold=arguments.halt_threshold,
        tools=Path(arguments.tools) if arguments.tools else None,
        max_batch=arguments.max_batch,
        max_wait=arguments.max_wait_ms / 1000,
        limits=Limits(
            body=arguments.max_body, turns=arguments.max_turns, tools=arguments.max_tools
        ),
        texts=Path(arguments.log_texts) if arguments.log_texts else None,
        redact=tuple(arguments.redact),
        keep=tuple(arguments.keep),
    )
    try:
        return serve(settings, arguments.listener)
    except ModuleNotFoundError as error:
        return _is_missing(error)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
    return 2


def _is_missing(error: ModuleNotFoundError) -> int:
    print(f"error: {NEEDS} ({error.name} is missing)", file=sys.stderr)
    return 2
