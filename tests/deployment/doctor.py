"""What `epr doctor` says of a stack that is well, and of one that was damaged since."""

import json
import os
import pathlib
import subprocess

from emulator import CREDENTIALS, REGION
from stack import NAME, Failure, Stack


def said(stack: Stack, epr: pathlib.Path) -> tuple[int, list[str]]:
    """Its exit code, and its lines."""
    environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": stack.emulator.url, "AWS_REGION": REGION}
    command = [epr, "doctor", "--stack", NAME, "--url", f"http://{stack.host}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 1):
        raise Failure(f"epr doctor could not look: {done.stderr[-1000:]}")
    return done.returncode, done.stdout.splitlines()


def damages(stack: Stack):
    """Things that can be wrong with a stack: what the line says that tells of it, and what does it."""
    queues, tables, topics = stack.client("sqs"), stack.client("dynamodb"), stack.client("sns")
    functions, keys = stack.client("lambda"), stack.client("kms")
    resources = stack.resources

    def no_redrive():
        policy = json.dumps({"deadLetterTargetArn": arn(stack, "OutboxDeadLetterQueue"), "maxReceiveCount": 5})
        queues.set_queue_attributes(QueueUrl=resources["AuditQueue"], Attributes={"RedrivePolicy": policy})

    def no_recovery():
        off = {"PointInTimeRecoveryEnabled": False}
        tables.update_continuous_backups(TableName=resources["AuditTable"], PointInTimeRecoverySpecification=off)

    def no_expiry():
        off = {"AttributeName": "ttl", "Enabled": False}
        tables.update_time_to_live(TableName=resources["CoreTable"], TimeToLiveSpecification=off)

    def no_subscription():
        found = topics.list_subscriptions_by_topic(TopicArn=resources["AuditTopic"])["Subscriptions"]
        for subscription in found:
            topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])

    def no_mapping():
        name = resources["AuditAppendFunction"]
        for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            functions.delete_event_source_mapping(UUID=mapping["UUID"])

    def another_queue():
        name = resources["OutboxRelayFunction"]
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["EPR_AUDIT_SQS_URL"] = resources["AuditDeadLetterQueue"]
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def no_key():
        keys.disable_key(KeyId=resources["AuditSigningKey"])

    return [
        ("AuditQueue", "does not redrive to `AuditDeadLetterQueue`", no_redrive),
        ("AuditTable", "point-in-time recovery is off", no_recovery),
        ("CoreTable", "nothing expires by `ttl`", no_expiry),
        ("AuditSubscription", "does not tell `AuditQueue`", no_subscription),
        ("AuditAppendFunction", "`AuditQueue` does not invoke it", no_mapping),
        ("OutboxRelayFunction", "`EPR_AUDIT_SQS_URL` does not name the stack's `AuditQueue`", another_queue),
        ("signing key", "is Disabled", no_key),
    ]


def arn(stack: Stack, queue: str) -> str:
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=stack.resources[queue], AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def consult(stack: Stack, epr: pathlib.Path):
    """First of the stack as it was deployed, then of each damage."""
    code, lines = said(stack, epr)
    wrong = [line for line in lines if line.startswith("WRONG")]
    if code or wrong:
        raise Failure("epr doctor finds fault with a stack that is well:\n" + "\n".join(wrong or lines))
    print(f"ok  the doctor finds nothing wrong: {lines[-1]}", flush=True)
    for subject, complaint, damage in damages(stack):
        damage()
        code, lines = said(stack, epr)
        if not any(line.startswith(f"WRONG  {subject}") and complaint in line for line in lines) or code != 1:
            raise Failure(f"epr doctor does not say of `{subject}` that it {complaint}:\n" + "\n".join(lines))
        print(f"ok  the doctor notices: {subject} {complaint}", flush=True)
