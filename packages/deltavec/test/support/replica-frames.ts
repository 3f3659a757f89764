// Frames of replicas, taken apart and put together as a server does.
import { encodeDeltas } from "deltavec/streams";
import { crc32c } from "../../src/crc32c.ts";

/** A delta that stands alone. */
export interface Shared {
  readonly vectorId: string;
  readonly time: number;
  readonly sequence: number;
  readonly replica: string;
  /** Sealed and identified. */
  readonly frame: Uint8Array;
}

const METADATA = 32;

/** Takes a stream of `deltasSince` apart, as docs/format.md has it; the bytes are known to be good. Not for grids. */
export function splitStream(bytes: Uint8Array): Shared[] {
  const all: Shared[] = [];
  const text = new TextDecoder();
  let ids: Uint8Array[] = [];
  let replicas: { bytes: Uint8Array; sequence: number }[] = [];
  let patches: Uint8Array[] = [];
  let time = 0n;
  for (let start = 0; start < bytes.length; ) {
    const end = start + (bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16));
    const kind = bytes[start + 8]!;
    let at = start + 9;
    start = end;
    if ((kind & 7) === 0) {
      ids = [];
      replicas = [];
      patches = [];
      time = 0n;
      continue;
    }
    const varint = (): bigint => {
      let value = 0n;
      for (let bits = 0n; ; bits += 7n) {
        const byte = BigInt(bytes[at++]!);
        value |= (byte & 127n) << bits;
        if (byte < 128n) {
          return value;
        }
      }
    };
    const number = (): number => Number(varint());
    const unzigzag = (value: bigint): bigint => (value & 1n ? -(value + 1n) / 2n : value / 2n);
    const taken = (count: number): Uint8Array => {
      at += count;
      return bytes.slice(at - count, at);
    };
    const known = number();
    if (known === 0) {
      ids.push(taken(number()));
    }
    const id = known === 0 ? ids.at(-1)! : ids[known - 1]!;
    const which = number();
    if (which === 0) {
      replicas.push({ bytes: taken(6), sequence: 0 });
    }
    const replica = which === 0 ? replicas.at(-1)! : replicas[which - 1]!;
    replica.sequence += 1 + Number(unzigzag(varint()));
    time += unzigzag(varint());
    const payload = at;
    const operation = kind & 7;
    if (operation === 1 || operation === 3) {
      const count = number();
      at += 4 * count;
    } else if (operation === 2) {
      const count = number();
      for (let i = 0; i < count; i++) {
        number();
      }
      at += 4 * count;
    } else if (operation === 7) {
      let count = 0;
      for (let runs = number(); runs > 0; runs--) {
        number();
        count += number() + 1;
      }
      at += 4 * count;
    } else if (operation !== 6) {
      at += 4;
    }
    const parts: Uint8Array[] = [bytes.slice(payload, at)];
    if ((kind & METADATA) !== 0) {
      const length = number();
      let patch: Uint8Array;
      if (length === 0) {
        patch = patches[number() - 1]!;
      } else {
        patch = taken(length);
        if (length <= 256) {
          patches.push(patch);
        }
      }
      parts.push(toVarint(patch.length), patch);
    }
    const { sequence } = replica;
    const hex = Buffer.from(replica.bytes).reverse().toString("hex");
    const identity = { replica: hex, sequence, time: Number(time) };
    const frame = assemble(kind & (7 | METADATA), id, identity, Buffer.concat(parts));
    all.push({ ...identity, vectorId: text.decode(id), frame });
  }
  return all;
}

/** Makes a frame that begins a vector, under the name of a delta. */
export function createAs(
  vectorId: string,
  vector: Float32Array<ArrayBuffer>,
  metadata: Record<string, unknown>,
  identity: Pick<Shared, "time" | "sequence" | "replica">,
): Uint8Array {
  const patch = Object.keys(metadata).length === 0 ? {} : { metadata };
  const operation = { type: "create", vector } as const;
  const local = encodeDeltas([{ vectorId, operation, ...patch }]);
  const id = new TextEncoder().encode(vectorId);
  const behind = 9 + toVarint(id.length).length + id.length;
  return assemble(local[8]! & (7 | METADATA), id, identity, local.subarray(behind));
}

function assemble(
  kind: number,
  id: Uint8Array,
  { time, sequence, replica }: Pick<Shared, "time" | "sequence" | "replica">,
  rest: Uint8Array,
): Uint8Array {
  const identity = Buffer.alloc(16);
  identity.writeUIntLE(time, 0, 6);
  identity.writeUInt32LE(sequence, 6);
  Buffer.from(replica, "hex").reverse().copy(identity, 10);
  const frame = Buffer.concat([Buffer.alloc(9), toVarint(id.length), id, identity, rest]);
  frame.writeUIntLE(frame.length, 0, 3);
  frame[3] = 1;
  frame[8] = kind | 8 | 64;
  frame.writeUInt32LE(crc32c(frame, 8, frame.length), 4);
  return new Uint8Array(frame);
}

export function toVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) {
    bytes.push((left % 128) | 128);
  }
  return Uint8Array.of(...bytes, left);
}
