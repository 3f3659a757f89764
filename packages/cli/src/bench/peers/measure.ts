import { messageOf } from "../../errors.ts";
import { recallOf, summarize } from "../statistics.ts";
import type { PeerData } from "./data.ts";
import type { AnyPeer } from "./peer.ts";
import {
  type ChangeTimes,
  EFFORT,
  K,
  type PeerResult,
  RECALL,
  SEARCH_ROUNDS,
  type SearchTimes,
  type Step,
} from "./protocol.ts";

/** What differs between a page and a process. */
export interface Place {
  readonly runtime: string;
  /** Bytes in use, garbage collected; undefined where it cannot be told. */
  memory(): Promise<number | undefined>;
  /** Told what is going on. */
  tell(doing: string): Promise<void> | void;
}

/** Efforts that are tried where each needs a database of its own. */
const FIXED_EFFORTS = [10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 100, 130, 170, 220, 300];

type Writable<T> = { -readonly [P in keyof T]: T[P] };

/**
 * Takes one database through all steps. What a step throws is kept with its name; the next ones run on what is there.
 *
 * @param name - of the database
 */
export async function measurePeer(
  name: string,
  peer: AnyPeer,
  data: PeerData,
  place: Place,
): Promise<PeerResult> {
  const result: Writable<PeerResult> = {
    name,
    runtime: place.runtime,
    settings: peer.settings,
    wrong: { lost: 0, stale: 0, repeated: 0, ghosts: 0, returned: 0 },
    failures: {},
  };
  const run = new PeerRun(peer, data, result);
  const step = async (what: Step, work: () => Promise<void>): Promise<boolean> => {
    await place.tell(what);
    try {
      await work();
      return true;
    } catch (error) {
      result.failures[what] = said(error);
      return false;
    }
  };
  const before = await place.memory();
  if (!(await step("load", () => run.load())) || !(await step("build", () => run.build()))) {
    return result;
  }
  if (before !== undefined) {
    await step("memory", async () => {
      result.memory_bytes = (await place.memory())! - before;
    });
  }
  await step("search", () => run.search());
  await step("update", () => run.update());
  if (peer.remove !== undefined) {
    await step("delete", () => run.remove());
  }
  let exported: unknown;
  if (
    peer.export !== undefined &&
    (await step("export", async () => {
      exported = await run.export();
    }))
  ) {
    await step("import", () => run.import(exported));
  }
  return result;
}

/** The message of whatever a database throws. */
function said(error: unknown): string {
  if (typeof error === "object" && error !== null && !(error instanceof Error)) {
    const text = JSON.stringify(error);
    return text === "{}" ? String(error) : text;
  }
  return messageOf(error);
}

/** The steps of one database. */
class PeerRun {
  readonly #peer: AnyPeer;
  readonly #data: PeerData;
  readonly #result: Writable<PeerResult>;
  readonly #wrong: Writable<PeerResult["wrong"]>;
  readonly #queries: unknown[];
  #effort: number;
  #deleted: ReadonlySet<number> = new Set();

  constructor(peer: AnyPeer, data: PeerData, result: Writable<PeerResult>) {
    this.#peer = peer;
    this.#data = data;
    this.#result = result;
    this.#wrong = result.wrong;
    this.#queries = data.queries.map((query) => peer.query(query));
    const { least = EFFORT, most = EFFORT } = peer.effort ?? {};
    this.#effort = Math.min(Math.max(EFFORT, least), most);
  }

  async load(): Promise<void> {
    await this.#peer.load(this.#data.dimensions);
  }

  /** Builds a small database first, so that the engine has compiled and optimised what it needs. */
  async build(): Promise<void> {
    const { warm, n } = this.#data.plan;
    await this.#built(warm);
    await this.#hits(this.#queries);
    const { plan, edits } = this.#data;
    for (const [i, row] of plan.edits.entries()) {
      if (row < warm) {
        await this.#peer.update(this.#peer.value(edits[i]!, row), row);
      }
    }
    await this.#peer.settle?.();
    this.#result.build_ms = await this.#built(n);
  }

