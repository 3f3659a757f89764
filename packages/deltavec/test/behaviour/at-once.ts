import type { DeltaEvent } from "../../src/types.ts";
import { check, fails, same } from "./check.ts";
import { create, scale } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

/** What is done when a call returns: for faces that are beside their database. */
export function atOnce({ test, open }: Bench): void {
  const make = async (): Promise<Face> => open({ dimensions: 2 });

  test("every call is answered when it returns", async () => {
    const db = await make();
    const answers: unknown[] = [
      db.applyDelta(create("a", 1, 2)),
      db.applyDeltas([scale("a", 2)]),
      db.getVector("a"),
      db.getMetadata("a"),
      db.has("a"),
      db.ids(),
      db.size,
      db.position,
      db.search(Float32Array.of(1, 2), 1),
      db.searchBatch([Float32Array.of(1, 2)], 1),
      db.getDeltaChain("a"),
      db.merge(new Uint8Array(0)),
      db.cursor(),
      db.deltasSince(),
      db.compact(),
      db.repair(),
      db.checkIndex(),
      db.stats(),
      db.stateDigest(),
      db.onDelta(() => {}),
      db.close(),
    ];
    answers.forEach((answer, i) => {
      check(!(answer instanceof Promise), `call ${i} gave a promise`);
    });
  });

  test("deltas are told before the call returns that applies, merges, rolls back or subscribes", async () => {
    const db = await make();
    const other = await make();
    const told: string[] = [];
    const tell = ({ vectorId, position }: DeltaEvent): unknown =>
      told.push(`${position} ${vectorId}`);
    db.onDelta(tell);
    const [first] = db.applyDeltas([create("a", 1, 2), scale("a", 2)]) as string[];
    same(told.splice(0), ["0 a", "1 a"]);
    db.applyDelta(scale("a", 2));
    same(told.splice(0), ["2 a"]);
    other.applyDelta(create("b", 1, 2));
    db.merge(other.deltasSince() as Uint8Array);
    same(told.splice(0), ["3 b"]);
    db.rollbackTo("a", first);
    same(told.splice(0), ["4 a"]);
    db.onDelta(tell, { since: 3 });
    same(told.splice(0), ["3 b", "4 a"]);
    db.addEventListener("delta", ({ detail }: { detail: DeltaEvent }) => tell(detail));
    db.applyDelta(scale("b", 2));
    same(told.splice(0), ["5 b", "5 b", "5 b"]);
  });

  test("a subscriber to a batch sees the database with all of it", async () => {
    const db = await make();
    const sizes: unknown[] = [];
    db.onDelta(() => sizes.push(db.size));
    db.applyDeltas([create("a", 1, 2), scale("a", 2), create("b", 1, 2)]);
    same(sizes, [2, 2, 2]);
  });

  test("ids are refused when they are asked for, not later", async () => {
    const db = await make();
    await db.close();
    await fails(() => db.ids() as never, "CLOSED", /closed/);
    await fails(() => db.deltas() as never, "CLOSED", /closed/);
  });
}
