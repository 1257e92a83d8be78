"""What a local run can be told: flags, or environment variables of the same names. Pure values and argparse.

`--sip-port` is `TRUNKLINE_LOCAL_SIP_PORT`, and so on; a flag wins over its variable.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_DIRECTORY = Path(".trunkline")


@dataclass(frozen=True)
class LocalSettings:
    """One local stack."""

    directory: Path = DEFAULT_DIRECTORY
    """Where state, logs and `local.json` are."""
    host: str = "127.0.0.1"
    """Address of the API, the console and the call page."""
    api_port: int = 8080
    call_port: int = 8081
    sip_host: str = "127.0.0.1"
    """Address that SIP and RTP are bound to."""
    sip_port: int = 5060
    public_host: str = ""
    """Address that phones are told to send to; empty: `sip_host`."""
    rtp_ports: str = "20000-20999"
    platform: str = "embedded"
    digest_algorithms: str = "MD5"
    """What trunks are challenged with. Many softphones abort at a challenge that they do not know, even
    beside one that they do; the demonstration's password is random and long enough for MD5."""
    fresh: bool = False
    """Forget the saved state."""
    stop_with_parent: bool = False

    @property
    def advertised_host(self) -> str:
        """The address in trunks' URIs, in Contact and in SDP."""
        return self.public_host or self.sip_host

    @property
    def ready_file(self) -> Path:
        """There while the stack runs: how to reach it, with its secrets."""
        return self.directory / "local.json"

    @property
    def state_file(self) -> Path:
        """The table and the secrets of the last run."""
        return self.directory / "state.json"


class SettingsError(Exception):
    """A flag or variable has a value that makes no sense; says which."""


def add_run_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str] = os.environ) -> None:
    """The flags of a run, with defaults from the environment."""
    defaults = LocalSettings()

    def add(flag: str, default: object, text: str, *, metavar: str) -> None:
        variable = "TRUNKLINE_LOCAL_" + flag.removeprefix("--").replace("-", "_").upper()
        parser.add_argument(
            flag,
            default=environment.get(variable, str(default)),
            metavar=metavar,
            help=f"{text} (default {default or 'none'}; or {variable})",
        )

    add("--directory", defaults.directory, "state, logs and local.json", metavar="PATH")
    add("--host", defaults.host, "address of the API, the console and the call page", metavar="ADDRESS")
    add("--api-port", defaults.api_port, "TCP port of the API and the console; 0: any", metavar="PORT")
    add("--call-port", defaults.call_port, "TCP port of the call page; 0: any", metavar="PORT")
    add("--sip-host", defaults.sip_host, "address that SIP and RTP are bound to", metavar="ADDRESS")
    add("--sip-port", defaults.sip_port, "UDP and TCP port of SIP; 0: any", metavar="PORT")
    add(
        "--public-host",
        defaults.public_host,
        "address that carriers reach this machine by",
        metavar="ADDRESS",
    )
    add("--rtp-ports", defaults.rtp_ports, "UDP ports of RTP; 0: any", metavar="LOW-HIGH")
    add("--platform", defaults.platform, "where calls live: embedded or stream", metavar="NAME")
    add(
        "--digest-algorithms",
        defaults.digest_algorithms,
        "challenges to phones: MD5, SHA-256, SHA-512-256, separated by commas",
        metavar="NAMES",
    )
    parser.add_argument("--fresh", action="store_true", help="forget trunks, rules and calls of earlier runs")
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop when the program that started this one ends"
    )


def read_settings(arguments: argparse.Namespace) -> LocalSettings:
    """The settings of parsed arguments; raises `SettingsError`."""
    if arguments.platform not in ("embedded", "stream"):
        raise SettingsError(f"--platform has to be embedded or stream, not {arguments.platform!r}")
    if arguments.sip_host in ("0.0.0.0", "::") and not arguments.public_host:  # noqa: S104 - refused here
        raise SettingsError(
            f"--sip-host {arguments.sip_host} needs --public-host: the address that phones send to"
        )
    return LocalSettings(
        directory=Path(arguments.directory).absolute(),
        host=arguments.host,
        api_port=_port("--api-port", arguments.api_port),
        call_port=_port("--call-port", arguments.call_port),
        sip_host=arguments.sip_host,
        sip_port=_port("--sip-port", arguments.sip_port),
        public_host=arguments.public_host,
        rtp_ports=_port_range("--rtp-ports", arguments.rtp_ports),
        platform=arguments.platform,
        digest_algorithms=arguments.digest_algorithms,
        fresh=arguments.fresh,
        stop_with_parent=arguments.stop_with_parent,
    )


def _port(flag: str, text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise SettingsError(f"{flag} has to be a port, 0 to 65535, not {text!r}")
    return int(text)


def _port_range(flag: str, text: str) -> str:
    if text == "0":
        return "0-0"
    low, separator, high = text.partition("-")
    if not separator or _port(flag, low) >= _port(flag, high):
        raise SettingsError(f"{flag} has to be two ports, such as 20000-20999, not {text!r}")
    return text