  /** Tunes the effort, then times searches. */
  async search(): Promise<void> {
    const peer = this.#peer;
    const { effort } = peer;
    const { truth, n } = this.#data.plan;
    const recallAt = async (value: number): Promise<number> => {
      if (effort!.fixed && value !== this.#effort) {
        this.#effort = value;
        await this.#built(n);
      }
      this.#effort = value;
      return recallOf(await this.#hits(this.#queries), truth.built, K);
    };
    if (effort !== undefined) {
      const efforts = effort.fixed
        ? FIXED_EFFORTS.filter((value) => value >= effort.least && value <= effort.most)
        : undefined;
      const chosen =
        efforts === undefined
          ? await leastEffort(recallAt, effort.least, effort.most, this.#effort)
          : efforts[
              await leastEffort(
                (i) => recallAt(efforts[i]!),
                0,
                efforts.length - 1,
                efforts.indexOf(this.#effort),
              )
            ]!;
      this.#result.effort = chosen;
      this.#result.recall = await recallAt(chosen);
    } else {
      this.#result.recall = recallOf(await this.#hits(this.#queries), truth.built, K);
    }
    this.#result.search = await this.#timed();
  }

  /** Edits, timed; then vectors that go far, which tell whether the old ones are gone. */
  async update(): Promise<void> {
    const { plan, edits, far, base } = this.#data;
    const peer = this.#peer;
    const values = edits.map((vector, i) => peer.value(vector, plan.edits[i]!));
    this.#result.update = await this.#changes(values.length, (i) =>
      peer.update(values[i], plan.edits[i]!),
    );
    this.#result.recall_edited = recallOf(await this.#hits(this.#queries), plan.truth.edited, K);
    for (const [i, row] of plan.far.entries()) {
      await peer.update(peer.value(far[i]!, row), row);
    }
    await peer.settle?.();
    const found = await this.#hits(far.map((vector) => peer.query(vector)));
    const left = await this.#hits(plan.far.map((row) => peer.query(base[row]!)));
    plan.far.forEach((row, i) => {
      this.#wrong.lost += found[i]!.includes(row) ? 0 : 1;
      this.#wrong.stale += left[i]!.includes(row) && !plan.left[i]!.includes(row) ? 1 : 0;
    });
  }

  async remove(): Promise<void> {
    const { deletes } = this.#data.plan;
    const peer = this.#peer;
    this.#result.delete = await this.#changes(deletes.length, (i) => peer.remove!(deletes[i]!));
    this.#deleted = new Set(deletes);
    this.#wrong.ghosts = await this.#ghosts();
  }

  async export(): Promise<unknown> {
    const start = performance.now();
    const { bytes, content } = await this.#peer.export!();
    this.#result.export_ms = performance.now() - start;
    this.#result.export_bytes = bytes;
    return content;
  }

  async import(content: unknown): Promise<void> {
    if (this.#peer.import === undefined) {
      return;
    }
    const start = performance.now();
    await this.#peer.import(content);
    this.#result.import_ms = performance.now() - start;
    const hits = await this.#hits(this.#queries);
    this.#result.recall_imported = recallOf(hits, this.#data.plan.truth.ended, K);
    this.#wrong.returned = await this.#ghosts();
  }

  /** Builds a database of the first rows; returns the milliseconds that it took. */
  async #built(count: number): Promise<number> {
    const peer = this.#peer;
    const values = this.#data.base.slice(0, count).map((vector, row) => peer.value(vector, row));
    await peer.clear(this.#data.plan.n, this.#effort);
    const start = performance.now();
    await peer.build(values);
    return performance.now() - start;
  }

  async #hits(queries: readonly unknown[]): Promise<number[][]> {
    const all: number[][] = [];
    for (const query of queries) {
      const rows = this.#peer.rows(await this.#peer.search(query, K, this.#effort));
      this.#wrong.repeated += rows.length - new Set(rows).size;
      all.push(rows);
    }
    return all;
  }

  /** Deleted rows in the results of searches for them. */
  async #ghosts(): Promise<number> {
    const { base } = this.#data;
    const queries = Array.from(this.#deleted, (row) => this.#peer.query(base[row]!));
    const hits = await this.#hits(queries);
    return hits.flat().filter((row) => this.#deleted.has(row)).length;
  }

  async #timed(): Promise<SearchTimes> {
    const us: number[] = [];
    for (let round = 0; round < SEARCH_ROUNDS; round++) {
      for (const query of this.#queries) {
        const start = performance.now();
        const result = this.#peer.search(query, K, this.#effort);
        // Nothing is awaited where there is nothing to wait for.
        if (result instanceof Promise) {
          await result;
        }
        const time = 1000 * (performance.now() - start);
        if (round > 0) {
          us.push(time);
        }
      }
    }
    return summarize(us);
  }

  async #changes(count: number, change: (i: number) => Promise<void> | void): Promise<ChangeTimes> {
    const us: number[] = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      const done = change(i);
      if (done instanceof Promise) {
        await done;
      }
      us.push(1000 * (performance.now() - start));
    }
    const start = performance.now();
    await this.#peer.settle?.();
    const rest = 1000 * (performance.now() - start);
    const { mean_us, p99_us } = summarize(us);
    return { mean_us: mean_us + rest / count, call_us: mean_us, p99_us };
  }
}

/** How far below its best recall a database is set that does not reach {@link RECALL}. */
const PLATEAU = 0.001;

/**
 * The least effort that reaches {@link RECALL}, which grows with it; where none does, the least that comes as close to it as
 * the most does.
 *
 * @param recallAt - recall with an effort
 * @param first - the effort that is tried first
 */
export async function leastEffort(
  recallAt: (effort: number) => Promise<number>,
  least: number,
  most: number,
  first: number,
): Promise<number> {
  let below = least - 1;
  let enough = first;
  let wanted: number = RECALL;
  while ((await recallAt(enough)) < wanted) {
    if (enough === most) {
      wanted = (await recallAt(most)) - PLATEAU;
      below = least - 1;
      break;
    }
    below = enough;
    enough = Math.min(2 * enough + 1, most);
  }
  while (enough - below > 1) {
    const middle = (below + enough) >> 1;
    if ((await recallAt(middle)) < wanted) {
      below = middle;
    } else {
      enough = middle;
    }
  }
  return enough;
}
