"""What the demonstration measured of its call, and what of it misses a target. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from local.demo.comparison import Comparison

MAX_SETUP_SECONDS = 0.3
MAX_DELAY_SECONDS = 0.12


@dataclass(frozen=True)
class CallReport:
    """What was measured."""

    seconds_to_ring: float | None
    seconds_to_answer: float
    phone_to_browser: Comparison
    browser_to_phone: Comparison
    listener: str = "Browser"
    """Who was in the call."""

    @property
    def audible_both_ways(self) -> bool:
        """Whether each understood the other."""
        return self.phone_to_browser.understood and self.browser_to_phone.understood

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """What misses its target, in words."""
        found = []
        if self.seconds_to_answer > MAX_SETUP_SECONDS:
            found.append(
                f"set-up took {self.seconds_to_answer * 1000:.0f} ms, target {MAX_SETUP_SECONDS * 1000:.0f}"
            )
        for name, direction in (
            (f"phone to {self.listener.lower()}", self.phone_to_browser),
            (f"{self.listener.lower()} to phone", self.browser_to_phone),
        ):
            if not direction.understood:
                found.append(f"{name}: not understood")
            elif direction.delay is not None and direction.delay > MAX_DELAY_SECONDS:
                found.append(
                    f"{name}: {direction.delay * 1000:.0f} ms late, target {MAX_DELAY_SECONDS * 1000:.0f}"
                )
        return tuple(found)
