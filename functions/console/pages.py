"""The console's files and the headers that they are served with. No AWS, no HTTP server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
TEXT = "text/plain; charset=utf-8"
METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: str


def page_of(method: str, path: str) -> Page:
    """What the console has at a path: its page, one of its files, or 404; 405 for what is no reading."""
    name = path.removeprefix("/console").strip("/") or "console.html"
    if name not in _names():
        return Page(404, {**SECURITY_HEADERS, "content-type": TEXT}, "Not found\n")
    if method not in METHODS:
        headers = {**SECURITY_HEADERS, "content-type": TEXT, "allow": ", ".join(METHODS)}
        return Page(405, headers, "Method not allowed\n")
    headers = {
        **SECURITY_HEADERS,
        "content-type": TYPES[Path(name).suffix],
        # Small files that change with each deployment: ask every time, rather than mix versions.
        "cache-control": "no-cache",
    }
    return Page(200, headers, _read(name))


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in ASSETS.iterdir() if path.suffix in TYPES)


@cache
def _read(name: str) -> str:
    return (ASSETS / name).read_text()
