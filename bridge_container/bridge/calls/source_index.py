"""Which trunks take calls from an address without digest: an index over allowed addresses and blocks. Pure.

A look-up costs one dictionary access per prefix length in use, however many trunks there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address


class Block(NamedTuple):
    """A block of addresses, by the leading bits that they share."""

    version: int
    prefix_length: int
    prefix: int


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An address in its plain form: a scope id is cut off, an IPv4-mapped IPv6 address becomes IPv4."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def accountable_source(text: str) -> str:
    """Who answers for an address: itself, or for IPv6 its /64, all of which one peer usually has."""
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return text if address is None else str(address)


class SourceIndex:
    """Allowed addresses and blocks of all trunks."""

    def __init__(self) -> None:
        self._trunks_of_block: dict[Block, set[str]] = {}
        self._blocks_of_trunk: dict[str, tuple[Block, ...]] = {}
        self._prefix_uses: dict[tuple[int, int], int] = {}

    def set_trunk(self, trunk_id: str, allowed: Iterable[str]) -> None:
        """Let `trunk_id` take calls from `allowed`, and from nowhere else."""
        self.remove_trunk(trunk_id)
        blocks = tuple({_block(text) for text in allowed})
        if not blocks:
            return
        self._blocks_of_trunk[trunk_id] = blocks
        for block in blocks:
            holders = self._trunks_of_block.setdefault(block, set())
            if not holders:
                key = (block.version, block.prefix_length)
                self._prefix_uses[key] = self._prefix_uses.get(key, 0) + 1
            holders.add(trunk_id)

    def remove_trunk(self, trunk_id: str) -> None:
        """Forget a trunk's sources; an unknown trunk is no error."""
        for block in self._blocks_of_trunk.pop(trunk_id, ()):
            holders = self._trunks_of_block[block]
            holders.discard(trunk_id)
            if not holders:
                del self._trunks_of_block[block]
                key = (block.version, block.prefix_length)
                self._prefix_uses[key] -= 1
                if not self._prefix_uses[key]:
                    del self._prefix_uses[key]

    def holders(self, source: str) -> tuple[set[str], ...]:
        """The sets of trunk ids that allow `source`, one for each block that contains it."""
        address = parse_address(source)
        if address is None:
            return ()
        bits, number, found = address.max_prefixlen, int(address), []
        for version, prefix_length in self._prefix_uses:
            if version == address.version:
                block = Block(version, prefix_length, number >> (bits - prefix_length))
                trunks = self._trunks_of_block.get(block)
                if trunks:
                    found.append(trunks)
        return tuple(found)

    def allows(self, trunk_id: str, source: str) -> bool:
        """Whether `source` may call `trunk_id` without digest."""
        return any(trunk_id in trunks for trunks in self.holders(source))


def _block(text: str) -> Block:
    network = ip_network(text, strict=False)
    shift = network.max_prefixlen - network.prefixlen
    return Block(network.version, network.prefixlen, int(network.network_address) >> shift)
