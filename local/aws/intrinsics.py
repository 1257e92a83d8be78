"""CloudFormation's intrinsic functions, as far as the template uses them; an unknown one is an error.

Pure: what a resource's Ref and attributes are is asked of the resources given. Imports only the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local.aws.template import TemplateError

ACCOUNT_ID = "123456789012"
_VARIABLE = re.compile(r"\$\{(!?)([A-Za-z0-9:.]+)\}")


class ResourceValues(Protocol):
    """Where Ref and GetAtt of a resource come from."""

    def ref(self, logical_id: str) -> str:
        """The value of Ref; raises `TemplateError` for a resource that is not here."""
        ...

    def attribute(self, logical_id: str, name: str) -> str:
        """The value of GetAtt; raises `TemplateError` as `ref` does."""
        ...


class _NoValue:
    """AWS::NoValue: the property is as if it were not there."""


NO_VALUE = _NoValue()


class Intrinsics:
    """Resolves values of one deployment."""

    def __init__(
        self,
        parameters: Mapping[str, str],
        conditions: Mapping[str, Any],
        resources: ResourceValues,
        *,
        stack_name: str,
        region: str,
    ) -> None:
        self._parameters = parameters
        self._conditions = conditions
        self._resources = resources
        self._pseudo_parameters: dict[str, str] = {
            "AWS::StackName": stack_name,
            "AWS::Region": region,
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::Equals": lambda operands: self.resolve(operands[0]) == self.resolve(operands[1]),
            "Fn::Not": lambda operands: not self._truth(operands[0]),
            "Fn::And": lambda operands: all(self._truth(operand) for operand in operands),
            "Fn::Or": lambda operands: any(self._truth(operand) for operand in operands),
        }

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function carried out."""
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, operand), *_ = value.items()
            if name in self._functions:
                return self._functions[name](operand)
            if name.startswith("Fn::"):
                raise TemplateError(f"local mode does not know the intrinsic function {name}")
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not NO_VALUE}

    def holds(self, condition: str) -> bool:
        """Whether one of the template's conditions is true; raises `TemplateError` for an unknown one."""
        if condition not in self._conditions:
            raise TemplateError(f"the template has no condition {condition}")
        return self._truth(self._conditions[condition])

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._pseudo_parameters:
            return self._pseudo_parameters[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._resources.ref(name)

    def _get_att(self, operand: list[str] | str) -> str:
        logical_id, attribute = operand.split(".", 1) if isinstance(operand, str) else operand
        return self._resources.attribute(logical_id, attribute)

    def _sub(self, operand: str | list[Any]) -> str:
        text, variables = (operand, {}) if isinstance(operand, str) else operand

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _VARIABLE.sub(replace, text)

    def _join(self, operand: list[Any]) -> str:
        separator, parts = operand
        return str(separator).join(str(part) for part in self.resolve(parts))

    def _if(self, operand: list[Any]) -> Any:
        condition, then, otherwise = operand
        return self.resolve(then if self.holds(condition) else otherwise)

    def _truth(self, expression: Any) -> bool:
        if isinstance(expression, dict) and set(expression) == {"Condition"}:
            return self.holds(expression["Condition"])
        return bool(self.resolve(expression))
