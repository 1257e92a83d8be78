"""The public address of an ECS task, with the metadata endpoint and EC2 played by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from bridge.adapters.public_address import PublicAddressError, find_public_address

TASK = {"Containers": [{"Networks": [{"IPv4Addresses": ["10.0.0.7"]}]}]}


class Ec2:
    """Knows one interface."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.interface = interface
        self.asked: Any = None

    def describe_network_interfaces(self, *, Filters: Any) -> Any:  # noqa: N803
        self.asked = Filters
        return {"NetworkInterfaces": [self.interface]}


@pytest.fixture
def metadata() -> Iterator[dict[str, Any]]:
    """The task metadata endpoint, version 4."""
    content: dict[str, Any] = {"task": TASK}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v4/id/task" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(content["task"]).encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    content["uri"] = f"http://127.0.0.1:{server.server_port}/v4/id"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield content
    server.shutdown()
    server.server_close()


def test_public_address_of_the_tasks_interface(metadata: dict[str, Any]) -> None:
    ec2 = Ec2({"Association": {"PublicIp": "203.0.113.9"}})
    assert find_public_address({"ECS_CONTAINER_METADATA_URI_V4": metadata["uri"]}, ec2) == "203.0.113.9"
    assert ec2.asked == [{"Name": "addresses.private-ip-address", "Values": ["10.0.0.7"]}]


def test_private_address_where_there_is_no_public_one(metadata: dict[str, Any]) -> None:
    assert find_public_address({"ECS_CONTAINER_METADATA_URI_V4": metadata["uri"]}, Ec2({})) == "10.0.0.7"


def test_what_is_missing_is_said(metadata: dict[str, Any]) -> None:
    with pytest.raises(PublicAddressError, match="only in an ECS task"):
        find_public_address({}, Ec2({}))
    metadata["task"] = {"Containers": []}
    with pytest.raises(PublicAddressError, match="has no address"):
        find_public_address({"ECS_CONTAINER_METADATA_URI_V4": metadata["uri"]}, Ec2({}))
