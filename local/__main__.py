"""`python -m local`: the command line of local mode, with the source roots on the import path."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("layers/trunking", "functions", "bridge_container")]

from local.command_line import main  # noqa: E402 - the import path comes first

if __name__ == "__main__":
    sys.exit(main())
