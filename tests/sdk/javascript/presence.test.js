// The presence methods through @microsoft/microsoft-graph-client.

import assert from "node:assert/strict";
import test from "node:test";
import {
  ADDRESSES,
  OFFLINE,
  PREFERRED_PAIRS,
  Presence,
  SESSION_PAIRS,
  UNKNOWN,
  pairOf,
  readMany,
} from "./presence.js";
import { ADELE, ALEX, APPLICATION_2, Server } from "./server.js";

const BOTH = ["Presence.ReadWrite", "Presence.Read.All"];

// The example of Graph's setPresence page, sent by the client, and what becomes of it in an hour.
test("the documented example and the hour after it", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  await client
    .api("/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/setPresence")
    .post({
      sessionId: "22553876-f5ab-4529-bffb-cfe50aa89f87",
      availability: "Available",
      activity: "Available",
      expirationDuration: "PT1H",
    });
  const presence = new Presence(client, `/users/${ADELE}/presence`);
  assert.deepEqual(await presence.shown(), ["Available", "Available"]);
  await server.advance("PT5M");
  assert.deepEqual(await presence.shown(), ["Available", "AvailableInactive"]);
  await server.advance("PT5M");
  assert.deepEqual(await presence.shown(), ["Away", "Away"]);
  await server.advance("PT50M");
  assert.deepEqual(await presence.shown(), OFFLINE);
});

// Each of the five pairs can be set and read back under each address, in both versions; clearing
// ends the session.
for (const version of ["v1.0", "beta"]) {
  test(`all pairs under all addresses in ${version}`, async (t) => {
    const server = await Server.for(t);
    const asApplication = server.graph(await server.token(), version);
    const asUser = server.graph(await server.userToken(BOTH), version);
    const addresses = [
      new Presence(asUser, "/me/presence"),
      new Presence(asApplication, `/users/${ADELE}/presence`),
      new Presence(asApplication, `/communications/presences/${ADELE}`),
    ];
    for (const setter of addresses) {
      for (const pair of SESSION_PAIRS) {
        await setter.set(pair, { duration: "PT1H" });
        for (const reader of addresses) assert.deepEqual(await reader.shown(), pair);
      }
      await setter.clear();
      for (const reader of addresses) assert.deepEqual(await reader.shown(), OFFLINE);
    }
  });
}

// The members of a read, and the context of the version and form that was asked for.
test("every member of a presence", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const presence = await new Presence(client, `/users/${ADELE}/presence`).read();
  assert.deepEqual(presence, {
    "@odata.context": `${server.url}/v1.0/$metadata#users('${ADELE}')/presence/$entity`,
    id: ADELE,
    availability: "Offline",
    activity: "Offline",
    outOfOfficeSettings: { message: null, isOutOfOffice: false },
    sequenceNumber: "00000000000000000000",
    statusMessage: null,
    workLocation: { placeId: null, source: "none", workLocationType: "unspecified" },
  });
});

// Each of the six pairs goes before the session and leaves when cleared, once or twice, under each
// address.
test("preferred presence", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.userToken(BOTH));
  for (const path of ADDRESSES) {
    const presence = new Presence(client, path);
    await presence.prefer(["Busy", "Busy"]);
    assert.deepEqual(await presence.shown(), OFFLINE, "a preferred presence waits for a session");
    await presence.set(["Busy", "InACall"], { duration: "PT4H" });
    assert.deepEqual(await presence.shown(), ["Busy", "Busy"]);
    for (const pair of PREFERRED_PAIRS) {
      await presence.prefer(pair, "PT8H");
      assert.deepEqual(await presence.shown(), pair);
    }
    await presence.clearPreferred();
    assert.deepEqual(await presence.shown(), ["Busy", "InACall"]);
    await presence.clearPreferred();
    await presence.clear();
  }
});

// Two applications have a session each, and the stronger one shows.
test("two applications", async (t) => {
  const server = await Server.for(t);
  const path = `/users/${ADELE}/presence`;
  const first = new Presence(server.graph(await server.token()), path);
  const second = new Presence(server.graph(await server.token(APPLICATION_2)), path);
  await first.set(["DoNotDisturb", "Presenting"]);
  await second.set(["Busy", "InACall"], { session: APPLICATION_2 });
  assert.deepEqual(await first.shown(), ["DoNotDisturb", "Presenting"]);
  await first.clear();
  assert.deepEqual(await first.shown(), ["Busy", "InACall"]);
});

// Answers come in the order of the ids, once for each mention; 650 are answered.
test("reading many", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  await new Presence(client, `/users/${ADELE}/presence`).set(["Busy", "InACall"]);
  const some = await readMany(client, [ALEX, ADELE, "no id", ADELE]);
  assert.deepEqual(
    some.map((presence) => [presence.id, pairOf(presence)]),
    [
      [ALEX, OFFLINE],
      [ADELE, ["Busy", "InACall"]],
      ["no id", UNKNOWN],
      [ADELE, ["Busy", "InACall"]],
    ],
  );
  const ids = Array.from(
    { length: 650 },
    (_, index) => `0d9f7a0c-0000-4000-8000-${String(index).padStart(12, "0")}`,
  );
  const all = await readMany(client, ids);
  assert.deepEqual(
    all.map((presence) => presence.id),
    ids,
  );
});
