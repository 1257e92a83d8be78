"""Event patterns as event source filters write them."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.template import TemplateError
from local.event_pattern import matches

CHANGE = {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "CHG#000000000001"}}}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT"]}, True),
        ({"eventName": ["MODIFY", "INSERT"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "CHG#"}]}}}}, True),
        ({"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "TRUNK#"}]}}}}, False),
        ({"dynamodb": {"Keys": {"sk": {"S": [{"suffix": "1"}]}}}}, True),
        ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
        ({"eventName": [{"anything-but": "INSERT"}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"missing": [{"exists": True}]}, False),
        ({"missing": {"deeper": ["x"]}}, False),
        ({}, True),
    ],
)
def test_a_pattern_matches_what_it_names(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(pattern, CHANGE) is expected


def test_one_of_several_values_of_a_field_is_enough() -> None:
    assert matches({"tags": ["b"]}, {"tags": ["a", "b"]})


@pytest.mark.parametrize("pattern", [{"eventName": [{"wildcard": "IN*"}]}, {"eventName": "INSERT"}])
def test_an_unknown_operator_is_an_error_and_no_mismatch(pattern: dict[str, Any]) -> None:
    with pytest.raises(TemplateError):
        matches(pattern, CHANGE)
