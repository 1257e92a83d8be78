"""The HTTP API's routes, read from the translated template, and which of them takes a request.

As API Gateway selects: a full match before one with `{proxy+}`, `$default` last, and among several the most
specific: part by part text before a variable, and then a route of the method itself before one of any. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.template import Template, TemplateError

_FUNCTION = re.compile(r"\$\{([A-Za-z0-9]+)\.Arn\}/invocations$")
_PART = re.compile(r"\{([A-Za-z0-9_]+)(\+?)\}")
ANY_METHOD = "x-amazon-apigateway-any-method"


@dataclass(frozen=True)
class Route:
    """A route of the API."""

    method: str
    """Upper case, or `ANY`."""
    path: str
    """With its variables in braces, or `$default`."""
    function: str
    """The logical id of the function that takes it."""

    @property
    def key(self) -> str:
        """The event's `routeKey`."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's variables when the route takes the request."""
        if self.method not in ("ANY", method):
            return None
        if self.path == "$default":
            return {}
        found = self._pattern.fullmatch(path)
        return found.groupdict() if found else None

    @property
    def specificity(self) -> tuple[int, tuple[bool, ...], bool]:
        """The highest wins."""
        if self.path == "$default":
            return (0, (), False)
        texts = tuple("{" not in part for part in self.path.split("/"))
        return (1 if "+}" in self.path else 2, texts, self.method != "ANY")

    @property
    def _pattern(self) -> re.Pattern[str]:
        pattern, end = "", 0
        for variable in _PART.finditer(self.path):
            pattern += re.escape(self.path[end : variable.start()])
            pattern += f"(?P<{variable[1]}>{'.+' if variable[2] else '[^/]+'})"
            end = variable.end()
        return re.compile(pattern + re.escape(self.path[end:]))


def read_routes(template: Template) -> tuple[Route, ...]:
    """The routes of all the template's HTTP APIs."""
    routes: list[Route] = []
    for properties in template.of_type("AWS::ApiGatewayV2::Api").values():
        for path, operations in properties["Body"]["paths"].items():
            for method, operation in operations.items():
                name = "ANY" if method == ANY_METHOD else method.upper()
                routes.append(Route(name, path, _function_of(path, operation)))
    return tuple(routes)


def select_route(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route that takes the request, with its path variables."""
    matches = [(route, variables) for route in routes if (variables := route.match(method, path)) is not None]
    return max(matches, key=lambda match: match[0].specificity, default=None)


def _function_of(path: str, operation: Mapping[str, Any]) -> str:
    integration = operation.get("x-amazon-apigateway-integration", {})
    uri = integration.get("uri", {}).get("Fn::Sub", "")
    found = _FUNCTION.search(uri)
    if integration.get("payloadFormatVersion") != "2.0" or found is None:
        raise TemplateError(f"the route {path} is not a function with payload format 2.0")
    return found[1]
