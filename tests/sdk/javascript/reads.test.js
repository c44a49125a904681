// Reads beside the plain one: chosen members, the listing, and what goes beyond Graph.

import assert from "node:assert/strict";
import test from "node:test";
import { ADDRESSES, OFFLINE, Presence, pairOf, refused } from "./presence.js";
import { ADELE, ALEX, Server } from "./server.js";

// `$select` leaves out the rest, under each address; a member that there is not is refused.
test("chosen members", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.userToken(["Presence.Read.All"]));
  for (const path of ADDRESSES) {
    const chosen = await client.api(path).select(["availability", "statusMessage"]).get();
    delete chosen["@odata.context"];
    assert.deepEqual(chosen, { availability: "Offline", statusMessage: null });
    const error = await refused(client.api(path).select("mood").get(), 400, "BadRequest");
    assert.match(error.message, /mood/);
  }
});

// The users that the filter names, and nobody without one.
test("the listing", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  await new Presence(client, `/users/${ADELE}/presence`).set(["Busy", "InACall"]);
  const presences = () => client.api("/communications/presences");
  const listing = await presences().filter(`id in ('${ALEX}','${ADELE}')`).get();
  assert.deepEqual(
    listing.value.map((presence) => [presence.id, pairOf(presence)]),
    [
      [ALEX, OFFLINE],
      [ADELE, ["Busy", "InACall"]],
    ],
  );
  await refused(presences().get(), 400, "BadRequest");
});

// The reasons of a presence, under each address.
test("why", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.userToken(["Presence.ReadWrite", "Presence.Read.All"]));
  await new Presence(client, "/me/presence").set(["Busy", "InACall"]);
  for (const path of ADDRESSES) {
    const { id, activity, rule } = await client.api(`${path}/explain`).get();
    assert.deepEqual([id, activity, rule], [ADELE, "InACall", "session"]);
  }
});

// `$metadata` describes every method that the other tests call.
test("the metadata", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const document = await client.api("/$metadata").responseType("text").get();
  for (const name of ["setPresence", "clearLocation", "getPresencesByUserId", "setStatusMessage"]) {
    assert.ok(document.includes(`Name="${name}"`), name);
  }
});
