"""The border where AWS's exceptions become the domain's. Imports core and botocore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from trunking.errors import ThrottledError, UnavailableError

_THROTTLING = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "LimitExceededException",
        "PriorRequestNotComplete",
    }
)
_UNAVAILABLE = frozenset(
    {
        "InternalServerError",
        "InternalServiceError",
        "InternalFailure",
        "InternalException",
        "ServiceUnavailable",
    }
)


def error_code(error: ClientError) -> str:
    """The service's word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_throttling(code: str) -> bool:
    """Whether asking again later may work."""
    return code in _THROTTLING


def cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    """Why each action of a transaction was refused, in the order of the actions."""
    response: Any = error.response
    return list(response.get("CancellationReasons", ()))


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Throttling and failures of a service become ThrottledError and UnavailableError; the rest passes."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if is_throttling(code):
            raise ThrottledError(what) from error
        if code in _UNAVAILABLE or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
            raise UnavailableError(what) from error
        raise
    except BotoCoreError as error:
        raise UnavailableError(what) from error
