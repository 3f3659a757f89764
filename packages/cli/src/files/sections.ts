import { crc32c } from "../../../deltavec/src/crc32c.ts";
import { whole } from "../terminal.ts";
import { FrameDecoder, type ReadFrame } from "./frames.ts";
import { areZero, Damage, type FileSource, getUint53, viewOf } from "./source.ts";
import { counted, replicaText } from "./text.ts";

/** Bytes of a section before its payload. */
const HEADER = 16;
const MAX_PAYLOAD = 1 << 22;
const MAGIC = 0x31535644; // DVS1
const VERSION = 1;
/** Bytes of the head before the replicas. */
const HEAD_BYTES = 88;
const VECTOR_BYTES = 24;
const CHAIN_BYTES = 16;
/** What stands in place of the number of a delta's arrival. */
const CHECKPOINT = 0xffff_ffff;
/** Bytes of a checkpoint before its values. */
const CHECKPOINT_BYTES = 32;
/** Bytes of the shortest frame. */
const FRAME_BYTES = 9;
/** Bytes of a node before its links. */
const NODE_BYTES = 16;

/** Kinds of sections (docs/format.md). */
export const HEAD = 1;
const VECTORS = 2;
const CHAINS = 3;
const GRAPH = 4;
const NODES = 5;
export const END = 9;

const NAMES: Readonly<Record<number, string>> = {
  [HEAD]: "head",
  [VECTORS]: "vectors",
  [CHAINS]: "history",
  [GRAPH]: "graph",
  [NODES]: "nodes",
  [END]: "end",
};

/** The name of a kind of sections. */
export function sectionName(kind: number): string {
  return NAMES[kind] ?? `kind ${kind}`;
}

/** A section whose checksum holds. */
export interface Section {
  /** Index of its first byte in its file. */
  readonly at: number;
  readonly kind: number;
  /** Valid until the next section is asked for. */
  readonly payload: Uint8Array;
}

/** What the head of a snapshot says. */
export interface SnapshotHead {
  readonly dimensions: number;
  readonly metric: string;
  readonly quantization: string;
  readonly keepFloats: boolean;
  /** Steps of the grid to 1, 0 for none. */
  readonly grid: number;
  readonly index: boolean;
  readonly history: boolean;
  readonly increment: boolean;
  /** Live vectors. */
  readonly vectors: number;
  /** Deltas of the history. */
  readonly deltas: number;
  /** Of the own replica. */
  readonly sequence: number;
  readonly replica: string;
  /** Time of the newest delta, Unix milliseconds. */
  readonly lastTime: number;
  /** Replicas that deltas were seen of. */
  readonly replicas: number;
}

/** A vector's record in a snapshot. */
export interface SnapshotVector {
  readonly slot: number;
  /** Undefined for one that is gone since the snapshot before. */
  readonly vectorId: string | undefined;
  /** Time of its newest delta, Unix milliseconds. */
  readonly time: number;
  readonly metadata: string | undefined;
  /** Its values, or undefined where only codes are kept. */
  readonly values: Float32Array | undefined;
}

/** What {@link readSections} found wrong. */
export interface SectionDamage {
  readonly at: number;
  readonly why: string;
  /** Whether the bytes just end before the stream does. */
  readonly unfinished: boolean;
  /** Whether it is a section of the index, which can be built anew. */
  readonly ofIndex: boolean;
}

/**
 * Reads a row of snapshot streams, section by section. Those whose checksum does not hold are passed over.
 *
 * @param from - index of the first section
 * @param onDamage - told what is wrong
 */
