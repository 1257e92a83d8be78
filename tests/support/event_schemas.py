"""The published schemas of events, to check what is emitted against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "events"


@cache
def schemas() -> dict[str, Any]:
    """The schema of each detail type."""
    return {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}


def check_detail(name: str, detail: Any) -> None:
    """Raise `jsonschema.ValidationError` where an event's detail is not as its schema says."""
    Draft202012Validator(schemas()[name], format_checker=FormatChecker()).validate(detail)


def check_subject(name: str, subject: Any) -> None:
    """The same for a detail's subject alone, as JSON writes it."""
    schema = schemas()[name]["properties"]["subject"]
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(json.dumps(subject)))
