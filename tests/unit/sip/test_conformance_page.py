"""`docs/conformance.md` names tests: each of them exists, and each behaviour has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/.]+\.py)::(test_\w+)`", PAGE)))


def functions_of(path: Path) -> set[str]:
    """The names of the functions in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_named_test_exists() -> None:
    missing = []
    for file, name in NAMED:
        path = ROOT / file if "/" in file else Path(__file__).parent / file
        if not path.exists() or name not in functions_of(path):
            missing.append(f"{file}::{name}")
    assert missing == []


def test_every_behaviour_has_a_test() -> None:
    rows = re.findall(r"^\| (\d{1,2}) \|(.*)\|$", PAGE, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 27))
    assert all("::test_" in row for _, row in rows)
