"""The SAM template as local mode sees it: translated to CloudFormation, offline, without an AWS account.

Knows nothing of where resources live; `deployment` creates them. Imports third-party libraries alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

REGION = "us-east-1"
# samtranslator wants code on S3, as `sam package` leaves it; nothing ever reads it here.
PACKAGED_CODE = "s3://local/code.zip"
CODE_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


class TemplateError(Exception):
    """The template holds something that local mode cannot carry out; says what and where."""


@dataclass(frozen=True)
class Template:
    """A translated template."""

    document: Mapping[str, Any]

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources by logical id."""
        resources: Mapping[str, Mapping[str, Any]] = self.document["Resources"]
        return resources

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """The parameters' definitions by name."""
        parameters: Mapping[str, Mapping[str, Any]] = self.document.get("Parameters", {})
        return parameters

    @property
    def conditions(self) -> Mapping[str, Any]:
        """The conditions' expressions by name."""
        conditions: Mapping[str, Any] = self.document.get("Conditions", {})
        return conditions

    def of_type(self, resource_type: str) -> dict[str, Mapping[str, Any]]:
        """The properties of all resources of one type, by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.resources.items()
            if resource["Type"] == resource_type
        }


class _NoManagedPolicies:
    """What samtranslator asks AWS for; the template names no managed policy by its short name."""

    def load(self) -> dict[str, str]:
        return {}


def load_template(path: Path) -> Template:
    """Read and translate a SAM template; raises OSError, or samtranslator's InvalidDocumentException."""
    # The translator reads the region from boto3's session, and fails where none is set.
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    document = yaml_parse(path.read_text())
    for resource in document.get("Resources", {}).values():
        code = CODE_PROPERTIES.get(resource["Type"])
        if code is not None:
            resource.setdefault("Properties", {})[code] = PACKAGED_CODE
    for settings in document.get("Globals", {}).values():
        settings.pop("CodeUri", None)
    return Template(transform(document, {}, _NoManagedPolicies()))
