"""Requests that are refused before any operation: who asks, how, and with what body."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.control_plane import SIP, ServedControlPlane, server_token

TRUNK = {"name": "Main line", "numbers": ["+15551239999"]}


def assert_error(answer: httpx.Response, status: int, code: int) -> dict[str, Any]:
    """An `APIError` with every field that Stream's clients require."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, answer.text
    assert set(body) >= {"code", "message", "StatusCode", "duration", "more_info", "details"}
    assert (body["code"], body["StatusCode"], body["details"]) == (code, status, [])
    return body


def test_authentication_fails_alike(served: ServedControlPlane) -> None:
    """Whatever is wrong, the answer is the same but for its duration."""
    application = served.application
    secret = application.api_secret
    now = int(time.time())
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    unsigned = jwt.encode({}, "", algorithm="none")
    tokens = {
        "missing": None,
        "empty": "",
        "malformed": "not.a.token",
        "not a token": "x",
        "too long": "x" * 5000,
        "signed by another": jwt.encode({}, "y" * 64, algorithm="HS256"),
        "unsigned": unsigned,
        "another HMAC": jwt.encode({}, secret, algorithm="HS512"),
        "RS256": jwt.encode({}, private_key, algorithm="RS256"),
        "expired": jwt.encode({"exp": now - 60}, secret, algorithm="HS256"),
        "not valid yet": jwt.encode({"nbf": now + 600}, secret, algorithm="HS256"),
        "claims that are no object": jwt.encode({"exp": "tomorrow"}, secret, algorithm="HS256"),
    }
    answers = [
        httpx.get(
            f"{served.url}{SIP}/inbound_trunks",
            params={"api_key": application.api_key},
            headers={} if token is None else {"authorization": token},
        )
        for token in tokens.values()
    ]
    for key in ("unknown", "", "k" * 500, "DROP TABLE"):
        headers = {"authorization": server_token(application)}
        answers.append(
            httpx.get(f"{served.url}{SIP}/inbound_trunks", params={"api_key": key}, headers=headers)
        )
    answers.append(
        httpx.get(
            f"{served.url}{SIP}/inbound_trunks",
            params={"api_key": application.api_key},
            headers={"authorization": server_token(application), "stream-auth-type": "anonymous"},
        )
    )
    bodies = [assert_error(answer, 401, 5) for answer in answers]
    assert len({json.dumps({**body, "duration": ""}) for body in bodies}) == 1


def test_user_token_is_not_enough(served: ServedControlPlane) -> None:
    token = jwt.encode({"user_id": "somebody"}, served.application.api_secret, algorithm="HS256")
    answer = httpx.get(
        f"{served.url}{SIP}/inbound_trunks",
        params={"api_key": served.application.api_key},
        headers={"authorization": token},
    )
    assert_error(answer, 403, 17)


def test_bearer_and_small_clock_differences_are_taken(served: ServedControlPlane) -> None:
    token = jwt.encode({"iat": int(time.time()) + 5}, served.application.api_secret, algorithm="HS256")
    answer = httpx.get(
        f"{served.url}{SIP}/inbound_trunks",
        params={"api_key": served.application.api_key},
        headers={"authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/inbound_trunks", "GET, POST"),
        ("POST", "/inbound_trunks/x", "DELETE, GET, PUT"),
        ("GET", "/inbound_trunks/x/rotate_password", "POST"),
        ("DELETE", "/inbound_routing_rules", "GET, POST"),
        ("GET", "/resolve", "POST"),
        ("POST", "/calls", "GET"),
    ],
)
def test_method_not_allowed(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert_error(answer, 405, 4)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_document_and_the_console_are_only_read(served: ServedControlPlane, method: str) -> None:
    answer = httpx.request(method, f"{served.url}/openapi.json")
    assert_error(answer, 405, 4)
    assert answer.headers["allow"] == "GET, HEAD"
    for path in ("/console", "/console/console.js"):
        answer = httpx.request(method, f"{served.url}{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/openapi.json", "/console", "/console/console.js"])
def test_head_is_get_without_its_body(served: ServedControlPlane, path: str) -> None:
    asked, got = httpx.head(f"{served.url}{path}"), httpx.get(f"{served.url}{path}")
    assert (asked.status_code, got.status_code) == (200, 200)
    assert asked.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
    assert asked.content == b""


