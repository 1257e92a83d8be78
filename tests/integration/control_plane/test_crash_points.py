"""A crash between each pair of steps: what is left is whole, or the janitor makes it so.

`docs/consistency.md` has the table that these tests hold true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.control_plane.test_concurrent_writers import trunk_secret_names
from tests.support.control_plane import ControlPlane
from tests.support.failing_client import Failure, Killed, failing
from trunking.aws.changes import read_changes
from trunking.aws.leftovers import Leftovers, Removed
from trunking.aws.snapshot import SnapshotReader
from trunking.aws.trunk_changes import TrunkChanges, TrunkWithCredentials
from trunking.errors import UnavailableError
from trunking.settings import TrunkSettings

NOW = datetime.now(tz=UTC)
LATER = NOW + timedelta(hours=1)
SETTINGS = TrunkSettings("Main line", ("+15551230001",))
GRACE = timedelta(days=1)


@dataclass(frozen=True)
class Crash:
    """A process that dies, and what must hold then and after the janitor."""

    name: str
    work: Callable[[TrunkChanges, str, str], object]
    """Gets the changes, the application's id and an existing trunk's id."""
    failure: Failure
    committed: bool
    """Whether the change is in the table after the crash."""
    healed: Removed


def create(changes: TrunkChanges, application_id: str, trunk_id: str) -> object:
    """Another trunk."""
    return changes.create(application_id, TrunkSettings("Second", ("+15551230002",)), None, NOW)


def set_password(changes: TrunkChanges, application_id: str, trunk_id: str) -> object:
    """A password by PUT."""
    return changes.update(application_id, trunk_id, lambda trunk: SETTINGS, "new password", NOW)


def rotate(changes: TrunkChanges, application_id: str, trunk_id: str) -> object:
    """A password by rotation."""
    return changes.rotate_password(application_id, trunk_id, NOW, grace=GRACE, password="new password")


def delete(changes: TrunkChanges, application_id: str, trunk_id: str) -> object:
    """The trunk goes."""
    changes.delete(application_id, trunk_id, NOW)
    return None


def at(client: str, operation: str, how: str) -> Failure:
    """A failure there."""
    return Failure(client, operation, how)


STAGE = ("secrets_manager", "put_secret_value")
COMMIT = ("dynamodb", "transact_write_items")
PROMOTE = ("secrets_manager", "update_secret_version_stage")
CRASHES = [
    Crash(
        "create: before the secret",
        create,
        at("secrets_manager", "create_secret", "killed before"),
        False,
        Removed(),
    ),
    Crash(
        "create: secret made",
        create,
        at("secrets_manager", "create_secret", "killed after"),
        False,
        Removed(secrets=1),
    ),
    Crash("create: before the commit", create, at(*COMMIT, "killed before"), False, Removed(secrets=1)),
    Crash("create: committed", create, at(*COMMIT, "killed after"), True, Removed()),
    Crash("password: staged", set_password, at(*STAGE, "killed after"), False, Removed()),
    Crash("password: before the commit", set_password, at(*COMMIT, "killed before"), False, Removed()),
    Crash("password: committed", set_password, at(*COMMIT, "killed after"), True, Removed(labels=1)),
    Crash("password: before the label", set_password, at(*PROMOTE, "killed before"), True, Removed(labels=1)),
    Crash("password: label moved", set_password, at(*PROMOTE, "killed after"), True, Removed()),
    Crash("rotation: staged", rotate, at(*STAGE, "killed after"), False, Removed()),
    Crash("rotation: committed", rotate, at(*COMMIT, "killed after"), True, Removed(labels=1)),
    Crash("rotation: before the label", rotate, at(*PROMOTE, "killed before"), True, Removed(labels=1)),
    Crash("delete: before the commit", delete, at(*COMMIT, "killed before"), False, Removed()),
    Crash("delete: committed", delete, at(*COMMIT, "killed after"), True, Removed(secrets=1)),
    Crash(
        "delete: before the secret goes",
        delete,
        at("secrets_manager", "delete_secret", "killed before"),
        True,
        Removed(secrets=1),
    ),
    Crash(
        "delete: secret gone", delete, at("secrets_manager", "delete_secret", "killed after"), True, Removed()
    ),
]


@pytest.fixture
def trunk(control_plane: ControlPlane) -> TrunkWithCredentials:
    """A trunk that is there before the crash."""
    application_id = control_plane.application.application_id
    return TrunkChanges(control_plane.deployment).create(application_id, SETTINGS, "old password", NOW)


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.name)
def test_crash_and_healing(control_plane: ControlPlane, trunk: TrunkWithCredentials, crash: Crash) -> None:
    deployment, application_id = control_plane.deployment, control_plane.application.application_id
    failure = Failure(crash.failure.client, crash.failure.operation, crash.failure.how)
    with failing(deployment, failure), pytest.raises(Killed):
        crash.work(TrunkChanges(deployment), application_id, trunk.trunk.id)
    assert failure.happened == 1

    changes = read_changes(deployment, application_id, 0)
    assert [change.version for change in changes] == [1, 2] if crash.committed else [1]
    _assert_usable(control_plane, crash, trunk)

    assert Leftovers(deployment).heal_secrets(NOW) == Removed(), "too young to be a leftover"
    assert Leftovers(deployment).heal_secrets(LATER) == crash.healed
    assert Leftovers(deployment).heal_secrets(LATER) == Removed(), "healed once and for all"
    _assert_usable(control_plane, crash, trunk)
    snapshot = SnapshotReader(deployment).load_application(application_id)
    assert snapshot is not None
    assert trunk_secret_names(deployment) == {
        f"{deployment.secret_prefix}trunks/{found.id}" for found in snapshot.trunks
    }
    for found in snapshot.trunks:
        labelled = deployment.secrets_manager.get_secret_value(
            SecretId=f"{deployment.secret_prefix}trunks/{found.id}", VersionStage="AWSCURRENT"
        )
        assert snapshot.credentials[found.id].password in labelled["SecretString"]


def _assert_usable(control_plane: ControlPlane, crash: Crash, trunk: TrunkWithCredentials) -> None:
    """Bridges see the trunk as it was, or as it is to be, never in between."""
    found = SnapshotReader(control_plane.deployment).read_trunk(
        control_plane.application.application_id, trunk.trunk.id
    )
    if crash.work is delete and crash.committed:
        assert found is None
        return
    assert found is not None
    expected: tuple[str, ...] = ("old password",)
    if crash.committed and crash.work is set_password:
        expected = ("new password",)
    if crash.committed and crash.work is rotate:
        expected = ("new password", "old password")
    assert found[1].passwords(NOW) == expected


def test_lost_answer_of_a_commit_that_happened(control_plane: ControlPlane) -> None:
    application_id = control_plane.application.application_id
    with failing(control_plane.deployment, at(*COMMIT, "answer lost")):
        found = TrunkChanges(control_plane.deployment).create(application_id, SETTINGS, None, NOW)
    assert [each["id"] for each in control_plane.ask("GET", "/inbound_trunks").body["sip_trunks"]] == [
        found.trunk.id
    ]


def test_unavailable_table_leaves_no_secret(control_plane: ControlPlane) -> None:
    application_id = control_plane.application.application_id
    with (
        failing(control_plane.deployment, at(*COMMIT, "InternalServerError")),
        pytest.raises(UnavailableError),
    ):
        TrunkChanges(control_plane.deployment).create(application_id, SETTINGS, None, NOW)
    assert trunk_secret_names(control_plane.deployment) == set()
