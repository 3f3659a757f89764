// Tabs within one process: a lock manager and wires as browsers have them, and disks that tabs may be cut off from.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import type { DurableOptions } from "../../src/durable.ts";
import type { RemoteDurableDeltaVectorDB } from "../../src/remote.ts";
import type { Storage, StorageFile } from "../../src/storage/storage.ts";
import type { TabPlatform, Wire } from "../../src/storage/tab-protocol.ts";
import { PACKAGE } from "./process.ts";

type Parts = typeof import("./tabs-parts.ts");

/** Bundles the package's inside, which imports what only a bundler knows, and loads it. */
async function loadParts(): Promise<Parts> {
  const folder = join(PACKAGE, "target/test");
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `tabs-${process.pid}.mjs`);
  await build({
    absWorkingDir: PACKAGE,
    entryPoints: ["test/support/tabs-parts.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2024",
    loader: { ".deflate": "base64", ".wasm": "base64" },
    outfile,
    logLevel: "warning",
  });
  return import(pathToFileURL(outfile).href);
}

export const parts: Parts = await loadParts();
await parts.init();

interface Waiting {
  readonly tab: Tab;
  readonly grant: (lock: Lock | null) => unknown;
  readonly name: string;
}

/** Web Locks: one holder for each name, and a queue. */
class Locks {
  readonly #held = new Map<string, Tab>();
  #queue: Waiting[] = [];

  of(tab: Tab): LockManager {
    const request = (name: string, ...rest: readonly unknown[]): Promise<unknown> => {
      const callback = rest.at(-1) as (lock: Lock | null) => unknown;
      const { ifAvailable, signal } = (rest.length > 1 ? rest[0] : {}) as LockOptions;
      return new Promise((resolve, reject) => {
        const grant = (lock: Lock | null): void => {
          Promise.resolve(lock)
            .then(callback)
            .then(resolve, reject)
            .finally(() => lock !== null && this.#release(name, tab));
        };
        if (ifAvailable && (this.#held.has(name) || this.#queue.some((w) => w.name === name))) {
          grant(null);
          return;
        }
        const waiting = { tab, grant, name };
        this.#queue.push(waiting);
        signal?.addEventListener("abort", () => {
          if (this.#queue.includes(waiting)) {
            this.#queue.splice(this.#queue.indexOf(waiting), 1);
            reject(signal.reason);
          }
        });
        this.#grant();
      });
    };
    return { request } as unknown as LockManager;
  }

  /** What a tab held, or waited for, as it is no more. */
  forget(tab: Tab): void {
    this.#queue = this.#queue.filter((waiting) => waiting.tab !== tab);
    for (const [name, holder] of this.#held) {
      if (holder === tab) {
        this.#held.delete(name);
      }
    }
    this.#grant();
  }

  #release(name: string, tab: Tab): void {
    if (this.#held.get(name) === tab) {
      this.#held.delete(name);
      this.#grant();
    }
  }

  #grant(): void {
    for (const waiting of [...this.#queue]) {
      if (!this.#held.has(waiting.name)) {
        this.#held.set(waiting.name, waiting.tab);
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        waiting.grant({ name: waiting.name, mode: "exclusive" });
      }
    }
  }
}

class FakeWire implements Wire {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  readonly #world: World;
  readonly tab: Tab;
  readonly name: string;

  constructor(world: World, tab: Tab, name: string) {
    this.#world = world;
    this.tab = tab;
    this.name = name;
    world.wires.add(this);
  }

  postMessage(message: unknown): void {
    const copy = structuredClone(message);
    if (!this.tab.alive) {
      return;
    }
    for (const other of this.#world.wires) {
      if (other !== this && other.name === this.name) {
        setImmediate(() => {
          if (other.tab.alive && this.#world.wires.has(other)) {
            other.onmessage?.({ data: structuredClone(copy) } as MessageEvent);
          }
        });
      }
    }
  }

  close(): void {
    setImmediate(() => this.#world.wires.delete(this)); // what was posted before still comes
  }
}

/** A browser: its tabs share locks, wires and one disk. */
export class World {
  readonly locks: Locks = new Locks();
  readonly wires: Set<FakeWire> = new Set();
  readonly disk: Storage = new parts.MemoryStorage("");
  readonly tabs: Tab[] = [];
  /** How many have the storage open; more than one is a split brain. */
  open = 0;
  most = 0;

  tab(): Tab {
    const tab = new Tab(this);
    this.tabs.push(tab);
    return tab;
  }
}

/** One tab. */
export class Tab {
  alive = true;
  /** Called before each flush of its storage. */
  beforeFlush: (() => Promise<void>) | undefined;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get platform(): TabPlatform {
    const world = this.#world;
    return {
      locks: world.locks.of(this),
      wire: (name) => new FakeWire(world, this, name),
    };
  }

  /** Opens the database of this world. */
  open(options: DurableOptions = {}): Promise<RemoteDurableDeltaVectorDB> {
    const { durability = "strict", flushMs, tabs, signal, onError, ...given } = options;
    const how = flushMs === undefined ? { durability } : { durability, flushMs };
    const all = { dimensions: 2, ...given };
    return parts.openTabs(
      "idb://world",
      { ...options, durability },
      async (release, now) => {
        const world = this.#world;
        const mine = { ...all, now, ...(onError && { onError }) };
        world.most = Math.max(world.most, ++world.open);
        const storage = this.#storage(async () => {
          world.open--;
          await release?.();
        });
        try {
          return await parts.StoredDatabase.open(storage, mine, how);
        } catch (error) {
          world.open--;
          throw error;
        }
      },
      this.platform,
    );
  }

  /** Ends it as a crash does: nothing that it does from here on has an effect, and its locks are free. */
  kill(): void {
    if (this.alive) {
      this.alive = false;
      this.#world.open = 0;
      this.#world.locks.forget(this);
    }
  }

  /** The disk, seen from this tab. */
  #storage(closed: () => Promise<void>): Storage {
    const { disk } = this.#world;
    const living = async (): Promise<void> => {
      if (!this.alive) {
        await new Promise(() => {});
      }
    };
    const file = (inner: StorageFile): StorageFile => ({
      size: () => living().then(() => inner.size()),
      read: (at, target) => living().then(() => inner.read(at, target)),
      write: (at, bytes) => living().then(() => inner.write(at, bytes)),
      truncate: (size) => living().then(() => inner.truncate(size)),
      flush: async (strict) => {
        await this.beforeFlush?.();
        await living();
        await inner.flush(strict);
      },
      close: () => living().then(() => inner.close()),
    });
    return {
      name: "idb://world",
      list: () => living().then(() => disk.list()),
      open: (name) => living().then(async () => file(await disk.open(name))),
      remove: (name) => living().then(() => disk.remove(name)),
      close: () => living().then(closed),
    };
  }
}
