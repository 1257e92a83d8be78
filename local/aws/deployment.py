"""Creates in the emulated AWS what the template declares and local mode needs; names what it leaves out.

CloudFormation itself is not emulated: each resource type that matters has a few lines here, and a type that
is neither created nor on the list of those left out is an error, so that a new resource cannot be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from local.aws.intrinsics import ACCOUNT_ID, Intrinsics
from local.aws.template import REGION, Template, TemplateError

STACK_NAME = "trunkline"

LEFT_OUT: Mapping[str, str] = {
    "AWS::ApiGatewayV2::Api": "the gateway serves its routes",
    "AWS::ApiGatewayV2::Stage": "the gateway has one stage",
    "AWS::CloudWatch::Alarm": "nobody watches a stack on one machine",
    "AWS::IAM::Role": "nothing checks permissions here; tests check the template's policies",
    "AWS::KMS::Key": "nothing is encrypted at rest in memory",
    "AWS::Lambda::EventSourceMapping": "the stream poller carries it out",
    "AWS::Lambda::Function": "the gateway and the stream poller call the handlers in this process",
    "AWS::Lambda::LayerVersion": "the layer's source is on the import path",
    "AWS::Lambda::Permission": "nothing checks permissions here",
    "AWS::Logs::LogGroup": "logs go to the terminal",
    "AWS::SecretsManager::Secret": "the bridge makes up its own digest key",
    "AWS::SNS::TopicPolicy": "nothing checks permissions here",
    "AWS::SQS::QueuePolicy": "nothing checks permissions here",
}
LEFT_OUT_SERVICES: Mapping[str, str] = {
    "AWS::ApplicationAutoScaling": "there is one bridge",
    "AWS::EC2": "the network is this machine's loopback interface",
    "AWS::ECR": "the bridge runs from the checkout",
    "AWS::ECS": "the bridge is a child process",
    "AWS::ElasticLoadBalancingV2": "phones reach the one bridge directly",
}
"""Whole services of which local mode needs nothing."""


def is_left_out(resource_type: str) -> bool:
    """Whether local mode knowingly does without resources of this type."""
    return resource_type in LEFT_OUT or resource_type.rpartition("::")[0] in LEFT_OUT_SERVICES


@dataclass
class Resource:
    """A resource that exists: the values that Ref and GetAtt give."""

    ref: str
    attributes: dict[str, str] = field(default_factory=dict)


class Deployment:
    """The resources of one template in one emulated AWS. Creates each the first time that it is asked for."""

    def __init__(self, template: Template, session: boto3.Session, parameters: Mapping[str, str]) -> None:
        self._template = template
        self._session = session
        self._resources: dict[str, Resource] = {}
        defaults = {
            name: str(definition.get("Default", "")) for name, definition in template.parameters.items()
        }
        unknown = set(parameters) - set(defaults)
        if unknown:
            raise TemplateError(f"the template has no parameter {', '.join(sorted(unknown))}")
        self.intrinsics = Intrinsics(
            {**defaults, **parameters}, template.conditions, self, stack_name=STACK_NAME, region=REGION
        )
        self._creators: dict[str, Callable[[str, Mapping[str, Any]], Resource | None]] = {
            "AWS::DynamoDB::Table": self._create_table,
            "AWS::Events::EventBus": self._create_bus,
            "AWS::Events::Rule": self._create_rule,
            "AWS::SNS::Topic": self._create_topic_queue,
            "AWS::SQS::Queue": self._create_queue,
        }

    def create(self) -> None:
        """Create everything. Raises `TemplateError` for a type that is neither known nor left out."""
        for logical_id, resource in self._template.resources.items():
            if "Condition" in resource and not self.intrinsics.holds(resource["Condition"]):
                continue
            if resource["Type"] in self._creators:
                self._ensure(logical_id)
            elif not is_left_out(resource["Type"]):
                raise TemplateError(
                    f"{logical_id} is a {resource['Type']}, which local mode can neither create nor knows "
                    "to be unnecessary: add it to local/aws/deployment.py"
                )

    def ref(self, logical_id: str) -> str:
        """The value of Ref."""
        return self._ensure(logical_id).ref

    def attribute(self, logical_id: str, name: str) -> str:
        """The value of GetAtt."""
        attributes = self._ensure(logical_id).attributes
        if name not in attributes:
            raise TemplateError(f"local mode gives no attribute {name} of {logical_id}")
        return attributes[name]

    def only(self, resource_type: str) -> Resource:
        """The one resource of this type; raises `TemplateError` when there are none or several."""
        logical_ids = list(self._template.of_type(resource_type))
        if len(logical_ids) != 1:
            raise TemplateError(f"expected one {resource_type}, the template has {len(logical_ids)}")
        return self._ensure(logical_ids[0])

    def _ensure(self, logical_id: str) -> Resource:
        if logical_id in self._resources:
            return self._resources[logical_id]
        resource = self._template.resources.get(logical_id)
        if resource is None or resource["Type"] not in self._creators:
            raise TemplateError(f"{logical_id} is used, but it is not there in local mode")
        created = self._creators[resource["Type"]](logical_id, resource.get("Properties", {}))
        self._resources[logical_id] = created or Resource(ref=logical_id)
        return self._resources[logical_id]

    def _create_table(self, logical_id: str, properties: Mapping[str, Any]) -> Resource:
        resolved = self.intrinsics.resolve(
            {
                key: properties[key]
                for key in ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
                if key in properties
            }
        )
        stream = properties.get("StreamSpecification")
        if stream is not None:
            resolved["StreamSpecification"] = {"StreamEnabled": True, **self.intrinsics.resolve(stream)}
        name = f"{STACK_NAME}-{logical_id}"
        table = self._session.client("dynamodb").create_table(TableName=name, **resolved)["TableDescription"]
        return Resource(name, {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", "")})

    def _create_bus(self, _: str, properties: Mapping[str, Any]) -> Resource:
        name = self.intrinsics.resolve(properties["Name"])
        arn = self._session.client("events").create_event_bus(Name=name)["EventBusArn"]
        return Resource(name, {"Arn": arn, "Name": name})

    def _create_rule(self, logical_id: str, properties: Mapping[str, Any]) -> Resource | None:
        if "ScheduleExpression" in properties:
            return None  # Schedules do not run here; a restart leaves nothing for the janitor.
        bus = self.intrinsics.resolve(properties["EventBusName"])
        name = f"{STACK_NAME}-{logical_id}"
        events = self._session.client("events")
        pattern = json.dumps(self.intrinsics.resolve(properties["EventPattern"]))
        arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern, State="ENABLED")["RuleArn"]
        targets = [
            {"Id": target["Id"], "Arn": self.intrinsics.resolve(target["Arn"])}
            for target in properties["Targets"]
        ]
        events.put_targets(Rule=name, EventBusName=bus, Targets=targets)  # type: ignore[arg-type]
        return Resource(name, {"Arn": arn})

    def _create_topic_queue(self, logical_id: str, _: Mapping[str, Any]) -> Resource:
        """One queue in place of a topic with one bridge's queue subscribed: the emulation has no way
        from EventBridge to SNS."""
        queue = self._queue(f"{STACK_NAME}-bridge-{logical_id}")
        return Resource(queue.attributes["Arn"], {"TopicArn": queue.attributes["Arn"], "QueueUrl": queue.ref})

    def _create_queue(self, logical_id: str, _: Mapping[str, Any]) -> Resource:
        return self._queue(f"{STACK_NAME}-{logical_id}")

    def _queue(self, name: str) -> Resource:
        url = self._session.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}"
        return Resource(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})
