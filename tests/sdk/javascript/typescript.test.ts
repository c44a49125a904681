// The presence methods through @microsoft/msgraph-sdk, the generated client for TypeScript. It is a
// preview: of the three addresses it has /me and /users, and of batches the half that has no bodies.

import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { ClientSecretCredential } from "@azure/identity";
import {
  AllowedHostsValidator,
  type AuthenticationProvider,
  BaseBearerTokenAuthenticationProvider,
  Duration,
  HttpMethod,
  type ErrorMappings,
  RequestInformation,
} from "@microsoft/kiota-abstractions";
import { createGraphServiceClient, GraphRequestAdapter } from "@microsoft/msgraph-sdk";
import {
  BatchRequestContent,
  GraphAzureIdentityAuthenticationProvider,
} from "@microsoft/msgraph-sdk-core";
import "@microsoft/msgraph-sdk-subscriptions";
import "@microsoft/msgraph-sdk-users";
import type { PresenceRequestBuilder } from "@microsoft/msgraph-sdk-users/users/item/presence/index.js";
import {
  BodyTypeObject,
  WorkLocationSourceObject,
  WorkLocationTypeObject,
} from "@microsoft/msgraph-sdk/models/index.js";
import {
  createODataErrorFromDiscriminatorValue,
  type ODataError,
} from "@microsoft/msgraph-sdk/models/oDataErrors/index.js";
import { OFFLINE, PREFERRED_PAIRS, SESSION_PAIRS } from "./presence.js";
import { Receiver } from "./receiver.js";
import { ADELE, ALEX, APPLICATION, GRAPH, SECRETS, Server, TENANT } from "./server.js";

const BOTH = ["Presence.ReadWrite", "Presence.Read.All"];
const PLACE = "eb706f15-137e-4722-b4d1-b601481d9251";
const ERRORS: ErrorMappings = { _4XX: createODataErrorFromDiscriminatorValue };

/** The adapter for this server, and the client on it. */
function graph(server: Server, token: string | AuthenticationProvider, version = "v1.0") {
  const provider =
    typeof token === "string"
      ? new BaseBearerTokenAuthenticationProvider({
          getAuthorizationToken: async () => token,
          getAllowedHostsValidator: () => new AllowedHostsValidator(),
        })
      : token;
  const adapter = new GraphRequestAdapter(provider);
  adapter.baseUrl = `${server.url}/${version}`;
  return { adapter, client: createGraphServiceClient(adapter) };
}

/** A server, and Adele's presence on it under each address that this client has. */
async function addresses(t: TestContext, version?: string) {
  const server = await Server.for(t);
  const { client } = graph(server, await server.userToken(BOTH), version);
  return { server, presences: [client.me.presence, client.users.byUserId(ADELE).presence] };
}

async function shown(presence: PresenceRequestBuilder) {
  const read = await presence.get();
  return [read?.availability, read?.activity];
}

/** The promise ends in this error, as the client shows it. */
async function refused(promise: Promise<unknown>, status: number, code: string) {
  const error: ODataError = await promise.then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );
  assert.deepEqual([error.responseStatusCode, error.errorEscaped?.code], [status, code]);
  return error;
}

// Each of the five pairs can be set, with the client's own type for a duration, read back and
// cleared.
for (const version of ["v1.0", "beta"]) {
  test(`generated client: sessions in ${version}`, async (t) => {
    const { server, presences } = await addresses(t, version);
    for (const presence of presences) {
      for (const [availability, activity] of SESSION_PAIRS) {
        await presence.setPresence.post({
          sessionId: APPLICATION,
          availability,
          activity,
          expirationDuration: new Duration({ hours: 1, minutes: 30 }),
        });
        assert.deepEqual(await shown(presence), [availability, activity]);
      }
      await presence.clearPresence.post({ sessionId: APPLICATION });
      assert.deepEqual(await shown(presence), OFFLINE);
      await refused(presence.clearPresence.post({ sessionId: APPLICATION }), 404, "NotFound");
    }
    const [presence] = presences;
    const ninety = Duration.parse("PT1H30M");
    const busy = { sessionId: APPLICATION, availability: "Busy", activity: "InACall" };
    await presence.setPresence.post({ ...busy, expirationDuration: ninety });
    await server.advance("PT1H29M59S");
    assert.deepEqual(await shown(presence), ["Busy", "InACall"]);
    await server.advance("PT1S");
    assert.deepEqual(await shown(presence), OFFLINE);
  });
}

