// Followers under random edits, cuts, restarts and compactions: all come to one state, that of the log.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  DeltaVectorDB,
  type FollowConflict,
  type Following,
  type FollowServerOptions,
  init,
  type VectorDelta,
} from "deltavec";
import fc from "fast-check";
import { type Cut, Gateway } from "./support/gateway.ts";

const { DELTAVEC_RUNS = "12" } = process.env;

before(() => init());

/** What is done, to which follower. */
type Step =
  | { readonly type: "edit"; readonly who: number; readonly vector: number; readonly kind: number }
  | { readonly type: "cut"; readonly where: Cut; readonly path: string; readonly times: number }
  | { readonly type: "cutAll" }
  | { readonly type: "close" | "open" | "forget"; readonly who: number }
  | { readonly type: "compact" }
  | { readonly type: "epoch" }
  | { readonly type: "wait"; readonly ms: number };

const FOLLOWERS = 3;
const who = fc.nat(FOLLOWERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("edit" as const),
      who,
      vector: fc.nat(5),
      kind: fc.nat(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("cut" as const),
      where: fc.constantFrom<Cut>("request", "response"),
      path: fc.constantFrom("/deltas", "/deltas", "/info", "/follow", "/shards"),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("cutAll" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom("close" as const, "open" as const), who }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("forget" as const), who }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("compact" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("epoch" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 30 }),
    }),
  },
);

class Participant {
  readonly db = new DeltaVectorDB({ dimensions: 3 });
  readonly conflicts: FollowConflict[] = [];
  readonly #url: string;
  readonly #options: FollowServerOptions;
  following: Following | undefined;
  saved: string | undefined;
  /** Deltas that were made here and not taken back, by id. */
  readonly made: { readonly id: string; readonly vectorId: string }[] = [];

  constructor(url: string, number: number) {
    this.#url = url;
    this.#options = {
      minDelayMs: 2,
      maxDelayMs: 10,
      transport: number === 2 ? "sse" : "websocket",
      state: {
        load: () => this.saved,
        save: (state) => {
          this.saved = state;
        },
      },
      onError: (error, conflict) => {
        if (conflict === undefined) {
          throw error;
        }
        this.conflicts.push(conflict);
      },
    };
  }

  async open(): Promise<void> {
    this.following ??= await this.db.follow(this.#url, this.#options);
  }

  async close(): Promise<void> {
    await this.following?.close();
    this.following = undefined;
  }

  edit(delta: VectorDelta): void {
    try {
      this.made.push({ id: this.db.applyDelta(delta), vectorId: delta.vectorId });
    } catch (error) {
      const { code } = error as { code?: string };
      assert.ok(code === "VECTOR_EXISTS" || code === "VECTOR_NOT_FOUND", String(error));
    }
  }
}

function deltaOf(vector: number, kind: number, number: number): VectorDelta {
  const vectorId = `v${vector}`;
  if (kind < 3) {
    const values = Float32Array.of(number, vector, 1);
    return { vectorId, operation: { type: "create", vector: values }, metadata: { number } };
  }
  if (kind < 6) {
    return { vectorId, operation: { type: "offset", amount: 1 } }; // twice is seen
  }
  if (kind < 8) {
    const indices = Uint32Array.of(kind - 6);
    const values = Float32Array.of(number);
    return { vectorId, operation: { type: "sparse", indices, values }, metadata: { kind } };
  }
  return { vectorId, operation: kind === 8 ? { type: "scale", factor: 2 } : { type: "delete" } };
}

/** Fails where something does not happen. */
async function inTime<T>(promise: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long for ${what()}`)), 25_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function run(steps: readonly Step[], mayForget: boolean): Promise<void> {
  await using gateway = await Gateway.start({ chunk: 3 });
  const cuts: { where: Cut; path: string; times: number }[] = [];
  gateway.cut = (path) => {
    const at = cuts.findIndex((cut) => path.startsWith(cut.path));
    if (at < 0) {
      return undefined;
    }
    const cut = cuts[at]!;
    cut.times--;
    if (cut.times === 0) {
      cuts.splice(at, 1);
    }
    return cut.where;
  };
  const all = Array.from({ length: FOLLOWERS }, (_, i) => new Participant(gateway.url, i));
  let epoch = 1;
  try {
    await Promise.all(all.map((each) => each.open()));
    for (const [number, step] of steps.entries()) {
      switch (step.type) {
        case "edit":
          all[step.who]!.edit(deltaOf(step.vector, step.kind, number));
          break;
        case "cut":
          cuts.push({ ...step });
          break;
        case "cutAll":
          gateway.cutAll();
          break;
        case "open":
        case "close":
          await all[step.who]![step.type]();
          break;
        case "forget":
          if (mayForget) {
            await all[step.who]!.close();
            all[step.who]!.saved = undefined;
          }
          break;
        case "compact":
        case "epoch":
          if (!mayForget) {
            if (step.type === "compact") {
              gateway.compact();
            } else {
              gateway.renew(`e${++epoch}`);
            }
            await new Promise((resolve) => setTimeout(resolve, 2)); // the next edits are newer
          }
          break;
        case "wait":
          await new Promise((resolve) => setTimeout(resolve, step.ms));
          break;
      }
    }
    cuts.length = 0;
    for (const each of all) {
      await each.open();
    }
    const settled = async (): Promise<boolean> => {
      for (const { following } of all) {
        await inTime(following!.ready, () => `ready: ${following!.status}, ${gateway.requests}`);
        await inTime(following!.flush(), () => `flush: ${following!.status}, ${gateway.requests}`);
      }
      return all.every(({ db }) => db.stateDigest() === gateway.all.stateDigest());
    };
    for (let left = 200; !(await settled()); left--) {
      if (left === 0) {
        const states = all.map(({ db, following, conflicts }) => [
          following!.status,
          following!.cursor,
          conflicts.length,
          [...db.ids()].map((id) => [id, ...db.getVector(id)!, db.getMetadata(id)]),
        ]);
        const log = [...gateway.all.ids()].map((id) => [
          id,
          ...gateway.all.getVector(id)!,
          gateway.all.getMetadata(id),
        ]);
        assert.deepEqual(states, log, "the states never became the same");
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (mayForget) {
      // Nothing was too old, so everything that was made is in the log, under its own name.
      for (const { made, conflicts } of all) {
        assert.deepEqual(conflicts, []);
        for (const { id, vectorId } of made) {
          const { deltas } = gateway.all.getDeltaChain(vectorId);
          assert.ok(deltas.some(({ deltaId }) => deltaId === id));
        }
      }
    }
    // One that begins now comes to the same.
    const late = new Participant(gateway.url, 0);
    await late.open();
    await late.following!.ready;
    assert.equal(late.db.stateDigest(), gateway.all.stateDigest());
    await late.close();
    late.db.close();
  } finally {
    for (const each of all) {
      await each.close();
      each.db.close();
    }
  }
}

for (const [name, mayForget] of [
  ["edits, cuts, restarts, lost states", true],
  ["edits, cuts, restarts, compactions and new epochs", false],
] as const) {
  test(`followers come to the state of the log: ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) =>
        run(steps, mayForget),
      ),
      { numRuns: Number(DELTAVEC_RUNS), endOnFailure: false, interruptAfterTimeLimit: 120_000 },
    );
  });
}
