// Kills what writes to a durable database, at random moments, and looks at what is there afterwards.
import { setTimeout as sleep } from "node:timers/promises";
import type { VectorDelta } from "../../src/types.ts";
import { Random } from "../support/random.ts";
import type { Opened } from "./victim.ts";
import { after, digestOf, randomBatch, type State, writeBatch } from "./work.ts";

/** Something that opens a database and is told lines, as {@link Victim} describes; it can be killed. */
export interface Running {
  /** Sends a line; what is sent to the dead is lost. */
  send(line: string): void;
  /** Kills it, wherever it is. Resolved once it is dead and all that it said was heard. */
  kill(): Promise<void>;
  /** Lets it end, after `closed`. */
  end(): Promise<void>;
}

/** Where a database is, and what opens it. */
export interface Place extends AsyncDisposable {
  /** For messages and reports. */
  readonly name: string;
  /**
   * Starts a victim on the database of this number; another number is another database.
   *
   * @param hear - called with each line that it says
   */
  start(database: number, hear: (line: string) => void): Promise<Running>;
  /** Puts bytes behind the newest file of the log, as a torn write does, where that can be done. Returns whether there is one. */
  tear?(database: number, bytes: Uint8Array): Promise<boolean>;
}

/** What came of the kills. */
export interface Outcome {
  readonly place: string;
  readonly seed: number;
  readonly kills: number;
  /** Batches that were acknowledged, in all. */
  readonly batches: number;
  /** Kills after which something acknowledged was not there, something was half there, or nothing could be opened. */
  readonly lost: readonly string[];
}

/** Says in one line of JSON what came of kills at several places. */
export function summary(outcomes: readonly Outcome[]): string {
  const total = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((sum, outcome) => sum + of(outcome), 0);
  return JSON.stringify({
    kills: total(({ kills }) => kills),
    kills_lost: total(({ lost }) => lost.length),
    batches: total(({ batches }) => batches),
    places: Object.fromEntries(outcomes.map(({ place, kills }) => [place, kills])),
  });
}

/** Kills of one database before another one is begun: what is checked grows with its history. */
const KILLS_OF_A_DATABASE = 20;
/** Batches under way at a time, at most. */
const WINDOW = 12;
/** Milliseconds until a victim has to say what it is asked. */
const PATIENCE = 60_000;

/** Kills as often as it is told. Databases are numbered from 0. */
export async function killOften(place: Place, kills: number, seed: number): Promise<Outcome> {
  const random = new Random(seed);
  const lost: string[] = [];
  let batches = 0;
  let done = 0;
  for (let database = 0; done < kills; database++) {
    const life = new Life(place, database, random);
    try {
      for (let i = 0; i < KILLS_OF_A_DATABASE && done < kills; i++) {
        done++;
        await life.killOnce();
      }
      await life.endWell();
    } catch (error) {
      const why = error instanceof Error ? error.stack : String(error);
      lost.push(`kill ${done}, database ${database}: ${why}`);
    } finally {
      batches += life.acknowledgedInAll;
      await life.abandon();
    }
  }
  return { place: place.name, seed, kills, batches, lost };
}

/** A batch that was sent. */
interface Sent {
  readonly batch: readonly VectorDelta[];
  /** What the database holds behind it. */
  readonly state: State;
  /** Deltas up to its last one, in all. */
  readonly position: number;
  /** Ids of its deltas, once it was acknowledged. */
  ids?: readonly string[];
}

/** One database through its kills. */
class Life {
  acknowledgedInAll = 0;
  readonly #place: Place;
  readonly #database: number;
  readonly #random: Random;
  /** What the database is known to hold: as a victim has found it, and behind that what was sent since. */
  #base: { readonly state: State; readonly position: number } = { state: new Map(), position: 0 };
  #sent: Sent[] = [];
  /** Batches acknowledged of those sent. */
  #acknowledged = 0;
  /** Every vector's deltas, oldest first. */
  readonly #chains = new Map<string, string[]>();
  readonly #ids = new Set<string>();
  #victim: Running | undefined;
  #opened: Opened | undefined;
  #failure: unknown;
  /** Settled when the victim says this. */
  #awaited:
    | { word: string; resolve: (rest: string) => void; reject: (e: unknown) => void }
    | undefined;
  #killing = false;
  /** Batches that have to be acknowledged before the victim is killed. */
  #quota = Number.POSITIVE_INFINITY;
  #onQuota: () => void = () => {};
  /** Milliseconds that opening took last. */
  #opening = 100;
  #torn = 0;

