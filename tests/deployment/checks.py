"""What must hold of a deployment, each check by itself. The order is that in which the slow ones wait least."""

import json
import os
import pathlib
import re
import subprocess
import time

from emulator import CREDENTIALS, REGION
from stack import Failure, Stack, until

ROOT = pathlib.Path(__file__).resolve().parents[2]

# How long a message may take on its way through the emulator, which looks at streams and queues once a second.
DELIVERY_SECONDS_MAX = 45
# A schedule of once a minute, and a cold start.
SCHEDULE_SECONDS_MAX = 100


def operations() -> dict[str, list[str]]:
    """Every path of the OpenAPI document, which is made from the functions, with its methods."""
    paths: dict[str, list[str]] = {}
    path = None
    for line in (ROOT / "openapi.yaml").read_text().splitlines():
        if found := re.match(r"^  (/\S*):$", line):
            path = found[1]
            paths[path] = []
        elif path and (found := re.match(r"^    (get|post|put|patch|delete):$", line)):
            paths[path].append(found[1].upper())
        elif re.match(r"^\S", line):
            path = None
    return paths


def must(holds, what: str):
    if not holds:
        raise Failure(what)


def every_route_reaches_its_function(stack: Stack):
    for path, methods in operations().items():
        concrete = re.sub(r"\{[^}]+\}", "x", path)
        # The function itself says which methods it takes, to one that it does not. (`OPTIONS` is the gateway's.)
        other = next(method for method in ("PATCH", "PUT", "DELETE", "POST", "GET") if method not in methods)
        status, headers, body = stack.call(other, concrete)
        allowed = sorted(re.split(r",\s*", headers.get("allow", "")))
        must(status == 405, f"{other} {path} answered {status} instead of 405: {body}")
        missing = [method for method in methods if method not in allowed]
        must(not missing, f"{path} does not take {missing}, only {allowed}")


def without_a_signature_only_what_is_open_answers(stack: Stack):
    is_open = {"/healthz", "/readyz"}
    for path in operations():
        concrete = re.sub(r"\{[^}]+\}", "x", path)
        status, _, _ = stack.call("GET", concrete, signed=False)
        if path in is_open or path.startswith("/.well-known/"):
            must(status == 200, f"GET {path} answered {status}, although it is open")
        else:
            must(status in (401, 403), f"GET {path} answered {status} to no one in particular")


