import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  type DeltaChain,
  type DeltaError,
  type DeltaEvent,
  type DeltaOperation,
  DeltaVectorDB,
  diff,
  type IndexReport,
  init,
  type RemoteDurableDeltaVectorDB,
  type VectorDelta,
} from "deltavec/slim";
import { type Embedded, Embedder, type ModelState } from "./embedder.ts";
import { Latencies } from "./latencies.ts";
import { applied, Meter, onGrid } from "./meter.ts";
import { Placing } from "./placing.ts";
import { DIMENSIONS, GRID, type Prepared, SEED_TIME, VECTOR_BYTES } from "./prepared.ts";
import { Stream } from "./stream.ts";
import { type Change, type Item, Timeline } from "./timeline.ts";

/** Hits that are shown. */
export const SHOWN = 20;
/** Hits that ranks at the start are known of. */
const RANKED = 100;
/** Milliseconds between two edits that are played. */
const BEAT_MS = 120;
/** Milliseconds that the disk is behind at most. */
const FLUSH_MS = 300;
/** Milliseconds of quiet before figures are read anew. */
const QUIET_MS = 250;
/** The question that the page opens with: edits that are played change its answer. */
const FIRST_QUESTION = 0;

/** One line of the results. */
export interface Hit {
  readonly id: string;
  readonly score: number;
  /** Rank at the start, from 0; null if it was not among the first hundred; undefined where that is not known (yet). */
  readonly was: number | null | undefined;
}

/** Figures of the database. */
export interface Figures {
  readonly stats: Awaited<ReturnType<RemoteDurableDeltaVectorDB["stats"]>>;
  readonly index: IndexReport;
  readonly role: "leader" | "follower";
  /** Bytes that the browser keeps for this page, where it tells. */
  readonly stored: number | undefined;
  /** Whether the page is kept, too, with the model, and would open without its server. */
  readonly offline: boolean;
}

/** What is told to the user for a moment. */
export interface Notice {
  readonly text: string;
  readonly kind: "info" | "error";
}

/** How much a draft of a text would send. */
export interface Draft {
  readonly bytes: number;
  readonly turned: number;
  readonly steps: Int32Array;
}

/** Everything that the page knows and does. Its parts read signals and call methods; they know of no database. */
export class Session {
  readonly prepared: Prepared;
  readonly timeline: Timeline;
  readonly latencies = new Latencies();
  readonly storage: string;
  readonly recovered: number;

  readonly model: Signal<ModelState> = signal({ is: "loading", share: 0 });
  readonly query: Signal<string> = signal("");
  readonly hits: Signal<readonly Hit[]> = signal([]);
  /** Whether the hits are those of the query, or still of what was typed before. */
  readonly pending: Signal<boolean> = signal(false);
  readonly queryVector: Signal<Float32Array | null> = signal(null);
  /** How many changes there are. */
  readonly end: Signal<number> = signal(0);
  /** The step that is looked at; null for the present. */
  readonly past: Signal<number | null> = signal(null);
  /** The step that is shown. */
  readonly step: ReadonlySignal<number> = computed(() => this.past.value ?? this.end.value);
  readonly selected: Signal<string | null> = signal(null);
  readonly chain: Signal<DeltaChain | null> = signal(null);
  readonly playing: Signal<boolean> = signal(false);
  readonly figures: Signal<Figures | null> = signal(null);
  readonly notice: Signal<Notice | null> = signal(null);
  /** The newest change, told once it has come. */
  readonly latest: Signal<Change | null> = signal(null);

