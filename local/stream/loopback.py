"""The local Stream's one rule about addresses: it listens on loopback and nowhere else."""

from __future__ import annotations

import ipaddress


class NotLoopbackError(ValueError):
    """Somebody asked the local Stream to listen where others could reach it."""


def require_loopback(host: str) -> str:
    """`host` when it is a loopback address. Raises `NotLoopbackError` for names and other addresses.

    The local Stream has no TLS, no quotas and development credentials: it must never be reachable.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise NotLoopbackError(f"the local Stream needs a loopback address, not the name {host!r}") from error
    if not address.is_loopback:
        raise NotLoopbackError(f"the local Stream listens on loopback only, not on {host}")
    return host
