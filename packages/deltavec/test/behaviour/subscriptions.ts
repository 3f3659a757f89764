import type { DeltaEvent } from "../../src/types.ts";
import { check, fails, same } from "./check.ts";
import { create, dense, offset, remove, scale, sparse } from "./deltas.ts";
import { type Bench, type Face, settled } from "./face.ts";

/** Deltas as subscribers see them. */
export function subscriptions(bench: Bench): void {
  const { test, open } = bench;
  const make = async (onError?: (error: unknown) => void): Promise<Face> =>
    open({ dimensions: 2, ...(onError === undefined ? {} : { onError }) });

  test("a subscriber sees every delta with its id and time", async () => {
    const db = await make();
    const seen: DeltaEvent[] = [];
    await db.onDelta((delta) => seen.push(delta));
    const timestamp = new Date(1_700_000_000_000);
    const deltas = [
      { ...create("a", 1, 2), metadata: { x: { y: [1] } }, timestamp },
      { ...sparse("a", 1, 5), timestamp },
      { ...dense("a", 3, 4), timestamp },
      { ...scale("a", 1.5), timestamp },
      { ...offset("a", -1), metadata: { x: null }, timestamp },
      { ...remove("a"), timestamp },
    ];
    const ids: string[] = [];
    for (const delta of deltas) {
      ids.push(await db.applyDelta(delta));
    }
    same(
      seen,
      deltas.map((delta, i) => ({ ...delta, deltaId: ids[i], origin: "local", position: i })),
      "events",
    );
  });

  test("an event's timestamp is the time of the delta's id", async () => {
    const db = await make();
    const seen: DeltaEvent[] = [];
    await db.onDelta((delta) => seen.push(delta));
    const before = Date.now();
    await db.applyDelta(create("a", 1, 2));
    const time = seen[0].timestamp.getTime();
    check(time >= before && time <= Date.now(), `the time is ${time}`);
  });

  test("the deltas of a batch come in order, when all of it is applied", async () => {
    const db = await make();
    const seen: [string, string, number][] = [];
    await db.onDelta(async ({ deltaId, operation }) => {
      const size = db.size; // asked for when the delta is told
      seen.push([deltaId, operation.type, await size]);
    });
    const ids = await db.applyDeltas([create("a", 1, 2), scale("a", 2), create("b", 1, 2)]);
    await settled(bench, db);
    same(seen, [
      [ids[0], "create", 2],
      [ids[1], "scale", 2],
      [ids[2], "create", 2],
    ]);
  });

  test("what is refused is not seen", async () => {
    const db = await make();
    let seen = 0;
    await db.onDelta(() => seen++);
    await fails(() => db.applyDelta(remove("a")), "VECTOR_NOT_FOUND", /"a"/);
    await fails(
      () => db.applyDeltas([create("a", 1, 2), remove("b")]),
      "VECTOR_NOT_FOUND",
      /"b"/,
      1,
    );
    same(seen, 0, "number of events");
  });

  test("nothing is seen after unsubscribing, and unsubscribing again is harmless", async () => {
    const db = await make();
    let seen = 0;
    let others = 0;
    const unsubscribe = await db.onDelta(() => seen++);
    await db.onDelta(() => others++);
    await db.applyDelta(create("a", 1, 2));
    unsubscribe();
    unsubscribe();
    await db.applyDelta(scale("a", 2));
    same([seen, others], [1, 2]);
  });

  test("one callback subscribed twice is called twice and unsubscribed one by one", async () => {
    const db = await make();
    let seen = 0;
    const callback = (): void => {
      seen++;
    };
    const unsubscribe = await db.onDelta(callback);
    await db.onDelta(callback);
    await db.applyDelta(create("a", 1, 2));
    unsubscribe();
    await db.applyDelta(scale("a", 2));
    same(seen, 3);
  });

  test("a callback that throws is reported and disturbs nobody", async () => {
    const errors: unknown[] = [];
    const db = await make((error) => errors.push(error));
    const seen: string[] = [];
    const trouble = new Error("trouble");
    await db.onDelta(() => {
      throw trouble;
    });
    await db.onDelta((delta) => seen.push(delta.deltaId));
    const ids = await db.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    ids.push(await db.applyDelta(offset("a", 1)));
    same(seen, ids, "ids");
    same(errors.length, 3, "number of errors");
    check(errors[0] === trouble, "another error was reported");
    same(await db.getVector("a"), Float32Array.of(3, 5));
  });

  test("without onError what a callback throws is reported as an uncaught error is", async () => {
    const db = await make();
    const trouble = new Error("trouble");
    await db.onDelta(() => {
      throw trouble;
    });
    const reported = await reportedDuring("reportError", () => db.applyDelta(create("a", 1, 2)));
    same(reported.length, 1, "number of reports");
    check(reported[0] === trouble, "another error was reported");
  });

  test("where there is no reportError, console.error gets it", async () => {
    const db = await make();
    const trouble = new Error("trouble");
    await db.onDelta(() => {
      throw trouble;
    });
    const { reportError: original } = globalThis;
    Reflect.deleteProperty(globalThis, "reportError");
    try {
      const reported = await reportedDuring("error", () => db.applyDelta(create("a", 1, 2)));
      check(reported[0] === trouble, "another error was reported");
    } finally {
      if (original !== undefined) {
        globalThis.reportError = original;
      }
    }
  });

  test("an onError that throws is reported itself and disturbs nobody", async () => {
    const worse = new Error("worse");
    const db = await make(() => {
      throw worse;
    });
    let others = 0;
    await db.onDelta(() => {
      throw new Error("trouble");
    });
    await db.onDelta(() => others++);
    const reported = await reportedDuring("reportError", () => db.applyDelta(create("a", 1, 2)));
    check(reported[0] === worse, "another error was reported");
    same(others, 1, "number of events");
  });

  test("an asynchronous callback that rejects is reported", async () => {
    const reported = Promise.withResolvers<unknown>();
    const db = await make(reported.resolve);
    const trouble = new Error("trouble");
    await db.onDelta(async () => {
      throw trouble;
    });
    await db.applyDelta(create("a", 1, 2));
    check((await reported.promise) === trouble, "another error was reported");
  });

  test("a callback may apply deltas; all subscribers see all of them in one order", async () => {
    const db = await make();
    const first: string[] = [];
    const second: string[] = [];
    await db.onDelta((delta) => {
      first.push(delta.deltaId);
      if (delta.vectorId === "a") {
        db.applyDeltas([create("b", 1, 1), create("c", 1, 1)]);
      } else if (delta.vectorId === "b") {
        db.applyDelta(create("d", 1, 1));
      }
    });
    await db.onDelta((delta) => second.push(delta.deltaId));
    await db.applyDelta(create("a", 1, 2));
    await settled(bench, db);
    same(await db.size, 4);
    same(first.length, 4, "number of events");
    same(second, first, "the other's events");
    same([...first].sort(), first, "order");
  });

  test("unsubscribing during a delivery ends the subscription at once", async () => {
    const db = await make();
    const seen: string[] = [];
    const stops: (() => void)[] = [];
    stops.push(
      await db.onDelta(() => {
        seen.push("first");
        stops[0]();
        stops[1]();
      }),
    );
    stops.push(await db.onDelta(() => seen.push("second")));
    await db.onDelta(() => seen.push("third"));
    await db.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    same(seen, ["first", "third", "third"]);
  });

  test("who subscribes during a delivery sees what is applied from then on", async () => {
    const db = await make();
    const seen: string[] = [];
    let subscribed = false;
    await db.onDelta(() => {
      if (!subscribed) {
        subscribed = true;
        db.onDelta((delta) => seen.push(delta.vectorId));
        db.applyDelta(create("c", 1, 1));
      }
    });
    await db.applyDeltas([create("a", 1, 2), create("b", 1, 2)]);
    await settled(bench, db);
    same(seen, ["c"]);
  });

  test("an event holds copies and cannot be changed", async () => {
    const db = await make();
    const seen: DeltaEvent[] = [];
    await db.onDelta((delta) => seen.push(delta));
    const vector = Float32Array.of(1, 2);
    const given = { x: { y: 1 } };
    await db.applyDelta({ vectorId: "a", operation: { type: "create", vector }, metadata: given });
    vector.fill(9);
    given.x.y = 9;
    const [event] = seen;
    same(event.operation, { type: "create", vector: Float32Array.of(1, 2) });
    same(event.metadata, { x: { y: 1 } });
    for (const part of [
      event,
      event.operation,
      event.metadata,
      ...Object.values(event.metadata ?? {}),
    ]) {
      check(Object.isFrozen(part), "a part is not frozen");
    }
  });

  test("a database that is closed by a callback calls nobody any more", async () => {
    const db = await make();
    const seen: string[] = [];
    await db.onDelta(() => {
      seen.push("first");
      db.close();
    });
    await db.onDelta(() => seen.push("second"));
    same((await db.applyDeltas([create("a", 1, 2), scale("a", 2)])).length, 2);
    same(seen, ["first"]);
  });

  test("refused: a callback that is no function", async () => {
    const db = await make();
    await fails(() => db.onDelta({} as () => void), "INVALID_ARGUMENT", /callback.*Object/);
  });
}

/** Runs something while `reportError`, or `console.error`, only collects. Returns what it was given. */
async function reportedDuring(
  name: "reportError" | "error",
  run: () => unknown,
): Promise<unknown[]> {
  const reported: unknown[] = [];
  const place = (name === "error" ? console : globalThis) as unknown as Record<string, unknown>;
  const original = place[name];
  place[name] = (error: unknown) => reported.push(error);
  try {
    await run();
  } finally {
    place[name] = original;
  }
  return reported;
}
