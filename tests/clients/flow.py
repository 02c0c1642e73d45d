#!/usr/bin/env python3
"""What a service does, by the Python client that is generated from openapi.yaml: flow.py URL."""

import sys
import time

from epr_client import Client
from epr_client.api.assignments import create_assignment, revoke_assignment
from epr_client.api.audit import list_audit_records
from epr_client.api.authorization import access_evaluation, authorize
from epr_client.api.entities import create_entity, list_entities, update_entity
from epr_client.api.events import create_event, list_events
from epr_client.api.roles import create_role
from epr_client.models import (
    AccessAction,
    AccessEntity,
    AccessEvaluation,
    AssignmentCreate,
    AuthorizeRequest,
    EntityCreate,
    EntityUpdate,
    EventCreate,
    EventCreatePayloadType0,
    Problem,
    RoleCreate,
)

TENANT = "python-client"
RECORDED_SECONDS_MAX = 20
AUDITED = {"entity.create", "role.create", "role_assignment.create", "role_assignment.delete"}


def main(url):
    client = Client(base_url=url, timeout=30.0, raise_on_unexpected_status=True)

    def ask(operation, **arguments):
        return operation.sync(client=client, x_tenant_id=TENANT, **arguments)

    issuer = ask(create_entity, body=EntityCreate(name="Acme Holdings", type_="issuer"))
    body = EntityCreate(name="Acme Notes", type_="offering", parent_id=issuer.id)
    offering = ask(create_entity, body=body, idempotency_key="notes-1")
    again = ask(create_entity, body=body, idempotency_key="notes-1")
    assert (again.id, offering.parent_id) == (offering.id, issuer.id), again
    taken = ask(create_entity, body=body)
    assert isinstance(taken, Problem) and taken.code == "name_taken", taken
    stale = ask(update_entity, id=offering.id, body=EntityUpdate(name="Acme Notes II"), if_match='"7"')
    assert isinstance(stale, Problem) and (stale.status, stale.code) == (412, "stale"), stale
    listed = ask(list_entities, type_=["offering", "spv"], limit=10)
    assert [entity.id for entity in listed.items] == [offering.id] and listed.next_cursor is None, listed

    role = ask(create_role, body=RoleCreate(name="Reviewer", permissions=["document:verify"]))
    body = AssignmentCreate(principal_id="alice", role_id=role.id, entity_id=issuer.id)
    assignment = ask(create_assignment, body=body)
    assert assignment.principal_type == "user", assignment

    question = AuthorizeRequest(
        user_id="alice", action="document:verify", resource_id=offering.id, explain=True
    )
    answer = ask(authorize, body=question)
    assert answer.authorized and answer.decision.path == [offering.id, issuer.id], answer
    assert answer.decision.assignment.assignment_id == assignment.id, answer
    evaluation = AccessEvaluation(
        subject=AccessEntity(type_="user", id="alice"),
        action=AccessAction(name="document:verify"),
        resource=AccessEntity(type_="offering", id=offering.id),
    )
    assert ask(access_evaluation, body=evaluation).decision is True
    ask(revoke_assignment, id=assignment.id)
    answer = ask(authorize, body=question)
    assert not answer.authorized and answer.decision.reason == "no_assignment", answer

    payload = EventCreatePayloadType0.from_dict({"document_id": "abc-123"})
    body = EventCreate(
        event_type="document.verified", source="document_vault", correlation_id="abc-123", payload=payload
    )
    event = ask(create_event, body=body)
    assert ask(create_event, body=body).id == event.id
    found = ask(list_events, source="document_vault", correlation_id="abc-123").items
    assert [one.payload.to_dict() for one in found] == [{"document_id": "abc-123"}], found

    # The ledger takes them in moments later, and in no particular order.
    deadline = time.monotonic() + RECORDED_SECONDS_MAX
    while True:
        actions = [record.action for record in ask(list_audit_records, limit=200).items]
        if AUDITED <= set(actions):
            break
        assert time.monotonic() < deadline, f"the ledger still lacks {AUDITED - set(actions)}"
        time.sleep(0.2)
    print(f"python client: {len(actions)} audit records tell of what it did")


if __name__ == "__main__":
    main(sys.argv[1])
