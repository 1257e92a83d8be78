"""The bridge's settings, from environment variables with the prefix `BRIDGE_`. Unknown ones are refused.

Everything listens on 127.0.0.1 unless told otherwise. `docs/operations.md` describes each setting for
operators.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bridge.sip.digest import STRENGTH

PREFIX = "BRIDGE_"
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Names = Annotated[tuple[str, ...], NoDecode]


class UnknownSettingsError(ValueError):
    """An environment variable with our prefix that no setting has: a typing error, most often."""


class BridgeSettings(BaseSettings):
    """One bridge. Ports may be 0: the system chooses, and the ready file tells."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    id: str = Field(default_factory=lambda: f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:8]}")
    """Names this bridge in records, events and `GET sip/bridges`."""

    # The control plane
    table: str
    bus: str = "trunkline"
    secret_prefix: str = "trunkline/"  # noqa: S105 - the beginning of secrets' names
    events_queue_url: str = ""
    """This bridge's own SQS queue; empty: the table is only reconciled."""
    events_topic_arn: str = ""
    """In AWS: the SNS topic that the bridge subscribes its own new queue to."""
    events_queue_prefix: str = "trunkline-bridge-"
    """Begins the name of that queue; the janitor removes what crashed bridges left, by this prefix."""
    reconcile_seconds: Seconds = 45.0

    # SIP
    sip_host: Names = ("127.0.0.1",)
    """Addresses to listen on, separated by commas; IPv6 ones without brackets."""
    sip_port: Port = 5060
    sip_direct_port: Port | None = None
    """A second UDP port, which Contact names: behind a load balancer, in-dialog requests come past it, and a
    load balancer mistakes them for its own flows when they come to the port that it sends to."""
    sip_tcp_port: Port | None = None
    """TCP is served when this is set."""
    sip_tls_port: Port | None = None
    """TLS is served when this is set, with `tls_certificate` and `tls_key`."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_authorities: Path | None = None
    """Peers have to show a certificate that one of these authorities signed."""
    advertised_sip_host: str = ""
    """Host in Contact and Via; needed when listening on a wildcard address. `auto`: the ECS task's own."""
    advertised_sip_host_ipv6: str = ""
    advertised_sip_port: Port = 0
    """Port in Contact for UDP; 0: the one listened on. TCP and TLS likewise."""
    advertised_sip_tcp_port: Port = 0
    advertised_sip_tls_port: Port = 0
    sip_connections: Annotated[int, Field(ge=1)] = 5000
    sip_connections_per_source: Annotated[int, Field(ge=1)] = 100
    sip_idle_seconds: Seconds = 900.0
    """A connection without a byte for this long, and without a call, is closed."""
    sip_message_seconds: Seconds = 20.0
    """A connection that takes longer for one message is closed."""
    sip_first_message_seconds: Seconds = 60.0
    """A connection without a first message for so long is closed."""
    called_number_headers: Names = ()
    """Looked at before the Request-URI: `To`, `Diversion`, `P-Called-Party-ID`."""

    # Authentication and limits
    digest_realm: str = "trunkline"
    digest_algorithms: Names = ("SHA-512-256", "SHA-256", "MD5")
    """Offered in this order, and taken. For peers that read only the first challenge: `MD5`, or MD5 first."""
    digest_key: SecretStr | None = None
    """Signs nonces; 32 hexadecimal bytes shared by bridges behind one address. None: a random one."""
    unknown_callers: Literal["reply", "drop"] = "reply"
    max_calls: Annotated[int, Field(ge=1)] = 500
    max_calls_per_source: Annotated[int, Field(ge=1)] = 200
    max_calls_per_second_per_source: Annotated[float, Field(gt=0)] = 50.0
    scanner_challenges: Annotated[float, Field(ge=1)] = 60.0
    scanner_failures: Annotated[float, Field(ge=1)] = 15.0
    scanner_shun_seconds: Seconds = 60.0
    setup_seconds: Seconds = 30.0
    report_seconds: Seconds = 10.0
    """How long a stopping bridge tries to get its last records and events out."""
    quality_seconds: Annotated[float, Field(ge=0, le=300)] = 10.0
    """How often the quality of each running call is measured and shown; 0: only when it has ended."""
    prompts: Literal["answered", "early"] = "answered"
    """When a PIN is asked for: after the answer, or before it over early media (183), which saves the caller
    the charge of a call that does not get in, where the carrier passes digits on before the answer."""
    max_call_seconds: Seconds = 86_400.0
    drain_seconds: Seconds = 100.0
    """After SIGTERM calls may go on for so long. With `report_seconds` it has to fit into the stopTimeout."""

    # Media
    rtp_host: str = "127.0.0.1"
    rtp_ports: str = "0-0"
    """`first-last`; 0-0: the system chooses."""
    advertised_media_host: str = ""
    """Host in SDP; needed when `rtp_host` is a wildcard address. `auto`: the ECS task's own."""
    rtp_host_ipv6: str = ""
    """Where phones whose SDP names IPv6 addresses are met; empty: their calls get 488."""
    advertised_media_host_ipv6: str = ""
    media_workers: Annotated[int, Field(ge=0, le=64)] = 0
    """Worker processes for media; 0: media runs in the signalling process."""
    media_initial_seconds: Seconds = 30.0
    media_running_seconds: Seconds = 15.0
    srtp: Literal["offered", "off"] = "offered"
    """`offered`: SRTP where the peer offers it; `off`: such offers are refused."""

    # Call platform and HTTP
    platform: Literal["embedded", "stream"] = "embedded"
    stream_join_seconds: Seconds = 10.0
    """How long Stream may take to let a phone join; then the caller gets 503."""
    stream_reconnect_seconds: Seconds = 20.0
    """How long a lost connection to Stream's SFU may take to come back before the call ends."""
    stream_sample_rate: Literal[8000, 16000] = 8000
    """Hz between phone and Stream; 16000 is worth its cost where phones use G.722 or Opus."""
    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    call_access: Literal["open", "token", "off"] = "off"
    call_application: str = ""
    """With `call_access=open`: the application whose calls the page shows."""
    webrtc_ports: str = "0-0"
    ready_file: Path | None = None
    embedded_metrics: bool = False
    """Also write the load as CloudWatch embedded metrics, for the service to scale on."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("sip_host", "called_number_headers", "digest_algorithms", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("sip_host")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            ip_address(host)
        return value

    @field_validator("digest_algorithms")
    @classmethod
    def _algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.upper() for name in value)
        if not names or len(set(names)) != len(names) or not set(names) <= set(STRENGTH):
            raise ValueError(f"must be some of {', '.join(STRENGTH)}, each once")
        return names

    @field_validator("quality_seconds")
    @classmethod
    def _quality_period(cls, value: float) -> float:
        if 0 < value < 1:
            raise ValueError("must be 0 or at least 1")
        return value

    @field_validator("rtp_ports", "webrtc_ports")
    @classmethod
    def _range(cls, value: str) -> str:
        port_range(value)
        return value

    @field_validator("digest_key")
    @classmethod
    def _key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(bytes.fromhex(value.get_secret_value())) < 16:
            raise ValueError("must be at least 16 bytes in hexadecimal digits")
        return value

    @model_validator(mode="after")
    def _advertised(self) -> Self:
        wildcards = [host for host in self.sip_host if ip_address(host).is_unspecified]
        if wildcards and not self.advertised_sip_host:
            raise ValueError("advertised_sip_host is needed when sip_host is a wildcard address")
        if ip_address(self.rtp_host).is_unspecified and not self.advertised_media_host:
            raise ValueError("advertised_media_host is needed when rtp_host is a wildcard address")
        if self.rtp_host_ipv6:
            if not isinstance(address := ip_address(self.rtp_host_ipv6), IPv6Address):
                raise ValueError("rtp_host_ipv6 must be an IPv6 address")
            if address.is_unspecified and not self.advertised_media_host_ipv6:
                raise ValueError(
                    "advertised_media_host_ipv6 is needed when rtp_host_ipv6 is a wildcard address"
                )
        if self.sip_tls_port is not None and (self.tls_certificate is None or self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are needed when sip_tls_port is set")
        if self.call_access == "open" and not ip_address(self.http_host).is_loopback:
            raise ValueError("call_access=open is allowed only when http_host is a loopback address")
        if self.call_access == "open" and not self.call_application:
            raise ValueError("call_application is needed with call_access=open")
        return self

    @property
    def media_host(self) -> str:
        """The host in SDP."""
        return self.advertised_media_host or self.rtp_host


def load_settings(environment: Mapping[str, str] | None = None) -> BridgeSettings:
    """Read the settings. Raises `UnknownSettingsError`, or pydantic's `ValidationError` with every fault."""
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in environment.items() if name.upper().startswith(PREFIX)}
    known = {PREFIX + name.upper() for name in BridgeSettings.model_fields}
    unknown = sorted(name for name in given if name.upper() not in known)
    if unknown:
        raise UnknownSettingsError(f"unknown settings: {', '.join(unknown)}")
    values = {name[len(PREFIX) :].lower(): value for name, value in given.items()}
    return BridgeSettings.model_validate({name: value for name, value in values.items() if value != ""})


def port_range(text: str) -> tuple[int, int]:
    """`first-last` as numbers; raises `ValueError`."""
    first_text, separator, last_text = text.partition("-")
    if not separator or not first_text.isdigit() or not last_text.isdigit():
        raise ValueError("must be first-last")
    first, last = int(first_text), int(last_text)
    if not 0 <= first <= last <= 65_535:
        raise ValueError("must be an ascending range of ports")
    return first, last
