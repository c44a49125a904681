// Live streams through fetch, over connections that are cut.

import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import test from "node:test";
import { follow } from "./live.js";
import { pairOf, Presence } from "./presence.js";
import { ADELE, ALEX, Server } from "./server.js";

const WAIT_MS_MAX = 20_000;

/** What lies between client and server, and can be cut. */
class Wire {
  static async for(test, server) {
    const wire = new Wire();
    wire.sockets = new Set();
    wire.connections = 0;
    const { port } = new URL(server.url);
    const listener = createServer((near) => {
      wire.connections += 1;
      const far = connect(Number(port), "127.0.0.1");
      for (const socket of [near, far]) {
        wire.sockets.add(socket);
        // A cut is what this is for.
        socket.on("error", () => {});
        socket.on("close", () => {
          wire.sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far).pipe(near);
    });
    await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
    test.after(() => {
      wire.cut();
      listener.close();
    });
    wire.url = `https://127.0.0.1:${listener.address().port}`;
    return wire;
  }

  cut() {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** A follower that keeps what it is told. */
class Watcher {
  constructor(test, url, token) {
    const end = new AbortController();
    this.told = [];
    this.waiting = new Set();
    const on = (name, data) => {
      const what = name === "presence" ? `${data.id} ${pairOf(data).join("/")}` : name;
      this.told.push(name === "synced" ? `synced ${data.resumed}` : what);
      for (const look of this.waiting) look();
    };
    this.followed = follow(url, async () => token, on, end.signal);
    test.after(async () => {
      end.abort();
      await this.followed.catch(() => {});
    });
  }

  /** Takes out the first `count` things that are told, as soon as they are. */
  take(count) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.told.length < count) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(this.told.splice(0, count));
      };
      const timer = setTimeout(
        () => reject(new Error(`only ${JSON.stringify(this.told)}`)),
        WAIT_MS_MAX,
      );
      this.waiting.add(look);
      look();
    });
  }
}

// The connection is cut in the middle; what changed meanwhile is told when the client is back, and
// nothing besides.
test("a stream goes on over a cut connection", async (t) => {
  const server = await Server.for(t);
  const token = await server.token();
  const adele = new Presence(server.graph(token), `/users/${ADELE}/presence`);
  const wire = await Wire.for(t, server);
  const path = `/v1.0/communications/presences/live?ids=${ADELE},${ALEX}`;
  const watcher = new Watcher(t, wire.url + path, token);
  assert.deepEqual((await watcher.take(3)).sort(), [
    `${ALEX} Offline/Offline`,
    `${ADELE} Offline/Offline`,
    "synced false",
  ]);
  await adele.set(["Available", "Available"]);
  assert.deepEqual(await watcher.take(1), [`${ADELE} Available/Available`]);
  wire.cut();
  await adele.set(["Busy", "InACall"]);
  assert.deepEqual(await watcher.take(2), [`${ADELE} Busy/InACall`, "synced true"]);
  assert.equal(wire.connections, 2);
  await adele.clear();
  assert.deepEqual(await watcher.take(1), [`${ADELE} Offline/Offline`]);
});

// What time does is told too, as it does it; a whole tenant is watched by naming nobody.
test("a stream of the tenant tells what time does", async (t) => {
  const server = await Server.for(t);
  const token = await server.token();
  const adele = new Presence(server.graph(token), `/users/${ADELE}/presence`);
  await adele.set(["Available", "Available"], { duration: "PT1H" });
  const watcher = new Watcher(t, `${server.url}/v1.0/communications/presences/live`, token);
  assert.deepEqual(await watcher.take(2), [`${ADELE} Available/Available`, "synced false"]);
  for (const [time, shown] of [
    ["PT5M", "Available/AvailableInactive"],
    ["PT5M", "Away/Away"],
    ["PT50M", "Offline/Offline"],
  ]) {
    await server.advance(time);
    assert.deepEqual(await watcher.take(1), [`${ADELE} ${shown}`]);
  }
});

// What waiting does not mend is told to the caller.
test("a stream is refused without a permission", async (t) => {
  const server = await Server.for(t);
  const token = await server.userToken(["Presence.Read"]);
  const watcher = new Watcher(t, `${server.url}/v1.0/communications/presences/live`, token);
  await assert.rejects(watcher.followed, /^Error: 403: .*Authorization_RequestDenied/);
});
