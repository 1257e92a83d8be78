"""The call page's colours: text is readable in light and dark (WCAG 2.2, criteria 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from importlib import resources

import pytest

STYLES = (resources.files("bridge.adapters.call_page") / "assets/call.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\}", STYLES, re.DOTALL)
)
TEXT = [
    ("text", "ground"),
    ("text", "card"),
    ("soft", "ground"),
    ("soft", "card"),
    ("on-accent", "accent"),
    ("on-danger", "danger"),
    ("problem-text", "problem"),
    ("card", "text"),
]
"""Foreground and background of every piece of text."""
GRAPHICS = [
    ("level", "card"),
    ("accent", "card"),
    ("danger", "ground"),
    ("soft", "card"),
    ("warning", "ground"),
]


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio, 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def too_faint(colours: dict[str, str], pairs: list[tuple[str, str]], least: float) -> list[tuple[str, str]]:
    """The pairs whose contrast is below `least`."""
    return [(front, back) for front, back in pairs if contrast(colours[front], colours[back]) < least]


@pytest.mark.parametrize("colours", [LIGHT, LIGHT | DARK], ids=["light", "dark"])
def test_contrast(colours: dict[str, str]) -> None:
    assert too_faint(colours, TEXT, 4.5) == []
    assert too_faint(colours, GRAPHICS, 3.0) == []
