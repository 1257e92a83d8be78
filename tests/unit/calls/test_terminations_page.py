"""docs/terminations.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from bridge.calls.termination_status import TERMINATION_STATUS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "terminations.md"


def test_page_has_every_termination_as_the_code_has_it() -> None:
    rows = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            name, status, retry_after, tries_on, when = cells
            assert when.endswith(".")
            seconds = int(retry_after) if retry_after else None
            rows[name.strip("`")] = (int(status), seconds, tries_on == "yes")
    assert rows == {
        termination.value: (said.status, said.retry_after, said.fails_over)
        for termination, said in TERMINATION_STATUS.items()
    }
