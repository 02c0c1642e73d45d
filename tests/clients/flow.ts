// What a service does, by the TypeScript client that is generated from openapi.yaml: flow.js URL.

import createClient from "openapi-fetch";
import type { components, paths } from "./epr.js";

const TENANT = "typescript-client";
const RECORDED_MILLISECONDS_MAX = 20_000;
const AUDITED = ["entity.create", "role.create", "role_assignment.create", "role_assignment.delete"];

type Problem = components["schemas"]["Problem"];

function hold(condition: unknown, told: unknown): asserts condition {
  if (!condition) throw new Error(`not as expected: ${JSON.stringify(told)}`);
}

const url = process.argv[2];
hold(url, "usage: flow.js URL");
const client = createClient<paths>({ baseUrl: url, headers: { "X-Tenant-Id": TENANT } });

const ISSUER = { name: "Acme Holdings", type: "issuer" };
const { data: issuer } = await client.POST("/api/v1/entities", { body: ISSUER });
hold(issuer?.status === "active", issuer);
const notes = { name: "Acme Notes", type: "offering", parent_id: issuer.id };
const keyed = { params: { header: { "Idempotency-Key": "notes-1" } }, body: notes };
const { data: offering, response } = await client.POST("/api/v1/entities", keyed);
hold(offering?.parent_id === issuer.id && response.headers.get("ETag") === '"1"', offering);
const { data: again } = await client.POST("/api/v1/entities", keyed);
hold(again?.id === offering.id, again);
const { error: taken } = await client.POST("/api/v1/entities", { body: notes });
hold((taken as Problem | undefined)?.code === "name_taken", taken);
const { error: stale } = await client.PATCH("/api/v1/entities/{id}", {
  params: { path: { id: offering.id }, header: { "If-Match": '"7"' } },
  body: { name: "Acme Notes II" },
});
hold((stale as Problem | undefined)?.code === "stale", stale);
const { data: listed } = await client.GET("/api/v1/entities", {
  params: { query: { type: ["offering", "spv"], limit: 10 } },
});
hold(listed?.items.map((entity) => entity.id).join() === offering.id, listed);

const { data: role } = await client.POST("/api/v1/roles", {
  body: { name: "Reviewer", permissions: ["document:verify"] },
});
hold(role?.permissions[0] === "document:verify", role);
const { data: assignment } = await client.POST("/api/v1/assignments", {
  body: { principal_id: "alice", role_id: role.id, entity_id: issuer.id },
});
hold(assignment?.principal_type === "user", assignment);

const question = { user_id: "alice", action: "document:verify", resource_id: offering.id, explain: true };
const { data: yes } = await client.POST("/api/v1/authorize", { body: question });
hold(yes?.authorized && yes.decision?.path?.join() === [offering.id, issuer.id].join(), yes);
const { data: evaluation } = await client.POST("/access/v1/evaluation", {
  body: {
    subject: { type: "user", id: "alice" },
    action: { name: "document:verify" },
    resource: { type: "offering", id: offering.id },
  },
});
hold(evaluation?.decision === true, evaluation);
await client.DELETE("/api/v1/assignments/{id}", { params: { path: { id: assignment.id } } });
const { data: no } = await client.POST("/api/v1/authorize", { body: question });
hold(no?.authorized === false && no.decision?.reason === "no_assignment", no);

const happened = {
  event_type: "document.verified",
  source: "document_vault",
  correlation_id: "abc-123",
  payload: { document_id: "abc-123" },
};
const { data: event } = await client.POST("/api/v1/events", { body: happened });
const { data: repeated } = await client.POST("/api/v1/events", { body: happened });
const ids = [event, repeated].map((one) => (one && "event_id" in one ? one.event_id : one?.id));
hold(ids[0] && ids[0] === ids[1], ids);
const { data: found } = await client.GET("/api/v1/events", {
  params: { query: { source: "document_vault", correlation_id: "abc-123" } },
});
hold(found?.items.length === 1, found);

// The ledger takes them in moments later, and in no particular order.
const deadline = Date.now() + RECORDED_MILLISECONDS_MAX;
let actions: string[] = [];
while (!AUDITED.every((action) => actions.includes(action))) {
  hold(Date.now() < deadline, `the ledger has only ${actions}`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { data: records } = await client.GET("/api/v1/audit/records", { params: { query: { limit: 200 } } });
  actions = records?.items.map((record) => record.action) ?? [];
}
console.log(`typescript client: ${actions.length} audit records tell of what it did`);
