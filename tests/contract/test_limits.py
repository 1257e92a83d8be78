"""Every limit of the contract, at both of its edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

NUMBERS = [f"+1555123{index:04}" for index in range(100, 200)]
ADDRESSES = [f"192.0.2.{index}" for index in range(100)]


@pytest.fixture(scope="module")
def trunks(client: httpx.Client) -> Iterator[list[str]]:
    """Many trunks for rules to list."""
    made = [
        client.post("/inbound_trunks", json={"name": f"trunk {index}", "numbers": [f"+1555124{index:04}"]})
        for index in range(50)
    ]
    ids = [answer.json()["sip_trunk"]["id"] for answer in made]
    yield ids
    for trunk_id in ids:
        assert client.delete(f"/inbound_trunks/{trunk_id}").status_code == 200


def trunk(**changes: Any) -> dict[str, Any]:
    """A request for a trunk."""
    return {"name": "Main line", "numbers": NUMBERS[:1], **changes}


def rule(**changes: Any) -> dict[str, Any]:
    """A request for a rule; `T` stands for a trunk's id."""
    return {
        "name": "To the ward",
        "trunk_ids": 1,
        "caller_configs": {"id": "phone"},
        "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
        **changes,
    }


def pin_rule(**changes: Any) -> dict[str, Any]:
    """A request for a rule with PIN routing."""
    made = rule(pin_routing_configs=changes)
    del made["direct_routing_configs"]
    return made


def protected(**changes: Any) -> dict[str, Any]:
    """A request for a rule with PIN protection."""
    return rule(pin_protection_configs={"enabled": True, **changes})


TRUNK_EDGES = [
    ("name", trunk(name="n"), trunk(name="")),
    ("name", trunk(name="n" * 100), trunk(name="n" * 101)),
    ("name", trunk(name="Zürich 📞"), trunk(name="line\nbreak")),
    ("numbers", trunk(numbers=NUMBERS[:1]), trunk(numbers=[])),
    ("numbers", trunk(numbers=NUMBERS[:50]), trunk(numbers=NUMBERS[:51])),
    ("numbers", trunk(), trunk(numbers=[NUMBERS[0], NUMBERS[0]])),
    ("numbers[0]", trunk(), trunk(numbers=["5551230001"])),
    ("numbers[0]", trunk(), trunk(numbers=["+1 555 123 0001"])),
    ("numbers[1]", trunk(), trunk(numbers=[NUMBERS[0], "+15551230001234567"])),
    ("allowed_ips", trunk(allowed_ips=ADDRESSES[:50]), trunk(allowed_ips=ADDRESSES[:51])),
    ("allowed_ips[0]", trunk(allowed_ips=["2001:db8::/32"]), trunk(allowed_ips=["2001:db8::1/32"])),
    ("allowed_ips[0]", trunk(allowed_ips=["192.0.2.0/24"]), trunk(allowed_ips=["carrier.example.com"])),
    ("password", trunk(password="p" * 255), trunk(password="p" * 256)),
    ("max_concurrent_calls", trunk(max_concurrent_calls=0), trunk(max_concurrent_calls=-1)),
    ("max_calls_per_second", trunk(max_calls_per_second=0.5), trunk(max_calls_per_second=0)),
    ("country", trunk(country="CH"), trunk(country="ZZ")),
    ("enabled", trunk(enabled=False), trunk(enabled="yes")),
]
RULE_EDGES = [
    ("name", rule(name="n" * 100), rule(name="n" * 101)),
    ("name", rule(name="n"), rule(name="")),
    ("trunk_ids", rule(trunk_ids=50), rule(trunk_ids=51)),
    ("trunk_ids", rule(trunk_ids=1), rule(trunk_ids=0)),
    ("called_numbers", rule(called_numbers=NUMBERS[:50]), rule(called_numbers=NUMBERS[:51])),
    ("caller_numbers", rule(caller_numbers=NUMBERS[:50]), rule(caller_numbers=NUMBERS[:51])),
    ("called_numbers[0]", rule(called_numbers=["+1212*"]), rule(called_numbers=["1212*"])),
    ("caller_numbers[0]", rule(caller_numbers=["+1212*"]), rule(caller_numbers=["+12*12"])),
    ("caller_configs.id", rule(caller_configs={"id": "c" * 255}), rule(caller_configs={"id": "c" * 256})),
    ("caller_configs.id", rule(), rule(caller_configs={"id": ""})),
    (
        "direct_routing_configs.call_type",
        rule(direct_routing_configs={"call_type": "t" * 100, "call_id": "c"}),
        rule(direct_routing_configs={"call_type": "t" * 101, "call_id": "c"}),
    ),
    (
        "direct_routing_configs.call_id",
        rule(direct_routing_configs={"call_type": "default", "call_id": "c" * 255}),
        rule(direct_routing_configs={"call_type": "default", "call_id": "c" * 256}),
    ),
    ("pin_protection_configs.default_pin", protected(default_pin="1" * 3), protected(default_pin="1" * 2)),
    ("pin_protection_configs.default_pin", protected(default_pin="1" * 20), protected(default_pin="1" * 21)),
    ("pin_protection_configs.default_pin", protected(default_pin="0123"), protected(default_pin="abcd")),
    ("pin_protection_configs.max_attempts", protected(max_attempts=1), protected(max_attempts=0)),
    ("pin_protection_configs.max_attempts", protected(max_attempts=10), protected(max_attempts=11)),
    (
        "pin_protection_configs.required_pin_digits",
        protected(required_pin_digits=3),
        protected(required_pin_digits=2),
    ),
    (
        "pin_protection_configs.required_pin_digits",
        protected(required_pin_digits=10),
        protected(required_pin_digits=11),
    ),
    *(
        (f"pin_routing_configs.{prompt}", pin_rule(**{prompt: "p" * 500}), pin_rule(**{prompt: "p" * 501}))
        for prompt in ("pin_prompt", "pin_success_prompt", "pin_failed_attempt_prompt", "pin_hangup_prompt")
    ),
    (
        "pin_routing_configs.custom_webhook_url",
        pin_rule(custom_webhook_url="https://example.com/" + "w" * 2028),
        pin_rule(custom_webhook_url="https://example.com/" + "w" * 2029),
    ),
    (
        "pin_routing_configs.custom_webhook_url",
        pin_rule(custom_webhook_url="https://example.com:8443/pin"),
        pin_rule(custom_webhook_url="http://example.com/pin"),
    ),
    ("direct_routing_configs", rule(), rule(pin_routing_configs={})),
    ("pin_routing_configs", pin_rule(), {**pin_rule(), "pin_routing_configs": None}),
]


