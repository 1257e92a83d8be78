"""Check template.yaml as SAM and as the CloudFormation it becomes. Needs no network and no AWS account.

`sam validate` finds bad policy templates and duplicate routes that cfn-lint does not; cfn-lint on the
translated template finds bad GetAtt, Ref and IAM actions that it cannot see in the raw one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local.aws.template import load_template

TEMPLATE = Path("template.yaml")
SAM = Path(".venv-sam/bin/sam")
CFN_LINT = Path(sys.executable).with_name("cfn-lint")


def check(title: str, command: list[str]) -> bool:
    """Run one check; prints what it says only when it fails."""
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    print(f"{title}: {'ok' if finished.returncode == 0 else 'FAILED'}", flush=True)
    if finished.returncode != 0:
        print(finished.stdout + finished.stderr)
    return finished.returncode == 0


def main() -> int:
    """Run all checks, also after one failed; the exit code."""
    if not SAM.exists():
        print(f"{SAM} is missing: local/setup/set_up.sh sam installs it")
        return 1
    with tempfile.TemporaryDirectory() as directory:
        translated = Path(directory) / "translated.json"
        translated.write_text(json.dumps(load_template(TEMPLATE).document, indent=1))
        results = [
            check("cfn-lint template.yaml", [str(CFN_LINT), str(TEMPLATE)]),
            check("cfn-lint translated template", [str(CFN_LINT), str(translated)]),
            check("sam validate --lint", [str(SAM), "validate", "--lint", "--template", str(TEMPLATE)]),
        ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
