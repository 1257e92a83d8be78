"""The lexical rules that SIP headers share (RFC 3261 section 25.1): tokens, quoted strings, lists,
parameters.

Every function makes one pass over its input, so that hostile text costs linear time; no regular expressions.
Imports nothing but the errors.
"""

from __future__ import annotations

from bridge.sip.errors import RemoteProtocolError

ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TOKEN = ALPHANUMERIC + "-.!%*_+`'~"
HOST = ALPHANUMERIC + "-._"
WHITESPACE = " \t"

Parameters = tuple[tuple[str, str | None], ...]
"""Names and raw values in the order in which they came; None where no `=` was."""


def consists_of(text: str, characters: str) -> bool:
    """Whether `text` is not empty and has no character besides `characters`."""
    return text != "" and not text.strip(characters)


def is_token(text: str) -> bool:
    """RFC 3261 section 25.1, `token`."""
    return text != "" and not text.strip(TOKEN)


def parse_number(text: str, what: str, limit: int = 2**32 - 1) -> int:
    """An unsigned decimal number of at most `limit`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise RemoteProtocolError(f"{what} is not a number")
    number = int(text)
    if number > limit:
        raise RemoteProtocolError(f"{what} is above {limit}")
    return number


def clean_text(text: str) -> str:
    """`text` without control characters and line separators: nothing that we write can start a new header."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + clean_text(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """The value of a quoted string, escapes undone; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    characters = []
    escaped = False
    for character in inner:
        if character == "\\" and not escaped:
            escaped = True
            continue
        characters.append(character)
        escaped = False
    return "".join(characters)


def end_of_quoted(text: str, start: int) -> int:
    """The index behind the quoted string that opens at `start`."""
    index = start + 1
    while True:
        close = text.find('"', index)
        if close < 0:
            raise RemoteProtocolError("a quoted string does not end")
        backslash = text.find("\\", index, close)
        if backslash < 0:
            return close + 1
        index = backslash + 2


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split at each `separator` outside of quoted strings and angle brackets; the parts are stripped.

    Text without a separator is one part, whatever it holds: what reads the part finds its faults.
    """
    end = text.find(separator)
    if end < 0:
        return [text.strip(WHITESPACE)]
    quote_start, bracket = text.find('"'), text.find("<")
    if quote_start < 0 and bracket < 0:
        return [part.strip(WHITESPACE) for part in text.split(separator)]
    parts = []
    start = 0
    # Each of the three positions only moves forward, so that every character is searched at most three times.
    while end >= 0:
        opening = quote_start if 0 <= quote_start < end else end
        if 0 <= bracket < opening:
            opening = bracket
        if opening == end:
            parts.append(text[start:end].strip(WHITESPACE))
            start = close = end + 1
        elif opening == quote_start:
            close = end_of_quoted(text, quote_start)
        else:
            close = text.find(">", bracket) + 1
            if close == 0:
                raise RemoteProtocolError("an angle bracket does not close")
        quote_start = _not_before(text, '"', quote_start, close)
        bracket = _not_before(text, "<", bracket, close)
        end = _not_before(text, separator, end, close)
    if quote_start >= 0 and not 0 <= bracket < quote_start:
        end_of_quoted(text, quote_start)
    parts.append(text[start:].strip(WHITESPACE))
    return parts


def _not_before(text: str, wanted: str, position: int, limit: int) -> int:
    """`position` while it is at or behind `limit` (or -1 for none), else where `wanted` comes next."""
    return position if position < 0 or position >= limit else text.find(wanted, limit)


def parse_parameters(text: str) -> Parameters:
    """Parameters from text such as `;a=b;c`; the first `;` may be missing, the last may lead to nothing."""
    parameters = []
    parts = split_outside_quotes(text, ";")
    if not parts[0]:
        del parts[0]
    if parts and not parts[-1]:
        del parts[-1]
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.rstrip(WHITESPACE)
        if not name:
            raise RemoteProtocolError("a parameter has no name")
        parameters.append((name, value.lstrip(WHITESPACE) if equals else None))
    return tuple(parameters)


def print_parameters(parameters: Parameters) -> str:
    """The text that `parse_parameters` reads."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


def parameter(parameters: Parameters, name: str) -> str | None:
    """The first value of `name` (lower case); empty when it stands there without one, None when it is
    missing."""
    for key, value in parameters:
        if key == name or key.lower() == name:
            return value or ""
    return None
