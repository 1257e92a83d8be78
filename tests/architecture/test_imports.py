"""Who may import what: layers that nothing enforces rot. Reads the source, imports none of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = (
    ROOT / "layers" / "trunking",
    ROOT / "functions",
    ROOT / "bridge_container",
    ROOT,
)
FUNCTIONS = tuple(
    sorted(path.parent.name for path in (ROOT / "functions").glob("*/__init__.py") if path.parent.name)
)
SOCKETS_AND_CLOCKS = (
    "asyncio",
    "socket",
    "selectors",
    "select",
    "time",
    "threading",
    "multiprocessing",
    "subprocess",
    "ssl",
    "logging",
    "secrets",
    "uuid",
)
ADAPTER_ONLY = (
    "aiohttp",
    "boto3",
    "botocore",
    "aiortc",
    "aioice",
    "uvloop",
    "prometheus_client",
    "getstream_rtc",
)


@dataclass(frozen=True)
class ImportRule:
    """What the modules below `package` may import of ours, and what of others they must not."""

    package: str
    ours: tuple[str, ...]
    """Packages of ours, besides itself, that it may import."""
    forbidden: tuple[str, ...] = ()
    """Modules of others that it must not import."""
    except_below: tuple[str, ...] = ()
    """Packages below with a rule of their own."""


RULES = (
    ImportRule(
        "trunking",
        ours=(),
        forbidden=("boto3", "botocore", "aws_lambda_powertools", "aiohttp", "asyncio", "socket"),
        except_below=("trunking.aws", "trunking.http"),
    ),
    ImportRule("trunking.aws", ours=("trunking",), forbidden=("aws_lambda_powertools", "aiohttp", "asyncio")),
    ImportRule("trunking.http", ours=("trunking",), forbidden=("aiohttp", "asyncio")),
    *(
        ImportRule(function, ours=("trunking",), except_below=("api_document.generation",))
        for function in FUNCTIONS
    ),
    # Run by developers, not by Lambda: it collects what the other functions can do into one document.
    ImportRule("api_document.generation", ours=("trunking", *FUNCTIONS)),
    ImportRule("bridge.sip", ours=(), forbidden=SOCKETS_AND_CLOCKS + ADAPTER_ONLY),
    ImportRule("bridge.media", ours=(), forbidden=(*SOCKETS_AND_CLOCKS, *ADAPTER_ONLY, "pylibsrtp")),
    ImportRule("bridge.calls", ours=("bridge.sip", "bridge.media", "trunking"), forbidden=ADAPTER_ONLY),
    ImportRule("bridge.adapters", ours=("bridge.sip", "bridge.media", "bridge.calls", "trunking")),
    ImportRule("bridge.bootstrap", ours=("bridge", "trunking")),
    ImportRule(
        "local",
        ours=("trunking", "bridge.bootstrap", "local.stream", *FUNCTIONS),
        except_below=("local.stream",),
    ),
    # A server of WebRTC like the bridge: it shares the bridge's ICE and DTLS, and nothing else of it.
    ImportRule(
        "local.stream",
        ours=(
            "local",
            "trunking",
            "bridge.adapters.webrtc_dtls",
            "bridge.adapters.webrtc_ice",
            "bridge.adapters.webrtc_sdp",
            "bridge.adapters.webrtc_srtp",
            "bridge.adapters.webrtc_stun",
            "bridge.calls.media_engine",
        ),
    ),
)
# The core is for all; these parts of `trunking` are not, although they are below it.
TRUNKING_PARTS = {
    "trunking": (),
    "trunking.aws": (),
    # It authenticates: it has to read who may ask.
    "trunking.http": ("trunking.aws",),
    "bridge.calls": (),
    "bridge.adapters": ("trunking.aws",),
    "bridge.bootstrap": ("trunking.aws",),
    "local": ("trunking.aws", "trunking.http"),
    "local.stream": ("trunking.aws",),
    "api_document.generation": ("trunking.http",),
    **dict.fromkeys(FUNCTIONS, ("trunking.aws", "trunking.http")),
}
OURS = ("trunking", "bridge", "local", "tests", "benchmarks", *FUNCTIONS)


def is_below(module: str, package: str) -> bool:
    """Whether `module` is `package` or within it."""
    return module == package or module.startswith(package + ".")


def modules_of(package: str) -> Iterator[tuple[str, Path]]:
    """The modules of a package with their files."""
    for root in SOURCE_ROOTS:
        directory = root.joinpath(*package.split("."))
        module = directory.with_suffix(".py")
        if module.is_file():
            yield package, module
            return
        if not directory.is_dir():
            continue
        for path in sorted(directory.rglob("*.py")):
            yield ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"), path
        return


def imports_of(source: str) -> Iterator[tuple[str, int]]:
    """The modules that a source imports, with line numbers; also within functions and TYPE_CHECKING."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            # `from a import b` may name the module a.b: both count.
            yield node.module, node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def violation(rule: ImportRule, imported: str) -> str | None:
    """Why the rule forbids the import, or None."""
    if any(is_below(imported, module) for module in rule.forbidden):
        return "forbidden here"
    for part in ("trunking.aws", "trunking.http"):
        allowed = (rule.package, *TRUNKING_PARTS.get(rule.package, ()))
        if is_below(imported, part) and part not in allowed:
            return f"{part} is not for {rule.package}"
    if not any(is_below(imported, ours) for ours in OURS) or is_below(imported, rule.package):
        return None
    if imported in {"bridge", "trunking"}:
        return None  # `from bridge import x` yields bridge.x too, which is judged by itself.
    if not any(is_below(imported, ours) for ours in rule.ours):
        return f"{rule.package} may import of ours only {', '.join(rule.ours) or 'itself'}"
    return None