export function* readSections(
  source: FileSource,
  from: number,
  onDamage: (damage: SectionDamage) => void,
): Generator<Section> {
  let before = 0;
  let sums = 0;
  let last = 0;
  let at = from;
  const say = (why: string, where = at, unfinished = false, ofIndex = false): void =>
    onDamage({ at: where, why, unfinished, ofIndex });
  while (at < source.size) {
    const header = source.read(at, HEADER).slice();
    const left = source.size - at;
    if (header.length < HEADER || areZero(header)) {
      say(header.length < HEADER ? "a section's header is cut off" : "zeroes", at, true);
      return;
    }
    const view = viewOf(header);
    if (view.getUint32(0, true) !== MAGIC) {
      say(before === 0 ? "there is no section" : "something stands behind the last section");
      return;
    }
    const kind = header[4]!;
    const length = view.getUint32(8, true);
    if (length > MAX_PAYLOAD || view.getUint16(6, true) !== 0) {
      say(`a section of ${length} bytes: its header is damaged`);
      return;
    }
    if (HEADER + length > left) {
      say(`section ${before + 1} (${sectionName(kind)}) is cut off`, at, true);
      return;
    }
    const payload = source.read(at + HEADER, length);
    const sum = view.getUint32(12, true);
    if (crc32c(payload, 0, length, crc32c(header, 4, 12)) !== sum) {
      const ofIndex = kind === GRAPH || kind === NODES;
      const what = `the checksum of section ${before + 1} (${sectionName(kind)}) does not fit`;
      say(what, at, false, ofIndex);
    } else {
      if ((before === 0) !== (kind === HEAD)) {
        say(before === 0 ? "the first section is no head" : "a head stands behind other sections");
      }
      if (kind < last && kind !== HEAD) {
        say(`a section of kind ${kind} stands behind one of kind ${last}`);
      }
      last = kind;
      if (kind === END) {
        checkEnd(payload, before, sums, at, say);
      }
      yield { at, kind, payload };
    }
    if (kind === END) {
      before = 0;
      sums = 0;
      last = 0;
    } else {
      before++;
      sums = ((sums << 1) | (sums >>> 31)) ^ sum;
    }
    at += HEADER + length;
  }
  if (before > 0) {
    say("the end is missing", at, true);
  }
}

function checkEnd(
  payload: Uint8Array,
  before: number,
  sums: number,
  at: number,
  say: (why: string) => void,
): void {
  const view = viewOf(payload);
  if (payload.length !== 8) {
    say(`the end at byte ${at} has ${payload.length} bytes`);
  } else if (view.getUint32(0, true) !== before) {
    say(`the end counts ${view.getUint32(0, true)} sections; there are ${before}`);
  } else if (view.getUint32(4, true) !== sums >>> 0) {
    say("the checksum of all sections does not fit");
  }
}

/**
 * Reads a head.
 *
 * @throws Damage
 */
export function readHead({ payload, at }: Section): SnapshotHead {
  if (payload.length < HEAD_BYTES) {
    throw new Damage(at, `a head of ${payload.length} bytes`);
  }
  const view = viewOf(payload);
  const word = (index: number): number => view.getUint32(4 * index, true);
  if (word(0) !== VERSION) {
    throw new Damage(at, `a snapshot of version ${word(0)}; this release reads ${VERSION}`);
  }
  const flags = word(1);
  return {
    dimensions: word(2),
    metric: ["cosine", "dot", "euclidean"][word(3)] ?? `metric ${word(3)}`,
    quantization: ["none", "int8", "int4"][word(5)] ?? `quantization ${word(5)}`,
    keepFloats: word(6) !== 0,
    grid: word(7),
    index: (flags & 1) !== 0,
    history: (flags & 2) !== 0,
    increment: (flags & 4) !== 0,
    vectors: word(9),
    deltas: word(10),
    sequence: word(11),
    replica: replicaText(getUint53(view, 48)),
    lastTime: getUint53(view, 56),
    replicas: word(21),
  };
}

/** Bytes of a vector's values in a snapshot. */
function rowBytes(head: SnapshotHead): number {
  const { dimensions, quantization, keepFloats } = head;
  if (keepFloats || quantization === "none") {
    return 4 * dimensions;
  }
  const padded = 32 * Math.ceil(dimensions / 32);
  return quantization === "int4" ? padded / 2 : padded;
}

/**
 * Reads the vectors of a section.
 *
 * @throws Damage
 */
