"""Event patterns, as the filters of event sources and the rules of event buses write them. Pure.

Knows exact values, prefix, suffix, exists and anything-but; another operator is an error, not a mismatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.aws.template import TemplateError


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether each field that the pattern names has one of the values that it lists."""
    return all(_field_matches(expected, event.get(name)) for name, expected in pattern.items())


def _field_matches(expected: Any, actual: Any) -> bool:
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and matches(expected, actual)
    if not isinstance(expected, list):
        raise TemplateError(
            f"an event pattern lists the values of a field, so {expected!r} has to be in a list"
        )
    actual_values = actual if isinstance(actual, list) else [actual]
    return any(_value_matches(each, value) for each in expected for value in actual_values)


def _value_matches(expected: Any, actual: Any) -> bool:
    if not isinstance(expected, Mapping):
        return bool(expected == actual)
    (operator, operand), *more = expected.items()
    if more or operator not in ("prefix", "suffix", "exists", "anything-but"):
        raise TemplateError(f"local mode does not know the event pattern {dict(expected)}")
    if operator == "exists":
        return (actual is not None) is bool(operand)
    if operator == "anything-but":
        return actual not in (operand if isinstance(operand, list) else [operand])
    text = actual if isinstance(actual, str) else ""
    return text.startswith(operand) if operator == "prefix" else text.endswith(operand)
