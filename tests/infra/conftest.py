"""The template, translated to CloudFormation without an AWS account."""

from __future__ import annotations

import pytest

from local.aws.template import Template, load_template
from tests.support.control_plane import ROOT


@pytest.fixture(scope="package")
def template() -> Template:
    """The translated template."""
    return load_template(ROOT / "template.yaml")
