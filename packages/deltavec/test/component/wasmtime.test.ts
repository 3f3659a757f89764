// The components as they are shipped, in wasmtime. DELTAVEC_RUNS says how many random histories are tried of each kind.
import assert from "node:assert/strict";
import { after } from "node:test";
import type { Open } from "../behaviour/face.ts";
import { behaviourSuite } from "../behaviour/suite.ts";
import {
  closeHosts,
  componentOf,
  smallComponentOf,
  start,
  test,
} from "../support/wasmtime/component.ts";
import type { WasmtimeHost } from "../support/wasmtime/host.ts";
import { type SmallComponent, smallSuite } from "./delta-vector.ts";
import { COMPONENT, faceOf } from "./face.ts";

const { DELTAVEC_RUNS = 10 } = process.env;

after(closeHosts);

test("delta-vector runs where nothing can be imported", async () => {
  const host = await start("delta-vector");
  // Types are no functions: there is nothing behind such an import.
  assert.deepEqual(host.hello.imports, ["ruvector:delta/delta-types@0.1.0"]);
  assert.deepEqual(host.hello.exports, ["ruvector:delta/delta-db@0.1.0"]);
});

test("deltavec runs with wasmtime's own WASI, and imports the clock alone", async () => {
  const host = await start("deltavec", "wasi");
  assert.deepEqual([...host.hello.imports].sort(), [
    "deltavec:db/types@0.1.0",
    "wasi:clocks/wall-clock@0.2.0",
  ]);
  assert.deepEqual(host.hello.exports, ["deltavec:db/databases@0.1.0"]);
  const { open } = componentOf(host);
  const db = await open({ dimensions: 2 });
  const from = Date.now();
  const val = Float32Array.of(1, 2);
  await db.apply([{ vectorId: "a", operation: { tag: "create", val } }]);
  const time = Number((await db.chain("a"))?.deltas[0]?.timestamp);
  assert.ok(from <= time && time <= Date.now(), `${time}`);
});

test("deltavec is not instantiated where there is no clock", async () => {
  await assert.rejects(start("deltavec"), /the host ended: .*wall-clock.*was not found/s);
});

for (const [how, flags] of [
  ["as compiled by default", []],
  ["compiled for speed", ["speed"]],
] as const) {
  test(`databases of two instances do not know each other, ${how}`, async () => {
    const [first, second] = await Promise.all([
      start("deltavec", "clock", ...flags),
      start("deltavec", "clock", ...flags),
    ]);
    const [a, b] = await Promise.all(
      [first, second].map((host) => componentOf(host).open({ dimensions: 1, replica: 1n })),
    );
    const val = Float32Array.of(1);
    await a!.apply([{ vectorId: "a", operation: { tag: "create", val } }]);
    assert.equal(await a!.size(), 1);
    assert.equal(await b!.size(), 0);
  });
}

let small: Promise<SmallComponent> | undefined;
smallSuite({ test: (name, body) => test(`delta-vector: ${name}`, body) }, () => {
  small ??= start("delta-vector").then(smallComponentOf);
  return small;
});

let face: Promise<[WasmtimeHost, Open]> | undefined;
behaviourSuite(
  { test: (name, body) => test(`deltavec: ${name}`, body) },
  async (options) => {
    face ??= start("deltavec", "clock").then((host) => [host, faceOf(componentOf(host))]);
    const [, open] = await face;
    return open(options);
  },
  { ...COMPONENT, runs: Number(DELTAVEC_RUNS) },
);
