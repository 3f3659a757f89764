import { failure } from "./failure.ts";
import { parseStorageUrl } from "./storage-url.ts";

/** Gives a lock back. Again: does nothing. */
export type Release = () => Promise<void>;

/** Milliseconds between two looks at a lock that does not tell when it becomes free. */
const LOOK_MS = 200;

/**
 * Takes the lock of a storage if nobody has it: of `idb://` and `opfs://` the Web Lock `deltavec:` and the URL, of `file:` the
 * lock file (docs/format.md). It ends with the tab, worker or process that has it, too.
 *
 * Web Locks are there in secure contexts only. Elsewhere `idb://` is still to be had, and this cannot tell whether somebody has it; the
 * storage then sees to it that only the last one to open it writes, and all others fail with LOCKED. Of `memory:` there
 * is nothing to lock: it opens once at a time.
 *
 * @returns what gives it back; undefined if somebody else has it
 */
export async function tryLock(url: string): Promise<Release | undefined> {
  const { kind, name } = parseStorageUrl(url);
  if (kind === "file") {
    const { lockDirectory } = await import("./file-lock.ts");
    const release = await lockDirectory(url, name);
    return typeof release === "string" ? undefined : release;
  }
  const locks = webLocks();
  return kind === "memory" || locks === undefined
    ? async () => {}
    : hold(locks, url, { ifAvailable: true });
}

/**
 * Takes the lock of a storage as soon as nobody else has it: in the order in which it was asked for where there are Web Locks.
 *
 * @param signal - gives up: rejects with its reason
 */
export async function waitLock(url: string, signal?: AbortSignal): Promise<Release> {
  signal?.throwIfAborted();
  const { kind } = parseStorageUrl(url);
  const locks = webLocks();
  if ((kind === "idb" || kind === "opfs") && locks !== undefined) {
    const release = await hold(locks, url, signal === undefined ? {} : { signal });
    if (release !== undefined) {
      return release;
    }
  }
  for (;;) {
    const release = await tryLock(url);
    if (signal?.aborted) {
      await release?.();
      throw signal.reason;
    }
    if (release !== undefined) {
      return release;
    }
    await pause(LOOK_MS, signal);
  }
}

/** Where there are Web Locks. */
export function webLocks(): LockManager | undefined {
  return (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
}

/** Holds the Web Lock of a storage's URL. Undefined if that is not to be had at once and was only asked for so. */
export function hold(
  locks: LockManager,
  url: string,
  options: LockOptions,
): Promise<Release | undefined> {
  return new Promise((resolve, reject) => {
    const request = locks.request(`deltavec:${url}`, options, (lock) => {
      if (lock === null) {
        resolve(undefined);
        return;
      }
      return new Promise<void>((free) => {
        resolve(async () => {
          free();
          // Once this is done, the next one gets it.
          await request.catch(() => undefined);
        });
      });
    });
    request.catch((cause) => {
      reject(
        options.signal?.aborted ? options.signal.reason : failure(`${url} cannot be locked`, cause),
      );
    });
  });
}

/** Waits, or for a signal if that comes earlier. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
