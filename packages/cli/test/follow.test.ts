import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { DeltaVectorDB, init } from "deltavec";
import { Gateway } from "../../deltavec/test/support/gateway.ts";
import { run } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "deltavec-follow-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
before(() => init());

/** Takes vectors into a service. */
function make(gateway: Gateway, ...ids: string[]): void {
  using db = new DeltaVectorDB({ dimensions: 3 });
  for (const vectorId of ids) {
    const operation = { type: "create", vector: Float32Array.of(1, 2, 3) } as const;
    db.applyDelta({ vectorId, operation, metadata: { of: vectorId } });
  }
  gateway.take(db.deltasSince());
}

/** Follows until some lines were printed, then interrupts. */
async function following(args: readonly string[], count: number, change: () => void) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "follow", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FORCE_COLOR: "", NODE_OPTIONS: "" },
  });
  const lines: string[] = [];
  const errors = createInterface(child.stderr);
  for await (const line of errors) {
    if (line.includes("up to date")) {
      break;
    }
  }
  change();
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (lines.length === count) {
      break;
    }
  }
  child.kill("SIGINT");
  const [status] = (await once(child, "close")) as [number | null];
  return { status, lines };
}

/** Follows until it ends by itself. */
async function untilItFails(args: readonly string[], change: () => void) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "follow", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, FORCE_COLOR: "", NODE_OPTIONS: "" },
  });
  let errors = "";
  let changed = false;
  child.stderr.on("data", (data) => {
    errors += data;
    if (!changed && errors.includes("up to date")) {
      changed = true;
      change();
    }
  });
  const [status] = (await once(child, "close")) as [number | null];
  return { status, errors };
}

describe("follow", () => {
  it("ends when it is up to date, if it is to follow once", async () => {
    await using gateway = await Gateway.start();
    make(gateway, "a", "b");
    const { status, out, err } = await run(["follow", gateway.url, "--once"]);
    assert.equal(status, 0, err);
    assert.equal(out, `up to date: 2 vectors, digest ${gateway.all.stateDigest()}\n`);
  });

  it("prints each change as a line", async () => {
    await using gateway = await Gateway.start();
    make(gateway, "a");
    const { status, lines } = await following([gateway.url], 2, () => make(gateway, "b", "c"));
    assert.equal(status, 0);
    assert.deepEqual(lines.map((line) => line.slice(13)).sort(), [
      'create b  {"of":"b"}',
      'create c  {"of":"c"}',
    ]);
  });

  it("prints each change as JSON", async () => {
    await using gateway = await Gateway.start();
    const { lines } = await following([gateway.url, "--json"], 1, () => make(gateway, "b"));
    const { deltaId, timestamp, ...delta } = JSON.parse(lines[0]!);
    assert.deepEqual(delta, {
      vectorId: "b",
      operation: { type: "create", vector: [1, 2, 3] },
      metadata: { of: "b" },
    });
    assert.equal(deltaId, gateway.all.getDeltaChain("b").deltas[0]!.deltaId);
    assert.ok(Date.parse(timestamp) > 0);
  });

  it("keeps the database in a directory, and goes on from there", async () => {
    await using gateway = await Gateway.start();
    make(gateway, "a");
    const into = `file:${join(scratch, "kept")}`;
    const args = ["follow", gateway.url, "--once", "--into", into];
    const first = await run(args);
    assert.equal(first.status, 0, first.err);
    make(gateway, "b");
    gateway.requests.splice(0);
    const { out } = await run([...args, "--json"]);
    assert.equal(JSON.parse(out).digest, gateway.all.stateDigest());
    assert.ok(!gateway.requests.some((request) => request.includes("snapshot")));
  });

  it("writes the database to a file at the end", async () => {
    await using gateway = await Gateway.start();
    make(gateway, "a", "b");
    const path = join(scratch, "exported");
    assert.equal((await run(["follow", gateway.url, "--once", "--export", path])).status, 0);
    using db = new DeltaVectorDB({ dimensions: 3 });
    db.import(readFileSync(path));
    assert.equal(db.stateDigest(), gateway.all.stateDigest());
  });

  it("follows only some vectors", async () => {
    await using gateway = await Gateway.start();
    make(gateway, "notes/a", "notes/b", "tasks/a", "tasks/b");
    const args = ["follow", gateway.url, "--once", "--prefix", "notes/", "--id", "tasks/b"];
    assert.match((await run(args)).out, /^up to date: 3 vectors/);
  });

  it("ends with an error where its token runs out, and still writes the database", async () => {
    await using gateway = await Gateway.start({ token: "short" });
    make(gateway, "a");
    const path = join(scratch, "until-then");
    const args = [gateway.url, "--token", "short", "--export", path];
    const { status, errors } = await untilItFails(args, () => {
      gateway.token = "another";
      gateway.cutAll();
    });
    assert.equal(status, 1);
    assert.match(errors, /UNAUTHENTICATED/);
    using db = new DeltaVectorDB({ dimensions: 3 });
    db.import(readFileSync(path));
    assert.equal(db.stateDigest(), gateway.all.stateDigest());
  });

  it("shows its token", async () => {
    await using gateway = await Gateway.start({ token: "secret" });
    make(gateway, "a");
    const args = ["follow", gateway.url, "--once"];
    const refused = await run(args);
    assert.equal(refused.status, 1);
    assert.match(refused.err, /UNAUTHENTICATED/);
    assert.equal((await run([...args, "--token", "secret"])).status, 0);
  });
});
