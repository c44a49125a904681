// @azure/identity signs in at the server itself. Nothing is changed for it but the address of the
// authority, and for the Graph client the address of Graph.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { ClientSecretCredential, DeviceCodeCredential, UsernamePasswordCredential } from "@azure/identity";
import { signIn } from "./browser.js";
import { Presence, readMany } from "./presence.js";
import { ADELE, ADELE_UPN, ALEX, APPLICATION, GRAPH, PASSWORD, SECRETS, Server, TENANT } from "./server.js";

const require = createRequire(import.meta.url);
const {
  TokenCredentialAuthenticationProvider,
} = require("@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials");

const authority = (server) => ({ authorityHost: server.url, disableInstanceDiscovery: true });

async function drive(server, credential, scopes) {
  const client = server.graph(new TokenCredentialAuthenticationProvider(credential, { scopes }));
  const presence = new Presence(client, `/users/${ADELE}/presence`);
  await presence.set(["Busy", "InACall"], { duration: "PT1H" });
  assert.deepEqual(await presence.shown(), ["Busy", "InACall"]);
  return client;
}

// An application's secret gets its token, for Graph's scope and for the server's own.
test("client secret", async (t) => {
  const server = await Server.for(t);
  for (const scope of [`${GRAPH}/.default`, "https://127.0.0.1/.default", `${server.url}/.default`]) {
    const credential = new ClientSecretCredential(
      TENANT,
      APPLICATION,
      SECRETS[APPLICATION],
      authority(server),
    );
    const client = await drive(server, credential, [scope]);
    assert.equal((await readMany(client, [ALEX, ADELE])).length, 2);
  }
});

// The library reads the refusal of a wrong secret and shows its reason.
test("a wrong secret", async (t) => {
  const server = await Server.for(t);
  const credential = new ClientSecretCredential(TENANT, APPLICATION, "wrong", authority(server));
  await assert.rejects(credential.getToken(`${GRAPH}/.default`), (error) => {
    assert.match(error.message, /invalid_client/);
    assert.match(error.message, /AADSTS7000215/);
    return true;
  });
});

// A device shows its code, a person types it in on the page, and the device has a delegated token.
test("device code", async (t) => {
  const server = await Server.for(t);
  let signedIn;
  const credential = new DeviceCodeCredential({
    ...authority(server),
    tenantId: TENANT,
    clientId: APPLICATION,
    userPromptCallback: ({ verificationUri, userCode }) => {
      signedIn = signIn(verificationUri, userCode);
    },
  });
  const client = await drive(server, credential, [`${GRAPH}/Presence.ReadWrite`]);
  await signedIn;
  const me = await new Presence(client, "/me/presence").read();
  assert.deepEqual([me.id, me.activity], [ADELE, "InACall"]);
});

// The password grant, which programs for tests use, gives a delegated token. (Its Python sister
// looks the user's realm up without the authority's port, so it works on port 443 alone.)
test("user name and password", async (t) => {
  const server = await Server.for(t);
  const credential = new UsernamePasswordCredential(
    TENANT,
    APPLICATION,
    ADELE_UPN,
    PASSWORD,
    authority(server),
  );
  const client = await drive(server, credential, [`${GRAPH}/Presence.ReadWrite`]);
  const me = await new Presence(client, "/me/presence").read();
  assert.equal(me.id, ADELE);
});
