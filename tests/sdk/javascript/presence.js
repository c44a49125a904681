// Short names for what the tests do again and again.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { ADELE, APPLICATION } from "./server.js";

const require = createRequire(import.meta.url);
const { GraphError } = require("@microsoft/microsoft-graph-client");

export const SESSION_PAIRS = [
  ["Available", "Available"],
  ["Busy", "InACall"],
  ["Busy", "InAConferenceCall"],
  ["Away", "Away"],
  ["DoNotDisturb", "Presenting"],
];
export const PREFERRED_PAIRS = [
  ["Available", "Available"],
  ["Busy", "Busy"],
  ["DoNotDisturb", "DoNotDisturb"],
  ["BeRightBack", "BeRightBack"],
  ["Away", "Away"],
  ["Offline", "OffWork"],
];
/** Adele's presence, under each of its three addresses. */
export const ADDRESSES = [
  "/me/presence",
  `/users/${ADELE}/presence`,
  `/communications/presences/${ADELE}`,
];
export const OFFLINE = ["Offline", "Offline"];
export const UNKNOWN = ["PresenceUnknown", "PresenceUnknown"];

export const pairOf = (presence) => [presence.availability, presence.activity];

/** One presence object under one of its addresses: "/me/presence" and so on. */
export class Presence {
  constructor(client, path) {
    this.client = client;
    this.path = path;
  }

  read() {
    return this.client.api(this.path).get();
  }

  async shown() {
    return pairOf(await this.read());
  }

  set([availability, activity], { duration, session = APPLICATION } = {}) {
    return this.client.api(`${this.path}/setPresence`).post({
      sessionId: session,
      availability,
      activity,
      ...(duration && { expirationDuration: duration }),
    });
  }

  clear(session = APPLICATION) {
    return this.client.api(`${this.path}/clearPresence`).post({ sessionId: session });
  }

  prefer([availability, activity], duration) {
    return this.client.api(`${this.path}/setUserPreferredPresence`).post({
      availability,
      activity,
      ...(duration && { expirationDuration: duration }),
    });
  }

  clearPreferred(body = {}) {
    return this.client.api(`${this.path}/clearUserPreferredPresence`).post(body);
  }
}

export async function readMany(client, ids) {
  const answer = await client.api("/communications/getPresencesByUserId").post({ ids });
  return answer.value;
}

/** The promise ends in this error, as the client shows it; with `message`, in these words. */
export async function refused(promise, status, code, message) {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );
  assert.ok(error instanceof GraphError, String(error));
  assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
  if (message !== undefined) assert.equal(error.message, message);
  return error;
}
