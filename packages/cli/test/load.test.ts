import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { deltaToJson, encodeDeltas } from "deltavec/streams";
import { type Input, inputsOf, readInputs } from "../src/load/inputs.ts";
import type { Mark, Read } from "../src/load/item.ts";
import { LoadService } from "./load-service.ts";
import { run } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "deltavec-load-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
before(() => init());
let number = 0;

function file(content: string | Uint8Array): string {
  const path = join(scratch, `file-${number++}`);
  writeFileSync(path, content);
  return path;
}

function vectors(count: number, from = 0): string {
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({ id: `v${from + i}`, vector: [from + i, 1], metadata: { n: from + i } }),
  ).join("\n");
}

async function all(inputs: readonly Input[], from?: Mark): Promise<Read[]> {
  const read: Read[] = [];
  for await (const each of readInputs(inputs, from)) {
    read.push(each);
  }
  return read;
}

/** Some edits of two replicas, as the bytes of `deltasSince`: linked, with patches that repeat. */
function replicated(): DeltaVectorDB {
  const db = new DeltaVectorDB({ dimensions: 2 });
  const other = new DeltaVectorDB({ dimensions: 2 });
  for (let i = 0; i < 20; i++) {
    const vector = Float32Array.of(i, 1);
    db.applyDelta({ vectorId: `a${i}`, operation: { type: "create", vector }, metadata: { x: 1 } });
    other.applyDelta({ vectorId: `b${i}`, operation: { type: "create", vector } });
    db.applyDelta({ vectorId: `a${i}`, operation: { type: "scale", factor: 2 } });
  }
  db.merge(other.deltasSince(db.cursor()));
  db.applyDelta({ vectorId: "b3", operation: { type: "delete" } });
  other.close();
  return db;
}

