"""Print the requirements of pyproject.toml, one a line: the project's own and those of the groups named.

Runs before anything is installed, so it imports the standard library alone. `sam` names its group alone.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

STANDALONE_GROUPS = {"sam"}


def requirements(pyproject: Path, groups: list[str]) -> list[str]:
    """The requirement lines; raises KeyError for a group that pyproject.toml does not have."""
    project = tomllib.loads(pyproject.read_text())["project"]
    lines: list[str] = [] if set(groups) <= STANDALONE_GROUPS else list(project["dependencies"])
    for group in groups:
        lines += project["optional-dependencies"][group]
    return lines


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"), sys.argv[1:])))