// Each of the six pairs goes before the session and leaves when cleared.
test("generated client: preferred presence", async (t) => {
  const { presences } = await addresses(t);
  for (const presence of presences) {
    const busy = { sessionId: APPLICATION, availability: "Busy", activity: "InACall" };
    await presence.setPresence.post(busy);
    for (const [availability, activity] of PREFERRED_PAIRS) {
      const expirationDuration = new Duration({ days: 1 });
      await presence.setUserPreferredPresence.post({ availability, activity, expirationDuration });
      assert.deepEqual(await shown(presence), [availability, activity]);
    }
    await presence.clearUserPreferredPresence.post();
    assert.deepEqual(await shown(presence), ["Busy", "InACall"]);
  }
});

// A status message reads back in its types, and is removed by null, which this client reads as an
// object without members.
test("generated client: status messages", async (t) => {
  const { presences } = await addresses(t);
  for (const presence of presences) {
    const message = { content: "Back at noon ☕", contentType: BodyTypeObject.Text };
    const zone = "Pacific Standard Time";
    const expiryDateTime = { dateTime: "2099-07-01T12:00:00.0000000", timeZone: zone };
    await presence.setStatusMessage.post({ statusMessage: { message, expiryDateTime } });
    const said = (await presence.get())?.statusMessage;
    assert.deepEqual(said?.message, message);
    const utc = { dateTime: "2099-07-01T19:00:00.0000000", timeZone: "UTC" };
    assert.deepEqual(said?.expiryDateTime, utc);
    assert.ok(Math.abs(Date.now() - Number(said?.publishedDateTime)) < 60_000);
    await presence.setStatusMessage.post({ statusMessage: null });
    assert.deepEqual((await presence.get())?.statusMessage, {});
    const html = { content: "<b>x</b>", contentType: BodyTypeObject.Html };
    const refusal = presence.setStatusMessage.post({ statusMessage: { message: html } });
    await refused(refusal, 400, "InvalidArgument");
  }
});

// The manual location shows before the automatic one; each clearing action forgets its own.
test("generated client: locations", async (t) => {
  const { presences } = await addresses(t);
  for (const presence of presences) {
    const shows = async (source: string, workLocationType: string, placeId?: string) => {
      const location = (await presence.get())?.workLocation;
      assert.deepEqual(location, { source, workLocationType, placeId });
    };
    const { Automatic, Manual, None } = WorkLocationSourceObject;
    const { Office, Remote, Unspecified } = WorkLocationTypeObject;
    const office = { workLocationType: Office, placeId: PLACE };
    await presence.setAutomaticLocation.post(office);
    await shows(Automatic, Office, PLACE);
    await presence.setManualLocation.post({ workLocationType: Remote });
    await shows(Manual, Remote);
    await presence.clearAutomaticLocation.post();
    await shows(Manual, Remote);
    await presence.clearLocation.post();
    await shows(None, Unspecified);
    await presence.setAutomaticLocation.post(office);
    await presence.clearAutomaticLocation.post();
    await shows(None, Unspecified);
  }
});

// `$select` leaves out the rest; what a presence has is in its type, the unknown beside it.
test("generated client: members of a read", async (t) => {
  const { server, presences } = await addresses(t);
  for (const presence of presences) {
    assert.deepEqual(await presence.get(), {
      additionalData: {
        "@odata.context": `${server.url}/v1.0/$metadata#users('${ADELE}')/presence/$entity`,
      },
      id: ADELE,
      availability: "Offline",
      activity: "Offline",
      outOfOfficeSettings: { isOutOfOffice: false, message: undefined },
      sequenceNumber: "0".repeat(20),
      statusMessage: {},
      workLocation: { placeId: undefined, source: "none", workLocationType: "unspecified" },
    });
    const chosen = await presence.get({ queryParameters: { select: ["availability"] } });
    assert.deepEqual([chosen?.availability, chosen?.activity], ["Offline", undefined]);
  }
});

// Mistakes come in the client's own type of error, with its inner error.
test("generated client: errors", async (t) => {
  const { presences } = await addresses(t);
  for (const presence of presences) {
    const wrong = { sessionId: APPLICATION, availability: "Busy", activity: "Busy" };
    const error = await refused(presence.setPresence.post(wrong), 400, "InvalidArgument");
    assert.match(error.errorEscaped?.message ?? "", /Busy\/InAConferenceCall/);
    const id = error.errorEscaped?.innerError?.requestId;
    assert.deepEqual(error.responseHeaders?.["request-id"], [id]);
    await refused(presence.delete(), 405, "Request_BadRequest");
    await refused(presence.patch({ activity: "Away" }), 405, "Request_BadRequest");
  }
});

