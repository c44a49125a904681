// Change notifications through @microsoft/microsoft-graph-client.

import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import test from "node:test";
import { CERTIFICATE, decrypted, THUMBPRINT } from "./certificate.js";
import { Presence, refused } from "./presence.js";
import { Receiver } from "./receiver.js";
import { ADELE, ALEX, APPLICATION, Server, TENANT } from "./server.js";

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

/** What a validation token says, after its signature was checked with the server's published keys. */
async function validated(server, token) {
  const [header, claims, signature] = token.split(".");
  const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
  const { keys } = await (await fetch(`${server.url}/common/discovery/v2.0/keys`)).json();
  const jwk = keys.find((key) => key.kid === read(header).kid);
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const signed = Buffer.from(`${header}.${claims}`);
  assert.ok(verify("RSA-SHA256", signed, key, Buffer.from(signature, "base64url")));
  return read(claims);
}

// The presence itself arrives encrypted for the subscriber, with a token that says who sent it.
test("rich notifications", async (t) => {
  const server = await Server.for(t);
  const receiver = await Receiver.for(t);
  const client = server.graph(await server.userToken(["Presence.Read.All"]));
  const rich = {
    includeResourceData: true,
    encryptionCertificate: CERTIFICATE,
    encryptionCertificateId: "mine",
  };
  const made = await client.api("/subscriptions").post(wanted(receiver, rich));
  assert.equal(made.includeResourceData, true);
  assert.deepEqual([made.encryptionCertificate, made.encryptionCertificateId], [null, "mine"]);

  const application = server.graph(await server.token());
  await new Presence(application, `/users/${ALEX}/presence`).set(["DoNotDisturb", "Presenting"]);
  const { body } = await receiver.next();
  const content = body.value[0].encryptedContent;
  assert.equal(content.encryptionCertificateId, "mine");
  assert.equal(content.encryptionCertificateThumbprint, THUMBPRINT);
  assert.deepEqual(decrypted(content), {
    "@odata.id": `users/${ALEX}/presence`,
    "@odata.type": "#microsoft.graph.presence",
    id: ALEX,
    availability: "DoNotDisturb",
    activity: "Presenting",
  });
  const claims = await validated(server, body.validationTokens[0]);
  assert.deepEqual([claims.aud, claims.tid], [APPLICATION, TENANT]);
  assert.equal(claims.appid, "0bf30f3b-4a52-48df-9a82-234910c4a086");
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
