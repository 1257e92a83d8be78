"""The emulated AWS: the template's resources are there, transactions are whole, events reach the queue."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.deployment import LEFT_OUT, LEFT_OUT_SERVICES, Deployment, is_left_out
from local.aws.template import Template, TemplateError
from tests.integration.local.conftest import EmulatedAws


def test_of_concurrent_claims_of_a_number_exactly_one_wins(emulated_aws: EmulatedAws) -> None:
    client = emulated_aws.session.client("dynamodb")
    together = threading.Barrier(6)

    def claim(trunk: int) -> bool:
        together.wait()
        item = {"pk": {"S": "NUM#+15551230001"}, "sk": {"S": "OWNER"}, "trunk": {"S": str(trunk)}}
        put = {
            "TableName": emulated_aws.table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            client.transact_write_items(TransactItems=[{"Put": put}])  # type: ignore[typeddict-item]
        except ClientError as error:
            return error.response["Error"]["Code"] != "TransactionCanceledException"
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(claim, range(6))) == 1


def test_changes_on_the_bus_reach_the_bridges_queue_and_others_do_not(emulated_aws: EmulatedAws) -> None:
    bus = emulated_aws.deployment.only("AWS::Events::EventBus").ref
    queue = emulated_aws.deployment.only("AWS::SNS::Topic").attributes["QueueUrl"]
    emulated_aws.session.client("events").put_events(
        Entries=[
            {"Source": "trunkline", "DetailType": kind, "Detail": "{}", "EventBusName": bus}
            for kind in ("sip.call.received", "sip.trunk.created", "sip.routing_rule.deleted")
        ]
    )
    messages = emulated_aws.session.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    kinds = {json.loads(message["Body"])["detail-type"] for message in messages["Messages"]}
    assert kinds == {"sip.trunk.created", "sip.routing_rule.deleted"}


def test_a_wait_for_messages_holds_nothing_up(emulated_aws: EmulatedAws) -> None:
    queue = emulated_aws.deployment.only("AWS::SNS::Topic").attributes["QueueUrl"]
    sqs = emulated_aws.session.client("sqs")
    waiting = threading.Thread(
        target=lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20), daemon=True
    )
    waiting.start()
    began = time.monotonic()
    for _ in range(20):
        emulated_aws.session.client("dynamodb").describe_table(TableName=emulated_aws.table)
    assert time.monotonic() - began < 5
    assert waiting.is_alive()
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    waiting.join(timeout=5)
    assert not waiting.is_alive()


def test_a_listener_hears_of_writes_and_not_of_reads(emulated_aws: EmulatedAws) -> None:
    wrote: list[None] = []
    emulated_aws.server.on_write(lambda: wrote.append(None))
    client = emulated_aws.session.client("dynamodb")
    client.get_item(TableName=emulated_aws.table, Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    assert not wrote
    client.put_item(TableName=emulated_aws.table, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    assert wrote == [None]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"Shelf": {"Type": "AWS::S3::Bucket"}}, "AWS::S3::Bucket"),
        (
            {
                "Rule": {
                    "Type": "AWS::Events::Rule",
                    "Properties": {
                        "EventBusName": "default",
                        "EventPattern": {"source": ["x"]},
                        "Targets": [{"Id": "a", "Arn": {"Ref": "Nowhere"}}],
                    },
                }
            },
            "Nowhere",
        ),
    ],
)
def test_a_resource_that_local_mode_does_not_know_is_an_error(
    emulated_aws: EmulatedAws, resources: dict[str, object], expected: str
) -> None:
    deployment = Deployment(Template({"Resources": resources}), emulated_aws.session, {})
    with pytest.raises(TemplateError, match=expected):
        deployment.create()


def test_a_resource_whose_condition_does_not_hold_is_not_created(emulated_aws: EmulatedAws) -> None:
    document = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Unneeded": {"Type": "AWS::S3::Bucket", "Condition": "Never"}},
    }
    Deployment(Template(document), emulated_aws.session, {}).create()


def test_an_unknown_parameter_is_an_error() -> None:
    with pytest.raises(TemplateError, match="Sip"):
        Deployment(Template({"Resources": {}}), boto3.Session(region_name="us-east-1"), {"Sip": "x"})


def test_every_type_that_is_left_out_says_why() -> None:
    assert all(len(reason) > 10 for reason in (*LEFT_OUT.values(), *LEFT_OUT_SERVICES.values()))
    assert is_left_out("AWS::EC2::VPC")
    assert not is_left_out("AWS::DynamoDB::Table")
