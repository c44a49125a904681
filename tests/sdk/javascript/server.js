// A `presenced dev --tls` of one's own: started for a test, driven by the official client, ended by
// its process id. TLS because the client attaches tokens to nothing else.

import { spawn } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// The package's ES module form has imports that Node does not resolve; its CommonJS form works.
const require = createRequire(import.meta.url);
const { Client } = require("@microsoft/microsoft-graph-client");

export const TENANT = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";
export const APPLICATION = "22553876-f5ab-4529-bffb-cfe50aa89f87";
export const APPLICATION_2 = "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21";
export const APPLICATION_WITHOUT_ROLES = "c1b7a7f4-0d5e-4b0e-b9a5-7c8d9e0f1a2b";
export const SECRETS = {
  [APPLICATION]: "dev-secret",
  [APPLICATION_2]: "dev-secret-2",
  [APPLICATION_WITHOUT_ROLES]: "dev-secret-3",
};
export const ADELE = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
export const ADELE_UPN = "adele@presenced.dev";
export const ALEX = "66825e03-7ef5-42da-9069-724602c31f6b";
export const PASSWORD = "dev";
export const GRAPH = "https://graph.microsoft.com";

const START_MS_MAX = 20_000;
const STOP_MS_MAX = 15_000;
const LINES_MAX = 500;

export class Server {
  /** A server for one test, on a free port, ended with the test. */
  static async for(test) {
    const data = await mkdtemp(join(tmpdir(), "presenced-sdk-"));
    await cp(join(process.env.PRESENCED_TLS_FROM, "tls"), join(data, "tls"), { recursive: true });
    test.after(() => rm(data, { recursive: true, force: true }));
    const server = await Server.start(["--data", data]);
    test.after(() => server.stop());
    return server;
  }

  static async start(more) {
    const binary = process.env.PRESENCED_BIN;
    if (!binary) throw new Error("PRESENCED_BIN names no binary: run these with `cargo xtask sdk`");
    const server = new Server(binary, ["dev", "--tls", "--listen", "127.0.0.1:0", ...more]);
    server.url = await server.#said(/(https:\/\/127\.0\.0\.1:[1-9]\d*)/);
    // The last line of the start names the variable; all lines before it are there then.
    await server.#said(/NODE_EXTRA_CA_CERTS=(\S+)/);
    return server;
  }

  constructor(binary, parameters) {
    /** Where it answers, without a slash at the end. */
    this.url = "";
    this.lines = [];
    this.waiting = new Set();
    this.process = spawn(binary, parameters, { stdio: ["ignore", "pipe", "pipe"] });
    this.exited = new Promise((resolve) => this.process.on("exit", resolve));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line);
        if (this.lines.length > LINES_MAX) this.lines.shift();
        for (const look of this.waiting) look();
      });
    }
  }

  /** The first group of `pattern` in what the server says or has said. */
  #said(pattern) {
    return new Promise((resolve, reject) => {
      const end = (act) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        act();
      };
      const fail = (why) => end(() => reject(new Error(`${why}:\n${this.lines.join("\n")}`)));
      const look = () => {
        const line = this.lines.find((line) => pattern.test(line));
        if (line) end(() => resolve(pattern.exec(line)[1]));
      };
      const timer = setTimeout(() => fail(`the server said no ${pattern}`), START_MS_MAX);
      this.waiting.add(look);
      this.exited.then(() => fail("the server ended"));
      this.process.on("error", (error) => fail(error.message));
      look();
    });
  }

  /** The file that a client has to trust, as the start-up lines name it. */
  certificate() {
    const line = this.lines.find((line) => line.includes("NODE_EXTRA_CA_CERTS="));
    return /NODE_EXTRA_CA_CERTS=['"]?([^\s'"]+)/.exec(line)[1];
  }

  async stop() {
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS_MAX);
    await this.exited;
    clearTimeout(timer);
  }

  /** An application's own access token. */
  token(application = APPLICATION) {
    return this.grant({
      grant_type: "client_credentials",
      client_id: application,
      client_secret: SECRETS[application],
      scope: `${GRAPH}/.default`,
    });
  }

  /** An access token with which application 1 acts for Adele. */
  userToken(scopes) {
    return this.grant({
      grant_type: "password",
      client_id: APPLICATION,
      client_secret: SECRETS[APPLICATION],
      username: ADELE_UPN,
      password: PASSWORD,
      scope: scopes.map((scope) => `${GRAPH}/${scope}`).join(" "),
    });
  }

  async grant(form) {
    const body = new URLSearchParams(form);
    const answer = await fetch(`${this.url}/${TENANT}/oauth2/v2.0/token`, { method: "POST", body });
    const json = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(json));
    return json.access_token;
  }

  /** Moves the test clock. */
  async advance(duration) {
    const answer = await fetch(`${this.url}/dev/clock/advance`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ duration }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** The official client with this token, or this provider of tokens. */
  graph(token, defaultVersion = "v1.0") {
    const authProvider =
      typeof token === "string" ? { getAccessToken: async () => token } : token;
    return Client.initWithMiddleware({
      authProvider,
      baseUrl: `${this.url}/`,
      defaultVersion,
      customHosts: new Set(["127.0.0.1"]),
    });
  }
}
