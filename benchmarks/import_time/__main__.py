"""Imports each function in a new interpreter, with boto3 there already as in Lambda, and lists what costs.

Processor time, so that other work on the machine does not count.

Run as `python -m benchmarks.import_time`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from local.aws.template import load_template
from tests.support.control_plane import ROOT

RUNS = 3
_PROBE = """
import json, sys, time
import boto3
import botocore.client, botocore.config
began = time.process_time()
import {module}
print(json.dumps((time.process_time() - began) * 1000))
"""
_BOTO = """
import json, time
began = time.process_time()
import boto3, botocore.client, botocore.config
boto3.client("dynamodb", region_name="us-east-1")
print(json.dumps((time.process_time() - began) * 1000))
"""


def milliseconds(program: str, environment: dict[str, str]) -> float:
    """The median of what a program prints."""
    times = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        times.append(float(json.loads(done.stdout.splitlines()[-1])))
    return statistics.median(times)


def largest(module: str, environment: dict[str, str]) -> list[tuple[str, float]]:
    """The packages below a function's import that cost most, by `-X importtime` (cumulative)."""
    program = f"import boto3, botocore.client, botocore.config\nimport {module}"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    costs: dict[str, float] = {}
    for line in done.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[1].strip().isdigit():
            name = parts[2].strip()
            costs.setdefault(name, int(parts[1]) / 1000)
    wanted = ("pydantic", "jwt", "aws_lambda_powertools", "phonenumbers", "jinja2", "aws_xray_sdk")
    return sorted(((name, costs[name]) for name in wanted if name in costs), key=lambda each: -each[1])


def main() -> None:
    """Print a line for each function."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'layers/trunking'}:{ROOT / 'functions'}",
        "TRUNKLINE_TABLE": "table",
        # As in Lambda, so that tracing is on.
        "LAMBDA_TASK_ROOT": "/var/task",
        "POWERTOOLS_METRICS_NAMESPACE": "Trunkline",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    print(f"boto3 and its first client: {milliseconds(_BOTO, environment):.0f} ms")
    for name, properties in sorted(
        load_template(ROOT / "template.yaml").of_type("AWS::Lambda::Function").items()
    ):
        module = properties["Handler"].rpartition(".")[0]
        cost = milliseconds(_PROBE.format(module=module), environment)
        shares = ", ".join(f"{package} {share:.0f}" for package, share in largest(module, environment))
        print(f"{name}: {cost:.0f} ms ({shares})")


if __name__ == "__main__":
    main()
