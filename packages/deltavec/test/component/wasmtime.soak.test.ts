// A short soak; test/soak/component.ts is the long one.
import assert from "node:assert/strict";
import { after } from "node:test";
import { soak } from "../soak/component.ts";
import { closeHosts, test } from "../support/wasmtime/component.ts";

/** Calls of each kind: some kilobytes that each leaves would be seen. */
const CALLS = 3000;

/** What may come later than in the first three tenths: parts of the collector's heap, of the allocator's. */
const MOST = 8;

after(closeHosts);

for (const world of ["delta-vector", "deltavec"] as const) {
  test(`no call of ${world} leaves anything behind`, async () => {
    const grown: [string, number][] = [];
    await soak(world, CALLS, (soaked) => grown.push([soaked.name, soaked.grown]));
    const all = grown.reduce((sum, [, megabytes]) => sum + megabytes, 0);
    const names = grown.filter(([, megabytes]) => megabytes > 0).map((one) => one.join(": "));
    assert.ok(all < MOST, `${all} MB: ${names.join(", ")}`);
  });
}
