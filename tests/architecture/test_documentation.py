"""The documentation's links lead somewhere, every page is listed, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """A heading's fragment, as repository hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def name(page: Path) -> str:
    """A page's name in a test's id."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            dead.append(target)
        elif fragment and file.suffix == ".md":
            headings = {anchor(heading) for heading in HEADING.findall(file.read_text())}
            if fragment not in headings:
                dead.append(target)
    assert not dead


def test_every_page_is_listed() -> None:
    listed = (ROOT / "docs" / "README.md").read_text()
    unlisted = [
        name(page)
        for page in PAGES
        if page.is_relative_to(ROOT / "docs")
        and page.name != "README.md"
        and str(page.relative_to(ROOT / "docs")) not in listed
    ]
    assert not unlisted


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= targets
