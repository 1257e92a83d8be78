"""Where everything should be installed, a skip fails the run, unless its reason is on the list."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ALLOWED = "RFC 4475's 49 torture messages are left out: RFC4475_DIR does not name their folder"


@pytest.mark.parametrize(
    ("strict", "reason", "passes"),
    [
        ("1", "the phone is not installed", False),
        ("1", ALLOWED, True),
        ("0", "the phone is not installed", True),
    ],
)
@pytest.mark.parametrize("where", ["test", "module"])
def test_a_skip(tmp_path: Path, strict: str, reason: str, passes: bool, where: str) -> None:
    skip = f"pytest.skip({reason!r}, allow_module_level=True)"
    lines = ["import pytest", "def test_it() -> None:", f"    {skip}"]
    if where == "module":
        lines = ["import pytest", skip]
    (tmp_path / "test_it.py").write_text("\n".join(lines))
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-rs",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ],
        cwd=ROOT,
        env={"TRUNKLINE_STRICT_SKIPS": strict, "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    # Pytest ends with 5 when nothing but a skipped module was collected.
    assert (finished.returncode in (0, 5)) is passes, finished.stdout
    assert reason in finished.stdout
