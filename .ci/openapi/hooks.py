"""What schemathesis cannot know of this API from its document."""

import itertools

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Numbers the idempotency keys, so that a run is the same as the one before.
KEYS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    # Under the key of the document's example the second request would be answered as the first was, whatever
    # is wrong with it.
    if headers.get("Idempotency-Key") == "0190b0c5-7e4c-7000-8000-000000000001":
        headers["Idempotency-Key"] = f"key-{next(KEYS)}"
    # What one request creates the next one looks for, which it would do in another tenant.
    if case.meta and case.meta.phase.name.value == "stateful":
        headers.pop("X-Tenant-Id", None)
    # Its coverage phase makes an empty one where it could not make a quoted one, and is then refused for that
    # instead of what it is after.
    target = getattr(case.meta.phase.data, "parameter", None) if case.meta else None
    if headers.get("If-Match") == "" and target != "If-Match":
        del headers["If-Match"]


# Why a request that fits its schema may be refused all the same: what is wrong lies in what is stored, in the
# deployment, in the time of day, or in a language within a text, of which a schema knows nothing.
UNFORESEEABLE = (
    "must be in the future, and within",
    "is not a cursor that was issued",
    "names no entity: there is no",
    "is no entity type; the types are",
    "must be at most the size of the chain",
    "must be at most `to`, which is",
    "is wrong at line",
    "bytes of CEL",
    "a second time and on another condition",
    "must be a JSON object, written as a text",
    "must be `application/json`",
    "is required beside the other half of the aggregate",
    "is required with `principal_type`",
    "must not come with `role_id`",
    "must be later than `effective_at`",
    "is required, or `permission` is",
    "names no registered capability",
    "is required of who does not act as someone else",
    "must be someone else than the caller",
)


# Where a part is required depends on whether there are items that have it.
DEFAULTS = ("accessEvaluations", "accessEvaluationsOfTenant")


def is_unforeseeable(response, case):
    if response.status_code != 400:
        return False
    if "json" not in response.headers["content-type"][0]:
        text = response.text
        lacks_a_default = case.operation.definition.raw["operationId"] in DEFAULTS and "is required" in text
        return lacks_a_default or any(reason in text for reason in UNFORESEEABLE)
    faults = response.json().get("errors", [])
    return bool(faults) and all(is_unforeseeable_fault(fault, case) for fault in faults)


def is_unforeseeable_fault(fault, case):
    # What a CloudEvent's id may be depends on whether there is a `correlationid`, whose place it takes.
    if fault["pointer"] == "/id" and case.media_type == "application/cloudevents+json":
        return True
    return any(reason in fault["detail"] for reason in UNFORESEEABLE)


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    return None if is_unforeseeable(response, case) else positive_data_acceptance(ctx, response, case)
