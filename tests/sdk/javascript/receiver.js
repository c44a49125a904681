// An endpoint for change notifications on a free port of the loopback address.

import { createServer } from "node:http";

const WAIT_MS_MAX = 20_000;

export class Receiver {
  /** A receiver for one test, ended with the test. */
  static async for(test) {
    const receiver = new Receiver();
    await new Promise((resolve) => receiver.server.listen(0, "127.0.0.1", resolve));
    test.after(() => receiver.server.closeAllConnections());
    test.after(() => receiver.server.close());
    return receiver;
  }

  constructor() {
    this.messages = [];
    this.waiting = [];
    this.checks = 0;
    this.server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      const url = new URL(request.url, "http://receiver");
      const token = url.searchParams.get("validationToken");
      if (token !== null) {
        this.checks += 1;
        response.writeHead(200, { "Content-Type": "text/plain" }).end(token);
        return;
      }
      response.writeHead(202).end();
      this.messages.push({ path: url.pathname, body: JSON.parse(Buffer.concat(parts)) });
      this.waiting.shift()?.();
    });
  }

  url(path = "/hook") {
    return `http://127.0.0.1:${this.server.address().port}${path}`;
  }

  /** The next message. */
  async next() {
    if (this.messages.length === 0) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("nothing came")), WAIT_MS_MAX);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.messages.shift();
  }
}
