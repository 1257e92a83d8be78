"""`python -m bridge`: one bridge, from `BRIDGE_` environment variables, until SIGTERM."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from pydantic import ValidationError

from bridge.adapters.public_address import PublicAddressError
from bridge.adapters.settings import UnknownSettingsError, load_settings
from bridge.adapters.structured_logging import start_logging
from bridge.bootstrap.addresses import with_addresses
from bridge.bootstrap.service import serve


def main() -> int:
    """Run; 2 when the settings are wrong."""
    try:
        settings = load_settings()
    except UnknownSettingsError as error:
        sys.stderr.write(f"bridge: {error}\n")
        return 2
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = "".join(f"BRIDGE_{part}: ".upper() for part in fault["loc"][:1])
            sys.stderr.write(f"bridge: {name}{fault['msg']}\n")
        return 2
    try:
        settings = with_addresses(settings)
    except PublicAddressError as error:
        sys.stderr.write(f"bridge: {error}\n")
        return 2
    logs = start_logging(settings.log_level, settings.id)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    finally:
        logs.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
