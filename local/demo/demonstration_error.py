"""The demonstration's one error."""

from __future__ import annotations


class DemonstrationFailedError(Exception):
    """The call did not come about; says why."""
