"""The table's stream reaches the publisher: in order, filtered, and again after a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local import change_stream
from local.change_stream import ChangeStream
from local.gateway.functions import Function
from tests.integration.local.conftest import EmulatedAws


class Publisher:
    """A handler that remembers what it was given; the first answers can be failures."""

    def __init__(self, *failures: Exception | int) -> None:
        self._failures = list(failures)
        self.published: list[str] = []
        self.changed = threading.Condition()

    def __call__(self, event: dict[str, Any], _: object) -> dict[str, Any]:
        records = event["Records"]
        failure = self._failures.pop(0) if self._failures else None
        if isinstance(failure, Exception):
            raise failure
        taken = records if failure is None else records[:failure]
        with self.changed:
            self.published += [record["dynamodb"]["Keys"]["sk"]["S"] for record in taken]
            self.changed.notify_all()
        rest = records[len(taken) : len(taken) + 1]
        return {
            "batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in rest]
        }

    def wait_for(self, count: int) -> list[str]:
        """What was published, once it is this much."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.published) >= count, timeout=10)
            return list(self.published)


@contextmanager
def following(aws: EmulatedAws, publisher: Publisher) -> Iterator[ChangeStream]:
    """A change stream that gives to the publisher."""
    (mapping,) = aws.template.of_type("AWS::Lambda::EventSourceMapping").values()
    function = Function("ChangePublisher", publisher, 512, 30.0)
    stream = ChangeStream(aws.session, mapping, aws.deployment.intrinsics, function)
    stream.start()
    aws.server.on_write(stream.wake)
    yield stream
    stream.stop()


def write(aws: EmulatedAws, *sort_keys: str) -> None:
    """Write items, one after the other."""
    for sort_key in sort_keys:
        aws.session.client("dynamodb").put_item(
            TableName=aws.table, Item={"pk": {"S": "APP#a"}, "sk": {"S": sort_key}}
        )


def test_inserted_changes_are_given_in_order_and_nothing_else(emulated_aws: EmulatedAws) -> None:
    write(emulated_aws, "CHG#000000000000")
    publisher = Publisher()
    with following(emulated_aws, publisher):
        write(emulated_aws, "TRUNK#1", "CHG#000000000001", "META", "CHG#000000000002")
        # An item that is written again is no new change.
        write(emulated_aws, "CHG#000000000001", "CHG#000000000003")
        assert publisher.wait_for(3) == [f"CHG#{version:012d}" for version in (1, 2, 3)]


def test_a_batch_that_fails_is_given_again_from_where_it_failed(
    emulated_aws: EmulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_stream, "RETRY_DELAY", 0.01)
    publisher = Publisher(RuntimeError("no bus"), 0, 0)
    with following(emulated_aws, publisher):
        expected = [f"CHG#{version:012d}" for version in range(1, 6)]
        write(emulated_aws, *expected)
        assert publisher.wait_for(5) == expected


def test_what_was_written_before_the_end_is_given_before_the_end(emulated_aws: EmulatedAws) -> None:
    publisher = Publisher()
    with following(emulated_aws, publisher):
        emulated_aws.server.on_write(lambda: None)
        write(emulated_aws, "CHG#000000000001")
    assert publisher.published == ["CHG#000000000001"]
