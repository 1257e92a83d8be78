"""The bridges on Fargate: what ECS, the load balancer and the container have to agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.adapters.settings import load_settings
from local.aws.template import Template
from tests.infra.test_functions import as_list, granted, named, statements


@pytest.fixture
def container(template: Template) -> Mapping[str, Any]:
    """The bridge's container, with TLS."""
    (task,) = template.of_type("AWS::ECS::TaskDefinition").values()
    found: dict[str, Mapping[str, Any]] = {
        each.get("Name", ""): each for each in map(with_tls, task["ContainerDefinitions"])
    }
    return found["bridge"]


def with_tls(value: Any) -> Any:
    """What the template gives where the condition holds."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def environment(container: Mapping[str, Any]) -> dict[str, Any]:
    """The container's environment."""
    return {each["Name"]: each["Value"] for each in map(with_tls, container["Environment"])}


def test_the_bridge_takes_its_environment(container: Mapping[str, Any], tmp_path: Any) -> None:
    """An unknown setting would end the container at its start."""
    numbers = {"BRIDGE_MAX_CALLS": "20", "BRIDGE_QUALITY_SECONDS": "10"}
    given = {
        name: value if isinstance(value, str) else numbers.get(name, "from-the-stack")
        for name, value in environment(container).items()
    }
    given |= {secret["Name"]: "00" * 32 for secret in container["Secrets"]}
    settings = load_settings(given)
    assert settings.drain_seconds < container["StopTimeout"] <= 120
    assert settings.platform == "stream", "embedded rooms live in one bridge: several need Stream"
    assert settings.advertised_sip_host == settings.advertised_media_host == "auto"


