"""A stack as it was deployed: its resources, its API, and signed calls to it."""

import json
import os
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator import CREDENTIALS, REGION, Emulator

NAME = "epr"

# Actions by the names of operations, which the emulator asks for where IAM has one action for several.
AS_OPERATIONS = {
    "sns:Publish": ["sns:PublishBatch"],
    "sqs:SendMessage": ["sqs:SendMessageBatch"],
}
# The same of statements, of which it does not see the table.
STATEMENTS = {"dynamodb:PartiQLInsert": ["dynamodb:ExecuteStatement", "dynamodb:BatchExecuteStatement"]}
DEPLOY_SECONDS_MAX = 300


class Stack:
    """What `sam deploy` made of a template."""

    def __init__(self, emulator: Emulator, template: pathlib.Path, sam: str, log: pathlib.Path):
        self.emulator = emulator
        self.deploy(template, sam, log)
        formation = self.client("cloudformation")
        resources = formation.describe_stack_resources(StackName=NAME)["StackResources"]
        self.resources = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources}
        processed = formation.get_template(StackName=NAME, TemplateStage="Processed")["TemplateBody"]
        self.template = json.loads(processed) if isinstance(processed, str) else processed
        self.api = self.resources["HttpApi"]
        self.host = f"{self.api}.execute-api.localhost:{emulator.port}"
        self.make_routes()
        self.finish_tables()
        self.spell_actions()

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.emulator.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def deploy(self, template: pathlib.Path, sam: str, log: pathlib.Path):
        """Deploys with the real SAM CLI."""
        environment = {
            **os.environ,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
        }
        command = [sam, "deploy", "--template-file", template, "--stack-name", NAME, "--resolve-s3"]
        command += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"]
        command += ["--parameter-overrides", "Architecture=x86_64", "PublicUrl=https://epr.example.com"]
        with log.open("wb") as out:
            code = subprocess.run(
                command, env=environment, stdout=out, stderr=out, timeout=DEPLOY_SECONDS_MAX, check=False
            ).returncode
        if code:
            told = [line for line in self.emulator.log.read_text().splitlines() if " ERROR " in line]
            raise NotDeployed("sam deploy failed:\n" + log.read_text()[-2000:] + "\n".join(told[-5:]))

    def make_routes(self):
        """The emulator takes an HTTP API, but not the routes that SAM describes within it. So they are made
        one by one from the template that SAM made: each path and method, its function and its authorizer."""
        gateway, functions = self.client("apigatewayv2"), self.client("lambda")
        integrations = {}
        body = self.template["Resources"]["HttpApi"]["Properties"]["Body"]
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                uri = json.dumps(operation["x-amazon-apigateway-integration"]["uri"])
                function = re.search(r"\$\{(\w+)\.Arn\}", uri)[1]
                if function not in integrations:
                    name = self.resources[function]
                    made = gateway.create_integration(
                        ApiId=self.api,
                        IntegrationType="AWS_PROXY",
                        IntegrationUri=functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"],
                        PayloadFormatVersion=operation["x-amazon-apigateway-integration"]["payloadFormatVersion"],
                    )
                    integrations[function] = made["IntegrationId"]
                schemes = [scheme for security in operation.get("security", []) for scheme in security]
                every = method == "x-amazon-apigateway-any-method"
                gateway.create_route(
                    ApiId=self.api,
                    RouteKey=f"{'ANY' if every else method.upper()} {path}",
                    Target=f"integrations/{integrations[function]}",
                    AuthorizationType="AWS_IAM" if "AWS_IAM" in schemes else "NONE",
                )

    def finish_tables(self):
        """The emulator makes tables without what the template says of expiry and recovery, so both are set from it."""
        tables = self.client("dynamodb")
        for logical, resource in self.template["Resources"].items():
            if resource["Type"] != "AWS::DynamoDB::Table":
                continue
            name, said = self.resources[logical], resource["Properties"]
            if "TimeToLiveSpecification" in said:
                expiry = said["TimeToLiveSpecification"]
                expiry = {**expiry, "Enabled": str(expiry["Enabled"]).lower() == "true"}
                tables.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
            if "PointInTimeRecoverySpecification" in said:
                recovery = said["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
                on = {"PointInTimeRecoveryEnabled": str(recovery).lower() == "true"}
                tables.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=on)

    def spell_actions(self):
        """To what a role may do, the names under which the emulator knows the same."""
        iam = self.client("iam")
        for role in (physical for logical, physical in self.resources.items() if logical.endswith("FunctionRole")):
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for statement in list(document["Statement"]):
                    actions = statement["Action"]
                    actions = [actions] if isinstance(actions, str) else actions
                    more = [spelled for action in actions for spelled in AS_OPERATIONS.get(action, [])]
                    statement["Action"] = actions + more
                    spelled = [spelled for action in actions for spelled in STATEMENTS.get(action, [])]
                    if spelled:
                        document["Statement"].append({"Effect": "Allow", "Action": spelled, "Resource": "*"})
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def call(self, method: str, path: str, body=None, headers=None, signed=True):
        """A request to the API: status, headers, and the body read as JSON where it is any."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Host": self.host, "content-type": "application/json", **(headers or {})}
        request = AWSRequest(method, f"http://{self.host}{path}", data=data, headers=sent)
        if signed:
            SigV4Auth(Credentials(*CREDENTIALS.values()), "execute-api", REGION).add_auth(request)
        request = urllib.request.Request(
            self.emulator.url + path, data=data, method=method, headers=dict(request.headers)
        )
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as refused:
            answer = refused
        text = answer.read().decode()
        try:
            told = json.loads(text)
        except ValueError:
            told = text
        return answer.status, answer.headers, told

    def queue(self, name: str, topic: str) -> str:
        """The URL of a new queue that hears what a topic of the template says."""
        queues = self.client("sqs")
        url = queues.create_queue(QueueName=name)["QueueUrl"]
        attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                }
            ],
        }
        queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        self.client("sns").subscribe(
            TopicArn=self.resources[topic],
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )
        return url

    def received(self, url: str, wanted, seconds: float):
        """A message of a queue of which something holds, waited for."""
        queues = self.client("sqs")

        def look():
            answer = queues.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
                VisibilityTimeout=0,
                MessageAttributeNames=["All"],
            )
            return next((m for m in answer.get("Messages", []) if wanted(m)), None)

        return until(look, seconds)

    def logs(self, function: str) -> str:
        """What a function has logged."""
        logs, group = self.client("logs"), f"/aws/lambda/{self.resources[function]}"
        groups = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]]
        text = []
        for name in groups:
            if name == group or name.endswith(f"{NAME}-{kebab(function)}"):
                events = logs.filter_log_events(logGroupName=name)["events"]
                text += [event["message"] for event in events]
        return "\n".join(text)


    def complaints(self) -> str:
        """The last warnings and errors in the logs of all functions."""
        told = []
        for function in (name for name in self.resources if name.endswith("Function")):
            lines = [line for line in self.logs(function).splitlines() if re.search('"(WARN|ERROR)"|rror:', line)]
            told += [f"{function}: {line[:600]}" for line in lines[-3:]]
        return "\n".join(told)


class Failure(Exception):
    """Something is not as it must be."""


class NotDeployed(Exception):
    """There is no stack to look at, so it is not known whether anything would be noticed."""


def kebab(function: str) -> str:
    """`OutboxRelayFunction` as its folder is called: `outbox-relay`."""
    words = re.findall(r"[A-Z][a-z]+", function.removesuffix("Function"))
    return "-".join(word.lower() for word in words)


def until(look, seconds: float):
    """What `look` finds, waited for; `None` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            return None
        time.sleep(0.25)