  constructor(place: Place, database: number, random: Random) {
    this.#place = place;
    this.#database = database;
    this.#random = random;
  }

  /** Opens, checks what is there, changes it, and kills: mostly while it is changed, at times while it opens. */
  async killOnce(): Promise<void> {
    const random = this.#random;
    if (random.below(5) === 0) {
      const started = this.#start();
      await sleep(random.below(Math.ceil(1.1 * this.#opening)));
      await started;
      await this.#kill();
      this.#torn = 0; // it may have been cut
      return;
    }
    await this.#open();
    await this.#check();
    await this.#write(random.below(4) === 0 ? random.below(4) : random.below(60));
    if (random.below(2) === 0) {
      await sleep(random.below(8));
    }
    await this.#kill();
    this.#throwFailure();
    const { tear } = this.#place;
    if (tear !== undefined && random.below(4) === 0) {
      const zeros = random.below(3) === 0;
      const bytes = Uint8Array.from({ length: 1 + random.below(200) }, () =>
        zeros ? 0 : random.below(256),
      );
      const torn = await tear.call(this.#place, this.#database, bytes);
      this.#torn = torn ? bytes.length : 0;
    }
  }

  /** Opens, checks, closes, and checks once more. */
  async endWell(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await this.#open();
      await this.#check();
      await this.#ask("close", "closed");
      this.#killing = true;
      await this.#victim?.end();
      this.#victim = undefined;
    }
  }

  /** Leaves nothing running. */
  async abandon(): Promise<void> {
    await this.#kill();
  }

  async #start(): Promise<void> {
    this.#opened = undefined;
    this.#failure = undefined;
    this.#killing = false;
    this.#victim = await this.#place.start(this.#database, (line) => this.#hear(line));
  }

  async #open(): Promise<void> {
    const begin = performance.now();
    const opened = this.#hearing("opened");
    opened.catch(() => undefined);
    await this.#start();
    this.#opened = JSON.parse(await opened) as Opened;
    this.#opening = performance.now() - begin;
  }

  async #kill(): Promise<void> {
    this.#killing = true;
    const victim = this.#victim;
    this.#victim = undefined;
    await victim?.kill();
  }

  #hear(line: string): void {
    const [, word, rest] = /^(\w+) ?(.*)$/.exec(line) ?? [];
    if (word === "acknowledged") {
      try {
        this.#acknowledge(rest);
      } catch (error) {
        this.#fail(error);
      }
    } else if (word === "failed" && !this.#killing) {
      this.#fail(new Error(`the victim failed: ${rest}`));
    }
    if (word === this.#awaited?.word) {
      this.#awaited.resolve(rest);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#awaited?.reject(error);
    this.#onQuota();
  }

