"""What `serve` says before there is a server."""

from __future__ import annotations

import argparse
import sys

import pytest

from trm_engine.worker.listen import listen
from trm_engine.worker.options import add_listen_options


def asked(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_listen_options(parser)
    parser.set_defaults(device="cpu", raw=False)
    return parser.parse_args(["nowhere", *options])


@pytest.mark.parametrize(
    ("package", "user", "options"),
    [
        ("uvicorn", "trm_engine.serving.server", ()),
        ("httpx2", "trm_engine.serving.upstream", ("--upstream", "http://127.0.0.1:9")),
    ],
)
def test_a_package_that_is_missing_is_named(
    package: str,
    user: str,
    options: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delitem(sys.modules, user, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    assert listen(asked(*options)) == 2
    assert f"pip install 'trm-tui[serve]' ({package} is missing)" in capsys.readouterr().err


def test_a_wrong_address_is_refused_before_the_model_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert listen(asked("--upstream", "ftp://x")) == 2
    assert "error: --upstream: expected an address" in capsys.readouterr().err
