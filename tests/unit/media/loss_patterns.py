"""Networks for jitter buffer tests: what arrives, and when, of a packet every 20 ms. Seeded."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """One copy of packet number `number` arrives at `seconds`."""

    seconds: float
    number: int


Network = Callable[[int], list[Arrival]]
"""Given how many packets are sent, their arrivals in order of time."""


def steady(count: int) -> list[Arrival]:
    """20 ms on a quick network."""
    return [Arrival(0.02 * number + 0.0312, number) for number in range(count)]


def random_loss(share: float) -> Network:
    """Each packet is lost with the same probability."""

    def network(count: int) -> list[Arrival]:
        source = random.Random(1)
        return [arrival for arrival in steady(count) if source.random() >= share or arrival.number < 20]

    return network


def bursts(length: int, each: int) -> Network:
    """`length` packets in a row are lost in each `each`."""

    def network(count: int) -> list[Arrival]:
        return [
            arrival for arrival in steady(count) if arrival.number % each >= length or arrival.number < 20
        ]

    return network


def jitter(milliseconds: float, *, reorder: bool) -> Network:
    """Each packet is held up by up to so much; without `reorder` none overtakes another."""

    def network(count: int) -> list[Arrival]:
        source = random.Random(2)
        latest = 0.0
        arrivals = []
        for arrival in steady(count):
            seconds = arrival.seconds + source.uniform(0, milliseconds / 1000)
            if not reorder:
                latest = seconds = max(seconds, latest)
            arrivals.append(Arrival(seconds, arrival.number))
        return sorted(arrivals, key=lambda arrival: arrival.seconds)

    return network


def duplication(share: float) -> Network:
    """Some packets come twice, the copy 15 ms later."""

    def network(count: int) -> list[Arrival]:
        source = random.Random(3)
        arrivals = steady(count)
        arrivals += [
            Arrival(arrival.seconds + 0.015, arrival.number)
            for arrival in arrivals
            if source.random() < share
        ]
        return sorted(arrivals, key=lambda arrival: arrival.seconds)

    return network


def gaps(milliseconds: int, each_seconds: float) -> Network:
    """The network stands still now and then; what it held comes at once afterwards."""

    def network(count: int) -> list[Arrival]:
        arrivals = []
        for arrival in steady(count):
            begin = int(arrival.seconds / each_seconds) * each_seconds
            end = begin + milliseconds / 1000
            held = begin > 0 and arrival.seconds < end
            arrivals.append(Arrival(end if held else arrival.seconds, arrival.number))
        return arrivals

    return network


def drift(parts_per_million: float) -> Network:
    """The sender's clock is slow by so much (quick, when negative)."""

    def network(count: int) -> list[Arrival]:
        factor = 1 + parts_per_million / 1e6
        return [Arrival(arrival.seconds * factor, arrival.number) for arrival in steady(count)]

    return network


def stalls(milliseconds: float, each_seconds: float) -> Network:
    """The network stands still at random for up to so long; what it held comes at once."""

    def network(count: int) -> list[Arrival]:
        source = random.Random(5)
        blocks: list[tuple[float, float]] = []
        begin = 0.0
        while begin < 0.02 * count + 1:
            begin += source.expovariate(1 / each_seconds)
            end = begin + source.uniform(0, milliseconds / 1000)
            blocks.append((begin, end))
            begin = end
        arrivals = []
        for arrival in steady(count):
            held = next((end for begin, end in blocks if begin <= arrival.seconds < end), arrival.seconds)
            arrivals.append(Arrival(held, arrival.number))
        return arrivals

    return network
