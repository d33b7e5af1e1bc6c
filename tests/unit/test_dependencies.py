"""Every package that the code imports is declared, and has an exact version for the tests."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("trm_engine", "trm_tui")
DISTRIBUTIONS = {"yaml": "pyyaml", "pydantic_core": "pydantic"}
"""Packages whose name is not that of the distribution. pydantic needs one exact pydantic-core."""

UNNAMED = {"httptools", "uvloop", "wordllama"}
"""Declared and never imported: uvicorn uses the first two where they are, and of wordllama only
two files are read."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def distribution(package: str) -> str:
    return DISTRIBUTIONS.get(package, package).lower().replace("_", "-")


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return distribution(found[0])


def imports(node: ast.AST) -> list[str]:
    """The modules that a statement imports, but not those of its own package."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def imported(under: str) -> Iterator[tuple[str, str]]:
    """The distributions that modules import, with a file each."""
    for path in sorted((ROOT / under).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in imports(node):
                package = module.partition(".")[0]
                if package not in sys.stdlib_module_names and package not in OWN:
                    yield distribution(package), path.relative_to(ROOT).as_posix()


NORMAL = set(map(name_of, PROJECT["dependencies"]))
NOT_OURS = {"dev", "examples"}
"""Extras that the packages do not import: for the tests, and frameworks that examples/ shows."""

OPTIONAL = {name_of(each) for extra in EXTRAS.keys() - NOT_OURS for each in EXTRAS[extra]}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """A file for each distribution that is imported."""
    return dict(found for package in OWN for found in imported(package))


def test_every_import_is_declared(files: dict[str, str]) -> None:
    assert files
    declared = NORMAL | OPTIONAL
    assert {name: file for name, file in files.items() if name not in declared} == {}


def test_every_declared_package_is_imported(files: dict[str, str]) -> None:
    assert (NORMAL | OPTIONAL) - files.keys() == UNNAMED


def test_the_tests_have_every_extra() -> None:
    assert OPTIONAL - set(map(name_of, EXTRAS["dev"])) == set()


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_declared_package_has_an_exact_version(extra: str) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    exact = {name_of(line) for line in lines if "==" in line}
    assert {name_of(each) for each in [*PROJECT["dependencies"], *EXTRAS[extra]]} - exact == set()
