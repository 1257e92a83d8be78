"""Each error and each end of Stream has one termination."""

from __future__ import annotations

import getstream_rtc as sdk
import pytest

from bridge.adapters.stream_api import refusal
from bridge.adapters.stream_failures import end_of_call, join_failure
from trunking.termination import Termination

REFUSED, UNAVAILABLE = Termination.CALL_PLATFORM_REFUSED, Termination.CALL_PLATFORM_UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "termination"),
    [
        *((status, REFUSED) for status in (400, 401, 403, 404)),
        *((status, UNAVAILABLE) for status in (429, 500, 502, 503)),
    ],
)
def test_http_status(status: int, termination: Termination) -> None:
    error = refusal(status, {"message": "as Stream says"})
    assert error.termination is termination
    assert "as Stream says" in error.detail


def test_answer_that_is_no_object_is_survived() -> None:
    assert refusal(500, ["odd"]).detail == "Stream answered 500"


def test_sdk_api_error_counts_as_its_status() -> None:
    error = sdk.ApiError("text", 17, 403, "this call has ended", True)
    assert join_failure(error).termination is REFUSED
    assert "this call has ended" in join_failure(error).detail


def test_missing_permission_is_named() -> None:
    error = join_failure(sdk.PermissionDeniedError("no", "send-audio"))
    assert (error.termination, "send-audio" in error.detail) == (REFUSED, True)


@pytest.mark.parametrize("kind", [sdk.RtcError, sdk.CoordinatorError, sdk.IllegalStateError])
def test_transport_errors_let_the_carrier_try_elsewhere(kind: type[sdk.RtcError]) -> None:
    assert join_failure(kind("websocket closed")).termination is UNAVAILABLE


def test_sfu_that_ended_the_call() -> None:
    assert end_of_call([sdk.CallEnded()])[0] is Termination.CALL_SIDE_ENDED


def test_lost_without_a_reason() -> None:
    assert end_of_call([])[0] is Termination.CALL_PLATFORM_FAILED
