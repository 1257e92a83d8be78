"""What the console's function serves, and with which headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.handler import handler
from console.pages import ASSETS, page_of

FILES = sorted(path.name for path in ASSETS.iterdir())


def test_the_console_itself() -> None:
    for path in ("/console", "/console/"):
        answer = handler({"rawPath": path, "requestContext": {"http": {"method": "GET"}}}, None)
        assert answer["statusCode"] == 200
        assert answer["headers"]["content-type"].startswith("text/html")
        assert "<main" in answer["body"]


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_with_its_type(name: str) -> None:
    page = page_of("GET", f"/console/{name}")
    assert page.status == 200
    assert page.body == (ASSETS / name).read_text()
    assert page.headers["content-type"].split(";")[0] in (
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    )


@pytest.mark.parametrize(
    "path",
    [
        "/console/none.js",
        "/console/../handler.py",
        "/console/handler.py",
        "/console/assets/console.js",
        "/console/%2e%2e/pages.py",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    assert page_of("GET", path).status == page_of("POST", path).status == 404


def test_the_console_is_only_read() -> None:
    assert page_of("HEAD", "/console").status == 200
    page = page_of("POST", "/console")
    assert (page.status, page.headers["allow"]) == (405, "GET, HEAD")


def test_scripts_come_from_here_alone_and_nothing_is_inline() -> None:
    policy = page_of("GET", "/console").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    page = (ASSETS / "console.html").read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)


def test_scripts_never_make_markup_of_text() -> None:
    for path in ASSETS.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text()
        ), path


def test_scripts_import_only_what_is_there() -> None:
    for path in ASSETS.glob("*.js"):
        for imported in re.findall(r'from "\./([^"]+)"', path.read_text()):
            assert (Path(ASSETS) / imported).exists(), f"{path.name} imports {imported}"


def test_the_preview_knows_the_variables_of_the_templates() -> None:
    from trunking.templates import VARIABLES

    shown = set(re.findall(r'^  \["([^"]+)"', (ASSETS / "preview.js").read_text(), re.MULTILINE))
    plain = {name for name in VARIABLES if not name.startswith("sip_headers")}
    assert {name for name in shown if not name.startswith("sip_headers")} == plain
