"""Settings from the environment: what is wrong is named, and nothing starts."""

from __future__ import annotations

import os

import pytest

from bridge.__main__ import main
from bridge.adapters.settings import load_settings, port_range


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"BRIDGE_TABEL": "x"}, "unknown settings: BRIDGE_TABEL"),
        ({"BRIDGE_TABLE": "x", "BRIDGE_SIP_PORT": "70000"}, "BRIDGE_SIP_PORT"),
        ({"BRIDGE_TABLE": "x", "BRIDGE_SIP_HOST": "0.0.0.0"}, "advertised_sip_host is needed"),
        ({"BRIDGE_TABLE": "x", "BRIDGE_RTP_PORTS": "9-1"}, "ascending"),
        ({"BRIDGE_TABLE": "x", "BRIDGE_DIGEST_KEY": "abcd"}, "at least 16 bytes"),
        (
            {"BRIDGE_TABLE": "x", "BRIDGE_HTTP_HOST": "0.0.0.0", "BRIDGE_CALL_ACCESS": "open"},
            "allowed only when http_host is a loopback address",
        ),
        ({"BRIDGE_TABLE": "x", "BRIDGE_SIP_TLS_PORT": "0"}, "tls_certificate and tls_key are needed"),
        ({"BRIDGE_TABLE": "x", "BRIDGE_SIP_HOST": "localhost"}, "BRIDGE_SIP_HOST"),
        ({"BRIDGE_TABLE": "x", "BRIDGE_CALL_ACCESS": "open"}, "call_application is needed"),
        ({}, "BRIDGE_TABLE: Field required"),
    ],
)
def test_wrong_settings_are_named(
    settings: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert main() == 2
    told = capsys.readouterr().err
    assert words in told
    assert "abcd" not in told


def test_lists_and_empty_values() -> None:
    settings = load_settings(
        {
            "BRIDGE_TABLE": "t",
            "BRIDGE_SIP_HOST": "127.0.0.1, ::1",
            "BRIDGE_CALLED_NUMBER_HEADERS": "Diversion,To",
            "BRIDGE_SIP_TCP_PORT": "",
            "HOME": "/nowhere",
        }
    )
    assert settings.sip_host == ("127.0.0.1", "::1")
    assert settings.called_number_headers == ("Diversion", "To")
    assert settings.sip_tcp_port is None
    assert settings.media_host == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "advertised", "complaint"),
    [
        ("192.0.2.1", "", "must be an IPv6 address"),
        ("media.example", "", "does not appear to be an IPv4 or IPv6 address"),
        ("::", "", "advertised_media_host_ipv6 is needed"),
        ("::", "2001:db8::1", ""),
        ("2001:db8::1", "", ""),
    ],
)
def test_ipv6_address_for_media(host: str, advertised: str, complaint: str) -> None:
    environment = {
        "BRIDGE_TABLE": "t",
        "BRIDGE_RTP_HOST_IPV6": host,
        "BRIDGE_ADVERTISED_MEDIA_HOST_IPV6": advertised,
    }
    if complaint:
        with pytest.raises(ValueError, match=complaint):
            load_settings(environment)
    else:
        assert load_settings(environment).rtp_host_ipv6 == host


def test_secrets_are_not_shown() -> None:
    key = "00112233445566778899aabbccddeeff"
    assert key not in repr(load_settings({"BRIDGE_TABLE": "t", "BRIDGE_DIGEST_KEY": key}))


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "a-b", "2-1", "1-70000", "1-2-3"])
def test_malformed_port_ranges(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        port_range(text)
