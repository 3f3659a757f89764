import { DeltaVectorDB, init } from "deltavec";
import { readCarried } from "../data/carried.ts";
import { DIMENSIONS, row, type Source } from "../data/source.ts";
import { replayedDeltas, replayedEdits, startingDeltas } from "./deltas.ts";
import {
  type DemoEvent,
  EXAMPLES,
  type Hit,
  K,
  PAST_QUESTION,
  REPORT_EVERY,
  SEARCH_EVERY,
} from "./events.ts";
import { ExactSearch, recall } from "./exact.ts";

/** Vectors in one call while loading. */
const BATCH = 250;

type Kind = "create" | "update" | "metadata" | "delete";

/**
 * The demo in WebAssembly, the same in Node and in a browser: loads the carried vectors, replays the edits one at a
 * time, searches in between, and holds the results against exact search.
 *
 * @param limit - edits to replay at most
 * @param emit - gets what happens, in order; may make the run wait
 */
export async function runDemo(
  source: Source,
  limit: number,
  runtime: string,
  emit: (event: DemoEvent) => void | Promise<void>,
): Promise<void> {
  const data = await readCarried(source);
  const edits = replayedEdits(data, limit);
  const deltas = replayedDeltas(data, edits);
  const starting = startingDeltas(data);

  const beforeInit = performance.now();
  await init();
  using db = new DeltaVectorDB({ dimensions: DIMENSIONS, maxVectors: 10_000 });
  await emit({ type: "ready", runtime, initMs: performance.now() - beforeInit });

  const exact = new ExactSearch(DIMENSIONS);
  const beforeLoad = performance.now();
  for (let i = 0; i < starting.length; i += BATCH) {
    db.applyDeltas(starting.slice(i, i + BATCH));
  }
  await emit({ type: "loaded", vectors: db.size, ms: performance.now() - beforeLoad });
  const beforeEdits = new Date();
  for (const delta of starting) {
    follow(exact, delta);
  }

  const queries = Array.from({ length: data.queries.rows }, (_, i) => row(data.queries, i));
  const answer = (): Hit[][] =>
    data.questionTexts.map((_, i) => db.search(row(data.questions, i), 3));
  const checkpoint = async (done: number): Promise<void> => {
    const start = performance.now();
    const found = queries.map((query) => db.search(query, K));
    const ms = performance.now() - start;
    let sum = 0;
    for (const [i, hits] of found.entries()) {
      sum += recall(
        exact,
        queries[i]!,
        hits.map((hit) => hit.id),
        K,
      );
    }
    await emit({
      type: "checkpoint",
      edits: done,
      live: db.size,
      recall: sum / queries.length,
      searchUs: (1000 * ms) / queries.length,
    });
  };

  await emit({ type: "answers", when: "before", answers: answer() });
  await checkpoint(0);

  const timing: Record<Kind, { count: number; ms: number }> = {
    create: { count: 0, ms: 0 },
    update: { count: 0, ms: 0 },
    metadata: { count: 0, ms: 0 },
    delete: { count: 0, ms: 0 },
  };
  let searches = 0;
  let searchMs = 0;
  const checkpoints = new Set([1, 2, 3].map((third) => Math.round((third * deltas.length) / 3)));
  for (const [i, delta] of deltas.entries()) {
    const start = performance.now();
    db.applyDelta(delta);
    const kind = timing[kindOf(delta.operation)];
    kind.ms += performance.now() - start;
    kind.count++;
    follow(exact, delta);

    const done = i + 1;
    if (done % SEARCH_EVERY === 0) {
      const query = queries[searches % queries.length]!;
      const before = performance.now();
      db.search(query, K);
      searchMs += performance.now() - before;
      searches++;
    }
    if (done % REPORT_EVERY === 0 || done === deltas.length) {
      await emit({ type: "progress", done, total: deltas.length, live: db.size });
    }
    if (checkpoints.has(done)) {
      await checkpoint(done);
    }
  }

  await emit({ type: "answers", when: "after", answers: answer() });
  await emit(past(db, row(data.questions, PAST_QUESTION), beforeEdits, starting));
  await emit({
    type: "done",
    creates: timing.create,
    updates: timing.update,
    metadataOnly: timing.metadata,
    deletes: timing.delete,
    searches,
    searchUs: searches === 0 ? 0 : (1000 * searchMs) / searches,
    digest: db.stateDigest(),
    examples: EXAMPLES.map((query) => ({ query, hits: db.search(queries[query]!, 3) })),
  });
}

/** Reads the past: what a query found at a time, and the vector of its first hit as it was. */
function past(
  db: DeltaVectorDB,
  query: Float32Array,
  time: Date,
  starting: readonly AnyDelta[],
): DemoEvent {
  const beforeSearch = performance.now();
  const then = db.searchAt(query, 1, time);
  const searchMs = performance.now() - beforeSearch;
  const id = then[0]!.id;
  const beforeGet = performance.now();
  const vector = db.getVectorAt(id, time)!;
  const getMs = performance.now() - beforeGet;
  const first = starting.find(({ vectorId }) => vectorId === id)?.operation;
  return {
    type: "past",
    question: PAST_QUESTION,
    then,
    now: db.search(query, 1),
    deltas: db.getDeltaChain(id)!.deltas.length,
    same: first?.type === "create" && vector.every((value, i) => value === first.vector[i]),
    searchUs: 1000 * searchMs,
    getUs: 1000 * getMs,
  };
}

type AnyDelta = ReturnType<typeof replayedDeltas>[number];

function kindOf(operation: AnyDelta["operation"]): Kind {
  switch (operation.type) {
    case "create":
      return "create";
    case "delete":
      return "delete";
    case "sparse":
      return "metadata";
    default:
      return "update";
  }
}

function follow(exact: ExactSearch, delta: AnyDelta): void {
  const operation = delta.operation;
  if (operation.type === "create" || operation.type === "dense") {
    exact.set(delta.vectorId, operation.vector);
  } else if (operation.type === "delete") {
    exact.delete(delta.vectorId);
  }
}