  #acknowledge(rest: string): void {
    const [number, digest, list] = rest.split(" ");
    if (Number(number) !== this.#acknowledged) {
      throw new Error(`batch ${number} was acknowledged before batch ${this.#acknowledged}`);
    }
    const sent = this.#sent[this.#acknowledged];
    const ids = list.split(",");
    if (ids.length !== sent.batch.length) {
      throw new Error(`${ids.length} ids for ${sent.batch.length} deltas`);
    }
    for (const id of ids) {
      if (this.#ids.has(id)) {
        throw new Error(`the id ${id} was given twice`);
      }
      this.#ids.add(id);
    }
    if (digest !== digestOf(sent.state)) {
      throw new Error(`the state behind batch ${number} is not what it should be`);
    }
    sent.ids = ids;
    this.#acknowledged++;
    this.acknowledgedInAll++;
    if (this.#acknowledged >= this.#quota) {
      this.#onQuota();
    }
    if (!this.#killing) {
      this.#sendMore(); // it shall be in the midst of something
    }
  }

  /** Sends batches until so many are acknowledged, some at a time, and checkpoints between them. */
  async #write(quota: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      this.#onQuota = resolve;
    });
    this.#quota = quota;
    this.#sendMore();
    if (quota > 0) {
      await inTime(enough, "the acknowledgements");
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }

  #sendMore(): void {
    const random = this.#random;
    const window = 1 + random.below(WINDOW);
    while (this.#sent.length < this.#acknowledged + window) {
      const { state, position } = this.#sent.at(-1) ?? this.#base;
      const batch = randomBatch(random, state);
      const sent = { batch, state: after(state, batch), position: position + batch.length };
      this.#sent.push(sent);
      this.#victim?.send(`apply ${this.#sent.length - 1} ${writeBatch(batch)}`);
      if (random.below(12) === 0) {
        this.#victim?.send("checkpoint");
      }
    }
  }

  /** Holds what was opened against what was acknowledged and what was sent; what is there is the base of what follows. */
  async #check(): Promise<void> {
    const opened = this.#opened as Opened;
    const known = [this.#base, ...this.#sent];
    const found = known.findIndex(({ position }) => position === opened.position);
    const at = `${opened.position} deltas are there; ${known[this.#acknowledged].position} were acknowledged`;
    if (found < 0) {
      throw new Error(`a batch is half there: ${at}`);
    }
    if (found < this.#acknowledged) {
      throw new Error(`acknowledged batches are lost: ${at}`);
    }
    if (opened.digest !== digestOf(known[found].state)) {
      throw new Error(`the state is not that behind ${found} batches: ${at}`);
    }
    if (opened.lost) {
      throw new Error("opening has given something up");
    }
    if (opened.cutBytes < this.#torn) {
      throw new Error(`of ${this.#torn} torn bytes ${opened.cutBytes} were cut`);
    }
    await this.#checkChains(this.#sent.slice(0, found));
    this.#base = known[found];
    this.#sent = [];
    this.#acknowledged = 0;
    this.#quota = Number.POSITIVE_INFINITY;
    this.#torn = 0;
  }

  /** Checks that each vector has the deltas that it had, those that were acknowledged, and those of the batches behind. */
  async #checkChains(there: readonly Sent[]): Promise<void> {
    const added = new Map<string, (string | undefined)[]>();
    for (const { batch, ids } of there) {
      for (const [i, { vectorId }] of batch.entries()) {
        const list = added.get(vectorId) ?? [];
        list.push(ids?.[i]);
        added.set(vectorId, list);
      }
    }
    const vectors = [...new Set([...this.#chains.keys(), ...added.keys()])];
    if (vectors.length === 0) {
      return;
    }
    const chains = (await this.#ask(`chains ${vectors.join()}`, "chains")).split(" ");
    for (const [i, vector] of vectors.entries()) {
      const before = this.#chains.get(vector) ?? [];
      const expected = [...before, ...(added.get(vector) ?? [])];
      const chain = chains[i] === "" ? [] : chains[i].split(",");
      if (
        chain.length !== expected.length ||
        chain.some((id, k) => expected[k] !== undefined && expected[k] !== id)
      ) {
        throw new Error(`the deltas of ${vector} are ${chain}; expected were ${expected}`);
      }
      this.#chains.set(vector, chain);
      for (const id of chain.slice(before.length)) {
        this.#ids.add(id);
      }
    }
  }

  async #ask(line: string, word: string): Promise<string> {
    const answer = this.#hearing(word);
    this.#victim?.send(line);
    return answer;
  }

  #hearing(word: string): Promise<string> {
    const heard = new Promise<string>((resolve, reject) => {
      this.#awaited = { word, resolve, reject };
    });
    return inTime(heard, word);
  }
}

/** Gives up waiting for what does not come. */
async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  const giveUp = new AbortController();
  try {
    return await Promise.race([
      promise,
      sleep(PATIENCE, undefined, { signal: giveUp.signal }).then(() => {
        throw new Error(`${what} did not come within ${PATIENCE / 1000} s`);
      }),
    ]);
  } finally {
    giveUp.abort();
  }
}
