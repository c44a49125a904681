// What a mistake looks like to a program that uses @microsoft/microsoft-graph-client.

import assert from "node:assert/strict";
import test from "node:test";
import { ADDRESSES, OFFLINE, Presence, readMany, refused } from "./presence.js";
import { ADELE, ALEX, APPLICATION_2, APPLICATION_WITHOUT_ROLES, Server } from "./server.js";

// Code, message, status, and the inner error with its time and ids.
test("every member of the error", async (t) => {
  const server = await Server.for(t);
  const adele = new Presence(server.graph(await server.token()), `/users/${ADELE}/presence`);
  const before = Date.now() - 2000;
  const error = await refused(
    adele.set(["Busy", "InACall"], { session: null }),
    400,
    "InvalidArgument",
    "[SessionId]: The SessionId field is required.",
  );
  assert.ok(error.date.getTime() >= before && error.date.getTime() <= Date.now() + 2000);
  assert.match(error.requestId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(error.headers.get("request-id"), error.requestId);
  // This client names its own request, and finds the name again in header and body.
  const inner = JSON.parse(error.body).innerError;
  assert.equal(error.headers.get("client-request-id"), inner["client-request-id"]);
  assert.notEqual(inner["client-request-id"], "");
});

// Values that are refused, each in the words that are known of Graph where there are any.
test("values that are refused", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const adele = new Presence(client, `/users/${ADELE}/presence`);
  const busy = ["Busy", "InACall"];
  for (const duration of ["PT4M59S", "PT4H1S", "PT0S"]) {
    const text = "The provided [ExpirationDuration] is out of range.";
    await refused(adele.set(busy, { duration }), 400, "InvalidArgument", text);
  }
  for (const duration of ["1:00:00", "an hour", "P1W", 3600]) {
    await refused(adele.set(busy, { duration }), 400, "InvalidArgument");
  }
  for (const pair of [["Busy", "Busy"], ["Offline", "OffWork"], ["Nonsense", "Nonsense"]]) {
    const error = await refused(adele.set(pair), 400, "InvalidArgument");
    assert.match(error.message, /InAConferenceCall/);
  }
  await refused(adele.prefer(["Busy", "InACall"]), 400, "InvalidArgument");
  await refused(adele.set(busy, { session: APPLICATION_2 }), 400, "InvalidArgument");
  await refused(adele.clear(), 404, "NotFound");
  const tooMany = Array.from({ length: 651 }, () => ALEX);
  await refused(readMany(client, tooMany), 400, "InvalidArgument");
  const unreadable =
    "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.";
  const path = `/users/${ADELE}/presence/setPresence`;
  await refused(client.api(path).post("{"), 400, "BadRequest", unreadable);
  assert.deepEqual(await adele.shown(), OFFLINE);
});

// Paths that lead nowhere and methods that a path does not have.
test("paths and methods", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const notAllowed = "Specified HTTP method is not allowed for the request target.";
  for (const path of ADDRESSES) {
    const presence = client.api(path);
    await refused(presence.delete(), 405, "Request_BadRequest", notAllowed);
    const part = { activity: "Away" };
    await refused(presence.patch(part), 405, "Request_BadRequest", notAllowed);
  }
  await refused(client.api(`/users/${ADELE}/presence`).expand("x").get(), 400, "BadRequest");
  const error = await refused(client.api("/nowhere").get(), 400, "BadRequest");
  assert.match(error.message, /Resource not found for the segment 'nowhere'/);
});

// Who may do what: the answers that tell a caller which permission is missing.
test("permissions", async (t) => {
  const server = await Server.for(t);
  const busy = ["Busy", "InACall"];

  const nobody = new Presence(server.graph(await server.token()), "/me/presence");
  const notForApplications = "/me request is only valid with delegated authentication flow.";
  await refused(nobody.read(), 400, "BadRequest", notForApplications);

  const reader = server.graph(await server.userToken(["Presence.Read"]));
  await refused(new Presence(reader, "/me/presence").set(busy), 403, "Forbidden", "");
  await refused(
    new Presence(reader, `/users/${ALEX}/presence`).read(),
    403,
    "Authorization_RequestDenied",
    "Insufficient privileges to complete the operation.",
  );

  const writer = server.graph(await server.userToken(["Presence.ReadWrite"]));
  await refused(
    new Presence(writer, `/users/${ALEX}/presence`).set(busy),
    401,
    "Unauthorized",
    `Cannot set the presence of another user. Authenticated user: ${ADELE}. Requested user: ${ALEX}`,
  );

  const bare = server.graph(await server.token(APPLICATION_WITHOUT_ROLES));
  await refused(new Presence(bare, `/users/${ADELE}/presence`).read(), 403, "Forbidden", "");

  const stranger = server.graph("a.b.c");
  await refused(
    new Presence(stranger, `/users/${ADELE}/presence`).read(),
    401,
    "InvalidAuthenticationToken",
  );
});
