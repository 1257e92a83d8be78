"""Templates as Jinja2 renders them: one compiled template for each shape, in a sandbox, strict about names.

A shape says where literal text and which variables stand. Only shapes are compiled: the text that users save
and the values that callers send are data to Jinja2 and never its source, so neither can become an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment

TEXT = ""
"""Stands in a shape where literal text stands in the template."""


def render_shape(
    shape: Sequence[str], texts: Sequence[str], variables: Mapping[str, str], sip_headers: Mapping[str, str]
) -> str:
    """The rendered text. `shape` has TEXT for each of `texts` in turn, else a variable's canonical name.

    Raises jinja2.UndefinedError when a variable of the shape has no value: an error of the caller's.
    """
    values = {**variables, "texts": texts, "sip_headers": sip_headers}
    return _compiled(tuple(shape)).render(values)


def prepare_rendering() -> None:
    """Import Jinja2 now rather than at the first call, for programs that must not stop for 0.1 s then."""
    _environment()


@lru_cache(maxsize=1024)
def _compiled(shape: tuple[str, ...]) -> Template:
    source: list[str] = []
    texts = 0
    for part in shape:
        if part == TEXT:
            source.append(f"{{{{ texts[{texts}] }}}}")
            texts += 1
        else:
            source.append(f"{{{{ {part} }}}}")
    return _environment().from_string("".join(source))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    # Imported when the first template is rendered: most functions never render one.
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, cache_size=0)
