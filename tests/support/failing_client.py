"""An AWS client that dies or fails at a chosen call, to stop the control plane between two steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError


class Killed(BaseException):
    """The process ends here: no handler of ours runs, as when Lambda or the machine dies."""


@dataclass
class Failure:
    """What happens at one call of one operation."""

    client: str
    """`dynamodb`, `secrets_manager`, `events`."""
    operation: str
    how: str
    """`killed before`, `killed after`, `answer lost`, or an error code of the service."""
    times: int = 1
    happened: int = 0


@dataclass
class FailingClient:
    """Passes everything on but what fails."""

    client: Any
    failure: Failure
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name != self.failure.operation:
            return found

        def call(**parameters: Any) -> Any:
            if self.failure.happened >= self.failure.times:
                return found(**parameters)
            self.failure.happened += 1
            if self.failure.how == "killed before":
                raise Killed
            if self.failure.how == "killed after":
                found(**parameters)
                raise Killed
            if self.failure.how == "answer lost":
                found(**parameters)
                raise ReadTimeoutError(endpoint_url="emulated")
            response: Any = {
                "Error": {"Code": self.failure.how, "Message": "injected"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(response, name)

        return call


@contextmanager
def failing(deployment: Any, failure: Failure) -> Iterator[Failure]:
    """Let `deployment`'s client fail within the block."""
    real = getattr(deployment, failure.client)
    deployment.__dict__[failure.client] = FailingClient(real, failure)
    try:
        yield failure
    finally:
        deployment.__dict__[failure.client] = real
