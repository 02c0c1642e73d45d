#!/usr/bin/env python3
"""Fills a tenant with what the AuthZEN interop scenarios are about, through the public API, as a user would.

usage: seed.py BASE_URL DATA_FOLDER        (the server must know the entity type `record`)

DATA_FOLDER holds the scenarios' own users.json and records.json. What is there already is left alone. EPR_TOKEN is sent
as the bearer token, where it is set.
"""

import json
import os
import sys
import urllib.error
import urllib.request

if len(sys.argv) != 3:
    sys.exit(__doc__)
base, folder = sys.argv[1].rstrip("/"), sys.argv[2]
made = 0


def send(method, path, body):
    global made
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("EPR_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(base + "/api/v1" + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            made += response.status == 201
    except urllib.error.HTTPError as error:
        if error.code != 409:
            sys.exit(f"{method} {path} answered {error.code}: {error.read().decode()}")


def load(name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return json.load(file)


def role(name, *permissions, types=()):
    send("POST", "/roles", {"id": name, "name": name, "permissions": permissions, "scope_types": types})


def hold(kind, who, name):
    send("POST", "/assignments", {"principal_type": kind, "principal_id": who, "role_id": name})


def describe(kind, who, properties):
    send("PUT", f"/principals/{kind}/{who}", {"properties": properties})


def on(action, condition):
    return {"action": action, "condition": condition}


# Todos: they are not stored; whose one is comes with the request.
OWN_TODO = "resource.properties.ownerID == subject.properties.email"
viewer = ["can_read_user", "can_read_todos"]
editor = [*viewer, "can_create_todo"]
role("viewer", *viewer)
role("editor", *editor, on("can_update_todo", OWN_TODO), on("can_delete_todo", OWN_TODO))
role("admin", *editor, on("can_update_todo", OWN_TODO), "can_delete_todo")
role("evil_genius", *editor, "can_update_todo", on("can_delete_todo", OWN_TODO))

# Routes of a gateway: everyone reads, and those who may write todos may also send them.
role("route-reader", "GET")
role(
    "route-writer",
    on("POST", "resource.id == '/todos'"),
    on("PUT", "resource.id == '/todos/{todoId}'"),
    on("DELETE", "resource.id == '/todos/{todoId}'"),
)
hold("identity", "*", "route-reader")

# The ids of the five differ in one character.
PEOPLE = {
    "A": ("rick@the-citadel.com", ["admin", "evil_genius"]),
    "E": ("morty@the-citadel.com", ["editor"]),
    "I": ("summer@the-smiths.com", ["editor"]),
    "M": ("beth@the-smiths.com", ["viewer"]),
    "Q": ("jerry@the-smiths.com", ["viewer"]),
}
for letter, (email, roles) in PEOPLE.items():
    who = f"CiRmZD{letter}2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
    for kind in ("user", "identity"):
        describe(kind, who, {"email": email})
    for name in roles:
        hold("user", who, name)
    if roles != ["viewer"]:
        hold("identity", who, "route-writer")

# Records: what someone owns, what is of the own department, and what managers may besides.
OWN = "resource.properties.owner == subject.id"
OF_DEPARTMENT = "resource.properties.department == subject.properties.department"
role("record-user", on("view", f"{OWN} || {OF_DEPARTMENT}"), on("edit", OWN), on("delete", OWN), types=["record"])
role("record-manager", "view", on("edit", OF_DEPARTMENT), types=["record"])
hold("user", "*", "record-user")
for user in load("users.json"):
    describe("user", user["id"], {"role": user["role"], "department": user["department"]})
    if user["role"] == "manager":
        hold("user", user["id"], "record-manager")
for record in load("records.json"):
    attributes = {name: record[name] for name in ("department", "owner")}
    entity = {"id": str(record["id"]), "name": record["title"], "type": "record", "attributes": attributes}
    send("POST", "/entities", entity)

print(f"{made} things made for the AuthZEN scenarios")
