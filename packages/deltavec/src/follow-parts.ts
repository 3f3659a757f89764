import { DeltaIds } from "./delta-id.ts";
import { DeltaError } from "./errors.ts";
import { OPERATION_MASK } from "./frame.ts";
import { frameLength } from "./frame-reader.ts";
import { START_BYTES, split } from "./seen.ts";
import type {
  ChainDelta,
  DeltaEvent,
  ImportResult,
  MergeResult,
  ResolvedDeltaDBOptions,
  VectorDelta,
} from "./types.ts";

type Later<T> = T | Promise<T>;

/** What a follower needs of a database: on this thread, in a worker, or in another tab. */
export interface Followed {
  readonly options: ResolvedDeltaDBOptions;
  readonly position: Later<number>;
  merge(bytes: Uint8Array): Later<MergeResult>;
  cursor(): Later<Uint8Array>;
  deltasSince(cursor: Uint8Array): Later<Uint8Array<ArrayBuffer>>;
  onDelta(
    callback: (delta: DeltaEvent) => void,
    options: { origin: "local" },
    ended?: (error: unknown) => void,
  ): Later<() => void>;
  getDeltaChain(id: string): Later<{ readonly deltas: readonly ChainDelta[] }>;
  applyDelta(delta: VectorDelta): Later<string>;
  getVector(id: string): Later<Float32Array | null>;
  getMetadata(id: string): Later<VectorDelta["metadata"] | null>;
  ids(): Iterable<string> | AsyncIterable<string>;
  export(): Later<Uint8Array<ArrayBuffer>>;
  import(data: Uint8Array): Later<ImportResult>;
  /** Of a database in a worker, or one that tabs share. */
  readonly readers?: number;
  /** Of one that has a storage. */
  readonly storage?: string;
  flush?(): Promise<void>;
  /** Of one that tabs share: how many tabs it has worked through so far. */
  readonly leaders?: number;
}

/** A place in the server's log: an offset for each shard, undefined for one of which nothing is known. */
export interface Place {
  readonly epoch: string;
  readonly offsets: (number | undefined)[];
}

/** Writes a place as the protocol has it. */
export function formatPlace({ epoch, offsets }: Place): string {
  return `${epoch}:${offsets.map((offset) => offset ?? "").join(",")}`;
}

/** Reads a place; undefined for what is none. */
export function parsePlace(text: unknown): Place | undefined {
  const parts = typeof text === "string" && /^(.{1,200}):([\d,]*)$/s.exec(text);
  if (!parts) {
    return undefined;
  }
  const offsets = (parts[2] as string)
    .split(",")
    .map((digits) => (digits === "" ? undefined : Number(digits)));
  const fits = offsets.every((offset) => offset === undefined || Number.isSafeInteger(offset));
  return fits ? { epoch: parts[1] as string, offsets } : undefined;
}

/** Whose delta a frame is: an identified one, that stands alone. */
export interface Identity {
  readonly replica: string;
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly time: number;
}

/** Reads whose a sealed, identified frame is; undefined if that is not to be had. Checks lengths only. */
export function identityOf(frame: Uint8Array): Identity | undefined {
  let at = 9;
  let bytes = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = frame[at++];
    if (byte === undefined || factor > 16_384) {
      return undefined;
    }
    bytes += (byte & 127) * factor;
    if (byte < 128) {
      break;
    }
  }
  return at + bytes + 16 > frame.length ? undefined : identityAt(frame, at + bytes);
}

function identityAt(frame: Uint8Array, at: number): Identity {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return {
    time: view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32,
    sequence: view.getUint32(at + 6, true),
    replica: hexAt(frame, at + 10),
  };
}

function hexAt(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6).toReversed(), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** A delta of this database, out of its log. */
export interface OwnDelta extends Identity {
  readonly vectorId: string;
  readonly deltaId: string;
}

/**
 * Reads what a stream of `deltasSince` with one delta is about.
 *
 * @param stream - a start and a linked frame, which knows nothing before it
 */
