"""What no linter of templates finds about functions: handlers, routes, streams, and who may do what."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

import pytest
from samtranslator.yaml_helper import yaml_parse

from api_document.generation import PATH
from local.aws.template import Template
from local.gateway.routes import ANY_METHOD, read_routes, select_route

# What each function may do, and on what; a change here is a change of what an attacker could do.
ALLOWED = {
    "TrunksApi": {
        "dynamodb:ConditionCheckItem Table",
        "dynamodb:DeleteItem Table",
        "dynamodb:GetItem Table",
        "dynamodb:PutItem Table",
        "dynamodb:Query Table",
        "dynamodb:UpdateItem Table",
        "secretsmanager:BatchGetSecretValue *",
        "secretsmanager:CreateSecret trunks/*",
        "secretsmanager:DeleteSecret trunks/*",
        "secretsmanager:GetSecretValue applications/*",
        "secretsmanager:GetSecretValue trunks/*",
        "secretsmanager:PutSecretValue trunks/*",
        "secretsmanager:TagResource trunks/*",
        "secretsmanager:UpdateSecretVersionStage trunks/*",
    },
    "RulesApi": {
        "dynamodb:ConditionCheckItem Table",
        "dynamodb:DeleteItem Table",
        "dynamodb:GetItem Table",
        "dynamodb:PutItem Table",
        "dynamodb:Query Table",
        "dynamodb:UpdateItem Table",
        "secretsmanager:GetSecretValue applications/*",
    },
    "SipApi": {
        "dynamodb:GetItem Table",
        "dynamodb:Query Table",
        "secretsmanager:GetSecretValue applications/*",
        "secretsmanager:GetSecretValue trunks/*",
    },
    "CallsApi": {
        "dynamodb:GetItem Table",
        "dynamodb:Query Table",
        "secretsmanager:GetSecretValue applications/*",
    },
    "ApiDocument": set(),
    "Console": set(),
    "ChangePublisher": {"events:PutEvents Bus", "sqs:SendMessage UndeliveredEvents"},
    "Janitor": {
        "dynamodb:GetItem Table",
        "dynamodb:Query Table",
        "secretsmanager:DeleteSecret trunks/*",
        "secretsmanager:ListSecrets *",
        "secretsmanager:UpdateSecretVersionStage trunks/*",
        "sns:ListSubscriptionsByTopic BridgeEvents",
        "sns:Unsubscribe BridgeEvents",
        "sqs:DeleteQueue -bridge-*",
        "sqs:GetQueueAttributes -bridge-*",
        "sqs:ListQueues *",
    },
}
# What AWS's own managed policies bring: logs, traces, and reading the stream.
MANAGED = {
    "AWSLambdaBasicExecutionRole",
    "AWSXRayDaemonWriteAccess",
    "AWSXrayWriteOnlyAccess",
    "AWSLambdaDynamoDBExecutionRole",
}


def functions(template: Template) -> dict[str, Mapping[str, Any]]:
    """The functions by logical id."""
    return template.of_type("AWS::Lambda::Function")


def statements(role: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The statements of a role's own policies."""
    for policy in role.get("Policies", ()):
        found = policy["PolicyDocument"]["Statement"]
        yield from found if isinstance(found, list) else [found]


def as_list(value: Any) -> list[Any]:
    """IAM's and CloudFormation's habit of writing one thing without a list."""
    return value if isinstance(value, list) else [value]


def named(resource: Any) -> str:
    """A short name of what a statement allows something on."""
    if isinstance(resource, str):
        return resource
    ((kind, value),) = resource.items()
    if kind == "Ref":
        return str(value)
    if kind == "Fn::GetAtt":
        return str(value[0] if isinstance(value, list) else value.split(".")[0])
    text = value if isinstance(value, str) else value[0]
    found = re.search(r"(trunks/\*|applications/\*|-bridge-\*|tls-\*|task/.*)$", text)
    assert found is not None, text
    return found[1]


