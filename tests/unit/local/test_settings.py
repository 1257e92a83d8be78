"""Flags and environment variables of a local run."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from local.settings import LocalSettings, SettingsError, add_run_arguments, read_settings


def parse(*arguments: str, **environment: str) -> LocalSettings:
    """The settings of a command line in an environment."""
    parser = argparse.ArgumentParser()
    add_run_arguments(parser, environment)
    return read_settings(parser.parse_args(arguments))


def test_without_flags_everything_is_on_loopback() -> None:
    settings = parse()
    assert (settings.host, settings.sip_host, settings.advertised_host) == ("127.0.0.1",) * 3
    assert settings.directory == Path(".trunkline").absolute()


def test_a_flag_wins_over_its_variable() -> None:
    assert parse(TRUNKLINE_LOCAL_SIP_PORT="5080").sip_port == 5080
    assert parse("--sip-port", "5090", TRUNKLINE_LOCAL_SIP_PORT="5080").sip_port == 5090


def test_a_public_address_is_advertised() -> None:
    settings = parse("--sip-host", "0.0.0.0", "--public-host", "192.0.2.1")
    assert settings.advertised_host == "192.0.2.1"


def test_any_rtp_port_is_zero() -> None:
    assert parse("--rtp-ports", "0").rtp_ports == "0-0"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--sip-port", "70000"), "--sip-port"),
        (("--api-port", "http"), "--api-port"),
        (("--rtp-ports", "3000-2000"), "--rtp-ports"),
        (("--rtp-ports", "3000"), "--rtp-ports"),
        (("--platform", "skype"), "--platform"),
        (("--sip-host", "0.0.0.0"), "--public-host"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(arguments: tuple[str, ...], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        parse(*arguments)
