"""Templates: plain variables and nothing else, and nothing that a caller sends gets out of its place."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunking import template_compilation
from trunking.call import CALL_ID_PATTERN
from trunking.templates import (
    VARIABLES,
    MissingHeaderError,
    TemplateError,
    TemplateValues,
    check_custom_data,
    check_identifier_template,
    header_variables,
    parse_template,
    render_custom_data,
)
from trunking.user import USER_ID_PATTERN

VALUES = TemplateValues(
    {name: f"<{name}>" for name in VARIABLES if "<" not in name} | {"caller_number": "+12125550100"},
    {"x_account": "7", "x_evil": "../../{{uuid}}\r\nX: y\x00 z"},
)


@pytest.mark.parametrize("name", [name for name in VARIABLES if "<" not in name])
def test_every_variable_renders(name: str) -> None:
    assert parse_template(f"a{{{{{name}}}}}b").render(VALUES) == f"a{VALUES.variables[name]}b"


@pytest.mark.parametrize(
    "text",
    [
        "{{sip_headers.x_account}}",
        "{{sip_headers.X-Account}}",
        "{{sip_headers.[X-Account]}}",
        "{{ sip_headers.x_account }}",
        "{{{sip_headers.x_account}}}",
    ],
)
def test_handlebars_spellings(text: str) -> None:
    assert parse_template(text).render(VALUES) == "7"


@pytest.mark.parametrize(
    "text",
    [
        "{{ '' .__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ uuid.__class__ }}",
        "{{ uuid | upper }}",
        "{{ uuid() }}",
        "{{ uuid * 1000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(1000000000) }}",
        "{{#each uuid}}x{{/each}}",
        "{{#if uuid}}x{{/if}}",
        "{{> partial}}",
        "{{& uuid}}",
        "{{! comment}}",
        "{{else}}",
        "{{this}}",
        "{{../uuid}}",
        "{{lookup . 'uuid'}}",
        "{{UUID}}",
        "{{}}",
        "{{ }}",
        "{{uuid",
        "uuid}}",
        "{{{uuid}}",
        "{{uuid}}}}",
        "{{{{uuid}}}}",
        "{{{{raw}}}}{{uuid}}{{{{/raw}}}}",
        "{{sip_headers.authorization}}",
        "{{sip_headers.x_a.b}}",
        "{{sip_headers}}",
        "{{sip_headers.<name>}}",
        "{{ uuid\n}}",
    ],
)
def test_everything_else_is_refused_with_what_exists(text: str) -> None:
    with pytest.raises(TemplateError) as refused:
        parse_template(text)
    assert all(name in str(refused.value) for name in VARIABLES) or "variable" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["{% for i in range(9) %}", "{# comment #}", "${uuid}", "{uuid}", "%(uuid)s"]
)
def test_other_languages_are_plain_text(text: str) -> None:
    assert parse_template(text).render(VALUES) == text


def test_values_are_not_templates() -> None:
    rendered = parse_template("{{sip_headers.x_evil}}").render(VALUES)
    assert rendered == "../../{{uuid}}X: y z"


@pytest.mark.parametrize(
    "header", ["../../x", "a b", "a\r\nb", "a\x00b", "{{uuid}}", "a/b", "é", "a:b", "\ud800"]
)
def test_a_header_cannot_leave_its_id(header: str) -> None:
    values = TemplateValues({}, {"x_room": header})
    rendered = parse_template("room-{{sip_headers.x_room}}").render_identifier(values)
    assert CALL_ID_PATTERN.fullmatch(rendered), rendered


def test_an_id_that_lacks_its_header_is_no_id() -> None:
    with pytest.raises(MissingHeaderError):
        parse_template("room-{{sip_headers.x_other}}").render_identifier(VALUES)
    assert parse_template("room-{{sip_headers.x_other}}").render(VALUES) == "room-"


def test_a_number_in_an_id_has_no_plus() -> None:
    assert parse_template("phone-{{caller_number}}").render_identifier(VALUES) == "phone-12125550100"
    assert parse_template("{{caller_number}}").render(VALUES) == "+12125550100"


def test_long_headers_cost_little() -> None:
    values = TemplateValues({}, {"x_long": "{" * 10_000})
    template = parse_template("{{sip_headers.x_long}}" * 40)
    began = time.perf_counter()
    assert len(template.render(values)) <= 40 * 1024
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    "text", ["{" * 1024, "{{" * 512, "{{a" * 300, "}}" * 512, "{{{" + "a" * 1000, "{{uuid}}" * 128]
)
def test_parsing_is_linear(text: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(TemplateError):
        parse_template(text)
    assert time.perf_counter() - began < 0.5


def test_literal_text_of_ids() -> None:
    check_identifier_template("ward-{{uuid}}", CALL_ID_PATTERN)
    check_identifier_template("a@b-{{uuid}}", USER_ID_PATTERN)
    for text in ("ward/{{uuid}}", "ward {{uuid}}", "wärd", "a@b", ""):
        with pytest.raises(TemplateError):
            check_identifier_template(text, CALL_ID_PATTERN)


def test_custom_data_at_any_depth() -> None:
    data = {
        "a": "{{uuid}}",
        "list": ["{{date}}", {"b": "{{verstat}}"}],
        "n": 1,
        "none": None,
        "{{key}}": True,
    }
    check_custom_data(data)
    assert render_custom_data(data, VALUES) == {
        "a": "<uuid>",
        "list": ["<date>", {"b": "<verstat>"}],
        "n": 1,
        "none": None,
        "{{key}}": True,
    }
    with pytest.raises(TemplateError, match=r"list\[1\]\.b: 'oops'"):
        check_custom_data({"list": ["x", {"b": "{{oops}}"}]})
    with pytest.raises(TemplateError, match="deep"):
        check_custom_data({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}})
    with pytest.raises(TemplateError, match="200"):
        check_custom_data({"a": list(range(300))})


def test_only_x_headers_are_variables() -> None:
    assert header_variables({"X-Account-Id": "7", "From": "b", "x-two": "c"}) == {
        "x_account_id": "7",
        "x_two": "c",
    }


@given(st.text(max_size=200), st.text(max_size=300))
def test_any_template_and_any_value(text: str, value: str) -> None:
    values = TemplateValues(dict.fromkeys(VARIABLES, value), {"x_a": value})
    try:
        template = parse_template(text)
    except TemplateError:
        return
    if "{{" not in text:
        assert template.render(values) == text


@given(st.text(max_size=300))
def test_rendered_ids_hold_only_what_ids_may(value: str) -> None:
    values = TemplateValues({"caller_name": value}, {"x_a": value})
    rendered = parse_template("u-{{caller_name}}-{{sip_headers.x_a}}").render_identifier(values)
    assert len(rendered) > 255 or USER_ID_PATTERN.fullmatch(rendered)


def test_what_users_and_callers_write_is_never_an_expression() -> None:
    values = TemplateValues(
        {"uuid": "{{7*7}}", "caller_name": "{% for x in y %}"}, {"x_a": "{{ ''.__class__ }}"}
    )
    template = parse_template("{% raw %}{# kept #} {{uuid}} {{caller_name}} {{sip_headers.x_a}}\n")
    assert template.render(values) == "{% raw %}{# kept #} {{7*7}} {% for x in y %} {{ ''.__class__ }}\n"


def test_templates_of_one_shape_are_compiled_once() -> None:
    values = TemplateValues({"uuid": "u"}, {})
    before = template_compilation._compiled.cache_info().misses
    rendered = [parse_template(f"ward-{number}-{{{{uuid}}}}-x").render(values) for number in range(100)]
    assert rendered == [f"ward-{number}-u-x" for number in range(100)]
    assert template_compilation._compiled.cache_info().misses - before <= 1
