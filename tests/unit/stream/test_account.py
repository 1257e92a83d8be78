"""The account in an application's secret."""

from __future__ import annotations

import jwt
import pytest

from bridge.adapters.stream_application import (
    PRODUCTION_URL,
    InvalidStreamAccountError,
    StreamApplication,
    stream_application,
)

KEYS = {"stream_api_key": "key", "stream_api_secret": "a-secret-of-thirty-two-characters"}


def test_account_has_productions_addresses_unless_told_otherwise() -> None:
    found = stream_application({"api_key": "ours", "api_secret": "ours", **KEYS})
    assert found == StreamApplication("key", KEYS["stream_api_secret"], PRODUCTION_URL)
    assert found.coordinator_url == "wss://video.stream-io-api.com/api/v2/connect"


def test_application_without_stream_keys_has_no_account() -> None:
    assert stream_application({"api_key": "ours", "api_secret": "ours"}) is None


@pytest.mark.parametrize("missing", sorted(KEYS))
def test_half_an_account_is_refused(missing: str) -> None:
    with pytest.raises(InvalidStreamAccountError):
        stream_application({name: value for name, value in KEYS.items() if name != missing})


@pytest.mark.parametrize(
    "url", ["http://video.example.com", "ftp://127.0.0.1", "https://", "http://127.0.0.1.example.com", "x"]
)
def test_tokens_do_not_travel_in_clear(url: str) -> None:
    with pytest.raises(InvalidStreamAccountError) as caught:
        stream_application({**KEYS, "stream_base_url": url})
    assert KEYS["stream_api_secret"] not in str(caught.value)


def test_loopback_may_be_unencrypted() -> None:
    found = stream_application({**KEYS, "stream_base_url": "http://127.0.0.1:4000/"})
    assert found is not None
    assert (found.base_url, found.coordinator_url) == (
        "http://127.0.0.1:4000",
        "ws://127.0.0.1:4000/api/v2/connect",
    )


def test_unencrypted_websocket_is_refused() -> None:
    with pytest.raises(InvalidStreamAccountError):
        stream_application({**KEYS, "stream_websocket_url": "ws://video.example.com/api/v2/connect"})


def test_secret_is_not_shown() -> None:
    assert KEYS["stream_api_secret"] not in repr(stream_application(KEYS))


def test_server_token_is_signed_and_expires() -> None:
    found = stream_application(KEYS)
    assert found is not None
    claims = jwt.decode(
        found.server_token(1_000_000.0),
        KEYS["stream_api_secret"],
        algorithms=["HS256"],
        options={"verify_exp": False},
    )
    assert claims == {"server": True, "iat": 999_940, "exp": 1_003_600}
