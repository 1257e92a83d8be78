"""Templates of routing rules: `{{name}}` in ids and custom data, checked when saved, rendered per call.

Text with plain variables and nothing else: no expressions, filters, loops or attributes exist in the
language, so that none has to be forbidden. Checked here, rendered by Jinja2 in `template_compilation`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from trunking.template_compilation import TEXT, render_shape

VARIABLES: Mapping[str, str] = {
    "uuid": "a new UUID, one per SIP call",
    "caller_number": "who calls, in E.164; `anonymous` when the caller hides the number",
    "called_number": "the number that was called, in E.164",
    "caller_name": "the caller's display name",
    "trunk_id": "the trunk's id",
    "trunk_name": "the trunk's name",
    "rule_id": "the routing rule's id",
    "sip_call_id": "the SIP Call-ID",
    "verstat": "the carrier's verification of the caller's number (STIR/SHAKEN)",
    "date": "the day of the call in UTC, as 2026-11-22",
    "digits": "what the caller keyed in",
    "sip_headers.<name>": "a header of the INVITE that starts with X-, such as {{sip_headers.x_account}}",
}
"""Each variable that a template can use, and what it holds."""

MAX_TEMPLATE = 1024
"""Characters of one template."""
MAX_VALUE = 1024
"""Characters that one variable contributes to custom data; more is cut."""
MAX_CUSTOM_DATA_DEPTH = 8
MAX_CUSTOM_DATA_VALUES = 200

_TAG = re.compile(r"\{\{\{([^{}]*)\}\}\}|\{\{([^{}]*)\}\}")
_HEADER = re.compile(r"sip_headers\.(?:\[(?P<quoted>[A-Za-z0-9_-]{1,64})\]|(?P<plain>[A-Za-z0-9_-]{1,64}))")
_NOT_IDENTIFIER = re.compile(r"[^A-Za-z0-9_@-]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TemplateError(ValueError):
    """A template that cannot be saved; the message tells what is known instead."""


class MissingHeaderError(LookupError):
    """An id needs a SIP header that the call did not bring."""

    def __init__(self, header: str) -> None:
        super().__init__(f"the header {header}, which the id is made of")
        self.header = header


@dataclass(frozen=True, slots=True)
class Variable:
    """One `{{name}}`; `header` is set for `sip_headers.<name>`, lower case with underscores."""

    name: str
    header: str | None = None

    @property
    def canonical(self) -> str:
        """The variable's name as Jinja2 reads it."""
        return self.name if self.header is None else f"sip_headers.{self.header}"


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """The values of one call. Headers have lower-case names with underscores for dashes."""

    variables: Mapping[str, str]
    sip_headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal text and variables in turn."""

    parts: tuple[str | Variable, ...]

    @property
    def literal(self) -> str:
        """The text between the variables."""
        return "".join(part for part in self.parts if isinstance(part, str))

    def render(self, values: TemplateValues) -> str:
        """The text for custom data: control characters dropped, a missing header is empty."""
        return self._render(values, _text_value)

    def render_identifier(self, values: TemplateValues) -> str:
        """The text for an id: whatever an id cannot hold becomes `_`, a number loses its `+`.

        Raises MissingHeaderError: an id that lacks a part would be somebody else's id.
        """
        return self._render(values, _identifier_value)

    def _render(self, values: TemplateValues, prepare: Callable[[Variable, TemplateValues], str]) -> str:
        texts: list[str] = []
        shape: list[str] = []
        variables: dict[str, str] = {}
        sip_headers: dict[str, str] = {}
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                shape.append(TEXT)
                continue
            shape.append(part.canonical)
            if part.header is None:
                variables[part.name] = prepare(part, values)
            else:
                sip_headers[part.header] = prepare(part, values)
        if len(texts) == len(shape):
            return "".join(texts)
        return render_shape(shape, texts, variables, sip_headers)


@lru_cache(maxsize=8192)
def parse_template(text: str) -> Template:
    """Parse `text`. Raises TemplateError for what is not a plain variable, and for unknown ones."""
    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"a template has at most {MAX_TEMPLATE} characters, this one has {len(text)}")
    parts: list[str | Variable] = []
    position = 0
    for tag in _TAG.finditer(text):
        if text[: tag.start()].endswith("{"):
            raise TemplateError(f"unbalanced braces before {tag.group()[:80]!r}; {_known()}")
        _add_literal(parts, text[position : tag.start()])
        parts.append(_parse_variable(tag.group(1) if tag.group(1) is not None else tag.group(2)))
        position = tag.end()
    _add_literal(parts, text[position:])
    return Template(tuple(parts))


def check_identifier_template(text: str, allowed: re.Pattern[str]) -> Template:
    """Parse a template for an id whose literal text may hold only characters that `allowed` matches.

    Its length is checked when it is rendered: Stream's API saves 255 characters for ids of 64.
    """
    template = parse_template(text)
    wrong = sorted({character for character in template.literal if allowed.fullmatch(character) is None})
    if wrong:
        raise TemplateError(f"outside of variables an id cannot hold {''.join(wrong)[:20]!r}")
    if not template.parts:
        raise TemplateError("an id cannot be empty")
    return template


def check_custom_data(custom_data: Mapping[str, Any]) -> None:
    """Parse each text in `custom_data`, at any depth. Raises TemplateError, with the place."""
    count = 0
    pending: list[tuple[str, Any, int]] = [(key, value, 1) for key, value in custom_data.items()]
    while pending:
        place, value, depth = pending.pop()
        count += 1
        if count > MAX_CUSTOM_DATA_VALUES:
            raise TemplateError(f"custom data holds at most {MAX_CUSTOM_DATA_VALUES} values")
        if depth > MAX_CUSTOM_DATA_DEPTH:
            raise TemplateError(f"{place}: custom data nests at most {MAX_CUSTOM_DATA_DEPTH} deep")
        if isinstance(value, str):
            try:
                parse_template(value)
            except TemplateError as error:
                raise TemplateError(f"{place}: {error}") from error
        elif isinstance(value, int | float) and not abs(value) < 2**63:
            raise TemplateError(f"{place}: is a number that not every reader of JSON can take")
        elif isinstance(value, Mapping):
            pending.extend((f"{place}.{key}", below, depth + 1) for key, below in value.items())
        elif isinstance(value, list | tuple):
            pending.extend((f"{place}[{index}]", below, depth + 1) for index, below in enumerate(value))


def render_custom_data(custom_data: Mapping[str, Any], values: TemplateValues) -> dict[str, Any]:
    """`custom_data` with each text rendered; keys, numbers and the like stay."""
    return {key: _render_value(value, values) for key, value in custom_data.items()}


def _render_value(value: Any, values: TemplateValues) -> Any:
    if isinstance(value, str):
        return parse_template(value).render(values)
    if isinstance(value, Mapping):
        return {key: _render_value(below, values) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_render_value(below, values) for below in value]
    return value


def _add_literal(parts: list[str | Variable], text: str) -> None:
    if "{{" in text or "}}" in text:
        raise TemplateError(f"unbalanced braces, or a variable that is none, in {text[:80]!r}; {_known()}")
    if text:
        parts.append(text)


def _parse_variable(tag: str) -> Variable:
    name = tag.strip(" \t")
    if name in VARIABLES and "<" not in name:
        return Variable(name)
    header = _HEADER.fullmatch(name)
    if header is not None:
        written = header.group("quoted") or header.group("plain")
        key = written.lower().replace("-", "_")
        if key.startswith("x_"):
            return Variable(name, header=key)
        raise TemplateError(
            f"{written!r} does not start with X-, and no other header can be used; {_known()}"
        )
    raise TemplateError(f"{name[:80]!r} is not a variable; {_known()}")


def _known() -> str:
    return "these exist: " + ", ".join(VARIABLES)


def _value(variable: Variable, values: TemplateValues) -> str | None:
    if variable.header is not None:
        return values.sip_headers.get(variable.header)
    return values.variables.get(variable.name, "")


def _text_value(variable: Variable, values: TemplateValues) -> str:
    return _CONTROL.sub("", (_value(variable, values) or "")[:MAX_VALUE])


def _identifier_value(variable: Variable, values: TemplateValues) -> str:
    value = _value(variable, values)
    if value is None:
        raise MissingHeaderError(variable.name)
    if variable.name in ("caller_number", "called_number"):
        value = value.removeprefix("+")
    return _NOT_IDENTIFIER.sub("_", value[: MAX_VALUE + 1])


def header_variables(headers: Mapping[str, str]) -> dict[str, str]:
    """The X- headers of an INVITE as `sip_headers`: lower case, underscores for dashes."""
    return {
        name.lower().replace("-", "_"): value for name, value in headers.items() if name[:2].lower() == "x-"
    }
