import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DeltaVectorDB, init } from "deltavec";
import { messageOf } from "../../errors.ts";
import { Random } from "../../random.ts";
import { digestOf, freePort, Program, Service } from "./processes.ts";
import { FaultProxy } from "./proxy.ts";

const DIMENSIONS = 8;
const SHARDS = 4;
const WRITERS = 3;
/** Vectors of each writer. */
const VECTORS = 5;
/** Milliseconds that a request may take. */
const PATIENCE = 5000;
/** Milliseconds within which all has to be in order again after the last fault. */
const SETTLE = 90_000;
const FOLLOWED = "followed";

/** What the fault loop found. */
export interface FaultFigures {
  readonly seed: number;
  readonly faults: number;
  /** How often each fault happened. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Deltas that were acknowledged to writers. */
  readonly acknowledged: number;
  /** Of these, how many are missing in the end. */
  readonly lost: number;
  /** Deltas that were applied more than once. */
  readonly twice: number;
  /** Shards whose copies differ in the end. */
  readonly differing: number;
  readonly seconds: number;
}

/** Something to break, and to mend. */
interface Fault {
  readonly name: string;
  happen(): Promise<void>;
  mend(): Promise<void>;
}

/**
 * Kills and restarts broker, nodes, gateway and follower, pauses them and cuts the network, at moments and in an order that follow
 * from a seed, while writers and the follower add 1 to their vectors. A delta that is lost, or applied twice, shows in the sums.
 *
 * @param folder - for all files; empty
 * @throws Error if a process does not start, or the service does not come to rest after the last fault
 */
export async function runFaults(
  faults: number,
  seed: number,
  folder: string,
  tell: (doing: string) => void,
): Promise<FaultFigures> {
  await init();
  const since = performance.now();
  const random = new Random(seed);
  await mkdir(folder, { recursive: true });
  tell("broker");
  const service = await Service.start({
    folder,
    dimensions: DIMENSIONS,
    shards: SHARDS,
    standbys: 1,
  });
  const programs: Program[] = [service.broker];
  const proxies: FaultProxy[] = [];
  let writing = true;
  try {
    tell("nodes");
    const starts: Promise<void>[] = [];
    for (const [id, capacity] of [
      ["one", 1],
      ["two", 1],
      ["gateway", 0],
    ] as const) {
      const port = await freePort();
      const proxy = await FaultProxy.start(port);
      proxies.push(proxy);
      const node = await service.node({ id, port, url: proxy.url, capacity });
      programs.push(node);
      starts.push(node.start());
    }
    await Promise.all(starts);
    tell("follower");
    let followerSaid = 0;
    const main = fileURLToPath(new URL("follower-main.ts", import.meta.url));
    const follower = new Program(
      "the follower",
      process.execPath,
      [main, join(folder, "follower"), proxies[2]!.url, FOLLOWED, `${DIMENSIONS}`],
      (line) => {
        const [, count] = /^acknowledged (\d+)$/.exec(line) ?? [];
        followerSaid = Math.max(followerSaid, Number(count ?? 0));
      },
    );
    programs.push(follower);
    await follower.start();

    const urls = proxies.map((proxy) => proxy.url);
    const writers = Array.from(
      { length: WRITERS },
      (_, i) => new Writer(`writer-${seed}-${i}`, urls),
    );
    const running = Promise.all(writers.map((writer) => writer.run(() => writing)));
    running.catch(() => {});

    const kinds: Record<string, number> = {};
    const known = faultsOf(programs, proxies);
    for (let i = 0; i < faults; i++) {
      const fault = known[random.below(known.length)]!;
      tell(`fault ${i + 1} of ${faults}: ${fault.name}`);
      kinds[fault.name] = (kinds[fault.name] ?? 0) + 1;
      await sleep(500 + random.below(1500));
      await fault.happen();
      await sleep(random.below(1500));
      await fault.mend();
    }
    writing = false;
    tell("last deltas");
    await within(SETTLE, running, "writers still wait for their last deltas");

    tell("at rest");
    // The follower's last edits, too, and nothing after them.
    const before = followerSaid;
    await until(SETTLE, async () => followerSaid > before, "the follower is not served any more");
    await follower.end("SIGTERM");
    const nodes = urls.slice(0, 2);
    const differing = await settledDigests(nodes);
    const taken = await snapshotOf(urls[2]!);
    let acknowledged = followerSaid;
    let lost = 0;
    let twice = 0;
    for (const writer of writers) {
      for (const [id, count] of writer.counts) {
        const found = taken.getVector(id)?.[0] ?? 0;
        acknowledged += count;
        lost += Math.max(0, count - found);
        twice += Math.max(0, found - count);
      }
    }
    const own = await DeltaVectorDB.open(`file:${join(folder, "follower")}`);
    const made = (await own.getVector(FOLLOWED))?.[0] ?? 0;
    const followed = taken.getVector(FOLLOWED)?.[0] ?? 0;
    lost += Math.max(0, followerSaid - followed);
    twice += Math.max(0, followed - made);
    await own.close();
    taken.close();
    const seconds = (performance.now() - since) / 1000;
    return { seed, faults, kinds, acknowledged, lost, twice, differing, seconds };
  } finally {
    writing = false;
    await Promise.all(programs.map((program) => program.end("SIGKILL")));
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}

/** Adds 1 to its vectors, one delta after the other, each until it is acknowledged. */
class Writer {
  /** How often each vector was changed, as acknowledged; a create is of zeros. */
  readonly counts = new Map<string, number>();
  readonly #name: string;
  readonly #urls: readonly string[];
  #sequence = 1;

  constructor(name: string, urls: readonly string[]) {
    this.#name = name;
    this.#urls = urls;
  }

  async run(goOn: () => boolean): Promise<void> {
    const vector = new Array<number>(DIMENSIONS).fill(0);
    const ids = Array.from({ length: VECTORS }, (_, i) => `${this.#name}-${i}`);
    await this.#send(ids.map((vectorId) => ({ vectorId, operation: { type: "create", vector } })));
    for (const id of ids) {
      this.counts.set(id, 0);
    }
    for (let i = 0; goOn(); i++) {
      // A batch across shards, which all or none is taken of, now and then.
      const changed = i % 4 === 0 ? ids : [ids[i % VECTORS]!];
      await this.#send(
        changed.map((vectorId) => ({ vectorId, operation: { type: "offset", amount: 1 } })),
      );
      for (const id of changed) {
        this.counts.set(id, this.counts.get(id)! + 1);
      }
      await sleep(20);
    }
  }

  /** Sends deltas until they are acknowledged, to one gateway after the other. */
  async #send(deltas: readonly object[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const url = this.#urls[(this.#sequence + attempt) % this.#urls.length]!;
      let refused = "";
      try {
        const response = await fetch(`${url}/deltas`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "Deltavec-Client": this.#name,
            "Deltavec-Sequence": `${this.#sequence}`,
          },
          body: JSON.stringify(deltas),
          signal: AbortSignal.timeout(PATIENCE),
        });
        if (response.ok) {
          await response.arrayBuffer();
          this.#sequence += deltas.length;
          return;
        }
        const text = await response.text();
        refused = response.status < 500 && response.status !== 429 ? text : "";
      } catch {
        // It may have been taken or not; a repeat is not applied twice.
      }
      if (refused !== "") {
        throw new Error(`deltas of ${this.#name} are refused: ${refused}`);
      }
      await sleep(100);
    }
  }
}