def granted(role: Mapping[str, Any]) -> set[str]:
    """Everything that a role's own policies allow."""
    return {
        f"{action} {named(resource)}"
        for statement in statements(role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def test_each_handler_exists_and_is_callable(template: Template) -> None:
    with patch.dict(os.environ, {"TRUNKLINE_TABLE": "t", "POWERTOOLS_METRICS_NAMESPACE": "Trunkline"}):
        for name, properties in functions(template).items():
            module, _, attribute = properties["Handler"].rpartition(".")
            assert callable(getattr(importlib.import_module(module), attribute)), name


def test_handlers_are_distinct_packages(template: Template) -> None:
    packages = [properties["Handler"].split(".")[0] for properties in functions(template).values()]
    assert len(packages) == len(set(packages))


def test_every_function_runs_as_the_others(template: Template) -> None:
    for name, properties in functions(template).items():
        assert properties["Runtime"] == "python3.13", name
        assert properties["Architectures"] == ["arm64"], name
        assert properties["TracingConfig"] == {"Mode": "Active"}, name
        assert properties["LoggingConfig"]["LogFormat"] == "JSON", name
        environment = properties["Environment"]["Variables"]
        assert {"TRUNKLINE_TABLE", "TRUNKLINE_BUS", "TRUNKLINE_SECRET_PREFIX"} <= set(environment), name
        assert properties["Timeout"] <= (300 if name == "Janitor" else 29), name


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_least_privilege(template: Template, name: str) -> None:
    role = template.of_type("AWS::IAM::Role")[f"{name}Role"]
    assert granted(role) == ALLOWED[name]
    managed = {json.dumps(arn).rsplit("/", 1)[-1].rstrip('"]} ') for arn in role.get("ManagedPolicyArns", ())}
    assert managed <= MANAGED


def test_every_function_is_on_the_list(template: Template) -> None:
    assert set(functions(template)) == set(ALLOWED)


def test_no_statement_allows_all_actions(template: Template) -> None:
    for name, role in template.of_type("AWS::IAM::Role").items():
        for statement in statements(role):
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in as_list(statement["Action"])), name


def test_every_operation_of_the_document_has_a_route_to_its_function(template: Template) -> None:
    routes = read_routes(template)
    packages = {name: properties["Handler"].split(".")[0] for name, properties in functions(template).items()}
    for path, operations in json.loads(PATH.read_text())["paths"].items():
        for method, operation in operations.items():
            selected = select_route(routes, method.upper(), path.replace("{id}", "an-id"))
            assert selected is not None
            assert selected[0].path == path, "not the route of unknown paths"
            module = importlib.import_module(f"{packages[selected[0].function]}.operations")
            assert operation["operationId"] in {each.id for each in module.OPERATIONS}


def test_unknown_paths_reach_a_function(template: Template) -> None:
    selected = select_route(read_routes(template), "GET", "/no/such/path")
    assert selected is not None
    assert selected[0].function == "ApiDocument"


def test_routes_take_every_method_so_that_405_is_ours(template: Template) -> None:
    (api,) = template.of_type("AWS::ApiGatewayV2::Api").values()
    for path, methods in api["Body"]["paths"].items():
        assert set(methods) == {ANY_METHOD}, path


def test_sample_events_name_the_route_that_api_gateway_selects(template: Template) -> None:
    routes = read_routes(template)
    events = [json.loads(path.read_text()) for path in sorted((PATH.parents[2] / "events").glob("*.json"))]
    requests = [event for event in events if "requestContext" in event]
    assert requests
    for event in requests:
        http = event["requestContext"]["http"]
        selected = select_route(routes, http["method"], event["rawPath"])
        assert selected is not None
        assert event["routeKey"] == selected[0].key
        assert (http["path"], event.get("pathParameters", {})) == (event["rawPath"], selected[1])


def test_publisher_reads_the_stream_in_order_and_loses_nothing(template: Template) -> None:
    (mapping,) = template.of_type("AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["BisectBatchOnFunctionError"] is True
    assert "OnFailure" in mapping["DestinationConfig"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    pattern = json.loads(mapping["FilterCriteria"]["Filters"][0]["Pattern"])
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "CHG#"}]}}}}


def test_table(template: Template) -> None:
    (table,) = template.of_type("AWS::DynamoDB::Table").values()
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert template.resources["Table"]["DeletionPolicy"] == "Retain"