// A credential of @azure/identity gives the client its token.
test("generated client: client secret", async (t) => {
  const server = await Server.for(t);
  const credential = new ClientSecretCredential(TENANT, APPLICATION, SECRETS[APPLICATION], {
    authorityHost: server.url,
    disableInstanceDiscovery: true,
  });
  const scopes = [`${GRAPH}/.default`];
  const hosts = new Set(["127.0.0.1"]);
  const provider = new GraphAzureIdentityAuthenticationProvider(credential, scopes, {}, hosts);
  const presence = graph(server, provider).client.users.byUserId(ALEX).presence;
  const away = { sessionId: APPLICATION, availability: "Away", activity: "Away" };
  await presence.setPresence.post(away);
  assert.deepEqual(await shown(presence), ["Away", "Away"]);
});

// Reads and actions without input are carried out, in the form of /me too. An action with input is
// refused: this client leaves out the Content-Type that goes with a body (contract section 5.1).
test("generated client: batches", async (t) => {
  const server = await Server.for(t);
  const { adapter, client } = graph(server, await server.userToken(BOTH));
  const me = client.me.presence;
  const busy = { sessionId: APPLICATION, availability: "Busy", activity: "InACall" };
  await me.setPresence.post(busy);
  await me.setUserPreferredPresence.post({ availability: "Away", activity: "Away" });
  const batch = new BatchRequestContent(adapter, ERRORS);
  const user = client.users.byUserId(ALEX).presence;
  batch.addBatchRequest(me.clearUserPreferredPresence.toPostRequestInformation(), "clear");
  batch.addBatchRequest(user.toGetRequestInformation(), "read");
  batch.addBatchRequest(me.setPresence.toPostRequestInformation(busy), "set");
  const statuses = await (await batch.postAsync())?.getResponsesStatusCodes();
  assert.deepEqual(Object.fromEntries(statuses ?? []), { clear: 200, read: 200, set: 400 });
  assert.deepEqual(await shown(me), ["Busy", "InACall"]);
});

// Made, read, listed, notified, renewed, reauthorized, deleted: each by the client's own method.
test("generated client: subscriptions", async (t) => {
  const server = await Server.for(t);
  const receiver = await Receiver.for(t);
  const { client } = graph(server, await server.userToken(["Presence.Read.All"]));
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  const made = await client.subscriptions.post({
    changeType: "updated",
    notificationUrl: receiver.url(),
    resource: `/communications/presences/${ALEX}`,
    expirationDateTime: inMinutes(59),
    clientState: "known to both",
  });
  assert.equal(receiver.checks, 1);
  assert.deepEqual([made?.applicationId, made?.creatorId], [APPLICATION, ADELE]);
  const one = client.subscriptions.bySubscriptionId(made?.id ?? "");
  assert.equal((await one.get())?.clientState, "known to both");
  const listed = await client.subscriptions.get();
  assert.deepEqual(
    listed?.value?.map((entry) => entry.id),
    [made?.id],
  );

  const application = graph(server, await server.token()).client;
  const busy = { sessionId: APPLICATION, availability: "Busy", activity: "InACall" };
  await application.users.byUserId(ALEX).presence.setPresence.post(busy);
  const { body } = await receiver.next();
  assert.deepEqual(
    [body.value[0].subscriptionId, body.value[0].resourceData.id],
    [made?.id, ALEX],
  );

  await server.advance("PT30M");
  const later = inMinutes(85);
  const renewed = await one.patch({ expirationDateTime: later });
  assert.deepEqual(renewed?.expirationDateTime, later);
  await one.reauthorize.post();
  await one.delete();
  await refused(one.get(), 404, "NotFound");
});

// `explain` is not Graph's, so the client has no method for it, but sends what it is given.
test("generated client: why", async (t) => {
  const server = await Server.for(t);
  const { adapter } = graph(server, await server.token());
  const template = "{+baseurl}/users/{id}/presence/explain";
  const request = new RequestInformation(HttpMethod.GET, template, { id: ADELE });
  const answer = await adapter.sendPrimitive<ArrayBuffer>(request, "ArrayBuffer", ERRORS);
  assert.equal(JSON.parse(new TextDecoder().decode(answer)).rule, "noSession");
});
