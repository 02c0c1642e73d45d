"""What a function in Python does for the same two answers, with what is usual there: FastAPI, Mangum, boto3.

Its client is made when it is imported, as AWS advises, and is the lighter of the two that boto3 has. It has neither
log nor metrics nor tenants: less than what it stands beside.
"""

import os

import boto3
from fastapi import FastAPI, HTTPException
from mangum import Mangum
from pydantic import BaseModel

TABLE = os.environ["EPR_CORE_TABLE"]
dynamodb = boto3.client("dynamodb")
app = FastAPI()


class Entity(BaseModel):
    id: str
    name: str
    type: str
    status: str


@app.get("/healthz")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/v1/entities/{entity_id}")
def entity(entity_id: str) -> Entity:
    key = {"pk": {"S": f"7:default/entity/{len(entity_id)}:{entity_id}"}, "sk": {"S": "entity"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
    if item is None:
        raise HTTPException(404)
    return Entity(**{name: item[name]["S"] for name in Entity.model_fields})


handler = Mangum(app, lifespan="off")
