"""Why a test may be skipped even where everything is installed (`TRUNKLINE_STRICT_SKIPS=1`).

Each entry is the beginning of a reason; every other skip fails the run there.
"""

from __future__ import annotations

ALLOWED_SKIP_REASONS: tuple[str, ...] = ("RFC 4475's 49 torture messages are left out",)