export function* readVectors(section: Section, head: SnapshotHead): Generator<SnapshotVector> {
  const { payload } = section;
  const view = viewOf(payload);
  const row = rowBytes(head);
  const floats = head.keepFloats || head.quantization === "none";
  for (let at = 0; at < payload.length; ) {
    if (VECTOR_BYTES > payload.length - at) {
      throw new Damage(section.at, "a vector is cut off");
    }
    const idBytes = view.getUint32(at + 4, true);
    const json = view.getUint32(at + 8, true);
    const all = VECTOR_BYTES + (idBytes === 0 ? 0 : idBytes + json + row);
    if (all > payload.length - at) {
      throw new Damage(section.at, "a vector is cut off");
    }
    const id = at + VECTOR_BYTES;
    const text = (from: number, bytes: number): string =>
      new TextDecoder().decode(payload.subarray(from, from + bytes));
    const values = id + idBytes + json;
    yield {
      slot: view.getUint32(at, true),
      time: getUint53(view, at + 16),
      vectorId: idBytes === 0 ? undefined : text(id, idBytes),
      metadata: json === 0 ? undefined : text(id + idBytes, json),
      values:
        idBytes === 0 || !floats
          ? undefined
          : Float32Array.from({ length: head.dimensions }, (_, i) =>
              view.getFloat32(values + 4 * i, true),
            ),
    };
    at += all;
  }
}

/** A chain of history in a snapshot. */
export interface SnapshotChain {
  readonly deltas: readonly ReadFrame[];
  readonly checkpoints: number;
}

/**
 * Reads the chains of a section.
 *
 * @throws Damage
 */
export function* readChains(section: Section, head: SnapshotHead): Generator<SnapshotChain> {
  const { payload } = section;
  const view = viewOf(payload);
  const decoder = new FrameDecoder("history");
  let at = 0;
  const take = (bytes: number): number => {
    if (bytes > payload.length - at) {
      throw new Damage(section.at, "a chain of history is cut off");
    }
    at += bytes;
    return at - bytes;
  };
  while (at < payload.length) {
    const start = take(CHAIN_BYTES);
    take(view.getUint32(start + 12, true));
    const deltas: ReadFrame[] = [];
    let checkpoints = 0;
    for (let left = view.getUint32(start + 8, true); left > 0; left--) {
      const entry = take(4);
      if (view.getUint32(entry, true) === CHECKPOINT) {
        take(CHECKPOINT_BYTES - 4);
        take(view.getUint32(entry + 4, true) === 0 ? 0 : 4 * head.dimensions);
        take(view.getUint32(entry + 8, true));
        checkpoints++;
      } else {
        const from = take(FRAME_BYTES);
        const length = view.getUint32(from, true) & 0xff_ffff;
        take(Math.max(length - FRAME_BYTES, 0));
        const bytes = payload.subarray(from, at);
        deltas.push(decoder.decode({ at: section.at, bytes }));
      }
    }
    yield { deltas, checkpoints };
  }
}

/**
 * Counts the nodes of a section.
 *
 * @throws Damage
 */
function countNodes({ payload, at: place }: Section): number {
  const view = viewOf(payload);
  let count = 0;
  for (let at = 0; at < payload.length; count++) {
    const links = at + NODE_BYTES;
    let end = links + 4 * (payload[at + 4] ?? 0);
    for (let level = payload[at + 5] ?? 0; level > 0 && end + 4 <= payload.length; level--) {
      end += 4 + 4 * view.getUint32(end, true);
    }
    if (links > payload.length || end > payload.length) {
      throw new Damage(place, "a node is cut off");
    }
    at = end;
  }
  return count;
}

/**
 * What a section holds, by how many of it, in words.
 *
 * @param head - of the same stream, if it is good
 * @throws Damage
 */
export function sectionCounts(section: Section, head: SnapshotHead | undefined): string {
  if (head === undefined) {
    return "";
  }
  switch (section.kind) {
    case VECTORS: {
      let live = 0;
      let gone = 0;
      for (const { vectorId } of readVectors(section, head)) {
        if (vectorId === undefined) {
          gone++;
        } else {
          live++;
        }
      }
      return `${counted(live, "vector")}${gone > 0 ? `, ${whole(gone)} moved or gone` : ""}`;
    }
    case CHAINS: {
      let chains = 0;
      let deltas = 0;
      let checkpoints = 0;
      for (const chain of readChains(section, head)) {
        chains++;
        deltas += chain.deltas.length;
        checkpoints += chain.checkpoints;
      }
      const parts = [counted(chains, "chain"), counted(deltas, "delta")];
      return [...parts, counted(checkpoints, "checkpoint")].join(", ");
    }
    case NODES:
      return counted(countNodes(section), "node");
    default:
      return "";
  }
}

/** Whether a section holds vectors. */
export function isOfVectors({ kind }: Section): boolean {
  return kind === VECTORS;
}

/** Whether a section holds history. */
export function isOfHistory({ kind }: Section): boolean {
  return kind === CHAINS;
}