@pytest.mark.parametrize("path", ["/openapi.json/", "/openapi.jsonx", "/consoles", "/console/none.js"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_paths_beside_them_do_not_exist(served: ServedControlPlane, method: str, path: str) -> None:
    assert httpx.request(method, f"{served.url}{path}").status_code == 404


@pytest.mark.parametrize("path", ["/nothing", "/inbound_trunks/", "/inbound_trunks/a/b/c", "/calls/a/b"])
def test_unknown_path(client: httpx.Client, path: str) -> None:
    assert_error(client.get(path), 404, 16)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "\\ud800"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
)
def test_body_that_is_no_json_object(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/inbound_trunks", content=body, headers={"content-type": "application/json"})
    assert_error(answer, 400, 4)


def test_missing_and_mistyped_fields_are_all_named(client: httpx.Client) -> None:
    body = assert_error(client.post("/inbound_trunks", json={"password": 5, "numbers": [1, "2"]}), 400, 4)
    assert body["exception_fields"]["name"] == "is a required field"
    assert set(body["exception_fields"]) == {"name", "numbers[0]", "password"}


def test_errors_say_what_came_but_no_secret(client: httpx.Client) -> None:
    body = assert_error(client.post("/inbound_trunks", json={**TRUNK, "numbers": ["555"]}), 400, 4)
    assert "received '555'" in body["exception_fields"]["numbers[0]"]
    body = assert_error(client.post("/inbound_trunks", json={**TRUNK, "name": "n" * 300}), 400, 4)
    assert "(300 characters)" in body["exception_fields"]["name"]
    body = assert_error(client.post("/inbound_trunks", json={**TRUNK, "password": "hunter2" * 50}), 400, 4)
    assert "hunter2" not in json.dumps(body)


def test_oversized_body(client: httpx.Client) -> None:
    body = assert_error(client.post("/inbound_trunks", json={**TRUNK, "x": "y" * 65_536}), 413, 22)
    assert "65536" in body["message"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_unsupported_media_type(client: httpx.Client, content_type: str) -> None:
    answer = client.post("/inbound_trunks", content=json.dumps(TRUNK), headers={"content-type": content_type})
    assert_error(answer, 415, 4)
    assert answer.headers["accept"] == "application/json"


def test_number_of_another_application_is_not_told(served: ServedControlPlane, client: httpx.Client) -> None:
    from trunking.aws.applications import create_application

    other = create_application(served.deployment)
    params = {"api_key": other.api_key}
    headers = {"authorization": server_token(other)}
    theirs = httpx.post(
        f"{served.url}{SIP}/inbound_trunks", params=params, headers=headers, json=TRUNK
    ).json()
    body = assert_error(client.post("/inbound_trunks", json=TRUNK), 400, 4)
    assert "numbers" in body["exception_fields"]
    assert other.application_id not in json.dumps(body)
    assert theirs["sip_trunk"]["id"] not in json.dumps(body)
    for path in (f"/inbound_trunks/{theirs['sip_trunk']['id']}",):
        assert_error(client.get(path), 404, 16)
        assert_error(client.delete(path), 404, 16)
        assert_error(client.put(path, json={**TRUNK, "numbers": ["+15551239998"]}), 404, 16)
    asked = client.post("/auth", json={"sip_trunk_number": "+15551239999", "sip_caller_number": ""}).json()
    assert asked["auth_result"] == "no_trunk_found"


def test_trunk_in_use_is_not_deleted(client: httpx.Client) -> None:
    trunk = client.post("/inbound_trunks", json={"name": "t", "numbers": ["+15551239997"]}).json()[
        "sip_trunk"
    ]
    rule = client.post(
        "/inbound_routing_rules",
        json={
            "name": "The ward's rule",
            "trunk_ids": [trunk["id"]],
            "caller_configs": {"id": "phone"},
            "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
        },
    ).json()
    body = assert_error(client.delete(f"/inbound_trunks/{trunk['id']}"), 400, 4)
    assert "The ward's rule" in body["message"]
    assert client.delete(f"/inbound_routing_rules/{rule['id']}").status_code == 200
    assert client.delete(f"/inbound_trunks/{trunk['id']}").status_code == 200


def test_document_is_public(served: ServedControlPlane) -> None:
    document = httpx.get(f"{served.url}/openapi.json")
    assert document.status_code == 200
    assert document.json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9223372036854775808", "1" * 400])
def test_numbers_that_json_readers_cannot_take(client: httpx.Client, number: str) -> None:
    rule = json.dumps(
        {
            "name": "r",
            "trunk_ids": ["t"],
            "caller_configs": {"id": "phone", "custom_data": {"n": [0]}},
            "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
        }
    ).replace("[0]", f"[{number}]")
    answer = client.post("/inbound_routing_rules", content=rule, headers={"content-type": "application/json"})
    assert "caller_configs.custom_data" in assert_error(answer, 400, 4)["exception_fields"]


@pytest.mark.parametrize(
    "trunk_id", ["", "t" * 256, "t" * 2000, "\U0001f4de" * 255, "a\x00b", "../x", "{{uuid}}"]
)
def test_trunk_ids_that_nobody_has(client: httpx.Client, trunk_id: str) -> None:
    rule = {
        "name": "r",
        "trunk_ids": [trunk_id],
        "caller_configs": {"id": "phone"},
        "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
    }
    answer = client.post("/inbound_routing_rules", json=rule)
    assert "trunk_ids[0]" in assert_error(answer, 400, 4)["exception_fields"]


@pytest.mark.parametrize("subject", ["%F0%9F%93%9E" * 200, "a%00b", "..%2Fx", "%20"])
def test_path_ids_that_nobody_has(client: httpx.Client, subject: str) -> None:
    assert_error(client.get(f"/inbound_trunks/{subject}"), 404, 16)