def test_ports_agree(template: Template, container: Mapping[str, Any]) -> None:
    values = environment(container)
    mapped = {(each["ContainerPort"], each["Protocol"]) for each in container["PortMappings"]}
    sip, direct = int(values["BRIDGE_SIP_PORT"]), int(values["BRIDGE_SIP_DIRECT_PORT"])
    tls = int(values["BRIDGE_SIP_TLS_PORT"])
    assert {(sip, "udp"), (direct, "udp"), (tls, "tcp")} <= mapped
    assert sip != direct, "in-dialog requests have to bypass the load balancer"
    assert tls != sip, "a service with a load balancer cannot have TCP and UDP on one port"
    groups = template.of_type("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert (groups["SipUdpTargets"]["Port"], groups["SipUdpTargets"]["Protocol"]) == (sip, "UDP")
    assert (groups["SipTlsTargets"]["Port"], groups["SipTlsTargets"]["Protocol"]) == (tls, "TCP")
    (firewall,) = template.of_type("AWS::EC2::SecurityGroup").values()
    opened = {
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in firewall["SecurityGroupIngress"]
    }
    first, last = map(int, values["BRIDGE_RTP_PORTS"].split("-"))
    assert {("udp", sip, sip), ("udp", direct, direct), ("tcp", tls, tls), ("udp", first, last)} <= opened


def test_carriers_addresses_reach_the_bridge(template: Template) -> None:
    """Allow-lists by source address would see the load balancer otherwise."""
    for name, group in template.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
        assert attributes["preserve_client_ip.enabled"] == "true", name


def test_sip_comes_from_carriers_only(template: Template) -> None:
    """One block, or a prefix list of any number; never both, which EC2 refuses."""
    (firewall,) = template.of_type("AWS::EC2::SecurityGroup").values()
    signalling = [rule for rule in firewall["SecurityGroupIngress"] if rule["FromPort"] in (5060, 5061, 5070)]
    assert len(signalling) == 3
    for rule in signalling:
        nothing = {"Ref": "AWS::NoValue"}
        block, blocks = {"Ref": "CarrierAddresses"}, {"Ref": "CarrierPrefixList"}
        assert rule["CidrIp"] == {"Fn::If": ["HasCarrierPrefixList", nothing, block]}
        assert rule["SourcePrefixListId"] == {"Fn::If": ["HasCarrierPrefixList", blocks, nothing]}


def test_a_full_bridge_is_healthy(template: Template, container: Mapping[str, Any]) -> None:
    """ECS replaces tasks that a load balancer finds unhealthy: with /readyz, those with the most calls."""
    for name, group in template.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        assert (group["HealthCheckProtocol"], group["HealthCheckPath"]) == ("HTTP", "/healthz"), name
        assert group["HealthCheckPort"] == environment(container)["BRIDGE_HTTP_PORT"], name
    assert "/healthz" in container["HealthCheck"]["Command"][-1]


def test_the_bridge_can_do_little_to_its_task(container: Mapping[str, Any]) -> None:
    assert container["ReadonlyRootFilesystem"] is True
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert "User" not in container, "the image's own user, which is not root"


def test_open_files_and_logs_do_not_limit_calls(container: Mapping[str, Any]) -> None:
    values = environment(container)
    first, last = map(int, values["BRIDGE_RTP_PORTS"].split("-"))
    (limit,) = container["Ulimits"]
    assert limit["Name"] == "nofile"
    assert limit["SoftLimit"] > (last - first + 1) + load_settings({"BRIDGE_TABLE": "t"}).sip_connections
    assert container["LogConfiguration"]["Options"]["mode"] == "non-blocking"


def test_updates_of_the_stack_leave_the_number_of_bridges_to_scaling(template: Template) -> None:
    (service,) = template.of_type("AWS::ECS::Service").values()
    assert "DesiredCount" not in service
    (scaling,) = template.of_type("AWS::ApplicationAutoScaling::ScalableTarget").values()
    assert scaling["MinCapacity"] == {"Ref": "BridgeMinTasks"}


def test_the_service_comes_after_its_listeners_and_routes(template: Template) -> None:
    """ECS refuses target groups without a listener, and tasks without a route find no image."""
    service = template.resources["BridgeService"]
    assert set(service["DependsOn"]) == {
        "SipUdpListener",
        *template.of_type("AWS::EC2::Route"),
        *template.of_type("AWS::EC2::SubnetRouteTableAssociation"),
    }
    assert service["Metadata"]["Listener"] == {"Fn::If": ["HasBridgeTls", {"Ref": "SipTlsListener"}, "none"]}


def test_a_bridge_subscribes_bridges_queues_only(template: Template) -> None:
    role = template.of_type("AWS::IAM::Role")["BridgeRole"]
    (subscribe,) = (each for each in statements(role) if "sns:Subscribe" in as_list(each["Action"]))
    condition = subscribe["Condition"]
    assert condition["StringEquals"] == {"sns:Protocol": "sqs"}
    assert named(condition["StringLike"]["sns:Endpoint"]) == "-bridge-*"


def test_deployments_keep_calls(template: Template) -> None:
    (service,) = template.of_type("AWS::ECS::Service").values()
    deployment = service["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"


def test_scaling_follows_calls_out_fast_and_in_slowly(
    template: Template, container: Mapping[str, Any]
) -> None:
    (policy,) = template.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["ScaleOutCooldown"] < tracking["ScaleInCooldown"]
    metric = tracking["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == ("Trunkline", "CallsPercent")
    assert environment(container)["BRIDGE_EMBEDDED_METRICS"] == "true"


def test_what_a_bridge_may_do(template: Template) -> None:
    role = template.of_type("AWS::IAM::Role")["BridgeRole"]
    assert granted(role) == {
        "dynamodb:GetItem Table",
        "dynamodb:Query Table",
        "dynamodb:BatchWriteItem Table",
        "dynamodb:PutItem Table",
        "dynamodb:DeleteItem Table",
        "ec2:DescribeNetworkInterfaces *",
        "ecs:GetTaskProtection task/${BridgeCluster}/*",
        "ecs:UpdateTaskProtection task/${BridgeCluster}/*",
        "events:PutEvents Bus",
        "secretsmanager:BatchGetSecretValue *",
        "secretsmanager:GetSecretValue applications/*",
        "secretsmanager:GetSecretValue trunks/*",
        "sns:ListSubscriptionsByTopic BridgeEvents",
        "sns:Subscribe BridgeEvents",
        "sns:Unsubscribe BridgeEvents",
        *(
            f"sqs:{action} -bridge-*"
            for action in (
                "CreateQueue",
                "DeleteMessage",
                "DeleteQueue",
                "GetQueueAttributes",
                "GetQueueUrl",
                "ReceiveMessage",
                "SetQueueAttributes",
                "TagQueue",
            )
        ),
    }


def test_a_bridge_writes_records_and_heartbeats_only(template: Template) -> None:
    role = template.of_type("AWS::IAM::Role")["BridgeRole"]
    keys = {
        statement["Sid"]: next(iter(statement["Condition"].values()))["dynamodb:LeadingKeys"]
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Sid"] in ("Records", "Heartbeat")
    }
    assert keys == {"Records": ["CALLS", "CALLS#*", "BRIDGES"], "Heartbeat": ["BRIDGES"]}


def test_without_an_image_there_is_nothing_of_it(template: Template) -> None:
    """A control plane alone: everything of the bridges hangs on the condition."""
    services = ("AWS::ECS::", "AWS::EC2::", "AWS::ElasticLoadBalancingV2::", "AWS::ApplicationAutoScaling::")
    for name, resource in template.resources.items():
        if resource["Type"].startswith(services):
            assert resource["Condition"] in ("HasBridge", "HasBridgeTls"), name
