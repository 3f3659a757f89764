import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./run.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

it("demo serves its page and says where, also where no model can be had", async () => {
  // A cache in which nothing can be kept, so nothing is fetched.
  const child = spawn(process.execPath, [MAIN, "demo", "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, XDG_CACHE_HOME: "/dev/null", FORCE_COLOR: "" },
  });
  const said = text(child.stderr);
  try {
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const url = /http:\/\/localhost:\d+\//.exec(line)?.[0];
    assert.ok(url, line);
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /<title>deltavec/);
  } finally {
    child.kill();
    await once(child, "close");
  }
  assert.match(await said, /it cannot be fetched .*\n.*the page works without it/);
});

it("demo says so where its port is taken", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { status, err } = await run(["demo", "--port", `${port}`]);
  server.close();
  assert.equal(status, 1);
  assert.match(err, new RegExp(`port ${port} is taken: name another by --port`));
});
