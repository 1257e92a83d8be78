"""Coverage-guided fuzzing of the SIP core with atheris: messages, streams, descriptions, credentials.

Run: `PYTHONPATH=bridge_container:. python -m tests.fuzz.sip_core [corpus folder] [libFuzzer options]`, for
example `-runs=5000000 -max_len=65536`. The seeds are the vectors of the unit tests. The first byte of an
input chooses what is fed; the environment variable SIP_FUZZ_TARGETS (names with commas, such as
`round_trip,offer`) narrows the choice. A finding is any exception, or bytes of ours that cannot be read back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["bridge.sip"]):
    from bridge.sip.digest import DigestAuthenticator
    from bridge.sip.endpoint import EndpointSettings, SipEndpoint, Transmission
    from bridge.sip.errors import RemoteProtocolError
    from bridge.sip.events import InviteReceived, ReinviteReceived
    from bridge.sip.flow import Flow, Transport
    from bridge.sip.message import SipRequest
    from bridge.sip.negotiated_media import LocalMedia, MediaCapabilities, NegotiatedMedia
    from bridge.sip.offer_answer import accept_answer, answer_offer, make_offer
    from bridge.sip.parser import parse_datagram

SEEDS = Path(__file__).parents[1] / "unit" / "sip" / "vectors"
INVITE = (SEEDS / "invite_plain.sip").read_bytes()
ACK = (SEEDS / "ack.sip").read_bytes()
SETTINGS = EndpointSettings(dict.fromkeys(Transport, ("192.0.2.1", 5060)))
UDP = Flow(Transport.UDP, "192.0.2.1", 5060, "198.51.100.7", 5060)
TCP = Flow(Transport.TCP, "192.0.2.1", 5060, "198.51.100.7", 40000, 1)
CAPABILITIES = MediaCapabilities(codecs=("opus", "G722", "PCMU", "PCMA"))
AUTHENTICATOR = DigestAuthenticator("trunkline", bytes(32))


def _entropy(size: int) -> bytes:
    return bytes(size)


LOCAL = LocalMedia("192.0.2.2", 20000, _entropy)


def _check(transmissions: list[Transmission]) -> None:
    """What we send can be read back, and nothing that came in has added a line to it."""
    for transmission in transmissions:
        if transmission.data.strip(b"\r\n"):
            parse_datagram(transmission.data).headers.all("Via")


def _decide(endpoint: SipEndpoint, choice: int) -> None:
    for event in endpoint.take_events():
        if isinstance(event, InviteReceived):
            AUTHENTICATOR.verify(event.request, ["secret"], 1.0)
            if choice & 1:
                endpoint.ring(event.call, 1.0, b"v=0\r\n")
            if choice & 2:
                endpoint.answer(event.call, b"v=0\r\n", 1.0)
            elif choice & 4:
                endpoint.challenge(event.call, AUTHENTICATOR.challenges(1.0), 1.0)
            endpoint.hang_up(event.call, 1.0, str(event.request.header("Subject")))
        elif isinstance(event, ReinviteReceived):
            endpoint.accept_reinvite(event.call, event.offer, 1.0)


def _run(endpoint: SipEndpoint, choice: int) -> None:
    _decide(endpoint, choice)
    _check(endpoint.take_transmissions())
    endpoint.handle_timers(10.0)
    endpoint.handle_timers(100.0)
    _check(endpoint.take_transmissions())


def fuzz_datagram(data: bytes) -> None:
    """One datagram, the decisions that it leads to, and its timers."""
    endpoint = SipEndpoint(SETTINGS, _entropy)
    endpoint.receive_datagram(data[1:], UDP, 0.0)
    _run(endpoint, data[0])


def fuzz_dialog(data: bytes) -> None:
    """A datagram to a call that is established: with all-zero entropy its tag is the vectors'."""
    endpoint = SipEndpoint(SETTINGS, _entropy)
    endpoint.receive_datagram(INVITE, UDP, 0.0)
    (invited,) = endpoint.take_events()
    if not isinstance(invited, InviteReceived):
        raise AssertionError("the vector opens no call")
    endpoint.answer(invited.call, b"v=0\r\n", 0.0)
    endpoint.receive_datagram(ACK, UDP, 0.1)
    if data[0] & 16:
        endpoint.transfer(invited.call, "sip:+15551239999@example.com", 0.2)
    endpoint.receive_datagram(data[1:], UDP, 0.3)
    _run(endpoint, data[0])


def fuzz_stream(data: bytes) -> None:
    """A connection whose bytes come in two pieces."""
    endpoint = SipEndpoint(SETTINGS, _entropy)
    middle = data[0] * len(data) // 256
    for piece in (data[1:middle], data[max(1, middle) :]):
        endpoint.receive_stream(piece, TCP, 0.0)
        _decide(endpoint, data[0])
    endpoint.connection_lost(TCP, 1.0)
    _run(endpoint, data[0])


def fuzz_round_trip(data: bytes) -> None:
    """What is parsed prints as something that parses to the same."""
    try:
        message = parse_datagram(data[1:])
    except RemoteProtocolError:
        return
    if parse_datagram(message.serialise()) != message:
        raise AssertionError("the printed message is another one")
    if isinstance(message, SipRequest):
        AUTHENTICATOR.username(message)


def fuzz_offer(data: bytes) -> None:
    """An offer, its answer, and the same description as an answer to ours."""
    agreed = answer_offer(data[1:], CAPABILITIES, LOCAL)
    if isinstance(agreed, NegotiatedMedia):
        again = answer_offer(data[1:], CAPABILITIES, LOCAL, agreed)
        if not isinstance(again, NegotiatedMedia) or again.sdp != agreed.sdp:
            raise AssertionError("the same offer has another answer")
    accept_answer(make_offer(CAPABILITIES, LOCAL), data[1:], CAPABILITIES, LOCAL)


TARGETS: tuple[Callable[[bytes], None], ...] = (
    fuzz_datagram,
    fuzz_stream,
    fuzz_round_trip,
    fuzz_dialog,
    fuzz_offer,
)


CHOSEN = tuple(
    target
    for target in TARGETS
    if target.__name__.removeprefix("fuzz_")
    in os.environ.get("SIP_FUZZ_TARGETS", target.__name__[5:]).split(",")
)


def fuzz(data: bytes) -> None:
    """The entry point."""
    if data:
        CHOSEN[data[0] % len(CHOSEN)](data)


def write_seeds(folder: Path) -> None:
    """Each vector once for each target; descriptions come from the bodies."""
    folder.mkdir(parents=True, exist_ok=True)
    for vector in sorted(SEEDS.glob("*.sip")):
        content = vector.read_bytes()
        for number in range(4):
            (folder / f"{vector.stem}-{number}").write_bytes(bytes((number + 120,)) + content)
        body = content.partition(b"\r\n\r\n")[2]
        if body.startswith(b"v=0"):
            (folder / f"{vector.stem}-4").write_bytes(bytes((124,)) + body)


def main() -> None:
    """Write the seeds beside what an earlier run found, and fuzz."""
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        write_seeds(Path(folders[0]))
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
