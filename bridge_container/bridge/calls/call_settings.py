"""What an operator may choose about SIP calls. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Settings of call control; times in seconds."""

    bridge_id: str
    """Names this bridge in records and events."""
    setup_timeout: float = 30.0
    """How long a caller hears ringing while the call platform is joined."""
    max_duration: float = 86_400.0
    """An answered call ends after this long."""
    drop_unknown_callers: bool = False
    """Give no answer at all to strangers who call a number of no trunk or show wrong credentials."""
    called_number_headers: tuple[str, ...] = ()
    """Looked at before the Request-URI: `To`, `Diversion`, `P-Called-Party-ID`."""
    early_prompts: bool = False
    """Ask for digits before the answer, over early media (183), where the INVITE has an offer."""
    first_digit_timeout: float = 10.0
    """How long a caller may take to begin keying in."""
    digit_timeout: float = 5.0
    """How long between two digits; then what was keyed in counts."""
    digits_timeout: float = 60.0
    """How long a caller may be asked for digits in all."""
    max_attempts: int = 3
    """Attempts at a PIN where the rule does not say."""
