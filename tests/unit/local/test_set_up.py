"""The set-up: what it installs once, what it names when it cannot, and no network the second time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


class Checkout:
    """A checkout with its set-up, and a machine whose programs only write down how they were called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls = directory / "calls"
        self.calls.touch()
        (directory / "local" / "setup").mkdir(parents=True)
        for name in ("set_up.sh", "requirements.py"):
            shutil.copy(ROOT / "local" / "setup" / name, directory / "local" / "setup" / name)
        shutil.copy(ROOT / "pyproject.toml", directory / "pyproject.toml")

    def program(self, path: str, *cases: str) -> None:
        """A program that answers some arguments and notes all."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        notes = f'echo "{file.name} $*" >>{self.calls}'
        file.write_text("\n".join(["#!/bin/sh", notes, 'case "$*" in', *cases, "esac"]) + "\n")
        file.chmod(0o755)

    def virtual_environment(self, install_status: int = 0) -> None:
        """A virtual environment whose pip installs nothing."""
        self.program(
            ".venv/bin/python",
            f'  *requirements.py*) exec {sys.executable} "$@" ;;',
            f'  *"pip install"*) echo "no such package" >&2; exit {install_status} ;;',
        )

    def set_up(self, profile: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it."""
        path = f"{self.directory}/bin:/usr/bin:/bin"
        return subprocess.run(
            ["sh", "local/setup/set_up.sh", profile],
            cwd=self.directory,
            env={"PATH": path, "HOME": str(self.directory), "TRUNKLINE_NO_APT": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self, what: str) -> int:
        """How often a program was called so."""
        return sum(what in line for line in self.calls.read_text().splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout on a machine that has all Debian packages."""
    made = Checkout(tmp_path)
    made.program("bin/dpkg-query", "  *) echo 'install ok installed' ;;")
    made.virtual_environment()
    return made


def test_packages_are_installed_once(checkout: Checkout) -> None:
    assert checkout.set_up("run").returncode == 0
    assert checkout.called("pip install") == 1
    again = checkout.set_up("run")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert checkout.called("pip install") == 1


def test_running_and_testing_share_their_packages(checkout: Checkout) -> None:
    checkout.set_up("run")
    for profile in ("test", "demo"):
        checkout.set_up(profile)
    assert checkout.called("pip install") == 1


def test_changed_requirements_are_installed_anew(checkout: Checkout) -> None:
    checkout.set_up("run")
    project = checkout.directory / "pyproject.toml"
    project.write_text(project.read_text().replace('"PyJWT>=', '"PyJWT>=1.0,>='))
    checkout.set_up("run")
    assert checkout.called("pip install") == 2


def test_a_failed_installation_is_tried_again(checkout: Checkout) -> None:
    checkout.virtual_environment(install_status=1)
    failed = checkout.set_up("run")
    assert failed.returncode == 1
    assert "no such package" in failed.stderr
    assert "pip could not install" in failed.stderr
    checkout.virtual_environment()
    assert checkout.set_up("run").returncode == 0


def test_what_cannot_be_installed_is_named_with_its_purpose(checkout: Checkout) -> None:
    checkout.program("bin/dpkg-query", "  *) exit 1 ;;")
    said = checkout.set_up("test")
    assert said.returncode == 0
    assert "chromium: the browser" in said.stderr
    assert "sip-tester: the SIPp scenarios" in said.stderr
    assert "sudo apt-get install libopus0 chromium espeak-ng baresip-core sip-tester" in said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="without root, the set-up asks sudo, which this test cannot be")
def test_missing_debian_packages_are_installed_by_root(checkout: Checkout) -> None:
    state = checkout.directory / "installed"
    checkout.program("bin/dpkg-query", f"  *) [ -e {state} ] && echo 'install ok installed' ;;")
    checkout.program("bin/apt-get", f"  *install*) touch {state} ;;")
    said = checkout.set_up("run", TRUNKLINE_NO_APT="")
    assert said.returncode == 0
    assert "Not installed" not in said.stderr
    assert checkout.called("install -y --no-install-recommends libopus0") == 1


def test_a_python_without_venv_is_told_what_to_install(checkout: Checkout) -> None:
    shutil.rmtree(checkout.directory / ".venv")
    checkout.program(
        "bin/python3", "  *ensurepip*) exit 1 ;;", "  *print*) echo python3.11-venv ;;", "  *) exit 0 ;;"
    )
    said = checkout.set_up("run")
    assert said.returncode == 1
    assert "sudo apt-get install python3.11-venv" in said.stderr


def test_an_old_python_is_refused_in_words(checkout: Checkout) -> None:
    shutil.rmtree(checkout.directory / ".venv")
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        checkout.program(f"bin/{name}", "  *) exit 1 ;;")
    said = checkout.set_up("run")
    assert said.returncode == 1
    assert "needs Python 3.11 or later" in said.stderr


def test_an_unknown_profile_shows_the_usage(checkout: Checkout) -> None:
    said = checkout.set_up("everything")
    assert said.returncode == 2
    assert "run|demo|test|sam" in said.stdout
