"""Payload-v2 events out of HTTP requests, and HTTP responses out of what handlers return."""

from __future__ import annotations

import json

import pytest

from local.gateway.http_event import HttpRequest, InvalidAnswerError, event_of, response_of
from local.gateway.routes import Route

ROUTE = Route("ANY", "/trunks/{id}", "Trunk")


def request(**changes: object) -> HttpRequest:
    """A request with some fields changed."""
    fields: dict[str, object] = {
        "method": "PUT",
        "path": "/trunks/7",
        "query": "",
        "headers": (),
        "body": b"",
        "source_ip": "127.0.0.1",
        **changes,
    }
    return HttpRequest(**fields)  # type: ignore[arg-type]


def test_headers_are_lower_case_and_repeated_ones_joined() -> None:
    event = event_of(request(headers=[("X-A", "1"), ("x-a", "2"), ("Host", "h")]), ROUTE, {"id": "7"})
    assert event["headers"] == {"x-a": "1,2", "host": "h"}
    assert event["requestContext"]["domainName"] == "h"
    assert event["routeKey"] == "ANY /trunks/{id}"
    assert event["pathParameters"] == {"id": "7"}
    assert event["requestContext"]["http"]["method"] == "PUT"


def test_cookies_are_apart_from_headers() -> None:
    event = event_of(request(headers=[("Cookie", "a=1; b=2"), ("cookie", "c=3")]), ROUTE, {})
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in event["headers"]


def test_the_query_is_given_raw_and_parsed() -> None:
    event = event_of(request(query="a=1&a=2&b=%2B15&c="), ROUTE, {})
    assert event["rawQueryString"] == "a=1&a=2&b=%2B15&c="
    assert event["queryStringParameters"] == {"a": "1,2", "b": "+15", "c": ""}


def test_what_a_request_has_not_is_not_in_the_event() -> None:
    event = event_of(request(), ROUTE, {})
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & event.keys()


@pytest.mark.parametrize(
    ("content_type", "body", "expected", "encoded"),
    [
        ("application/json; charset=utf-8", b'{"a":1}', '{"a":1}', False),
        ("application/json", b"\xff\xfe", "//4=", True),
        ("application/octet-stream", b"abc", "YWJj", True),
        ("", "ä".encode(), "ä", False),
    ],
)
def test_text_bodies_are_text_and_others_base64(
    content_type: str, body: bytes, expected: str, encoded: bool
) -> None:
    event = event_of(request(headers=[("content-type", content_type)], body=body), ROUTE, {})
    assert (event["body"], event["isBase64Encoded"]) == (expected, encoded)


def test_a_full_answer_becomes_a_response() -> None:
    response = response_of(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "text/plain"},
            "multiValueHeaders": {"X-A": ["1", "2"]},
            "cookies": ["a=1"],
            "body": "aGk=",
            "isBase64Encoded": True,
        }
    )
    assert response.status == 201
    assert response.body == b"hi"
    assert list(response.headers) == [
        ("content-type", "text/plain"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("set-cookie", "a=1"),
    ]


def test_any_other_value_is_the_body_of_a_200() -> None:
    response = response_of({"hello": "world"})
    assert (response.status, json.loads(response.body)) == (200, {"hello": "world"})


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "x"},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
    ],
)
def test_what_api_gateway_would_not_take_is_an_error(answer: dict[str, object]) -> None:
    with pytest.raises(InvalidAnswerError):
        response_of(answer)
