"""`python -m local.stream`: a local Stream until interrupted; prints where it is and its development keys."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal

from local.stream.server import LocalStream


async def _serve(arguments: argparse.Namespace) -> None:
    secret = arguments.api_secret or secrets.token_hex(24)
    stream = LocalStream(
        api_key=arguments.api_key,
        api_secret=secret,
        host=arguments.host,
        port=arguments.port,
        edges=arguments.edges,
    )
    await stream.start()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    where = {"base_url": stream.base_url, "websocket_url": stream.websocket_url}
    print(json.dumps({**where, "api_key": arguments.api_key, "api_secret": secret}), flush=True)
    try:
        await stopped.wait()
    finally:
        await stream.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.stream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--edges", type=int, default=1, help="SFU edges, for trying migration")
    parser.add_argument("--api-key", default="local")
    parser.add_argument("--api-secret", default="", help="random when not given")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
