"""Calls over a network that loses, delays, reorders and repeats, in both directions, with a virtual clock."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bridge.sip.events import InviteReceived
from tests.support.sip.network import DELAY, Fate, Network, Phone, losing, perfect


def whole_call(up: Callable[[int], Fate], down: Callable[[int], Fate]) -> tuple[Network, Phone]:
    """A call that the phone hangs up after 20 s."""
    network = Network(up, down)
    phone = Phone(network)
    phone.call()
    network.run(phone, 20)
    phone.hang_up()
    network.run(phone, 100)
    return network, phone


def went_well(network: Network, phone: Phone) -> None:
    """One call, up once, ended once by the phone's BYE, nothing left behind."""
    assert len(network.of(InviteReceived)) == 1
    assert network.acknowledged
    assert [event.cause for event in network.ended] == ["bye"]
    assert phone.released
    assert 200 in phone.statuses
    assert network.bench.endpoint.next_deadline() is None


def test_a_perfect_network() -> None:
    network, phone = whole_call(perfect, perfect)
    went_well(network, phone)
    assert phone.statuses == [100, 180, 200]


@pytest.mark.parametrize("number", range(4))
def test_each_single_packet_towards_us_lost(number: int) -> None:
    went_well(*whole_call(losing(number), perfect))


@pytest.mark.parametrize("number", range(5))
def test_each_single_packet_from_us_lost(number: int) -> None:
    went_well(*whole_call(perfect, losing(number)))


def test_the_first_three_of_everything_lost() -> None:
    went_well(*whole_call(losing(0, 1, 2), losing(0, 1, 2)))


def test_every_packet_arrives_three_times() -> None:
    def three(_: int) -> Fate:
        return (DELAY, DELAY + 0.001, DELAY + 0.3)

    went_well(*whole_call(three, three))


@pytest.mark.parametrize("seed", range(40))
def test_random_loss_delay_reordering_and_repetition(seed: int) -> None:
    chance = random.Random(seed)

    def fate(_: int) -> Fate:
        copies = chance.choices((0, 1, 2), (25, 65, 10))[0]
        return tuple(chance.uniform(0.001, 0.8) for _ in range(copies))

    network, phone = whole_call(fate, fate)
    assert len(network.of(InviteReceived)) == 1
    assert len(network.ended) == 1
    assert network.ended[0].cause in ("bye", "ack_timeout")
    assert network.bench.endpoint.next_deadline() is None
    if network.ended[0].cause == "bye":
        assert phone.released


def test_a_phone_that_vanishes_after_the_invite() -> None:
    network, phone = whole_call(lambda number: (DELAY,) if number == 0 else (), perfect)
    assert [event.cause for event in network.ended] == ["ack_timeout"]
    assert network.bench.endpoint.next_deadline() is None
    assert phone.statuses.count(200) > 5


def test_nothing_that_we_send_arrives() -> None:
    network, phone = whole_call(perfect, lambda _: ())
    assert len(network.of(InviteReceived)) == 1
    assert [event.cause for event in network.ended] == ["ack_timeout"]
    assert phone.statuses == []
    assert network.bench.endpoint.next_deadline() is None
