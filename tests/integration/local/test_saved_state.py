"""What a stack keeps over a restart."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from local.aws.deployment import Deployment
from local.aws.saved_state import SavedStateError, restore_state, save_state
from tests.integration.local.conftest import EmulatedAws, reset


def restart(aws: EmulatedAws) -> None:
    """As a new process finds the emulation: the resources, and nothing in them."""
    reset(aws.server)
    Deployment(aws.template, aws.session, {}).create()


def put(aws: EmulatedAws, **attributes: object) -> None:
    """Write an item."""
    aws.session.resource("dynamodb").Table(aws.table).put_item(Item={"pk": "a", **attributes})  # type: ignore[dict-item]


def test_items_and_secrets_come_back(emulated_aws: EmulatedAws, tmp_path: Path) -> None:
    secrets = emulated_aws.session.client("secretsmanager")
    arn = secrets.create_secret(
        Name="trunkline/trunks/1",
        SecretString="first",
        ClientRequestToken="1" * 36,
        Tags=[{"Key": "k", "Value": "v"}],
    )["ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString="second", ClientRequestToken="2" * 36)
    put(emulated_aws, sk="TRUNK#1", secret=arn, numbers=["+1"], nested={"n": 1})
    path = tmp_path / "state.json"
    save_state(path, emulated_aws.session, emulated_aws.table)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    restart(emulated_aws)
    assert restore_state(path, emulated_aws.session, emulated_aws.table)
    table = emulated_aws.session.resource("dynamodb").Table(emulated_aws.table)
    (item,) = table.scan()["Items"]
    assert item["numbers"] == ["+1"]
    assert item["nested"] == {"n": 1}
    # The item names the secret by its new ARN, under the same versions.
    found = secrets.get_secret_value(SecretId=str(item["secret"]))
    assert (found["SecretString"], found["VersionId"]) == ("second", "2" * 36)
    previous = secrets.get_secret_value(SecretId=str(item["secret"]), VersionStage="AWSPREVIOUS")
    assert (previous["SecretString"], previous["VersionId"]) == ("first", "1" * 36)
    assert secrets.describe_secret(SecretId="trunkline/trunks/1")["Tags"] == [{"Key": "k", "Value": "v"}]


def test_what_dynamodb_would_have_expired_does_not_come_back(
    emulated_aws: EmulatedAws, tmp_path: Path
) -> None:
    put(emulated_aws, sk="CHG#1", expires_at=int(time.time()) - 1)
    put(emulated_aws, sk="CHG#2", expires_at=int(time.time()) + 1000)
    path = tmp_path / "state.json"
    save_state(path, emulated_aws.session, emulated_aws.table)
    restart(emulated_aws)
    restore_state(path, emulated_aws.session, emulated_aws.table)
    table = emulated_aws.session.resource("dynamodb").Table(emulated_aws.table)
    assert [item["sk"] for item in table.scan()["Items"]] == ["CHG#2"]


def test_without_a_file_there_is_nothing_to_restore(emulated_aws: EmulatedAws, tmp_path: Path) -> None:
    assert not restore_state(tmp_path / "none.json", emulated_aws.session, emulated_aws.table)


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"format": 99}), json.dumps([1])])
def test_a_file_that_cannot_be_read_is_refused(emulated_aws: EmulatedAws, tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(SavedStateError, match=r"state\.json"):
        restore_state(path, emulated_aws.session, emulated_aws.table)
