"""Two deployments of one account whose secrets begin alike: neither's janitor touches the other's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.control_plane.test_concurrent_writers import trunk_secret_names
from tests.support.control_plane import ControlPlane, create_table
from tests.support.failing_client import Failure, Killed, failing
from trunking.aws.applications import create_application
from trunking.aws.deployment import Deployment
from trunking.aws.leftovers import Leftovers, Removed
from trunking.aws.trunk_changes import TrunkChanges
from trunking.settings import TrunkSettings

NOW = datetime.now(tz=UTC)
LATER = NOW + timedelta(hours=1)


def test_a_janitor_leaves_other_deployments_secrets_alone(control_plane: ControlPlane) -> None:
    ours = control_plane.deployment
    theirs = Deployment(f"{ours.table}-staging", ours.secret_prefix, ours.bus, ours.sip_host)
    create_table(theirs)
    settings = TrunkSettings("Main line", ("+15551230001",))
    for deployment, application in (
        (ours, control_plane.application),
        (theirs, create_application(theirs)),
    ):
        TrunkChanges(deployment).create(application.application_id, settings, None, NOW)
        with (
            failing(deployment, Failure("dynamodb", "transact_write_items", "killed before")),
            pytest.raises(Killed),
        ):
            TrunkChanges(deployment).create(
                application.application_id, TrunkSettings("Leftover", ("+15551230002",)), None, NOW
            )
    assert len(trunk_secret_names(ours)) == 4
    assert Leftovers(ours).heal_secrets(LATER) == Removed(secrets=1)
    assert len(trunk_secret_names(ours)) == 3
    assert Leftovers(theirs).heal_secrets(LATER) == Removed(secrets=1)
    assert len(trunk_secret_names(ours)) == 2
