import type { DeltaErrorCode } from "./errors.ts";
import { DeltaError } from "./errors.ts";

/**
 * deltavec/measure: the calls of a database in the platform's performance timeline.
 *
 * @packageDocumentation
 */
export type { DeltaErrorCode } from "./errors.ts";

/** The kinds of calls that are measured; a measure is called `deltavec:` and one of these. */
export type MeasuredCall =
  | "apply"
  | "search"
  | "searchAt"
  | "merge"
  | "rollback"
  | "compact"
  | "repair"
  | "checkpoint"
  | "flush"
  | "export"
  | "import";

/** What is said with each measure, as its `detail`. */
export interface MeasureDetail {
  /** Name of the method. */
  readonly method: string;
  /** Deltas that were to be applied, queries that were searched for, bytes that were merged; else 1. */
  readonly items: number;
  /** What the method threw or rejected with: a code, or the name of what is no `DeltaError`. */
  readonly error?: DeltaErrorCode | (string & {});
  /** What {@link MeasureOptions.label} said. */
  readonly label?: string;
}

/** How `measure` measures. */
export interface MeasureOptions {
  /** Tells databases apart: stands in each `detail`. */
  readonly label?: string;
  /**
   * Keeps measures in the timeline, for `performance.getEntriesByName`, which takes more memory with each call. Default false:
   * observers (`PerformanceObserver`) and developer tools get them, then they are gone.
   */
  readonly keep?: boolean;
}

/** A database: any of the faces that deltavec has. */
export interface Measurable {
  applyDelta(...args: never[]): unknown;
  search(...args: never[]): unknown;
}

/** A method, as it is called. */
type Method = (this: unknown, ...args: unknown[]) => unknown;

const one = (): number => 1;
const count = (list: unknown): number => (Array.isArray(list) ? list.length : 1);
const bytes = (data: unknown): number => (data instanceof Uint8Array ? data.length : 1);

const METHODS: Readonly<Record<string, readonly [MeasuredCall, (argument: unknown) => number]>> = {
  applyDelta: ["apply", one],
  applyDeltas: ["apply", count],
  search: ["search", one],
  searchBatch: ["search", count],
  searchAt: ["searchAt", one],
  merge: ["merge", bytes],
  rollbackTo: ["rollback", one],
  compact: ["compact", one],
  repair: ["repair", one],
  checkpoint: ["checkpoint", one],
  flush: ["flush", one],
  export: ["export", one],
  import: ["import", one],
  importStream: ["import", one],
};

/** Databases that are measured. */
const measured = new WeakSet<object>();

/**
 * Measures the calls of a database from now on, by `performance.measure`: from the call to its return or, where it returns a
 * promise, to its end. A database that is not measured pays nothing for it.
 *
 * @param db - of whatever face
 * @returns ends the measuring; again: does nothing
 * @throws DeltaError `INVALID_ARGUMENT` for what is no database, or is measured already
 *
 * @example
 * ```ts
 * const stop = measure(db, { label: "notes" });
 * new PerformanceObserver((list) => {
 *   for (const { name, duration, detail } of list.getEntries()) console.log(name, duration, detail);
 * }).observe({ type: "measure" });
 * ```
 */
export function measure(db: Measurable, options: MeasureOptions = {}): () => void {
  if (typeof db?.applyDelta !== "function" || typeof db.search !== "function") {
    throw new DeltaError("INVALID_ARGUMENT", "measure takes a database");
  }
  if (measured.has(db)) {
    throw new DeltaError("INVALID_ARGUMENT", "the database is measured already");
  }
  const target = db as unknown as Record<string, unknown>;
  const { label, keep = false } = options;
  const more = label === undefined ? {} : { label };
  const wrapped: string[] = [];
  for (const [method, [call, items]] of Object.entries(METHODS)) {
    const original = target[method];
    if (typeof original === "function") {
      const name = `deltavec:${call}`;
      const value = wrap(original as Method, name, keep, (argument) => ({
        method,
        items: items(argument),
        ...more,
      }));
      Object.defineProperty(db, method, { value, configurable: true, writable: true });
      wrapped.push(method);
    }
  }
  measured.add(db);
  return () => {
    if (measured.delete(db)) {
      for (const method of wrapped) {
        delete target[method]; // the class's own comes back
      }
    }
  };
}

/** Names whose entries stay for somebody: the platform clears by name only. */
const kept = new Set<string>();

function wrap(
  method: Method,
  name: string,
  keep: boolean,
  describe: (argument: unknown) => MeasureDetail,
): Method {
  return function (this: unknown, ...args: unknown[]): unknown {
    const start = performance.now();
    const end = (error?: unknown): void => {
      const detail = describe(args[0]);
      const told = error === undefined ? detail : { ...detail, error: errorName(error) };
      performance.measure(name, { start, detail: told });
      if (keep) {
        kept.add(name);
      } else if (!kept.has(name)) {
        performance.clearMeasures(name);
      }
    };
    let result: unknown;
    try {
      result = method.apply(this, args);
    } catch (error) {
      end(error ?? "nothing");
      throw error;
    }
    if (result instanceof Promise) {
      // Beside the promise, which is the caller's as it is.
      result.then(
        () => end(),
        (error) => end(error ?? "nothing"),
      );
    } else {
      end();
    }
    return result;
  };
}

function errorName(error: unknown): string {
  return error instanceof DeltaError
    ? error.code
    : error instanceof Error
      ? error.name
      : String(error);
}
