import { crc32c } from "../../src/crc32c.ts";
import { DeltaError } from "../../src/errors.ts";
import type { Recorder } from "../../src/instance.ts";
import { APPLY, type LogRecord, type OpenPayload } from "../../src/storage/log.ts";
import type { LoggedState, SnapshotImport } from "../../src/storage/recovery.ts";

/** What a {@link ListState} is, as JSON has it. */
interface Written {
  readonly from: number;
  readonly items: string[];
  readonly replica: string;
  readonly sequences: Record<string, number>;
}

const INCREMENT = 4;
const MARK = 8;

/**
 * A state that is as small as can be: the list of all that was ever applied. It has snapshots and increments, an own
 * replica and sequences as a database has, so that what keeps it can be tried out by the thousand.
 */
export class ListState implements LoggedState {
  items: string[] = [];
  recorder: Recorder | undefined;
  #replica = "";
  #options: Readonly<Record<string, unknown>> = {};
  #sequences: Record<string, number> = {};
  #mark: number | undefined;

  get sequence(): number {
    return this.#sequences[this.#replica] ?? 0;
  }

  /** Changes the state, and has that recorded. */
  apply(item: string): void {
    this.recorder?.check();
    this.#add(item);
    const bytes = new TextEncoder().encode(item);
    this.recorder?.record(APPLY, 1, 7, this.sequence, undefined, bytes, 0, bytes.length);
  }

  /** Makes it another state, as an import does. */
  become(items: readonly string[], replica: string): void {
    this.recorder?.check();
    this.items = [...items];
    this.#replica = replica;
    this.#sequences = {};
    this.#mark = undefined;
    this.recorder?.imported();
  }

  open({ replica, options }: OpenPayload): void {
    this.#replica = replica;
    this.#options = options;
  }

  opened(): OpenPayload {
    return { replica: this.#replica, options: this.#options };
  }

  replay(record: LogRecord): number {
    this.#add(new TextDecoder().decode(record.payload));
    return this.sequence;
  }

  *pieces(flags: number): Iterable<Uint8Array> {
    const from = (flags & INCREMENT) === 0 ? 0 : this.#mark;
    if (from === undefined) {
      throw new DeltaError("INVALID_ARGUMENT", "an increment to nothing");
    }
    if ((flags & MARK) !== 0) {
      this.#mark = this.items.length;
    }
    const written: Written = {
      from,
      items: this.items.slice(from),
      replica: this.#replica,
      sequences: this.#sequences,
    };
    const json = new TextEncoder().encode(JSON.stringify(written));
    const head = new Uint32Array([json.length, crc32c(json)]);
    yield new Uint8Array(head.buffer);
    yield json;
  }

  begin(): SnapshotImport {
    const parts: number[] = [];
    return {
      feed: (chunk) => {
        parts.push(...chunk);
      },
      end: () => {
        const bytes = Uint8Array.from(parts);
        const view = new DataView(bytes.buffer);
        let items: string[] = [];
        let last: Written | undefined;
        for (let at = 0; at < bytes.length; ) {
          const length = at + 8 > bytes.length ? bytes.length : view.getUint32(at, true);
          const json = bytes.subarray(at + 8, at + 8 + length);
          if (
            length === 0 ||
            json.length < length ||
            crc32c(json) !== view.getUint32(at + 4, true)
          ) {
            throw new DeltaError("CORRUPT_DATA", `the list is damaged at byte ${at}`);
          }
          last = JSON.parse(new TextDecoder().decode(json)) as Written;
          if (last.from !== items.length) {
            throw new DeltaError("CORRUPT_DATA", "an increment to something else");
          }
          items = [...items, ...last.items];
          at += 8 + length;
        }
        if (last === undefined) {
          throw new DeltaError("CORRUPT_DATA", "there is no list");
        }
        this.items = items;
        this.#replica = last.replica;
        this.#sequences = { ...last.sequences };
        return { indexRebuilt: false, sequence: this.sequence };
      },
      abort: () => {},
    };
  }

  #add(item: string): void {
    this.items.push(item);
    this.#sequences[this.#replica] = this.sequence + 1;
  }
}
