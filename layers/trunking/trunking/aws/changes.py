"""The links of an application's version chain, for who missed some. Imports core and boto3."""

from __future__ import annotations

from trunking.aws.deployment import Deployment
from trunking.aws.items import application_pk, change_sk, stored_change
from trunking.aws.trunk_table import query
from trunking.change import Change

LAST_VERSION = 999_999_999_999


def read_changes(deployment: Deployment, application_id: str, after_version: int) -> list[Change]:
    """The changes after `after_version`, in order.

    When the first is not `after_version` + 1, what was between has expired: load a snapshot instead.
    """
    items = query(
        deployment, application_pk(application_id), change_sk(after_version + 1), change_sk(LAST_VERSION)
    )
    return [stored_change(item) for item in items]