def the_smoke_test_passes(stack: Stack):
    environment = {**os.environ, **CREDENTIALS, "AWS_REGION": REGION}
    command = ["bash", str(ROOT / "scripts" / "smoke.sh"), f"http://{stack.host}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    must(done.returncode == 0, f"scripts/smoke.sh:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def records(stack: Stack, tenant: str, wanted) -> list:
    status, _, body = stack.call("GET", "/api/v1/audit/records?limit=200", headers={"x-tenant-id": tenant})
    must(status == 200, f"the audit ledger answered {status}: {body}")
    return [record for record in body["items"] if wanted(record)]


def an_event_goes_through_topic_and_queue_and_stream(stack: Stack):
    heard = stack.queue("heard-events", "EventsTopic")
    body = {"event_type": "deployment.tried", "source": "deploy-test", "payload": {"run": 1}}
    status, _, event = stack.call("POST", "/api/v1/events", body)
    must(status == 201, f"an event was answered {status}: {event}")
    found = stack.received(heard, lambda message: event["event_id"] in message["Body"], DELIVERY_SECONDS_MAX)
    must(found, f"an event was not published: {event}\n{stack.logs('EventsFunction')[-1500:]}")


def a_change_becomes_an_event_and_a_record(stack: Stack):
    """Commit, stream, relay, topic; and stream, relay, queue, writer, ledger."""
    heard = stack.queue("heard-changes", "EventsTopic")
    status, _, entity = stack.call("POST", "/api/v1/entities", {"name": "Heard", "type": "issuer"})
    must(status == 201, f"an entity was answered {status}: {entity}")
    created = lambda message: entity["id"] in message["Body"] and "entity.created" in message["Body"]
    must(stack.received(heard, created, DELIVERY_SECONDS_MAX), "`entity.created` was not published")
    recorded = lambda record: record["action"] == "entity.create" and record["entity_id"] == entity["id"]
    found = until(lambda: records(stack, "default", recorded), DELIVERY_SECONDS_MAX)
    must(found and len(found) == 1, f"the ledger has {len(found or [])} records of one creation")


def an_archived_entity_is_told_to_the_vault(stack: Stack):
    heard = stack.queue("heard-documents", "DocumentTopic")
    _, _, entity = stack.call("POST", "/api/v1/entities", {"name": "Archived", "type": "issuer"})
    status, _, body = stack.call("POST", f"/api/v1/entities/{entity['id']}/archive")
    must(status == 200, f"archiving answered {status}: {body}")
    archived = lambda message: entity["id"] in message["Body"] and "entity.archived" in message["Body"]
    must(stack.received(heard, archived, DELIVERY_SECONDS_MAX), "`entity.archived` was not published to the vault")


def what_others_publish_is_recorded(stack: Stack):
    """Topic, subscription, queue policy, queue, writer."""
    said = {
        "event_id": "deploy-test-1",
        "source": "deploy-test",
        "action": "deployment.tried",
        "occurred_at": "2026-11-23T03:30:53Z",
        "tenant_id": "others",
    }
    stack.client("sns").publish(TopicArn=stack.resources["AuditTopic"], Message=json.dumps(said))
    said_so = lambda record: record["event_id"] == said["event_id"]
    found = until(lambda: records(stack, "others", said_so), DELIVERY_SECONDS_MAX)
    must(found, "what was published to the audit topic is not in the ledger")


def poison_ends_in_the_dead_letter_queue_with_the_reason(stack: Stack):
    queues = stack.client("sqs")
    queues.send_message(QueueUrl=stack.resources["AuditQueue"], MessageBody="no audit event")
    dead = stack.received(
        stack.resources["AuditDeadLetterQueue"],
        lambda message: message["Body"] == "no audit event",
        DELIVERY_SECONDS_MAX,
    )
    must(dead, "a message that no ledger can take is not in the dead-letter queue")
    must(dead.get("MessageAttributes"), "the dead letter does not say why it is one")


def a_decision_is_recorded(stack: Stack):
    tenant = {"x-tenant-id": "decisions"}
    _, _, entity = stack.call("POST", "/api/v1/entities", {"name": "Asked", "type": "issuer"}, tenant)
    question = {"user_id": "nobody", "action": "document:read", "resource_id": entity["id"]}
    status, _, body = stack.call("POST", "/api/v1/authorize", question, tenant)
    must(status == 200 and body["authorized"] is False, f"a question was answered {status}: {body}")
    decided = lambda record: record["action"] == "authorization.evaluate"
    found = until(lambda: records(stack, "decisions", decided), DELIVERY_SECONDS_MAX)
    must(found, "the decision is not in the ledger")


def the_verifier_is_invoked_by_its_schedule_and_signs(stack: Stack):
    def signed():
        status, _, text = stack.call("GET", "/api/v1/audit/checkpoint")
        return status == 200 and text

    must(until(signed, SCHEDULE_SECONDS_MAX), "no checkpoint was published: " + stack.logs("AuditVerifyFunction")[-1500:])


def the_sweeper_is_invoked_by_its_schedule(stack: Stack):
    found = until(lambda: "OldestPendingAge" in stack.logs("OutboxSweeperFunction"), SCHEDULE_SECONDS_MAX)
    must(found, "the sweeper was not invoked")


def no_function_met_what_it_may_not_do(stack: Stack):
    for function in (name for name in stack.resources if name.endswith("Function")):
        text = stack.logs(function)
        refused = [line for line in text.splitlines() if "AccessDenied" in line or "not authorized" in line]
        must(not refused, f"{function} was refused: {refused[:2]}")


CHECKS = [
    every_route_reaches_its_function,
    without_a_signature_only_what_is_open_answers,
    the_smoke_test_passes,
    an_event_goes_through_topic_and_queue_and_stream,
    a_change_becomes_an_event_and_a_record,
    an_archived_entity_is_told_to_the_vault,
    what_others_publish_is_recorded,
    poison_ends_in_the_dead_letter_queue_with_the_reason,
    a_decision_is_recorded,
    the_verifier_is_invoked_by_its_schedule_and_signs,
    the_sweeper_is_invoked_by_its_schedule,
    no_function_met_what_it_may_not_do,
]


def drive(stack: Stack):
    """Every check, each with the seconds it took."""
    for check in CHECKS:
        began = time.monotonic()
        check(stack)
        print(f"ok  {check.__name__.replace('_', ' ')} ({time.monotonic() - began:.1f} s)", flush=True)
