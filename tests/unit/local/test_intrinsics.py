"""CloudFormation's intrinsic functions in local mode."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.intrinsics import Intrinsics
from local.aws.template import TemplateError


class Resources:
    """One table."""

    def ref(self, logical_id: str) -> str:
        if logical_id != "Table":
            raise TemplateError(f"{logical_id} is not there")
        return "the-table"

    def attribute(self, logical_id: str, name: str) -> str:
        return f"{self.ref(logical_id)}/{name}"


INTRINSICS = Intrinsics(
    {"SipHost": "sip.example.com", "Topic": ""},
    {"HasTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Topic"}, ""]}]}, "Always": {"Fn::Equals": ["a", "a"]}},
    Resources(),
    stack_name="stack",
    region="us-east-1",
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "SipHost"}, "sip.example.com"),
        ({"Ref": "AWS::StackName"}, "stack"),
        ({"Ref": "Table"}, "the-table"),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "the-table/Arn"),
        ({"Fn::GetAtt": "Table.Arn"}, "the-table/Arn"),
        (
            {"Fn::Sub": "${AWS::Region}:${Table}:${Table.Arn}:${!Literal}"},
            "us-east-1:the-table:the-table/Arn:${Literal}",
        ),
        ({"Fn::Sub": ["${a}-${SipHost}", {"a": {"Ref": "Table"}}]}, "the-table-sip.example.com"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Table"}]]}, "a/the-table"),
        ({"Fn::If": ["HasTopic", "yes", "no"]}, "no"),
        ({"Fn::If": ["Always", "yes", "no"]}, "yes"),
        ({"Fn::And": [{"Condition": "Always"}, {"Condition": "HasTopic"}]}, False),
        ({"Fn::Or": [{"Condition": "Always"}, {"Condition": "HasTopic"}]}, True),
        ([{"Fn::If": ["HasTopic", "x", {"Ref": "AWS::NoValue"}]}, "y"], ["y"]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
    ],
)
def test_intrinsic_functions_are_carried_out(value: Any, expected: Any) -> None:
    assert INTRINSICS.resolve(value) == expected


@pytest.mark.parametrize(
    "value", [{"Fn::ImportValue": "x"}, {"Ref": "Nothing"}, {"Fn::If": ["NoCondition", 1, 2]}]
)
def test_what_is_not_known_is_an_error(value: Any) -> None:
    with pytest.raises(TemplateError):
        INTRINSICS.resolve(value)
