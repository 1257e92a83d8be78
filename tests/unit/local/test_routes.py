"""Which route of the HTTP API takes a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.aws.template import load_template
from local.gateway.routes import Route, read_routes, select_route

ROUTES = (
    Route("ANY", "$default", "Unknown"),
    Route("GET", "/console/{proxy+}", "ConsoleBelow"),
    Route("GET", "/console", "Console"),
    Route("ANY", "/trunks/{id}", "Trunk"),
    Route("DELETE", "/trunks/{id}", "DeleteTrunk"),
    Route("ANY", "/trunks/all", "AllTrunks"),
    Route("ANY", "/trunks/{id}/rotate", "Rotate"),
)


@pytest.mark.parametrize(
    ("method", "path", "function", "variables"),
    [
        ("GET", "/console", "Console", {}),
        ("GET", "/console/app.js", "ConsoleBelow", {"proxy": "app.js"}),
        ("GET", "/console/a/b", "ConsoleBelow", {"proxy": "a/b"}),
        ("POST", "/console", "Unknown", {}),
        ("GET", "/trunks/7", "Trunk", {"id": "7"}),
        ("DELETE", "/trunks/7", "DeleteTrunk", {"id": "7"}),
        ("GET", "/trunks/all", "AllTrunks", {}),
        ("DELETE", "/trunks/all", "AllTrunks", {}),
        ("POST", "/trunks/7/rotate", "Rotate", {"id": "7"}),
        ("GET", "/trunks/", "Unknown", {}),
        ("GET", "/trunks/7/8", "Unknown", {}),
    ],
)
def test_the_most_specific_route_takes_the_request(
    method: str, path: str, function: str, variables: dict[str, str]
) -> None:
    selected = select_route(ROUTES, method, path)
    assert selected is not None
    assert (selected[0].function, selected[1]) == (function, variables)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/4", "ANY /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        ("GET", "/test/5", "GET /{proxy+}"),
        ("POST", "/", "$default"),
    ],
)
def test_a_longer_text_before_a_greedy_variable_is_more_specific(method: str, path: str, key: str) -> None:
    routes = (
        Route("ANY", "$default", "f"),
        Route("GET", "/{proxy+}", "f"),
        Route("ANY", "/{proxy+}", "f"),
        Route("ANY", "/pets/{proxy+}", "f"),
        Route("GET", "/pets/dog/{id}", "f"),
        Route("GET", "/pets/dog/1", "f"),
    )
    selected = select_route(routes, method, path)
    assert selected is not None
    assert selected[0].key == key


def test_without_a_default_route_nothing_takes_an_unknown_path() -> None:
    assert select_route(ROUTES[1:], "GET", "/nowhere") is None


def test_a_dot_in_a_path_is_a_dot() -> None:
    routes = (Route("ANY", "/openapi.json", "Document"),)
    assert select_route(routes, "GET", "/openapiXjson") is None
    assert select_route(routes, "GET", "/openapi.json") is not None


def test_the_template_has_the_routes_of_the_api() -> None:
    routes = read_routes(load_template(Path("template.yaml")))
    selected = select_route(routes, "POST", "/api/v2/video/sip/inbound_trunks")
    assert selected is not None
    assert selected[0].function == "TrunksApi"
    assert selected[0].key == "ANY /api/v2/video/sip/inbound_trunks"
