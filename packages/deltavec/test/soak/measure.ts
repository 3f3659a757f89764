// How fast a storage is: on Node, on pages and in workers.
import { openStorage } from "../../src/storage/url.ts";
import { pattern } from "../storage/conformance.ts";

const MB = 1 << 20;
const MEGABYTES = 40;
const FLUSHES = 500;

/** What is measured. */
export interface Figures {
  /** MB (2^20 bytes) a second of writing 40 of them, flushed strictly at the end. */
  readonly write: number;
  /** Of reading them in parts of 1 MB, three times, each after opening the storage anew. */
  readonly read: readonly number[];
  /** Of reading them in one go. */
  readonly readWhole: number;
  /** Microseconds of appending 1 KB and flushing, strictly or not: half of all, and 99 of 100, take no longer. */
  readonly strict: readonly [median: number, most: number];
  readonly relaxed: readonly [median: number, most: number];
}

/** Measures a storage that is not there yet, and leaves it empty. */
export async function measure(url: string): Promise<Figures> {
  const part = pattern(MB);
  const since = (start: number): number => (performance.now() - start) / 1000;
  let storage = await openStorage(url);
  let file = await storage.open("snapshot-1");
  let start = performance.now();
  for (let at = 0; at < MEGABYTES * MB; at += MB) {
    await file.write(at, part);
    await file.flush(false);
  }
  await file.flush(true);
  const write = Math.round(MEGABYTES / since(start));
  const read: number[] = [];
  for (const length of [MB, MB, MB, MEGABYTES * MB]) {
    await file.close();
    await storage.close();
    storage = await openStorage(url);
    file = await storage.open("snapshot-1");
    const target = new Uint8Array(length).fill(1); // has its memory now
    start = performance.now();
    for (let at = 0; at < MEGABYTES * MB; at += length) {
      await file.read(at, target);
    }
    read.push(Math.round(MEGABYTES / since(start)));
  }
  await file.close();
  const log = await storage.open("log-1");
  const flush = async (strict: boolean): Promise<[number, number]> => {
    const times: number[] = [];
    for (let i = 0; i < FLUSHES; i++) {
      start = performance.now();
      await log.write(await log.size(), part.subarray(0, 1024));
      await log.flush(strict);
      times.push(Math.round(1e6 * since(start)));
    }
    times.sort((a, b) => a - b);
    return [times[FLUSHES / 2]!, times[(FLUSHES * 99) / 100]!];
  };
  const figures: Figures = {
    write,
    read: read.slice(0, 3),
    readWhole: read[3]!,
    strict: await flush(true),
    relaxed: await flush(false),
  };
  await log.close();
  for (const name of await storage.list()) {
    await storage.remove(name);
  }
  await storage.close();
  return figures;
}
