"""Phone numbers: E.164 as configuration writes it, and normalisation of what SIP peers send.

Pure functions over `phonenumbers`; imports nothing of ours.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

E164_PATTERN = re.compile(r"\+[1-9][0-9]{1,14}")
PREFIX_PATTERN = re.compile(r"\+[1-9][0-9]{0,13}\*")
MAX_NUMBER_TEXT = 64
"""Characters of a number that is looked at; longer text from a peer is no phone number."""

_VISUAL_SEPARATORS = str.maketrans("", "", "-.() ")


def parse_e164(text: str) -> str | None:
    """`text` when it is a possible E.164 number such as `+15551230001`, else None.

    Possible, not assigned: test ranges such as 555 and freshly opened ranges are taken.
    """
    if E164_PATTERN.fullmatch(text) is None:
        return None
    return text if _is_possible(text, None) is not None else None


def parse_number_pattern(text: str) -> str | None:
    """`text` when it is an E.164 number or a prefix of one such as `+1212*`, else None."""
    if PREFIX_PATTERN.fullmatch(text) is not None:
        return text
    return parse_e164(text)


@lru_cache(maxsize=4096)
def normalise(text: str, country: str | None = None) -> str | None:
    """What a SIP peer wrote as a number, in E.164; None when it is none.

    Takes `+E.164`, bare E.164, national numbers of `country` (ISO 3166 alpha-2), the international prefixes
    `00` and `011`, visual separators (RFC 3966 section 5.1.1) and parameters behind `;`, which are dropped.
    """
    if len(text) > MAX_NUMBER_TEXT:
        return None
    digits = text.split(";", 1)[0].translate(_VISUAL_SEPARATORS)
    if digits.startswith("+"):
        return _is_possible(digits, None) if E164_PATTERN.fullmatch(digits) else None
    if not digits.isascii() or not digits.isdigit():
        return None
    candidates: list[tuple[str, str | None]] = []
    if country is not None:
        candidates.append((digits, country))
    if digits.startswith("00"):
        candidates.append((f"+{digits[2:]}", None))
    elif digits.startswith("011"):
        candidates.append((f"+{digits[3:]}", None))
    elif not digits.startswith("0"):
        candidates.append((f"+{digits}", None))
    for candidate, region in candidates:
        number = _is_possible(candidate, region)
        if number is not None:
            return number
    return None


def is_country(text: str) -> bool:
    """Whether `text` is an ISO 3166 alpha-2 code that has a numbering plan."""
    return text in phonenumbers.SUPPORTED_REGIONS


def _is_possible(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
