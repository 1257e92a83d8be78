#!/bin/sh
# Sets this checkout up on a Debian machine: a virtual environment with the Python packages of pyproject.toml,
# and the Debian packages that a target needs. Does nothing, and uses no network, when all of it is there.
#
#   local/setup/set_up.sh run|demo|test|sam
#
# run   what `make run` needs
# demo  the browser and the voices of `make demo` besides
# test  what `make test` and `make check` need besides
# sam   the SAM command line, in a virtual environment of its own (its pins clash with ours at times)
#
# TRUNKLINE_NO_APT=1 leaves Debian packages alone: what is missing is only named.
set -eu
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "trunkline: $*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
  [ -z "${TRUNKLINE_NO_APT:-}" ] && command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null
}

apt_install() {
  apt_log=$(mktemp)
  fetch="-o Acquire::Retries=1 -o Acquire::http::Timeout=30 -qq"
  # shellcheck disable=SC2086 # the options are words
  as_root apt-get $fetch update >"$apt_log" 2>&1 || say "  the package lists could not be refreshed; trying those that are here"
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get $fetch install -y --no-install-recommends "$@" >"$apt_log" 2>&1 || {
    tail -n 5 "$apt_log" >&2
    rm -f "$apt_log"
    return 1
  }
  rm -f "$apt_log"
}

has_package() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# What each Debian package is for, so that a refusal can say what will be missing.
purpose_of() {
  case "$1" in
    libopus0) echo "the bridge's audio codec for browsers" ;;
    chromium) echo "the browser in 'make demo' and in the page tests" ;;
    espeak-ng) echo "the spoken voices of 'make demo'" ;;
    baresip-core) echo "the SIP phone of another maker in the interoperation tests" ;;
    sip-tester) echo "the SIPp scenarios of the interoperation tests" ;;
    *) echo "set-up" ;;
  esac
}

debian_packages() {
  command -v dpkg-query >/dev/null 2>&1 || { say "trunkline: not a Debian machine; install by hand: $*"; return 0; }
  missing=""
  for package in "$@"; do
    has_package "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if may_install; then
    say "Installing Debian packages:$missing ..."
    # shellcheck disable=SC2086
    apt_install $missing || say "  apt-get could not install all of them"
  fi
  for package in $missing; do
    has_package "$package" || left_out="${left_out:-} $package"
  done
  [ -n "${left_out:-}" ] || return 0
  say "Not installed (needs root, or sudo without a password, and Debian's package server):"
  for package in $left_out; do say "  $package: $(purpose_of "$package")"; done
  say "To install:  sudo apt-get install$left_out"
}

# The oldest Python that is new enough, under any of its usual names.
find_python() {
  for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$candidate"; return 0; }
  done
  fail "needs Python 3.11 or later; none of python3, python3.11, python3.12, python3.13 is. PYTHON=... names another one."
}

make_environment() {
  directory=$1
  [ -x "$directory/bin/python" ] && "$directory/bin/python" -m pip --version >/dev/null 2>&1 && return 0
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps venv's parts in a package of their own.
    package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    if may_install; then
      say "Installing $package (Debian keeps Python's venv module apart) ..."
      apt_install "$package" || fail "apt-get could not install $package, without which there is no virtual environment."
    else
      fail "$python cannot make virtual environments. Install its module:  sudo apt-get install $package"
    fi
  fi
  say "Making the virtual environment $directory ..."
  rm -rf "$directory"
  "$python" -m venv "$directory"
  # Debian's pip of 2023 takes minutes to resolve what a newer one resolves in seconds; without it, it still works.
  "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip >/dev/null 2>&1 || true
}

python_packages() {
  directory=$1; shift
  make_environment "$directory"
  requirements=$("$directory/bin/python" local/setup/requirements.py "$@")
  stamp="$directory/.installed-$(printf '%s\n' "$requirements" | sha256sum | cut -c1-16)"
  [ -e "$stamp" ] && return 0
  say "Installing Python packages into $directory (once; about a minute) ..."
  printf '%s\n' "$requirements" >"$directory/requirements.txt"
  "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    -r "$directory/requirements.txt" >"$directory/pip.log" 2>&1 || {
    tail -n 5 "$directory/pip.log" | cut -c 1-400 >&2
    fail "pip could not install the packages (all it said: $directory/pip.log). Run again to go on."
  }
  rm -f "$directory"/.installed-*
  : >"$stamp"
}

case "${1:-}" in
  run)
    debian_packages libopus0
    python_packages .venv local dev ;;
  test)
    debian_packages libopus0 chromium espeak-ng baresip-core sip-tester
    python_packages .venv local dev ;;
  demo)
    debian_packages libopus0 chromium espeak-ng
    python_packages .venv local dev ;;
  sam)
    python_packages .venv-sam sam ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = --help ] || exit 2 ;;
esac