  readonly #db: RemoteDurableDeltaVectorDB;
  readonly #placing: Placing;
  readonly #meter = new Meter();
  readonly #stream: Stream;
  readonly #known: ReadonlyMap<string, Float32Array>;
  /** Values of the vectors that have changed. */
  readonly #vectors = new Map<string, Float32Array>();
  /** How many changes of a vector this tab has made that it has not been told of. */
  readonly #mine = new Map<string, number>();
  readonly #tabs = new BroadcastChannel("deltavec-demo");
  #embedder: Embedder | undefined;
  #arrived: DeltaEvent[] = [];
  #draining = false;
  #live = false;
  #searching = false;
  #searchAgain = false;
  #typed = 0;
  #typing = 0;
  #startRanks: { readonly query: string; readonly ranks: ReadonlyMap<string, number> } | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    db: RemoteDurableDeltaVectorDB,
    prepared: Prepared,
    placing: Placing,
    known: ReadonlyMap<string, Float32Array>,
  ) {
    this.#db = db;
    this.prepared = prepared;
    this.storage = db.storage;
    this.recovered = db.recovery.records;
    this.#placing = placing;
    this.#known = known;
    this.#stream = new Stream(prepared.stream);
    this.timeline = new Timeline(
      prepared.seeds.map(([id, text]) => {
        const [x, y] = placing.laidOut(id);
        return [id, { text, x, y }];
      }),
    );
    this.#tabs.onmessage = ({ data }) => data === "reset" && location.reload();
  }

  /** Opens the database, filling it if it is new, and goes on where it was left. */
  static async open(): Promise<Session> {
    const [prepared, map, known] = await Promise.all([
      got("/data/prepared.json").then((response): Promise<Prepared> => response.json()),
      floats("/data/map.f32"),
      floats("/data/known.f32"),
      init(new URL("/deltavec.wasm", location.href)), // once, for the worker and the meter
    ]);
    const opfs = typeof navigator.storage?.getDirectory === "function";
    const db = await DeltaVectorDB.connect({
      storage: `${opfs ? "opfs" : "idb"}://${prepared.storage}`,
      worker: "/database-worker.js",
      dimensions: DIMENSIONS,
      precision: { grid: GRID },
      // In memory at once, on disk soon; a page that is left waits for it.
      durability: "relaxed",
      flushMs: FLUSH_MS,
      checkpointInterval: 16,
      hnswEfSearch: 100,
      recallSampleRate: 0.25,
    });
    // Two tabs that open at a time must not both fill it.
    await navigator.locks.request("deltavec-demo-start", async () => {
      if ((await db.position) === 0) {
        await db.import(await seed());
      }
    });
    const texts = [...prepared.questions, ...prepared.queries];
    const vectors = new Map(
      texts.map((text, i) => [text, known.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS)]),
    );
    const session = new Session(db, prepared, new Placing(map, prepared), vectors);
    await session.#start();
    return session;
  }

  async #start(): Promise<void> {
    await this.#db.onDelta((event) => this.#arrive(event), { since: this.prepared.seeds.length });
    await this.#drain();
    this.#live = true;
    effect(() => {
      this.queryVector.value;
      this.step.value;
      void this.#search();
    });
    effect(() => {
      const id = this.selected.value;
      this.end.value;
      void this.#readChain(id);
    });
    effect(() => {
      this.end.value;
      this.#readFigures();
    });
    const { questions } = this.prepared;
    const last = sessionStorage.getItem("query");
    const first = last !== null && this.#known.has(last) ? last : questions[FIRST_QUESTION]!;
    this.query.value = first;
    this.queryVector.value = this.#known.get(first)!;
    void this.#startModel(last);
  }

  async #startModel(last: string | null): Promise<void> {
    try {
      this.#embedder = await Embedder.start((state) => {
        this.model.value = state;
        if (state.is === "ready" && last !== null && this.#typed === 0 && !this.#known.has(last)) {
          this.type(last);
        }
      });
    } catch (error) {
      this.model.value = { is: "failed", why: messageOf(error) };
    }
  }

  /** Whether texts can be embedded that are not known. */
  get canEmbed(): boolean {
    return this.model.value.is === "ready";
  }

  /** Searches for a text, as it is typed. A newer one overtakes. */
  type(text: string): void {
    const started = performance.now();
    const number = ++this.#typed;
    this.query.value = text;
    const wanted = text.trim();
    sessionStorage.setItem("query", text);
    if (wanted === "") {
      this.queryVector.value = null;
      this.pending.value = false;
      return;
    }
    const known = this.#known.get(wanted);
    if (known !== undefined) {
      this.#typing = started;
      this.pending.value = false;
      this.queryVector.value = known;
      return;
    }
    this.pending.value = true;
    if (this.#embedder !== undefined && this.model.value.is !== "failed") {
      void this.#embedTyped(wanted, number, started);
    }
  }

  async #embedTyped(text: string, number: number, started: number): Promise<void> {
    try {
      const { vector, ms } = await this.#embedLatest(text, number);
      if (number === this.#typed) {
        this.#typing = started + ms;
        this.pending.value = false;
        this.queryVector.value = vector;
      }
    } catch (error) {
      if (error !== OVERTAKEN) {
        this.#fail(error);
      }
    }
  }

  #embedding: Promise<unknown> = Promise.resolve();

  /** Embeds when the model is free, unless something newer was typed by then. */
  async #embedLatest(text: string, number: number): Promise<Embedded> {
    const before = this.#embedding;
    const turn = (async () => {
      await before;
      if (number !== this.#typed) {
        throw OVERTAKEN;
      }
      return await this.#embedder!.embed(text);
    })();
    this.#embedding = turn.catch(() => undefined);
    return await turn;
  }

  async #search(): Promise<void> {
    if (this.#searching) {
      this.#searchAgain = true;
      return;
    }
    this.#searching = true;
    do {
      this.#searchAgain = false;
      try {
        const vector = this.queryVector.peek();
        const past = this.past.peek();
        const typing = this.#typing;
        if (vector === null) {
          this.hits.value = [];
          continue;
        }
        const started = performance.now();
        const found =
          past === null
            ? await this.#db.search(vector, SHOWN)
            : await this.#db.searchAt(vector, SHOWN, new Date(this.timeline.timeOf(past)));
        const ended = performance.now();
        if (past === null) {
          this.latencies.add("search", ended - started);
          this.#readFigures(4 * QUIET_MS);
        }
        const query = this.query.peek().trim();
        const ranks = this.#startRanks?.query === query ? this.#startRanks.ranks : undefined;
        this.hits.value = found.map(({ id, score }) => ({
          id,
          score,
          was: ranks === undefined ? undefined : (ranks.get(id) ?? null),
        }));
        if (typing > 0) {
          this.#typing = 0;
          this.#painted(typing);
        }
        if (ranks === undefined && !this.#searchAgain && this.timeline.end > 0) {
          this.#readStartRanks(query, vector);
        }
      } catch (error) {
        this.#fail(error);
      }
    } while (this.#searchAgain);
    this.#searching = false;
  }

  /** Notes how long results took, once they are on the screen. `started` leaves out what the model took. */
  #painted(started: number): void {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      // What comes in behind a frame comes after it was painted.
      port1.onmessage = () => {
        const end = performance.now();
        this.latencies.add("typing", end - started);
        performance.measure("typing to results", { start: started, end });
        port1.close();
      };
      port2.postMessage(null);
    });
  }

  /** Reads the ranks that a query had at the start, when nothing else is to be done. */
  #readStartRanks(query: string, vector: Float32Array): void {
    clearTimeout(this.#ranksTimer);
    this.#ranksTimer = setTimeout(async () => {
      try {
        const found = await this.#db.searchAt(vector, RANKED, new Date(SEED_TIME));
        if (this.query.peek().trim() === query) {
          const ranks = new Map(found.map(({ id }, rank) => [id, rank]));
          this.#startRanks = { query, ranks };
          this.hits.value = this.hits
            .peek()
            .map((hit) => ({ ...hit, was: ranks.get(hit.id) ?? null }));
        }
      } catch (error) {
        this.#fail(error);
      }
    }, QUIET_MS);
  }

  #ranksTimer: ReturnType<typeof setTimeout> | undefined;

  /** A delta has come, from wherever. */
  #arrive(event: DeltaEvent): void {
    this.#arrived.push(event);
    if (this.#live) {
      void this.#drain();
    }
  }

  async #drain(): Promise<void> {
    if (this.#draining) {
      return;
    }
    this.#draining = true;
    try {
      while (this.#arrived.length > 0) {
        const count = this.#arrived.length;
        await this.#readSeeds(new Set(this.#arrived.map(({ vectorId }) => vectorId)));
        const events = this.#arrived.splice(0, count); // not before: what fails here is done again
        for (const event of events) {
          this.#take(event);
        }
        this.end.value = this.timeline.end;
        this.latest.value = this.timeline.changes.at(-1) ?? null;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#draining = false;
    }
  }

  /** Reads what vectors of the start were before anything changed. */
  async #readSeeds(ids: Iterable<string>): Promise<void> {
    const start = new Date(SEED_TIME);
    const wanted = [...ids].filter(
      (id) =>
        !this.#vectors.has(id) &&
        this.timeline.at(id, 0) !== undefined &&
        this.timeline.editsOf(id, Number.POSITIVE_INFINITY) === 0,
    );
    const vectors = await Promise.all(wanted.map((id) => this.#db.getVectorAt(id, start)));
    wanted.forEach((id, i) => {
      const vector = vectors[i];
      if (vector) {
        this.#vectors.set(id, vector);
        this.#placing.begin(id, vector);
      }
    });
  }

  #take(event: DeltaEvent): void {
    const { vectorId: id, operation, metadata, deltaId, timestamp } = event;
    const before = this.#vectors.get(id);
    const bytes = this.#meter.bytes(id, operation, before);
    const after = applied(operation, before);
    const last = this.timeline.last(id);
    const { text: written } = metadata ?? {};
    const text = typeof written === "string" ? written : (last?.text ?? "");
    const kind = operation.type === "delete" ? "delete" : before === undefined ? "create" : "edit";
    let point: readonly [number, number] = [last?.x ?? 0, last?.y ?? 0];
    if (after === undefined) {
      this.#vectors.delete(id);
    } else {
      this.#vectors.set(id, after);
      this.#placing.begin(id, after);
      point = this.#placing.place(id, after);
    }
    const mine = this.#mine.get(id) ?? 0;
    this.#mine.set(id, Math.max(0, mine - 1));
    this.timeline.add({
      id,
      kind,
      deltaId,
      time: timestamp.getTime(),
      text,
      bytes,
      fullBytes: kind === "delete" ? 0 : VECTOR_BYTES,
      turned: before !== undefined && after !== undefined ? turned(before, after) : 0,
      x: point[0],
      y: point[1],
      remote: this.#live && mine === 0,
    });
    this.#stream.saw(id, kind, text);
  }

  /** Where a query is on the map: between its nearest hits. */
  queryPoint(hits: readonly Hit[], step: number): readonly [number, number] | undefined {
    let x = 0;
    let y = 0;
    let weights = 0;
    for (const { id, score } of hits.slice(0, 5)) {
      const item = this.timeline.at(id, step);
      if (item !== undefined) {
        const weight = Math.max(0.01, score) ** 4;
        x += weight * item.x;
        y += weight * item.y;
        weights += weight;
      }
    }
    return weights === 0 ? undefined : [x / weights, y / weights];
  }

  /** The text of an id at the step that is shown. */
  item(id: string): Item | undefined {
    return this.timeline.at(id, this.step.value);
  }

  /** Looks at a step of the past; the last one is the present. */
  goTo(step: number): void {
    const snapped = this.timeline.snap(step);
    this.past.value = snapped >= this.timeline.end ? null : snapped;
  }

  /** How many edits of the stream are still to be played. */
  get unplayed(): number {
    this.end.value;
    return this.#stream.left;
  }

  /** Lets time go on: through the past, if that is looked at, then through the edits that are not in yet. */
  async play(): Promise<void> {
    if (this.playing.value) {
      this.playing.value = false;
      return;
    }
    this.playing.value = true;
    const run = ++this.#run;
    try {
      while (this.playing.value && run === this.#run) {
        const started = performance.now();
        const past = this.past.value;
        if (past !== null) {
          this.goTo(past + Math.max(1, Math.round((this.timeline.end - past) / 150)));
        } else if (this.#stream.left > 0) {
          await this.playNext();
        } else {
          break;
        }
        await new Promise((resolve) =>
          setTimeout(resolve, Math.max(20, BEAT_MS + started - performance.now())),
        );
      }
    } finally {
      if (run === this.#run) {
        this.playing.value = false;
      }
    }
  }

  /** Who plays: a player that was paused must not go on beside the next one. */
  #run = 0;

  /** Applies the next edit of the stream, once those before are in. */
  playNext(): Promise<void> {
    this.past.value = null;
    const turn = this.#playing.then(() => this.#applyNext());
    this.#playing = turn.catch((error: unknown) => {
      this.playing.value = false;
      this.#fail(error);
    });
    return this.#playing;
  }

  #playing: Promise<void> = Promise.resolve();

  /** Goes on behind edits that do not fit any more, as the user or another tab has changed what they change. */
  async #applyNext(): Promise<void> {
    const vectors = await this.#streamVectors();
    for (let next = this.#stream.next(); next !== undefined; next = this.#stream.next()) {
      // Before it is told of: another call must not take the same one.
      this.#stream.skip();
      const { edit, row } = next;
      const vector = vectors.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS);
      const metadata = { text: edit.text ?? "" };
      try {
        await this.#apply(
          edit.kind === "delete"
            ? { vectorId: edit.id, operation: { type: "delete" } }
            : {
                vectorId: edit.id,
                operation: { type: edit.kind === "create" ? "create" : "dense", vector },
                metadata,
              },
        );
        return;
      } catch (error) {
        const { code } = error as Partial<DeltaError>;
        if (code !== "VECTOR_NOT_FOUND" && code !== "VECTOR_EXISTS") {
          throw error;
        }
        this.#mine.delete(edit.id);
      }
    }
  }

  #streamFloats: Promise<Float32Array> | undefined;
  #streamVectors(): Promise<Float32Array> {
    this.#streamFloats ??= floats("/data/stream.f32");
    return this.#streamFloats;
  }

  /** What changing a text would send. */
  async draft(id: string, text: string): Promise<Draft | null> {
    const moved = await this.#moved(id, text);
    if (moved === null) {
      return null;
    }
    const { before, after } = moved;
    const change = this.#smallest(id, before, after);
    return change === null
      ? null
      : { bytes: change.bytes, turned: turned(before, after), steps: stepsBetween(before, after) };
  }

  /** Changes a text: embeds it, and sends what that changes of its vector. */
  async edit(id: string, text: string): Promise<void> {
    try {
      this.past.value = null;
      const moved = await this.#moved(id, text);
      if (moved === null) {
        throw new Error("this text was deleted meanwhile");
      }
      const change = this.#smallest(id, moved.before, moved.after);
      const operation: DeltaOperation = change?.operation ?? NOTHING;
      await this.#apply({ vectorId: id, operation, metadata: { text } });
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * A vector, and what an edit of its text makes of it: it goes as far as the text does by the model that is here. The
   * vectors of the start are of the model's unquantized form, and a difference between the two models is no edit.
   */
  async #moved(
    id: string,
    text: string,
  ): Promise<{ readonly before: Float32Array; readonly after: Float32Array } | null> {
    const old = this.timeline.at(id, this.timeline.end)?.text;
    if (old === undefined) {
      return null;
    }
    const [from, to, before] = await Promise.all([
      this.#embed(old),
      this.#embed(text),
      this.#db.getVector(id),
    ]);
    if (before === null) {
      return null;
    }
    const after = before.map((value, i) => onGrid(value + to.vector[i]! - from.vector[i]!));
    return { before, after };
  }

  /** The operation that takes the fewest bytes: what `diff` finds, or, as it knows of no grid, a dense one. */
  #smallest(
    id: string,
    before: Float32Array,
    after: Float32Array,
  ): { readonly operation: DeltaOperation; readonly bytes: number } | null {
    const change = diff(before, after);
    if (change === null) {
      return null;
    }
    const operations: DeltaOperation[] = [change.operation, { type: "dense", vector: after }];
    const sized = operations.map((operation) => ({
      operation,
      bytes: this.#meter.bytes(id, operation, before),
    }));
    return sized.reduce((least, each) => (each.bytes < least.bytes ? each : least));
  }

  /** Adds a text. */
  async create(text: string): Promise<void> {
    try {
      this.past.value = null;
      const { vector } = await this.#embed(text);
      const vectorId = `note-${Date.now().toString(36)}`;
      await this.#apply({ vectorId, operation: { type: "create", vector }, metadata: { text } });
      this.selected.value = vectorId;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Deletes a text. Its past stays. */
  async delete(id: string): Promise<void> {
    try {
      this.past.value = null;
      await this.#apply({ vectorId: id, operation: { type: "delete" } });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Brings a text back to what it was behind one of its deltas. */
  async rollBack(id: string, deltaId: string): Promise<void> {
    try {
      this.past.value = null;
      await this.#own(id, () => this.#db.rollbackTo(id, deltaId));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** By how many steps of the grid each value moved with a change of a vector: the difference that its delta carries. */
  async stepsOf(id: string, deltaTime: number): Promise<Int32Array | null> {
    const [before, after] = await Promise.all([
      this.#db.getVectorAt(id, new Date(deltaTime - 1)),
      this.#db.getVectorAt(id, new Date(deltaTime)),
    ]);
    return before === null || after === null ? null : stepsBetween(before, after);
  }

  /** Makes everything as it was at the start, in all tabs. */
  async reset(): Promise<void> {
    try {
      this.playing.value = false;
      await this.#db.import(await seed());
      sessionStorage.clear();
      this.#tabs.postMessage("reset");
      location.reload();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #embed(text: string): Promise<Embedded> {
    if (this.#embedder === undefined || !this.canEmbed) {
      throw new Error("the embedding model is not there");
    }
    return await this.#embedder.embed(text);
  }

  async #apply(delta: VectorDelta): Promise<void> {
    const { vectorId } = delta;
    const started = performance.now();
    await this.#own(vectorId, () => this.#db.applyDelta(delta));
    this.latencies.add("apply", performance.now() - started);
  }

  /** Makes a call whose delta is this tab's own; one that fails brings none. */
  async #own(id: string, call: () => Promise<unknown>): Promise<void> {
    const count = (by: number): unknown => this.#mine.set(id, (this.#mine.get(id) ?? 0) + by);
    count(1);
    try {
      await call();
    } catch (error) {
      count(-1);
      throw error;
    }
  }

  async #readChain(id: string | null): Promise<void> {
    try {
      const chain = id === null ? null : await this.#db.getDeltaChain(id);
      if (this.selected.peek() === id) {
        this.chain.value = chain;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reads the figures in a while; a longer one where there were but searches. */
  #readFigures(quiet: number = QUIET_MS): void {
    if (this.#quiet !== undefined) {
      return;
    }
    this.#quiet = setTimeout(async () => {
      this.#quiet = undefined;
      try {
        const [stats, index, estimate] = await Promise.all([
          this.#db.stats(),
          this.#db.checkIndex(),
          navigator.storage?.estimate?.(),
        ]);
        this.figures.value = {
          stats,
          index,
          role: this.#db.role,
          stored: estimate?.usage,
          offline: this.#kept,
        };
      } catch (error) {
        this.#fail(error);
      }
    }, quiet);
  }

  /** Has the service worker keep the model, too, once both are there. It may have come too late to see it loaded. */
  async keep(worker: ServiceWorker): Promise<void> {
    await new Promise<void>((resolve) => {
      const stop = this.model.subscribe(({ is }) => {
        if (is !== "loading") {
          resolve();
          queueMicrotask(() => stop());
        }
      });
    });
    if (this.canEmbed) {
      const { port1, port2 } = new MessageChannel();
      const kept = new Promise<boolean>((resolve) => {
        port1.onmessage = ({ data }) => resolve(data === true);
      });
      worker.postMessage("keep the model", [port2]);
      this.#kept = await kept;
      port1.close();
    } else {
      this.#kept = true; // without the model, as it is with the server
    }
    this.#readFigures();
  }

  #kept = false;

  #fail(error: unknown): void {
    this.notice.value = { text: messageOf(error), kind: "error" };
  }
}

/** Changes no value. */
const NOTHING: DeltaOperation = {
  type: "sparse",
  indices: new Uint32Array(0),
  values: new Float32Array(0),
};
const OVERTAKEN = new Error("something newer was typed");

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function turned(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    squareA += a[i]! ** 2;
    squareB += b[i]! ** 2;
  }
  return Math.max(0, 1 - dot / Math.sqrt(squareA * squareB || 1));
}

function stepsBetween(before: Float32Array, after: Float32Array): Int32Array {
  return Int32Array.from(after, (value, i) => Math.round((value - before[i]!) * GRID));
}

async function got(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) {
    throw new Error(`${path} is missing: status ${response.status}`);
  }
  return response;
}

async function floats(path: string): Promise<Float32Array> {
  return new Float32Array(await (await got(path)).arrayBuffer());
}

async function seed(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await got("/data/seed.bin")).arrayBuffer());
}
