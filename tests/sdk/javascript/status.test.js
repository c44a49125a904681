// setStatusMessage and the four location actions through @microsoft/microsoft-graph-client.

import assert from "node:assert/strict";
import test from "node:test";
import { ADDRESSES, Presence, refused } from "./presence.js";
import { ADELE, Server } from "./server.js";

const BOTH = ["Presence.ReadWrite", "Presence.Read.All"];
const PLACE = "eb706f15-137e-4722-b4d1-b601481d9251";
const NOWHERE = { placeId: null, source: "none", workLocationType: "unspecified" };

const note = (content, until, timeZone = "UTC") => ({
  statusMessage: {
    message: { content, contentType: "text" },
    ...(until && { expiryDateTime: { dateTime: until, timeZone } }),
  },
});

// Under each address; its own user reads the expiry in UTC and when it was set, an application
// reads neither. Then it is removed.
test("a status message reads back", async (t) => {
  const server = await Server.for(t);
  const asApplication = server.graph(await server.token());
  const asUser = server.graph(await server.userToken(BOTH));
  const other = new Presence(asApplication, `/users/${ADELE}/presence`);
  for (const path of ADDRESSES) {
    const own = new Presence(asUser, path);
    const say = (body) => asUser.api(`${path}/setStatusMessage`).post(body);
    await say(note("Back at noon ☕", "2099-07-01T12:00:00.0000000", "Pacific Standard Time"));
    const { publishedDateTime, ...rest } = (await own.read()).statusMessage;
    const message = { content: "Back at noon ☕", contentType: "text" };
    assert.deepEqual(rest, {
      message,
      expiryDateTime: { dateTime: "2099-07-01T19:00:00.0000000", timeZone: "UTC" },
    });
    assert.match(publishedDateTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
    assert.deepEqual((await other.read()).statusMessage, { message });
    await say({ statusMessage: null });
    assert.equal((await own.read()).statusMessage, null);
  }
});

// What Date.prototype.toISOString writes is taken where the zone is UTC; the message ends then.
test("a status message ends", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const presence = new Presence(client, `/users/${ADELE}/presence`);
  const until = new Date(Date.now() + 3_600_000).toISOString();
  await client.api(`/users/${ADELE}/presence/setStatusMessage`).post(note("An hour", until));
  assert.equal((await presence.read()).statusMessage.message.content, "An hour");
  await server.advance("PT1H");
  assert.equal((await presence.read()).statusMessage, null);
  const refusal = client.api(`/users/${ADELE}/presence/setStatusMessage`).post(note("Late", until));
  const error = await refused(refusal, 400, "InvalidArgument");
  assert.match(error.message, /in the past/);
});

// Under each address the manual location shows before the automatic one; each clearing action
// forgets its own, and midnight forgets all.
test("locations", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.userToken(BOTH));
  for (const path of ADDRESSES) {
    const presence = new Presence(client, path);
    const act = (action, body = {}) => client.api(`${path}/${action}`).post(body);
    const shows = async (expected) =>
      assert.deepEqual((await presence.read()).workLocation, expected);
    const office = { placeId: PLACE, source: "automatic", workLocationType: "office" };
    const remote = { placeId: null, source: "manual", workLocationType: "remote" };
    await act("setAutomaticLocation", { workLocationType: "office", placeId: PLACE });
    await shows(office);
    await act("setManualLocation", { workLocationType: "remote" });
    await shows(remote);
    await act("clearAutomaticLocation");
    await shows(remote);
    await act("clearLocation");
    await shows(NOWHERE);
    await act("setAutomaticLocation", { workLocationType: "office", placeId: PLACE });
    await act("clearAutomaticLocation");
    await shows(NOWHERE);
    await act("setManualLocation", { workLocationType: "timeOff", placeId: null });
    await server.advance("PT24H");
    await shows(NOWHERE);
  }
});

// An application cannot set a location, whatever its permissions.
test("a location is the user's own", async (t) => {
  const server = await Server.for(t);
  const client = server.graph(await server.token());
  const set = client
    .api(`/users/${ADELE}/presence/setManualLocation`)
    .post({ workLocationType: "office" });
  await refused(set, 403, "Forbidden");
});
