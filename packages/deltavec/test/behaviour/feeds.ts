import type { DeltaEvent, DeltaEventObject, FollowOptions } from "../../src/types.ts";
import { check, fails, same } from "./check.ts";
import { create, dense, offset, remove, scale, sparse } from "./deltas.ts";
import { type Bench, type Face, settled } from "./face.ts";

/** Feeds: what was merged, replays, iterators, DOM-style listeners. */
export function feeds(bench: Bench): void {
  const { test, open, synchronous } = bench;
  const make = async (options: object = {}): Promise<Face> =>
    open({ dimensions: 2, checkpointInterval: 3, ...options });
  /** Makes an iterator that is refused: at once, or, where nothing is, when it is asked. */
  const refused = (db: Face, options?: FollowOptions): unknown => {
    const deltas = db.deltas(options);
    return synchronous ? deltas : deltas.next();
  };
  const push = async (from: Face, to: Face): Promise<void> => {
    await to.merge(await from.deltasSince(await to.cursor()));
  };
  /** A database with deltas of its own and of another, 0 to 4. */
  const mixed = async (options: object = {}): Promise<Face> => {
    const db = await make(options);
    const other = await make();
    await db.applyDelta({ ...create("a", 1, 2), metadata: { n: 1 } });
    await other.applyDeltas([create("b", 3, 4), sparse("b", 1, 5)]);
    await push(other, db);
    await db.applyDeltas([scale("b", 2), remove("a")]);
    return db;
  };
  const TYPES = ["create", "create", "sparse", "scale", "delete"];
  const ORIGINS = ["local", "merge", "merge", "local", "local"];

  /** What subscribers are told, but for the position, which is each database's own, and the origin. */
  const content = ({ position: _, origin: __, ...rest }: DeltaEvent): object => rest;

  test("a subscriber sees what is merged, in the order of positions", async () => {
    const one = await make();
    const two = await make();
    await two.applyDelta(create("z", 1, 1));
    const there: DeltaEvent[] = [];
    const here: DeltaEvent[] = [];
    await one.onDelta((delta) => there.push(delta));
    await two.onDelta((delta) => here.push(delta));
    await one.applyDeltas([
      { ...create("a", 1, 2), metadata: { deep: { list: [1, null] } } },
      sparse("a", 0, 3, 1, 4),
      dense("a", 5, 6),
      scale("a", 0.5),
      { ...offset("a", 1.5), metadata: { deep: null } },
      remove("a"),
    ]);
    await push(one, two);
    same(here.map(content), there.map(content), "deltas");
    same(
      here.map(({ position, origin }) => [position, origin]),
      [1, 2, 3, 4, 5, 6].map((position) => [position, "merge"]),
    );
    check(here.every(Object.isFrozen), "an event is not frozen");
    check(Object.isFrozen(Object.values(here[0].metadata ?? {})[0]), "metadata is not frozen");
  });

  test("what was seen before is not told again, and what is refused not at all", async () => {
    const one = await make();
    const two = await make();
    await one.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    const seen: number[] = [];
    await two.onDelta(({ position }) => seen.push(position));
    await push(one, two);
    await two.merge(await one.deltasSince());
    await fails(() => two.merge(Uint8Array.of(1, 2, 3)), "CORRUPT_DATA", /byte/);
    same(seen, [0, 1]);
  });

  test("a subscriber may want local deltas only, or merged ones", async () => {
    const db = await make();
    const other = await make();
    const local: number[] = [];
    const merge: number[] = [];
    await db.onDelta(({ position }) => local.push(position), { origin: "local" });
    await db.onDelta(({ position }) => merge.push(position), { origin: "merge" });
    await db.applyDelta(create("a", 1, 2));
    await other.applyDelta(create("b", 1, 2));
    await push(other, db);
    await db.applyDelta(scale("b", 2));
    same([local, merge], [[0, 2], [1]]);
  });

  test("a subscriber gets what came since a position, then what follows", async () => {
    const db = await mixed();
    for (let since = 0; since <= 5; since++) {
      const seen: DeltaEvent[] = [];
      const unsubscribe = await db.onDelta((delta) => seen.push(delta), { since });
      same(
        seen.map(({ operation, origin, position }) => [operation.type, origin, position]),
        TYPES.map((type, i) => [type, ORIGINS[i], i]).slice(since),
        `since ${since}`,
      );
      unsubscribe();
    }
    const seen: number[] = [];
    await db.onDelta(({ position }) => seen.push(position), { since: 3, origin: "local" });
    await db.onDelta(({ position }) => seen.push(position), { since: 0, origin: "merge" });
    await db.applyDelta(scale("b", 2));
    same(seen, [3, 4, 1, 2, 5]);
  });

  test("what is replayed is what was told", async () => {
    const db = await make({ precision: { grid: 8 } });
    const told: DeltaEvent[] = [];
    await db.onDelta((delta) => told.push(delta));
    await db.applyDeltas([
      { ...create("a", 0.1, 0.9), metadata: { x: "ü" } },
      sparse("a", 0, 0.7),
      dense("a", -0.3, 0.2),
      { ...scale("a", 1.1), metadata: { x: null } },
      { ...sparse("a"), metadata: { y: 1 } },
      offset("a", 0.3),
      remove("a"),
    ]);
    const replayed: DeltaEvent[] = [];
    await db.onDelta((delta) => replayed.push(delta), { since: 0 });
    same(replayed, told);
  });

  test("what a callback applies while deltas are replayed follows in order", async () => {
    const db = await mixed();
    const other: number[] = [];
    await db.onDelta(({ position }) => other.push(position));
    const seen: number[] = [];
    await db.onDelta(
      ({ position }) => {
        seen.push(position);
        if (position === 1 || position === 5) {
          db.applyDelta(scale("b", 2));
        }
      },
      { since: 0 },
    );
    await db.applyDelta(scale("b", 2));
    await settled(bench, db);
    same(seen, [0, 1, 2, 3, 4, 5, 6, 7]);
    same(other, [5, 6, 7]);
  });

  test("what a callback throws while deltas are replayed is reported", async () => {
    const errors: unknown[] = [];
    const db = await mixed({ onError: (error: unknown) => errors.push(error) });
    let seen = 0;
    await db.onDelta(
      () => {
        throw ++seen;
      },
      { since: 2 },
    );
    await db.applyDelta(scale("b", 2));
    same(errors, [1, 2, 3, 4]);
  });

  test("a callback may close the database while deltas are replayed", async () => {
    const db = await mixed();
    let seen = 0;
    const unsubscribe = await db.onDelta(
      () => {
        seen++;
        db.close();
      },
      { since: 0 },
    );
    unsubscribe();
    same(seen, 1);
  });

  test("a callback that merges during a merge sees all in order", async () => {
    const db = await make();
    const other = await make();
    await other.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    const first = await other.deltasSince();
    await other.applyDeltas([create("b", 1, 2), scale("b", 2)]);
    const second = await other.deltasSince();
    const seen: string[] = [];
    await db.onDelta(({ position, vectorId }) => {
      if (position === 0) {
        db.merge(second);
        db.applyDelta(create("c", 1, 2));
      }
      seen.push(`${position} ${vectorId}`);
    });
    await db.merge(first);
    await settled(bench, db);
    same(seen, ["0 a", "1 a", "2 b", "3 b", "4 c"]);
  });

  test("a merge of more than fits a page is told whole", async () => {
    const dimensions = 300;
    const db = await make({ dimensions });
    const other = await make({ dimensions });
    const vector = Array.from({ length: dimensions }, (_, i) => i);
    for (let i = 0; i < 200; i++) {
      await other.applyDelta(i === 0 ? create("a", ...vector) : dense("a", i, ...vector.slice(1)));
    }
    const seen: number[] = [];
    await db.onDelta(({ operation }) =>
      seen.push((operation as { vector: Float32Array }).vector[0]),
    );
    await push(other, db);
    same(
      seen,
      Array.from({ length: 200 }, (_, i) => i),
    );
  });

  test("a rollback is told as any delta", async () => {
    const db = await make();
    const [first] = await db.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    const seen: DeltaEvent[] = [];
    await db.onDelta((delta) => seen.push(delta));
    const ids = await db.rollbackTo("a", first);
    same(
      seen.map(({ deltaId, origin, position, operation }) => [
        [deltaId],
        origin,
        position,
        operation,
      ]),
      [[ids, "local", 2, dense("a", 1, 2).operation]],
    );
  });

  const badFeeds: [string, unknown, RegExp][] = [
    ["options that are no object", 7, /options/],
    ["a position that was not reached", { since: 6 }, /since.*0 to 5/],
    ["a position before the first", { since: -1 }, /since/],
    ["half a position", { since: 0.5 }, /since/],
    ["a position that is no number", { since: "0" }, /since/],
    ["an origin that is none", { origin: "remote" }, /origin/],
  ];
  for (const [name, options, message] of badFeeds) {
    test(`a feed refuses ${name}`, async () => {
      const db = await mixed();
      await fails(() => db.onDelta(() => {}, options as never), "INVALID_ARGUMENT", message);
      await fails(() => refused(db, options as never), "INVALID_ARGUMENT", message);
    });
  }

  test("without history a subscriber can follow, but nothing can be replayed", async () => {
    const db = await make({ history: false });
    await db.applyDelta(create("a", 1, 2));
    const seen: number[] = [];
    await db.onDelta(({ position }) => seen.push(position), { since: 1 });
    await fails(() => db.onDelta(() => {}, { since: 0 }), "INVALID_ARGUMENT", /history/);
    await fails(() => refused(db), "INVALID_ARGUMENT", /history/);
    await db.applyDelta(scale("a", 2));
    same(seen, [1]);
  });

  test("a subscriber is told if what it asks for was compacted away, and told nothing else", async () => {
    const db = await mixed();
    await db.compact({ ids: ["a"] });
    let seen = 0;
    for (const since of [0, 4]) {
      await fails(() => db.onDelta(() => seen++, { since }), "HISTORY_COMPACTED", /compacted/);
    }
    await db.applyDelta(scale("b", 2));
    same(seen, 0);
    await db.onDelta(() => seen++, { since: 5 });
    same(seen, 1);
  });

  /** Takes deltas until there are `count`. */
  const take = async (deltas: AsyncIterable<DeltaEvent>, count: number): Promise<DeltaEvent[]> => {
    const taken: DeltaEvent[] = [];
    for await (const delta of deltas) {
      taken.push(delta);
      if (taken.length === count) {
        break;
      }
    }
    return taken;
  };
  const positions = (events: readonly DeltaEvent[]): number[] =>
    events.map(({ position }) => position);

  test("an iterator replays, then follows", async () => {
    const db = await mixed();
    const deltas = db.deltas({ since: 0 });
    const replayed = await take({ [Symbol.asyncIterator]: () => keep(deltas) }, 5);
    same(
      replayed.map(({ operation, origin, position }) => [operation.type, origin, position]),
      TYPES.map((type, i) => [type, ORIGINS[i], i]),
    );
    const next = deltas.next();
    await db.applyDelta(scale("b", 3));
    const { done, value } = await next;
    same([done, value?.position, value?.operation], [false, 5, scale("b", 3).operation]);
    await deltas.return?.();
  });

  test("an iterator begins at the position of the call if not told otherwise", async () => {
    const db = await mixed();
    const deltas = db.deltas();
    await db.applyDeltas([scale("b", 2), scale("b", 3)]);
    same(positions(await take(deltas, 2)), [5, 6]);
  });

  test("a slow reader loses no delta, however many pages it is behind", async () => {
    const db = await make({ dimensions: 64 });
    const vector = Array.from({ length: 64 }, (_, i) => i);
    const deltas = db.deltas();
    const fast: number[] = [];
    await db.onDelta(({ position }) => fast.push(position));
    await db.applyDelta(create("a", ...vector));
    const slow: number[] = [];
    for await (const { position, operation } of deltas) {
      slow.push(position);
      if (operation.type !== "create") {
        same((operation as { vector: Float32Array }).vector[0], position, "value");
      }
      for (let i = 0; i < 40 && fast.length < 3000; i++) {
        await db.applyDelta(dense("a", fast.length, ...vector.slice(1)));
      }
      if (slow.length === 3000) {
        break;
      }
    }
    same(
      slow,
      Array.from({ length: 3000 }, (_, i) => i),
    );
  });

  test("calls of next that do not wait for each other are answered in order", async () => {
    const db = await mixed();
    const deltas = db.deltas({ since: 3 });
    const answers = [1, 2, 3, 4].map(() => deltas.next());
    await db.applyDeltas([scale("b", 2), scale("b", 2)]);
    same(
      (await Promise.all(answers)).map(({ value }) => value?.position),
      [3, 4, 5, 6],
    );
    await deltas.return?.();
  });

  test("iterators do not disturb each other", async () => {
    const db = await mixed();
    const [one, two] = [db.deltas({ since: 0 }), db.deltas({ since: 2, origin: "merge" })];
    const first = take(one, 6);
    const second = take(two, 2);
    const other = await make();
    await other.applyDelta(create("c", 1, 2));
    await push(other, db);
    same(positions(await first), [0, 1, 2, 3, 4, 5]);
    same(positions(await second), [2, 5]);
  });

  const isDone = async (deltas: AsyncIterator<unknown>): Promise<void> => {
    same(await deltas.next(), { done: true, value: undefined });
  };

  test("abort ends an iterator, whether it waits or not", async () => {
    const db = await mixed();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = db.deltas({ signal });
    const behind = db.deltas({ signal, since: 0 });
    await behind.next();
    const next = waiting.next();
    controller.abort();
    same(await next, { done: true, value: undefined });
    await isDone(waiting);
    await isDone(behind);
    await isDone(db.deltas({ signal, since: 0 }));
  });

  test("close ends an iterator, whether it waits or not", async () => {
    const db = await mixed();
    const waiting = db.deltas();
    const behind = db.deltas({ since: 0 });
    await behind.next();
    const next = waiting.next();
    db.close();
    same(await next, { done: true, value: undefined });
    await isDone(waiting);
    await isDone(behind);
  });

  test("return ends an iterator, also one that waits", async () => {
    const db = await mixed();
    const deltas = db.deltas();
    const next = deltas.next();
    same(await deltas.return?.(), { done: true, value: undefined });
    same(await next, { done: true, value: undefined });
    await db.applyDelta(scale("b", 2));
    await isDone(deltas);
  });

  test("a reader may apply deltas and be told of them", async () => {
    const db = await make();
    const deltas = db.deltas();
    await db.applyDelta(create("a", 1, 2));
    const seen: number[] = [];
    for await (const { position } of deltas) {
      seen.push(position);
      if (position === 9) {
        break;
      }
      await db.applyDelta(scale("a", 1));
    }
    same(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("a reader is told if what it has not read was compacted away", async () => {
    const db = await mixed();
    const first = db.deltas({ since: 0 });
    const second = db.deltas({ since: 1 });
    await db.compact({ ids: ["a"] }); // 0 and 4
    await fails(() => first.next(), "HISTORY_COMPACTED", /position 0/);
    await isDone(first);
    const read = [await second.next(), await second.next(), await second.next()];
    same(
      read.map(({ value }) => value?.position),
      [1, 2, 3],
    );
    await fails(() => second.next(), "HISTORY_COMPACTED", /position 4/);
    await isDone(second);
    await db.applyDelta(scale("b", 2));
    same(positions(await take(db.deltas({ since: 5 }), 1)), [5]);
  });

  test("a reader that autoCompact overtakes is told", async () => {
    const db = await make({ autoCompact: { maxBytes: 2000 } });
    const deltas = db.deltas();
    await db.applyDelta(create("a", 1, 2));
    for (let i = 0; i < 500; i++) {
      await db.applyDelta(scale("a", 1));
    }
    await fails(() => deltas.next(), "HISTORY_COMPACTED", /compacted/);
  });

  test("refused: a signal that is none", async () => {
    const db = await mixed();
    const options = { signal: { aborted: false } } as unknown as FollowOptions;
    await fails(() => db.deltas(options), "INVALID_ARGUMENT", /signal/);
    await fails(
      () => db.addEventListener("delta", () => {}, options as never),
      "INVALID_ARGUMENT",
      /signal/,
    );
  });

  test("a listener is called with an event whose detail is the delta", async () => {
    const db = await make();
    const told: DeltaEvent[] = [];
    const events: DeltaEventObject[] = [];
    await db.onDelta((delta) => told.push(delta));
    await db.addEventListener("delta", (event: DeltaEventObject) => events.push(event));
    const object = {
      handleEvent(event: DeltaEventObject): void {
        check(this === object, "this is not the listener");
        events.push(event);
      },
    };
    await db.addEventListener("delta", object);
    await db.applyDelta(create("a", 1, 2));
    same(events.length, 2);
    check(events[0] === events[1], "two events for one delta");
    same(events[0].type, "delta");
    check(events[0].detail === told[0], "the detail is another delta");
    check(events[0].target === db && events[0].currentTarget === db, "the target is another");
  });

  test("a listener is there once, until it is removed", async () => {
    const db = await make();
    let seen = 0;
    const listener = (): void => {
      seen++;
    };
    await db.addEventListener("delta", listener);
    await db.addEventListener("delta", listener, { once: true });
    await db.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    same(seen, 2);
    await db.removeEventListener("delta", listener);
    await db.removeEventListener("delta", listener);
    await db.applyDelta(scale("a", 2));
    same(seen, 2);
    await db.addEventListener("delta", listener, true);
    await db.applyDelta(scale("a", 2));
    same(seen, 3);
  });

  test("a listener may be called once only, or until a signal", async () => {
    const db = await make();
    const controller = new AbortController();
    const seen: string[] = [];
    await db.addEventListener("delta", () => seen.push("once"), { once: true });
    await db.addEventListener("delta", () => seen.push("signal"), { signal: controller.signal });
    await db.applyDeltas([create("a", 1, 2), scale("a", 2)]);
    controller.abort();
    await db.addEventListener("delta", () => seen.push("late"), { signal: controller.signal });
    await db.applyDelta(scale("a", 2));
    same(seen, ["once", "signal", "signal"]);
  });

  test("what a listener throws is reported, and the others are called", async () => {
    const errors: unknown[] = [];
    const db = await make({ onError: (error: unknown) => errors.push(error) });
    let seen = 0;
    await db.addEventListener("delta", () => {
      throw "trouble";
    });
    await db.addEventListener("delta", () => seen++);
    await db.applyDelta(create("a", 1, 2));
    same([errors, seen], [["trouble"], 1]);
  });

  test("refused: events that there are not, and listeners that are none", async () => {
    const db = await make();
    const listen = (type: unknown, listener: unknown): unknown =>
      db.addEventListener(type as "delta", listener as () => void);
    await fails(() => listen("change", () => {}), "INVALID_ARGUMENT", /"delta".*"change"/);
    await fails(() => listen("delta", "listener"), "INVALID_ARGUMENT", /listener/);
    await fails(
      () => db.removeEventListener("change" as "delta", () => {}),
      "INVALID_ARGUMENT",
      /"change"/,
    );
    await listen("delta", null);
    await db.removeEventListener("delta", null);
  });
}

/** An iterator that a loop does not end. */
function keep<T>(iterator: AsyncIterator<T>): AsyncIterator<T> {
  return { next: () => iterator.next() };
}
