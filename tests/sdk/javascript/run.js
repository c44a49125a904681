// Runs the tests. Node reads which certificates to trust when it starts, so a server is started
// first that makes one; the tests' own servers use it again, and Node trusts it from the outset, by
// the variable that users of the clients set as well.

import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Server } from "./server.js";

const here = dirname(fileURLToPath(import.meta.url));
const data = await mkdtemp(join(tmpdir(), "presenced-sdk-"));
let code = 1;
try {
  const first = await Server.start(["--data", data]);
  const certificate = first.certificate();
  await first.stop();
  const files = (await readdir(here)).filter((name) => name.endsWith(".test.js"));
  const tests = spawn(
    process.execPath,
    ["--test", "--test-timeout=60000", ...process.argv.slice(2), ...files.map((file) => join(here, file))],
    {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: certificate,
        PRESENCED_TLS_FROM: data,
        // The client reads the times of errors, which carry no zone, in the machine's own.
        TZ: "UTC",
      },
    },
  );
  code = await new Promise((resolve) => tests.on("exit", (status) => resolve(status ?? 1)));
} finally {
  await rm(data, { recursive: true, force: true });
}
process.exitCode = code;