function faultsOf(programs: readonly Program[], proxies: readonly FaultProxy[]): Fault[] {
  return [
    ...programs.map((program) => ({
      name: `kill ${program.name}`,
      happen: () => program.end("SIGKILL"),
      mend: () => program.start(),
    })),
    ...programs.slice(0, 3).map((program) => ({
      name: `pause ${program.name}`,
      happen: () => program.pause(3000),
      mend: () => Promise.resolve(),
    })),
    ...proxies.map((proxy, i) => ({
      name: `cut ${programs[i + 1]!.name} off`,
      happen: () => Promise.resolve(proxy.cut()),
      mend: async () => {
        await sleep(1000);
        proxy.mend();
      },
    })),
  ];
}

/** Waits until both nodes have all of each shard; returns in how many shards they differ all the same. */
async function settledDigests(urls: readonly string[]): Promise<number> {
  let differing = SHARDS;
  const offsets = new Map<number, number>();
  await until(
    SETTLE,
    async () => {
      let settled = true;
      differing = 0;
      for (let shard = 0; shard < SHARDS; shard++) {
        const all = await Promise.all(urls.map((url) => digestOf(url, shard)));
        const offset = all[0]?.offset ?? -1;
        const same = all.every((digest) => digest !== undefined && digest.offset === offset);
        // At the same place twice, so that nothing is on its way.
        settled &&= same && offsets.get(shard) === offset;
        offsets.set(shard, offset);
        differing += new Set(all.map((digest) => digest?.digest)).size === 1 ? 0 : 1;
      }
      await sleep(500);
      return settled;
    },
    "the copies of shards do not come to the same offset",
  );
  return differing;
}

/** What the service has, from the snapshots of all shards and the deltas behind them. */
async function snapshotOf(url: string): Promise<DeltaVectorDB> {
  const db = new DeltaVectorDB({ dimensions: DIMENSIONS });
  for (let shard = 0; shard < SHARDS; shard++) {
    const response = await fetch(`${url}/shards/${shard}/snapshot`);
    if (!response.ok) {
      throw new Error(`no snapshot of shard ${shard}: ${await response.text()}`);
    }
    let next = Number(response.headers.get("Deltavec-Offset"));
    db.merge(new Uint8Array(await response.arrayBuffer()));
    for (let end = Number.POSITIVE_INFINITY; next < end; ) {
      const more = await fetch(`${url}/shards/${shard}/deltas?since=${next}`);
      if (!more.ok) {
        throw new Error(`no deltas of shard ${shard}: ${await more.text()}`);
      }
      db.merge(new Uint8Array(await more.arrayBuffer()));
      next = Number(more.headers.get("Deltavec-Next"));
      end = Number(more.headers.get("Deltavec-End"));
    }
  }
  return db;
}

async function until(ms: number, done: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + ms; !(await done()); ) {
    if (performance.now() > end) {
      throw new Error(`after ${ms / 1000} s ${what}`);
    }
    await sleep(100);
  }
}

async function within(ms: number, what: Promise<unknown>, failure: string): Promise<void> {
  const late = new AbortController();
  try {
    await Promise.race([
      what,
      sleep(ms, undefined, { signal: late.signal }).then(() => {
        throw new Error(`after ${ms / 1000} s ${failure}`);
      }),
    ]);
  } catch (error) {
    throw new Error(messageOf(error));
  } finally {
    late.abort();
  }
}