export function readSingle(stream: Uint8Array): OwnDelta {
  let at = START_BYTES + 10; // behind the kind, and the 0 that says that the id follows
  const varint = (): bigint => {
    let value = 0n;
    for (let bits = 0n; ; bits += 7n) {
      const byte = BigInt(stream[at++] as number);
      value |= (byte & 127n) << bits;
      if (byte < 128n) {
        return value;
      }
    }
  };
  const unzigzag = (value: bigint): number =>
    Number((value & 1n) === 1n ? -(value + 1n) / 2n : value / 2n);
  const bytes = Number(varint());
  const vectorId = new TextDecoder().decode(stream.subarray(at, at + bytes));
  at += bytes + 1; // and the 0 that says that the replica follows
  const replica = hexAt(stream, at);
  at += 6;
  const sequence = (unzigzag(varint()) + 1) >>> 0;
  const time = unzigzag(varint());
  const low = time % 2 ** 32;
  const ids = new DeltaIds(replica);
  const deltaId = ids.format(low, (time - low) / 2 ** 32, sequence);
  return { vectorId, deltaId, replica, sequence, time };
}

/** Reads which replicas a cursor of a database (docs/format.md) has deltas of. */
export function replicasOf(cursor: Uint8Array): string[] {
  let at = 4;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = cursor[at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
  };
  return Array.from({ length: varint() }, () => {
    const replica = hexAt(cursor, at);
    at += 6;
    for (let numbers = 2 * varint(); numbers > 0; numbers--) {
      varint();
    }
    return replica;
  });
}

/** Whose delta an id is. */
export function identityOfId(deltaId: string): Omit<Identity, "time"> {
  let bits = 0n;
  for (const digit of deltaId) {
    bits = (bits << 5n) | BigInt("0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(digit));
  }
  return {
    replica: (bits & 0xffff_ffff_ffffn).toString(16).padStart(12, "0"),
    sequence: Number((bits >> 48n) & 0xffff_ffffn),
  };
}

/** Counts the deltas of whole frames. O(frames) */
export function countFrames(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += frameLength(bytes, at) as number) {
    count += ((bytes[at + 8] as number) & OPERATION_MASK) === 0 ? 0 : 1;
  }
  return count;
}

/**
 * Returns how far whole frames go from a place: as many as fit, one at least.
 *
 * @param most - bytes
 * @throws DeltaError CORRUPT_DATA, UNSUPPORTED_VERSION for the first one
 */
export function framesEnd(bytes: Uint8Array, from: number, most: number): number {
  let at = from;
  while (at < bytes.length) {
    let length: number | undefined;
    try {
      length = frameLength(bytes, at);
    } catch (error) {
      if (at > from) {
        return at;
      }
      throw error;
    }
    if (length === undefined || at + length > bytes.length) {
      if (at > from) {
        return at;
      }
      throw new DeltaError("CORRUPT_DATA", "bytes of the server end within a frame");
    }
    if (at > from && at + length - from > most) {
      return at;
    }
    at += length;
  }
  return at;
}

/** What a database has not sent of one of its replicas' deltas. */
export interface Unsent {
  /** Sequence number behind which it begins. */
  readonly from: number;
  /** Its last sequence number. */
  readonly to: number;
  /** A stream; undefined if the delta is not in the log any more. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * Reads a replica's deltas out of a database, so that one that was compacted away does not hide the others.
 *
 * @param from - the sequence number before the first
 * @param to - the last one
 */
export async function readUnsent(
  db: Followed,
  replica: string,
  from: number,
  to: number,
): Promise<Unsent> {
  for (let end = to; ; ) {
    const { others } = split(await db.cursor(), replica);
    try {
      const bytes = await db.deltasSince(others(from, end));
      if (countFrames(bytes) <= end - from) {
        return { from, to: end, bytes };
      }
      // Deltas of a replica that was not known before have come in between.
    } catch (error) {
      if (!(error instanceof DeltaError && error.code === "HISTORY_COMPACTED")) {
        throw error;
      }
      if (end - from === 1) {
        return { from, to: end, bytes: undefined };
      }
      end = from + Math.floor((end - from) / 2);
    }
  }
}
