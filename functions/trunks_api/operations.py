"""The operations of SIP trunks: HTTP to domain and back, nothing more."""

from __future__ import annotations

from datetime import timedelta

from trunking.aws.action import Action
from trunking.aws.idempotency import create_once
from trunking.aws.trunk_changes import TrunkChanges, TrunkWithCredentials
from trunking.aws.trunk_secrets import TrunkSecrets
from trunking.aws.trunk_table import list_trunks, read_stored_trunk
from trunking.errors import NotFoundError
from trunking.http.operation import Answer, ApiCall, Operation
from trunking.http.preconditions import etag, expected_rev, idempotency_key
from trunking.http.trunk_schemas import (
    CreateSIPTrunkRequest,
    CreateSIPTrunkResponse,
    DeleteSIPTrunkResponse,
    GetSIPTrunkResponse,
    ListSIPTrunksResponse,
    RotatePasswordRequest,
    SIPTrunkResponse,
    UpdateSIPTrunkRequest,
    UpdateSIPTrunkResponse,
)
from trunking.identifiers import new_id

TRUNKS = "/api/v2/video/sip/inbound_trunks"
TRUNK = f"{TRUNKS}/{{id}}"


def list_all(call: ApiCall) -> Answer:
    """Every trunk of the application, with its password."""
    stored = list_trunks(call.deployment, call.application.application_id)
    credentials = TrunkSecrets(call.deployment).read_many(stored, call.now)
    trunks = [
        _response(call, TrunkWithCredentials(found.trunk, credentials[found.trunk.id]))
        for found in stored
        if found.trunk.id in credentials
    ]
    return Answer(ListSIPTrunksResponse(duration=call.duration(), sip_trunks=trunks))


def read(call: ApiCall) -> Answer:
    """One trunk."""
    found = _read(call, call.subject_id)
    body = GetSIPTrunkResponse(duration=call.duration(), sip_trunk=_response(call, found))
    return Answer(body, etag(found.trunk.rev))


def create(call: ApiCall) -> Answer:
    """A new trunk, with the secret that its carrier authenticates with."""
    body = call.body_as(CreateSIPTrunkRequest)

    def make(extra: list[Action], trunk_id: str) -> TrunkWithCredentials:
        return TrunkChanges(call.deployment).create(
            call.application.application_id,
            body.settings(),
            body.password,
            call.now,
            trunk_id=trunk_id,
            extra=extra,
        )

    found = create_once(
        idempotency_key(call, "CreateSIPTrunk"),
        call.deployment,
        call.now,
        make,
        lambda trunk_id: _read(call, trunk_id),
        new_id,
    )
    answer = CreateSIPTrunkResponse(duration=call.duration(), sip_trunk=_response(call, found))
    return Answer(answer, etag(found.trunk.rev))


def update(call: ApiCall) -> Answer:
    """What Stream's clients can set is replaced; a password that is not given stays."""
    body = call.body_as(UpdateSIPTrunkRequest)
    found = TrunkChanges(call.deployment).update(
        call.application.application_id,
        call.subject_id,
        body.settings,
        body.password or None,
        call.now,
        expected_rev=expected_rev(call),
    )
    answer = UpdateSIPTrunkResponse(duration=call.duration(), sip_trunk=_response(call, found))
    return Answer(answer, etag(found.trunk.rev))


def rotate_password(call: ApiCall) -> Answer:
    """A new password, the old one valid besides for the grace period."""
    body = call.body_as(RotatePasswordRequest)
    found = TrunkChanges(call.deployment).rotate_password(
        call.application.application_id,
        call.subject_id,
        call.now,
        grace=timedelta(seconds=body.grace_period_seconds),
        password=body.password,
        expected_rev=expected_rev(call),
    )
    answer = UpdateSIPTrunkResponse(duration=call.duration(), sip_trunk=_response(call, found))
    return Answer(answer, etag(found.trunk.rev))


def delete(call: ApiCall) -> Answer:
    """The trunk, its numbers and its secret go; refused while routing rules list it."""
    TrunkChanges(call.deployment).delete(
        call.application.application_id, call.subject_id, call.now, expected_rev=expected_rev(call)
    )
    return Answer(DeleteSIPTrunkResponse(duration=call.duration()))


def _read(call: ApiCall, trunk_id: str) -> TrunkWithCredentials:
    stored = read_stored_trunk(call.deployment, call.application.application_id, trunk_id)
    credentials = None if stored is None else TrunkSecrets(call.deployment).read(stored, call.now)
    if stored is None or credentials is None:
        raise NotFoundError("trunk", trunk_id)
    return TrunkWithCredentials(stored.trunk, credentials)


def _response(call: ApiCall, found: TrunkWithCredentials) -> SIPTrunkResponse:
    return SIPTrunkResponse.of(found, call.deployment.sip_host)


OPERATIONS = (
    Operation("ListSIPTrunks", "GET", TRUNKS, "List SIP Trunks", list_all, ListSIPTrunksResponse, 200),
    Operation(
        "CreateSIPTrunk",
        "POST",
        TRUNKS,
        "Create SIP Trunk",
        create,
        CreateSIPTrunkResponse,
        201,
        request=CreateSIPTrunkRequest,
        idempotency_key=True,
    ),
    Operation(
        "GetSIPTrunk",
        "GET",
        TRUNK,
        "Get SIP Trunk",
        read,
        GetSIPTrunkResponse,
        200,
        extension=True,
    ),
    Operation(
        "UpdateSIPTrunk",
        "PUT",
        TRUNK,
        "Update SIP Trunk",
        update,
        UpdateSIPTrunkResponse,
        201,
        request=UpdateSIPTrunkRequest,
        if_match=True,
    ),
    Operation(
        "DeleteSIPTrunk",
        "DELETE",
        TRUNK,
        "Delete SIP Trunk",
        delete,
        DeleteSIPTrunkResponse,
        200,
        if_match=True,
    ),
    Operation(
        "RotateSIPTrunkPassword",
        "POST",
        f"{TRUNK}/rotate_password",
        "Rotate SIP Trunk Password",
        rotate_password,
        UpdateSIPTrunkResponse,
        201,
        request=RotatePasswordRequest,
        extension=True,
        if_match=True,
    ),
)
