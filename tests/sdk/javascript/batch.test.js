// $batch through @microsoft/microsoft-graph-client, which writes URLs with their version.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { Presence, pairOf, refused } from "./presence.js";
import { ADELE, ALEX, APPLICATION, Server } from "./server.js";

const require = createRequire(import.meta.url);
const { BatchRequestContent, BatchResponseContent } = require("@microsoft/microsoft-graph-client");

async function batch(client, steps) {
  const content = await new BatchRequestContent(steps).getContent();
  return new BatchResponseContent(await client.api("/$batch").post(content));
}

const read = (server, user) => new Request(`${server.url}/v1.0/users/${user}/presence`);

const post = (server, path, body) =>
  new Request(`${server.url}/v1.0${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const set = (server, user, [availability, activity]) =>
  post(server, `/users/${user}/presence/setPresence`, {
    sessionId: APPLICATION,
    availability,
    activity,
  });

// Each read of a batch is a response with JSON, as it would be alone.
test("reads in a batch", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  await new Presence(client, `/users/${ADELE}/presence`).set(["Busy", "InACall"]);
  const answer = await batch(client, [
    { id: "adele", request: read(server, ADELE) },
    { id: "alex", request: read(server, ALEX) },
  ]);
  const shown = async (id) => pairOf(await answer.getResponseById(id).json());
  assert.deepEqual(await shown("adele"), ["Busy", "InACall"]);
  assert.deepEqual(await shown("alex"), ["Offline", "Offline"]);
});

// A failure takes with it what depends on it, and nothing else.
test("dependencies in a batch", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const inARow = await batch(client, [
    { id: "set", request: set(server, ADELE, ["Away", "Away"]) },
    { id: "read", request: read(server, ADELE), dependsOn: ["set"] },
  ]);
  assert.equal(inARow.getResponseById("set").status, 200);
  assert.deepEqual(pairOf(await inARow.getResponseById("read").json()), ["Away", "Away"]);
  const failing = await batch(client, [
    { id: "set", request: set(server, ADELE, ["Busy", "Busy"]) },
    { id: "read", request: read(server, ADELE), dependsOn: ["set"] },
  ]);
  assert.equal(failing.getResponseById("set").status, 400);
  assert.equal((await failing.getResponseById("set").json()).error.code, "InvalidArgument");
  assert.equal(failing.getResponseById("read").status, 424);
});

// An action without input, with the empty object that this client has to send.
test("an action without input in a batch", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const adele = new Presence(client, `/users/${ADELE}/presence`);
  await adele.set(["Available", "Available"]);
  await adele.prefer(["Busy", "Busy"]);
  const path = `/users/${ADELE}/presence/clearUserPreferredPresence`;
  const answer = await batch(client, [{ id: "1", request: post(server, path, {}) }]);
  assert.equal(answer.getResponseById("1").status, 200);
  assert.deepEqual(await adele.shown(), ["Available", "Available"]);
});

// More requests than a batch may have: this client refuses them itself, so they are written by hand.
test("too many requests in a batch", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const one = (_, at) => ({ id: `${at}`, method: "GET", url: `/users/${ADELE}/presence` });
  const requests = Array.from({ length: 21 }, one);
  await refused(client.api("/$batch").post({ requests }), 400, "InvalidArgument");
});