describe("load", () => {
  it("loads vectors from JSON lines, with their metadata", async () => {
    await using service = await LoadService.start();
    const { status, out } = await run(["load", file(vectors(250)), "--to", service.url]);
    assert.equal(status, 0);
    assert.match(out, /^loaded 250 deltas in [\d.]+ kB in [\d.]+ s: [\d,]+ per second\n$/);
    assert.equal(service.db.size, 250);
    assert.deepEqual(service.db.getMetadata("v7"), { n: 7 });
    assert.equal(service.clients.size, 4);
  });

  it("keeps the order of a vector's deltas", async () => {
    await using service = await LoadService.start();
    const deltas: VectorDelta[] = ["a", "b", "c", "d", "e"].flatMap((vectorId) => [
      { vectorId, operation: { type: "create", vector: Float32Array.of(1, 0) } },
      ...Array.from({ length: 10 }, (): VectorDelta[] => [
        { vectorId, operation: { type: "scale", factor: 2 } },
        { vectorId, operation: { type: "offset", amount: 1 } },
      ]).flat(),
    ]);
    const path = file(deltas.map((delta) => JSON.stringify(deltaToJson(delta))).join("\n"));
    const { status } = await run(["load", path, "--to", service.url, "--batch", "3"]);
    assert.equal(status, 0);
    assert.deepEqual([...service.db.getVector("c")!], [2047, 1023]);
  });

  it("loads local frames", async () => {
    await using service = await LoadService.start();
    const path = file(
      encodeDeltas([
        { vectorId: "a", operation: { type: "create", vector: Float32Array.of(1, 2) } },
        { vectorId: "a", operation: { type: "scale", factor: 2 } },
      ]),
    );
    assert.equal((await run(["load", path, "--to", service.url])).status, 0);
    assert.deepEqual([...service.db.getVector("a")!], [2, 4]);
  });

  it("loads frames of replicas under the ids that they have", async () => {
    await using service = await LoadService.start();
    using db = replicated();
    const path = file(db.deltasSince());
    assert.equal((await run(["load", path, "--to", service.url, "--batch", "7"])).status, 0);
    assert.equal(service.db.stateDigest(), db.stateDigest());
    assert.deepEqual(
      service.db.getDeltaChain("a3").deltas.map(({ deltaId }) => deltaId),
      db.getDeltaChain("a3").deltas.map(({ deltaId }) => deltaId),
    );
  });

  it("loads frames that lie on a grid", async () => {
    using db = new DeltaVectorDB({ dimensions: 2, precision: { grid: 16 } });
    db.applyDelta({
      vectorId: "a",
      operation: { type: "create", vector: Float32Array.of(0.5, 1) },
      metadata: { a: "ü" },
    });
    db.applyDelta({
      vectorId: "a",
      operation: { type: "sparse", indices: Uint32Array.of(1), values: Float32Array.of(3) },
    });
    using copy = new DeltaVectorDB({ dimensions: 2, precision: { grid: 16 } });
    const read = await all(inputsOf([file(db.deltasSince())]));
    copy.merge(new Uint8Array(Buffer.concat(read.map(({ item }) => item.frame))));
    assert.equal(copy.stateDigest(), db.stateDigest());
  });

  it("loads the sample", async () => {
    await using service = await LoadService.start(384);
    const { status } = await run(["load", "--sample", "--to", service.url]);
    assert.equal(status, 0);
    assert.equal(service.db.size, 2000);
  });

  it("sends again what was not taken, or not answered, and nothing twice", async () => {
    await using service = await LoadService.start();
    service.faults.push("lost", "busy", "cut", "busy", "lost");
    const lines = `${vectors(20)}\n${Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ vectorId: `v${i}`, operation: { type: "offset", amount: 1 } }),
    ).join("\n")}`;
    const { status, err } = await run([
      ...["load", file(lines), "--to", service.url, "--batch", "4"],
    ]);
    assert.equal(status, 0, err);
    assert.match(err, /UNAVAILABLE: the answer is lost; trying again/);
    for (let i = 0; i < 20; i++) {
      assert.deepEqual([...service.db.getVector(`v${i}`)!], [i + 1, 2]);
    }
  });

  it("goes on where it was interrupted", async () => {
    await using service = await LoadService.start();
    service.patience = 5;
    const path = file(`${vectors(3000)}\n`);
    const position = join(scratch, "position.json");
    const args = ["load", path, "--to", service.url, "--client", "mine", "--position", position];
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
    const child = spawn(process.execPath, [main, ...args, "--batch", "100"], { stdio: "ignore" });
    while (service.patience > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill("SIGINT");
    assert.deepEqual(await once(child, "close"), [130, null]);
    const { sent, done } = JSON.parse(readFileSync(position, "utf8"));
    assert.equal(done, false);
    assert.equal(
      sent.reduce((sum: number, n: number) => sum + n, 0),
      500,
    );
    service.patience = Number.POSITIVE_INFINITY;
    const again = await run([...args, "--batch", "77"]);
    assert.equal(again.status, 0, again.err);
    assert.match(again.out, /^loaded 2,500 deltas/);
    assert.equal(service.db.size, 3000);
    assert.match(
      (await run(args)).out,
      /^all of it was loaded before, as .*position.json tells\n$/,
    );
  });

  it("does not go on with other files, nor with a service that began anew", async () => {
    await using service = await LoadService.start();
    service.patience = 0;
    const position = join(scratch, "other.json");
    const path = file(vectors(5));
    const args = ["--to", service.url, "--client", "mine", "--position", position];
    const input = { path, kind: "lines", bytes: readFileSync(path).length };
    const place = { mark: { file: 0, at: 0, line: 0 }, read: [0], numbered: [0] };
    const begun = { version: 1, run: "r", epoch: "e1", inputs: [input], place, sent: [0] };
    writeFileSync(position, JSON.stringify({ ...begun, done: false }));
    const other = await run(["load", file(vectors(6)), ...args]);
    assert.equal(other.status, 1);
    assert.match(other.err, /other\.json is the position of a load of other files/);
    service.epoch = "e2";
    const anew = await run(["load", path, ...args]);
    assert.equal(anew.status, 1);
    assert.match(anew.err, /the service has begun anew since .*other\.json was written/);
  });

  it("goes on from any place of its files as from the beginning", async () => {
    using db = replicated();
    const deltas = `[${vectors(2, 50).split("\n").map(asDelta).join()}]`;
    const inputs = inputsOf([
      file(`${vectors(7)}\n\n${deltas}\n${vectors(3, 90)}`),
      file(db.deltasSince()),
      file(vectors(2)),
    ]);
    const whole = await all(inputs);
    assert.equal(whole.length, 7 + 2 + 3 + 61 + 2);
    for (const [i, { next }] of whole.entries()) {
      if (whole[i + 1]?.next !== next) {
        assert.deepEqual(
          (await all(inputs, next)).map(({ item }) => item),
          whole.slice(i + 1).map(({ item }) => item),
        );
      }
    }
  });

  it("shows the token that a file holds", async () => {
    await using service = await LoadService.start();
    service.token = "secret";
    const path = file(vectors(1));
    const args = ["load", path, "--to", service.url];
    const refused = await run(args);
    assert.equal(refused.status, 1);
    assert.equal(refused.err, "deltavec: UNAUTHENTICATED: the token is not good\n");
    assert.equal((await run([...args, "--token-file", file("secret\n")])).status, 0);
    const other = ["load", file(vectors(1, 7)), "--to", service.url];
    assert.equal((await run(other, { DELTAVEC_TOKEN: "secret" })).status, 0);
  });

  const bad: [string, string | Uint8Array, RegExp][] = [
    ["a line that is no JSON", `${vectors(2)}\n{"id":`, /file-\d+, line 3: .*JSON/],
    ["a vector of texts", '{"id":"a","vector":["1"]}', /line 1: .*vector\[0\] must be a number/],
    ["an unknown member", '{"id":"a","vector":[1,2],"text":""}', /line 1: .*unknown member "text"/],
    ["other dimensions", '{"id":"a","vector":[1]}', /line 1: DIMENSION_MISMATCH: .* of 1 values/],
    ["damaged frames", damaged(), /file-\d+, byte 0: the checksum of a frame does not fit/],
    [
      "what the service refuses",
      '{"vectorId":"none","operation":{"type":"scale","factor":2}}',
      /VECTOR_NOT_FOUND: .*\(file-\d+, line 1\)/,
    ],
  ];
  for (const [what, content, message] of bad) {
    it(`tells the place of ${what}`, async () => {
      await using service = await LoadService.start();
      const { status, out, err } = await run(["load", file(content), "--to", service.url]);
      assert.equal(status, 1);
      assert.equal(out, "");
      assert.match(err, message);
      assert.doesNotMatch(err, /\n\s+at /);
    });
  }

  it("sends nothing of files that are bad, if it is to check them first", async () => {
    await using service = await LoadService.start();
    const path = file(`${vectors(2000)}\n{"id":"x","vector":[1]}`);
    const { status } = await run(["load", path, "--to", service.url, "--dimensions-check"]);
    assert.equal(status, 1);
    assert.equal(service.db.size, 0);
    await run(["load", path, "--to", service.url, "--batch", "100"]);
    assert.ok(service.db.size > 0);
  });

  it("leaves no file of its own where none was asked for", async () => {
    await using service = await LoadService.start();
    await run(["load", file(vectors(3)), "--to", service.url]);
    assert.ok(!existsSync("load.position.json"));
  });
});

function asDelta(line: string): string {
  const { id, vector } = JSON.parse(line) as { id: string; vector: number[] };
  return JSON.stringify({ vectorId: id, operation: { type: "create", vector } });
}

function damaged(): Uint8Array {
  const bytes = encodeDeltas([{ vectorId: "a", operation: { type: "scale", factor: 2 } }]);
  bytes[12]! ^= 1;
  return bytes;
}
