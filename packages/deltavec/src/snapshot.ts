import { DeltaError, describe, invalid } from "./errors.ts";
import type { Instance } from "./instance.ts";
import { joined } from "./joined.ts";
import type { ExportOptions } from "./types.ts";

/** Flags of an export (docs/abi.md). */
export const INDEX = 1;
export const HISTORY = 2;
export const INCREMENT = 4;
export const MARK = 8;
const SIZE = 16;

/** Bytes that are offered at a time: some sections. */
const WINDOW = 1 << 20;

/** What an import has brought. */
export interface ImportOutcome {
  readonly vectors: number;
  readonly deltas: number;
  readonly indexKept: boolean;
  readonly indexDamaged: boolean;
  readonly historyTaken: boolean;
  /** Sequence of the newest delta of the replica that the snapshot's database was, and that replica. */
  readonly sequence: number;
  readonly replicaId: string;
}

/** Returns the flags that options stand for. */
export function exportFlags(options: ExportOptions): number {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const { index = true, history = true } = options;
  for (const [name, value] of Object.entries({ index, history })) {
    if (typeof value !== "boolean") {
      throw invalid(`option ${name} must be true or false, not ${describe(value)}`);
    }
  }
  return (index ? INDEX : 0) | (history ? HISTORY : 0);
}

/**
 * Writes a snapshot, section by section: views on the memory, valid until the next is asked for. The database must not
 * change before the last.
 */
export function* exportPieces(instance: Instance, flags: number): Generator<Uint8Array> {
  instance.beginExport(flags);
  for (;;) {
    const piece = instance.exportNext();
    if (piece === undefined) {
      return;
    }
    yield piece;
  }
}

/**
 * Returns a snapshot as a whole.
 *
 * @throws DeltaError OUT_OF_MEMORY
 */
export function exportWhole(instance: Instance, flags: number): Uint8Array<ArrayBuffer> {
  const size = instance.beginExport(flags | SIZE);
  let whole: Uint8Array<ArrayBuffer>;
  try {
    whole = new Uint8Array(size || -1);
  } catch (cause) {
    throw new DeltaError("OUT_OF_MEMORY", "no memory for an export as a whole: use exportStream", {
      cause,
    });
  }
  let at = 0;
  for (let piece = instance.exportNext(); piece !== undefined; piece = instance.exportNext()) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/**
 * Makes a stream of the snapshot of a database as it is now: what is not read when the database is about to change is
 * taken before it does.
 */
export function exportStream(
  instance: Instance,
  flags: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = exportPieces(instance, flags);
  const taken: Uint8Array<ArrayBuffer>[] = [];
  let failure: unknown;
  const take = (): Uint8Array<ArrayBuffer> | undefined => {
    const { value } = pieces.next();
    return value?.slice();
  };
  const takeAll = (): void => {
    try {
      for (let piece = take(); piece !== undefined; piece = take()) {
        taken.push(piece);
      }
    } catch (error) {
      failure = error;
    }
  };
  const first = take(); // its head is of now
  const before = instance.beforeWrite;
  instance.beforeWrite = () => {
    before?.();
    takeAll();
  };
  if (first !== undefined) {
    taken.push(first);
  }
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        const piece = taken.shift() ?? (failure === undefined ? take() : undefined);
        if (piece !== undefined) {
          controller.enqueue(piece);
        } else if (failure !== undefined) {
          controller.error(failure);
        } else {
          controller.close();
        }
      },
      cancel() {
        pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Reads a snapshot, and the increments that follow it, in pieces of any size. After an error it is of no use. */
export class Importer {
  readonly #instance: Instance;
  #handle: number;
  /** The beginning of a section. */
  #rest: Uint8Array = new Uint8Array(0);

  /** @throws DeltaError OUT_OF_MEMORY */
  constructor(instance: Instance) {
    this.#instance = instance;
    this.#handle = instance.beginImport();
  }

  /**
   * Reads a piece.
   *
   * @throws DeltaError CORRUPT_DATA, UNSUPPORTED_VERSION, DIMENSION_MISMATCH, INVALID_ARGUMENT, CAPACITY_EXCEEDED,
   * OUT_OF_MEMORY
   */
  feed(chunk: Uint8Array): void {
    const instance = this.#instance;
    const bytes = this.#rest.length === 0 ? chunk : joined([this.#rest, chunk]);
    let at = 0;
    this.#guarded(() => {
      for (let window = WINDOW; at < bytes.length; ) {
        const length = instance.put(bytes.subarray(at, at + window));
        const read = instance.importNext(this.#handle, length);
        at += read;
        if (read > 0) {
          window = WINDOW;
        } else if (length < window) {
          break;
        } else {
          window *= 2;
        }
      }
    });
    this.#rest = bytes.slice(at);
  }

  /** Makes what was read the database; until then nothing has changed. */
  end(): ImportOutcome {
    const instance = this.#instance;
    this.#guarded(() => {
      if (this.#rest.length > 0) {
        throw new DeltaError(
          "CORRUPT_DATA",
          "the snapshot is cut off, or something stands behind its end",
        );
      }
      instance.endImport(this.#handle);
    });
    const { words, output } = instance;
    const flags = words[output + 2];
    return {
      vectors: words[output],
      deltas: words[output + 1],
      indexKept: (flags & 1) !== 0,
      indexDamaged: (flags & 2) !== 0,
      historyTaken: (flags & 4) !== 0,
      sequence: words[output + 4],
      replicaId: (words[output + 7] * 2 ** 32 + words[output + 6]).toString(16).padStart(12, "0"),
    };
  }

  /** Gives up; nothing has changed. */
  abort(): void {
    if (this.#handle !== 0 && this.#instance.ready) {
      this.#instance.abortImport(this.#handle);
    }
    this.#handle = 0;
  }

  #guarded(run: () => void): void {
    this.#instance.check();
    if (this.#handle === 0) {
      throw invalid("this import has ended");
    }
    try {
      run();
    } catch (error) {
      this.abort();
      throw error;
    }
  }
}
