import { DeltaError, describe, invalid, quote } from "./errors.ts";
import { MAX_ID_BYTES, writeId } from "./frame.ts";
import { Instance } from "./instance.ts";

/** Methods of an {@link Instance} that call nothing that could change a vector or the memory. */
const HARMLESS = [
  "constructor",
  "check",
  "beginReading",
  "endReading",
  "put",
  "outputCopy",
  "text",
];
/** Methods of arrays that write. */
const WRITES = ["copyWithin", "fill", "reverse", "set", "sort"];

/** How long views of a database are valid. */
export interface Validity {
  /** Looking up another vector leaves them as they are. */
  readonly lookups: boolean;
  /** They are valid as long as their vector lives. */
  readonly life: boolean;
}

/** Makes views that are checked whenever they are read (option `debug`). Knows of all calls of one instance. */
export class CheckedViews {
  readonly #instance: Instance;
  readonly #validity: Validity;
  #calls = 0;
  #last = "";

  constructor(instance: Instance, validity: Validity) {
    this.#instance = instance;
    this.#validity = validity;
    for (const [name, { value }] of Object.entries(
      Object.getOwnPropertyDescriptors(Instance.prototype),
    )) {
      if (
        typeof value === "function" &&
        !HARMLESS.includes(name) &&
        !(validity.lookups && name === "find")
      ) {
        Object.defineProperty(instance, name, {
          value: (...args: unknown[]) => {
            try {
              return value.apply(instance, args);
            } finally {
              this.#calls++;
              this.#last = name;
            }
          },
        });
      }
    }
  }

  /** Returns a view that throws when it is read and not valid any more, and when it is written. */
  view(id: string, floats: Float32Array): Float32Array {
    let seen = this.#calls;
    const check = (): void => {
      if ((seen !== this.#calls || floats.length === 0) && !this.#lives(id, floats)) {
        throw invalid(
          `view of vector ${quote(id)} is stale: the database was called since (${this.#last}); take it anew, or copy what is to be kept`,
        );
      }
      seen = this.#calls;
    };
    const readOnly = (): never => {
      throw invalid(`view of vector ${quote(id)} must not be written`);
    };
    return new Proxy(floats, {
      get: (target, key) => {
        check();
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function" || key === "constructor") {
          return value;
        }
        return WRITES.includes(key as string) ? readOnly : value.bind(target);
      },
      set: readOnly,
    });
  }

  /** Whether a view is still that of its vector, where it is valid as long as that lives. */
  #lives(id: string, floats: Float32Array): boolean {
    const instance = this.#instance;
    const { bytes, input } = instance;
    if (!this.#validity.life || bytes.length === 0) {
      return false;
    }
    // The input may be about to be written, by whoever reads the view.
    const kept = bytes.slice(input, input + MAX_ID_BYTES);
    const address = instance.find(writeId(instance, id));
    bytes.set(kept, input);
    return address === floats.byteOffset;
  }
}

/** Checks where a vector is to be copied to. */
export function requireTarget(
  target: Float32Array,
  dimensions: number,
  memory: ArrayBufferLike | undefined,
): void {
  if (!(target instanceof Float32Array)) {
    throw invalid(`target must be a Float32Array, not ${describe(target)}`);
  }
  if (target.buffer === memory) {
    throw invalid("target must not be a view on the database's own memory");
  }
  if (target.length !== dimensions) {
    throw new DeltaError(
      "DIMENSION_MISMATCH",
      `target has room for ${target.length} values, not ${dimensions}`,
    );
  }
}

/** Returns zeros for so many vectors. */
export function newRows(count: number, dimensions: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count * dimensions);
  } catch (cause) {
    throw new DeltaError("OUT_OF_MEMORY", `no memory for ${count} vectors`, { cause });
  }
}