@pytest.mark.parametrize(("field", "inside", "outside"), TRUNK_EDGES)
def test_trunk_limit(
    client: httpx.Client, field: str, inside: dict[str, Any], outside: dict[str, Any]
) -> None:
    made = client.post("/inbound_trunks", json=inside)
    assert made.status_code == 201, made.text
    trunk_id = made.json()["sip_trunk"]["id"]
    assert client.delete(f"/inbound_trunks/{trunk_id}").status_code == 200
    assert_refused(client.post("/inbound_trunks", json=outside), field)


@pytest.mark.parametrize(("field", "inside", "outside"), RULE_EDGES)
def test_rule_limit(
    client: httpx.Client, trunks: list[str], field: str, inside: dict[str, Any], outside: dict[str, Any]
) -> None:
    made = client.post("/inbound_routing_rules", json=_with_trunks(inside, trunks))
    assert made.status_code == 201, made.text
    assert client.delete(f"/inbound_routing_rules/{made.json()['id']}").status_code == 200
    assert_refused(client.post("/inbound_routing_rules", json=_with_trunks(outside, trunks)), field)


def test_path_id_limit(client: httpx.Client) -> None:
    assert client.delete("/inbound_trunks/" + "i" * 255).status_code == 404
    assert_refused(client.delete("/inbound_trunks/" + "i" * 256), "id")


def test_routing_number_limit(client: httpx.Client) -> None:
    numbers = {"sip_trunk_number": "+15550009999", "sip_caller_number": ""}
    for digits in ("123", "1" * 12):
        assert client.post("/resolve", json={**numbers, "routing_number": digits}).status_code == 404
    for digits in ("12", "1" * 13):
        assert_refused(client.post("/resolve", json={**numbers, "routing_number": digits}), "routing_number")


def test_unknown_trunk_is_named(client: httpx.Client, trunks: list[str]) -> None:
    request = {**rule(), "trunk_ids": [trunks[0], "no-such-trunk"]}
    answer = client.post("/inbound_routing_rules", json=request)
    assert_refused(answer, "trunk_ids[1]")
    assert "no-such-trunk" in answer.json()["message"]
    assert client.get("/inbound_routing_rules").json()["sip_inbound_routing_rules"] == []


def assert_refused(answer: httpx.Response, field: str) -> None:
    """400 in Stream's shape, with this field's reason."""
    body = answer.json()
    assert answer.status_code == 400, answer.text
    assert (body["code"], body["StatusCode"]) == (4, 400)
    assert field in body["exception_fields"], body
    assert body["duration"].endswith("ms")


def _with_trunks(request: dict[str, Any], trunks: list[str]) -> dict[str, Any]:
    return {**request, "trunk_ids": [*trunks, "one more"][: request["trunk_ids"]]}