def test_event_patterns_hold_arrays(template: Template) -> None:
    """A pattern without an array is accepted by linters, and refused by EventBridge."""

    def check(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for name, below in value.items():
                check(below, f"{place}.{name}")
        else:
            assert isinstance(value, list), place

    for name, rule in template.of_type("AWS::Events::Rule").items():
        check(rule.get("EventPattern", {}), name)


def test_rule_topic_and_queue_may_reach_each_other(template: Template) -> None:
    (rule,) = [rule for rule in template.of_type("AWS::Events::Rule").values() if "EventPattern" in rule]
    (target,) = rule["Targets"]
    (topic_policy,) = template.of_type("AWS::SNS::TopicPolicy").values()
    (queue_policy,) = template.of_type("AWS::SQS::QueuePolicy").values()
    assert topic_policy["Topics"] == [target["Arn"]] == [{"Ref": "BridgeEvents"}]
    assert queue_policy["Queues"] == [{"Ref": "UndeliveredEvents"}]
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
    for policy, action in ((topic_policy, "sns:Publish"), (queue_policy, "sqs:SendMessage")):
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == action
    (statement,) = queue_policy["PolicyDocument"]["Statement"]
    source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert source == {"Fn::GetAtt": ["BridgeEventsRule", "Arn"]}


def test_event_bridge_publishes_without_a_condition(template: Template) -> None:
    """It sends SNS and KMS no source: a condition on one never holds, and every event would be dropped."""
    (topic_policy,) = template.of_type("AWS::SNS::TopicPolicy").values()
    key_policy = template.of_type("AWS::KMS::Key")["BridgeEventsKey"]["KeyPolicy"]
    found = [*topic_policy["PolicyDocument"]["Statement"], *key_policy["Statement"]]
    for statement in found:
        if statement["Principal"] == {"Service": "events.amazonaws.com"}:
            assert "Condition" not in statement, statement["Sid"]


def test_topic_s_key_lets_event_bridge_publish(template: Template) -> None:
    """An encrypted topic under SNS's own key silently drops what EventBridge sends."""
    (topic,) = template.of_type("AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == {"Ref": "BridgeEventsKey"}
    key = template.of_type("AWS::KMS::Key")["BridgeEventsKey"]
    actions = {
        action
        for statement in key["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
        for action in statement["Action"]
    }
    assert actions == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_alarms_have_a_destination_and_watch_something_real(template: Template) -> None:
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic", name
        for dimension in alarm["Dimensions"]:
            value = dimension["Value"]
            if isinstance(value, dict):
                target = value.get("Ref") or value["Fn::GetAtt"][0]
                assert target in template.resources, name


def test_access_log_holds_no_key(template: Template) -> None:
    (stage,) = template.of_type("AWS::ApiGatewayV2::Stage").values()
    assert "query" not in stage["AccessLogSettings"]["Format"].lower()


def test_layer_is_built_with_bytecode_and_without_a_second_botocore(template: Template) -> None:
    """SAM's own build of Python has the one not and the other too; both cost each cold start."""
    layer = PATH.parents[2] / "layers" / "trunking"
    (name,) = template.of_type("AWS::Lambda::LayerVersion")
    metadata = yaml_parse((PATH.parents[2] / "template.yaml").read_text())["Resources"]["TrunkingLayer"]
    assert metadata["Metadata"]["BuildMethod"] == "makefile"
    assert name.startswith("TrunkingLayer")
    done = subprocess.run(
        ["make", "--dry-run", "build-TrunkingLayer", "ARTIFACTS_DIR=/artifacts"],
        cwd=layer,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = done.stdout
    (runtime,) = {properties["Runtime"] for properties in functions(template).values()}
    assert f"--python-version {runtime.removeprefix('python')} " in commands
    assert "--platform manylinux2014_aarch64" in commands
    assert "rm -rf bin botocore botocore-*" in commands
    assert re.search(r"compileall .*--invalidation-mode unchecked-hash \"/artifacts/python\"", commands)


def test_layer_s_requirements_are_those_of_the_project(template: Template) -> None:
    root = PATH.parents[2]
    project = (root / "pyproject.toml").read_text()
    lines = (root / "layers" / "trunking" / "requirements.txt").read_text().splitlines()
    for line in (line for line in lines if line and not line.startswith("#")):
        assert f'"{line}"' in project or line.startswith("aws-xray-sdk"), line
