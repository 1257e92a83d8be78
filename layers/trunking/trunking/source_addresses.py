"""Which source addresses a trunk takes calls from without digest. Pure; imports nothing of ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_ADDRESS_TEXT = 64


@lru_cache(maxsize=8192)
def parse_network(text: str) -> Network | None:
    """An address or a CIDR block of either family; None when it is none. Host bits must be zero."""
    if len(text) > MAX_ADDRESS_TEXT or "%" in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=True)
    except ValueError:
        return None


def is_allowed(source: str, allowed_ips: Iterable[str]) -> bool:
    """Whether `source`, an address, lies in one of `allowed_ips`. IPv4-mapped IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any((network := parse_network(text)) is not None and address in network for text in allowed_ips)
