"""Phone numbers as configuration and as SIP peers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunking.numbers import normalise, parse_e164, parse_number_pattern


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "5551230001",
        "+0551230001",
        "+1 555 123 0001",
        "+15551230001;ext=2",
        "+1555123000123456",
        "+1\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u0661",
        "sip:+1",
    ],
)
def test_what_is_not_e164(text: str) -> None:
    assert parse_e164(text) is None


@pytest.mark.parametrize("text", ["+15551230001", "+442071838750", "+41446681800", "+6421555123"])
def test_what_is_e164(text: str) -> None:
    assert parse_e164(text) == text


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+15551230001", None, "+15551230001"),
        ("15551230001", None, "+15551230001"),
        ("5551230001", "US", "+15551230001"),
        ("0446681800", "CH", "+41446681800"),
        ("0041446681800", "CH", "+41446681800"),
        ("0041446681800", None, "+41446681800"),
        ("01141446681800", "US", "+41446681800"),
        ("01141446681800", None, "+41446681800"),
        ("+1-555-123.0001", None, "+15551230001"),
        ("(555) 123-0001", "US", "+15551230001"),
        ("+15551230001;npdi;rn=+15557654321", None, "+15551230001"),
        ("anonymous", "US", None),
        ("", None, None),
        ("+" + "1" * 100, None, None),
        ("0446681800", None, None),
    ],
)
def test_normalisation(text: str, country: str | None, number: str | None) -> None:
    assert normalise(text, country) == number


@pytest.mark.parametrize("text", ["+1*", "+1212*", "+15551230001"])
def test_patterns(text: str) -> None:
    assert parse_number_pattern(text) == text


@pytest.mark.parametrize("text", ["*", "+*", "1212*", "+12*12", "+1212**", "+0*", "+123456789012345*"])
def test_what_is_no_pattern(text: str) -> None:
    assert parse_number_pattern(text) is None


@given(st.text(max_size=80), st.sampled_from([None, "US", "CH"]))
def test_any_text_is_a_number_or_none(text: str, country: str | None) -> None:
    number = normalise(text, country)
    assert number is None or parse_e164(number) == number
