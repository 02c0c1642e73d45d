"""Deploys the template to an emulator and drives what was deployed; and, with --broken, shows that the drive
notices when a part of the template is missing. Called by scripts/deploy-test.sh."""

import argparse
import pathlib
import re
import sys
import time

from checks import drive
from doctor import consult
from emulator import Emulator
from stack import Failure, NotDeployed, Stack

# What is taken out of the template, each to be noticed: its name, the text, and what takes its place.
BROKEN = [
    (
        "a route",
        r'        Batch: \{Type: HttpApi, .*Path: "/api/v1/authorize/batch"\}\}\n',
        "",
    ),
    (
        "a permission",
        r"            - Sid: AuditDecisions\n              Effect: Allow\n              Action: sqs:SendMessage\n"
        r"              Resource: !GetAtt AuditQueue.Arn\n",
        "",
    ),
    (
        "an event mapping",
        r"(      Description: Appends audit events(?:.*\n)+?)      Events:\n        Queue:\n(?:          .*\n|            .*\n)+",
        r"\1",
    ),
    (
        "an environment variable",
        r"          EPR_AUDIT_SQS_URL: !Ref AuditQueue\n          EPR_OUTBOX_DLQ_URL",
        "          EPR_OUTBOX_DLQ_URL",
    ),
]


def deployed(name: str, text: str, arguments) -> None:
    """One deployment of a template, driven, and taken down."""
    folder = arguments.folder / re.sub(r"\W+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / "template.yaml"
    template.write_text(text.replace("CodeUri: ", f"CodeUri: {arguments.template.parent.resolve()}/"))
    began = time.monotonic()
    with Emulator(folder) as emulator:
        stack = Stack(emulator, template, arguments.sam, folder / "deploy.log")
        print(f"{name}: deployed in {time.monotonic() - began:.0f} s", flush=True)
        try:
            drive(stack)
            if arguments.epr:
                consult(stack, arguments.epr)
        except Failure as failure:
            raise Failure(f"{failure}\n{stack.complaints()}") from failure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("template", type=pathlib.Path, help="the template whose CodeUri are built")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where state and logs go")
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("--epr", type=pathlib.Path, help="the command, built with the feature `deployments`")
    parser.add_argument("--broken", action="store_true", help="also deploy it with parts missing")
    arguments = parser.parse_args()
    try:
        drive_all(arguments)
    except (Failure, NotDeployed) as failure:
        sys.exit(f"deploy-test: {failure}")


def drive_all(arguments):
    """The template as it is, and then with each part missing."""
    text = arguments.template.read_text()
    deployed("the template", text, arguments)
    for name, part, instead in BROKEN if arguments.broken else []:
        broken, found = re.subn(part, instead, text, count=1)
        if not found:
            sys.exit(f"deploy-test: {name} to take out was not found in the template")
        try:
            deployed(f"without {name}", broken, arguments)
        except Failure as failure:
            print(f"ok  without {name} it fails: {str(failure).splitlines()[0][:200]}", flush=True)
        else:
            sys.exit(f"deploy-test: nobody noticed that {name} is missing")


if __name__ == "__main__":
    main()