def violations(rule: ImportRule) -> Iterator[str]:
    """Every import that breaks the rule, in words."""
    for module, path in modules_of(rule.package):
        if any(is_below(module, part) for part in rule.except_below):
            continue
        for imported, line in imports_of(path.read_text()):
            why = violation(rule, imported)
            if why is not None:
                yield f"{path.relative_to(ROOT)}:{line}: imports {imported}: {why}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.package))
def test_imports_keep_to_the_layers(rule: ImportRule) -> None:
    assert list(modules_of(rule.package)), f"no source found for {rule.package}"
    assert not list(violations(rule))


@pytest.mark.parametrize(
    ("package", "imported"),
    [
        ("bridge.sip", "asyncio"),
        ("bridge.sip", "bridge.media.mixer"),
        ("bridge.media", "bridge.sip.message"),
        ("bridge.calls", "bridge.adapters.sip_udp"),
        ("bridge.calls", "trunking.aws.snapshot"),
        ("bridge.calls", "boto3"),
        ("bridge.adapters", "trunking.http.errors"),
        ("bridge.adapters", "bridge.bootstrap.bridge"),
        ("bridge.adapters", "local.stack"),
        ("trunking", "boto3"),
        ("trunking", "trunking.aws.snapshot"),
        ("trunking.http", "bridge.sip.uri"),
        ("rules_api", "trunks_api.operations"),
        ("local.stream", "bridge.adapters.media_engine"),
        ("local", "bridge.calls.call_control"),
        ("local", "tests.support"),
    ],
)
def test_a_forbidden_import_is_found(package: str, imported: str) -> None:
    rule = next(rule for rule in RULES if rule.package == package)
    assert violation(rule, imported) is not None


@pytest.mark.parametrize(
    ("package", "imported"),
    [
        ("bridge.sip", "dataclasses"),
        ("bridge.sip", "bridge.sip.flow"),
        ("bridge.calls", "trunking.routing"),
        ("bridge.calls", "asyncio"),
        ("bridge.adapters", "trunking.aws.snapshot"),
        ("trunking.aws", "boto3"),
        ("local", "bridge.bootstrap.bridge"),
    ],
)
def test_an_allowed_import_passes(package: str, imported: str) -> None:
    rule = next(rule for rule in RULES if rule.package == package)
    assert violation(rule, imported) is None


def test_every_module_opens_with_a_docstring() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for package in ("trunking", "bridge", "local", *FUNCTIONS)
        for _, path in modules_of(package)
        if ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not missing
