// Change notifications through @microsoft/microsoft-graph-client.

import assert from "node:assert/strict";
import test from "node:test";
import { Presence, refused } from "./presence.js";
import { Receiver } from "./receiver.js";
import { ADELE, ALEX, Server } from "./server.js";

const inMinutes = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();

const wanted = (receiver, more = {}) => ({
  changeType: "updated",
  notificationUrl: receiver.url(),
  resource: `/communications/presences?$filter=id in ('${ADELE}','${ALEX}')`,
  expirationDateTime: inMinutes(59),
  clientState: "known to both",
  ...more,
});

// Made, read, listed, notified, renewed, reauthorized, deleted.
test("the life of a subscription", async (t) => {
  const server = await Server.for(t);
  const receiver = await Receiver.for(t);
  const client = server.graph(await server.userToken(["Presence.Read.All"]));
  const made = await client.api("/subscriptions").post(wanted(receiver));
  assert.equal(receiver.checks, 1);
  assert.equal(made["@odata.context"], `${server.url}/v1.0/$metadata#subscriptions/$entity`);
  assert.equal(made.clientState, "known to both");

  const one = client.api(`/subscriptions/${made.id}`);
  assert.equal((await one.get()).resource, made.resource);
  const listed = await client.api("/subscriptions").get();
  assert.deepEqual(
    listed.value.map((entry) => [entry.id, entry.clientState]),
    [[made.id, null]],
  );

  const application = server.graph(await server.token());
  await new Presence(application, `/users/${ALEX}/presence`).set(["Busy", "InACall"]);
  const { body } = await receiver.next();
  assert.equal(body.value.length, 1);
  assert.equal(body.value[0].subscriptionId, made.id);
  assert.equal(body.value[0].resourceData.id, ALEX);

  await server.advance("PT30M");
  const renewed = await one.patch({ expirationDateTime: inMinutes(85) });
  assert.ok(new Date(renewed.expirationDateTime) > new Date(made.expirationDateTime));
  await client.api(`/subscriptions/${made.id}/reauthorize`).post({});
  await one.delete();
  await refused(one.get(), 404, "NotFound");
});

// A second one of the same user and application is refused; in a batch it is as it is alone.
test("one for each user and application", async (t) => {
  const server = await Server.for(t);
  const receiver = await Receiver.for(t);
  const client = server.graph(await server.userToken(["Presence.Read.All"]), "beta");
  await client.api("/subscriptions").post(wanted(receiver));
  await refused(client.api("/subscriptions").post(wanted(receiver)), 409, "ExtensionError");
  await refused(
    client.api("/subscriptions").post(wanted(receiver, { resource: "me/presence" })),
    400,
    "ExtensionError",
    "Operation: Create; Exception: [Status Code: BadRequest; Reason: Unsupported workload.]",
  );
  const batch = await client.api("/$batch").post({
    requests: [{ id: "1", method: "GET", url: "/subscriptions" }],
  });
  assert.equal(batch.responses[0].status, 200);
  assert.equal(batch.responses[0].body.value.length, 1);
});
