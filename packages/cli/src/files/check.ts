import {
  APPLY,
  CLOSE,
  HEADER_BYTES,
  KINDS,
  type LogRecord,
  NO_MARK,
  parseName,
  readSnapshotHeader,
} from "../../../deltavec/src/storage/log.ts";
import type { SegmentReport } from "../../../deltavec/src/storage/log-reader.ts";
import type { Segment as LogSegment } from "../../../deltavec/src/storage/survey.ts";
import { messageOf } from "../errors.ts";
import { whole } from "../terminal.ts";
import { readCursor } from "./cursors.ts";
import { cutFrames, FrameDecoder } from "./frames.ts";
import {
  type BadPlace,
  goodRecordBehind,
  holdsFrames,
  misfit,
  type PlacedRecord,
  readFramesOf,
  readSmall,
  Segment,
} from "./logs.ts";
import {
  END,
  HEAD,
  readHead,
  readSections,
  type SnapshotHead,
  sectionCounts,
  sectionName,
} from "./sections.ts";
import { areZero, Damage, type FileSource, hex } from "./source.ts";
import { counted, replicaText } from "./text.ts";

/** What a file is. */
export type FileKind = "log" | "snapshot" | "stream" | "frames" | "cursor" | "empty" | "unknown";

/** What stands at the end of a file that a crash has cut. */
export interface Torn {
  readonly at: number;
  readonly bytes: number;
  readonly why: string;
}

/** What a check found in a file. */
export interface Checked {
  readonly kind: FileKind;
  readonly name: string;
  /** What it is, in words. */
  readonly what: string;
  /** What else there is to tell: a label, and a text. */
  readonly facts: readonly (readonly [label: string, text: string])[];
  /** What is wrong; none where all is good. */
  readonly damage: readonly string[];
  /** Where a crash has cut it, without a good record behind. */
  readonly torn?: Torn;
  /** The database's number, 32 hexadecimal digits. */
  readonly database?: string;
  /** Of a log: what recovery goes by. */
  readonly segment?: LogSegment;
  /** Of a snapshot file whose header is good. */
  readonly snapshot?: {
    /** Records that it holds the state after. */
    readonly records: number;
    /** Records of the file that it builds on. */
    readonly builtOn: number | undefined;
    /** As of `SnapshotHeader`. */
    readonly mark: bigint;
    /** Whether a database can be made of it: all is good but, perhaps, the index. */
    readonly usable: boolean;
    /** Whether the index is damaged. */
    readonly index: boolean;
  };
}

/** Tells what a file is, by its name if it is one of a database's, else by how it begins. */
export function kindOf(source: FileSource): FileKind {
  const named = parseName(source.name)?.kind;
  if (named !== undefined) {
    return named === "log" ? "log" : "snapshot";
  }
  const head = source.read(0, HEADER_BYTES);
  const magic = Buffer.from(head.subarray(0, 4)).toString("latin1");
  switch (magic) {
    case "DVL1":
      return "log";
    case "DVF1":
      return "snapshot";
    case "DVS1":
      return "stream";
    case "DVC\u0001":
      return "cursor";
    default:
      break;
  }
  if (head.length === 0) {
    return "empty";
  }
  return head.length >= 9 && head[3] === 1 ? "frames" : "unknown";
}

/** The most things that are told to be wrong with a file: one that is made to do harm would have no end of them. */
const MOST = 20;

/** Heads that are told of a row of streams. */
const MOST_HEADS = 4;

/** Says what is wrong, unless that is too much. */
function complain(damage: string[], what: string): void {
  if (damage.length < MOST) {
    damage.push(what);
  } else if (damage.length === MOST) {
    damage.push("and more");
  }
}

/** Checks a file of any kind. Throws nothing for what it holds. */
export function checkFile(source: FileSource, kind: FileKind = kindOf(source)): Checked {
  switch (kind) {
    case "log":
      return checkLog(source);
    case "snapshot":
    case "stream":
      return checkSnapshot(source, kind);
    case "frames":
      return checkFrames(source);
    case "cursor":
      return checkCursor(source);
    case "empty":
      return result(source, kind, "empty", [], []);
    default:
      return result(source, kind, "unknown", [], ["no file of deltavec: it begins like none"]);
  }
}

function result(
  source: FileSource,
  kind: FileKind,
  what: string,
  facts: Checked["facts"],
  damage: readonly string[],
): Checked {
  return { kind, name: source.name, what, facts, damage };
}

/** A place and what is wrong there, in words. */
export function place(at: number, why: string): string {
  return `byte ${whole(at)}: ${why}`;
}

/** The numbers of a range, and how many they are. */
function range(first: number, last: number): string {
  return last < first ? "none" : `${whole(first)} to ${whole(last)}`;
}

function checkLog(source: FileSource): Checked {
  const named = parseName(source.name)?.number;
  let segment: Segment;
  try {
    segment = new Segment(source);
    const { first } = segment.header;
    if (named !== undefined && named !== first) {
      throw new Damage(8, `its name says that record ${named} is the first, its header ${first}`);
    }
  } catch (error) {
    if (!(error instanceof Damage)) {
      throw error;
    }
    return checkHeadless(source, named, error);
  }
  const { header } = segment;
  const damage: string[] = [];
  const tally = new LogTally(source, header.dimensions, damage);
  const records = segment.records();
  let step = records.next();
  for (; !step.done; step = records.next()) {
    tally.add(step.value);
  }
  const bad: BadPlace | undefined = step.value;
  let torn: Torn | undefined;
  if (bad?.behind !== undefined) {
    const { at, number } = bad.behind;
    damage.push(
      `${place(bad.at, bad.why)}; ${tally.lastText()}; record ${number}, at byte ${whole(at)}, is good again`,
    );
  } else if (bad !== undefined) {
    torn = { at: bad.at, bytes: source.size - bad.at, why: bad.why };
  }
  const { last, opens } = tally;
  const report: SegmentReport = {
    header,
    last: last?.number,
    sequence: last?.sequence ?? 0,
    lastKind: last?.kind ?? 0,
    end: last?.to ?? HEADER_BYTES,
    size: source.size,
    bad: bad && { offset: bad.at, why: bad.why },
    behind: bad?.behind?.number,
    opens,
  };
  return {
    ...result(source, "log", "log segment, version 1", tally.facts(header.first), damage),
    ...(torn && { torn }),
    database: hex(header.id),
    segment: { name: source.name, first: header.first, report },
  };
}

/** Checks a log whose header is not good. */
function checkHeadless(
  source: FileSource,
  named: number | undefined,
  { at, message }: Damage,
): Checked {
  const { name, size } = source;
  const behind = goodRecordBehind(source, 0, named ?? 1);
  const torn = behind === undefined && (size < HEADER_BYTES || allZero(source));
  const more = behind && `; record ${behind.number}, at byte ${whole(behind.at)}, is good`;
  const report: SegmentReport = {
    header: undefined,
    last: undefined,
    sequence: 0,
    lastKind: 0,
    end: 0,
    size,
    bad: { offset: 0, why: message },
    behind: behind?.number,
    opens: [],
  };
  return {
    ...result(source, "log", "log segment", [], torn ? [] : [place(at, `${message}${more ?? ""}`)]),
    ...(torn && { torn: { at: 0, bytes: size, why: message } }),
    ...(named !== undefined && { segment: { name, first: named, report } }),
  };
}

function allZero(source: FileSource): boolean {
  for (let at = 0; at < source.size; at += 1 << 18) {
    if (!areZero(source.read(at, 1 << 18))) {
      return false;
    }
  }
  return true;
}

/** Adds up what the records of a log hold. */
class LogTally {
  last: PlacedRecord | undefined;
  /** The OPEN records, without what they hold. */
  readonly opens: LogRecord[] = [];
  readonly #source: FileSource;
  readonly #dimensions: number;
  readonly #damage: string[];
  readonly #kinds = new Map<number, number>();
  #deltas = 0;
  #merged = 0;
  #firstSequence: number | undefined;
  #replica: string | undefined;
  #replicas = 0;

  constructor(source: FileSource, dimensions: number, damage: string[]) {
    this.#source = source;
    this.#dimensions = dimensions;
    this.#damage = damage;
  }

  add(record: PlacedRecord): void {
    this.#kinds.set(record.kind, (this.#kinds.get(record.kind) ?? 0) + 1);
    const before = this.last;
    this.last = record;
    try {
      if (holdsFrames(record)) {
        this.#frames(record, before);
      } else {
        const content = readSmall(this.#source, record);
        if (content.kind === "open") {
          this.#replica = content.replica;
          this.#replicas++;
          this.opens.push({ ...record, payload: new Uint8Array(0) });
        }
      }
    } catch (error) {
      if (!(error instanceof Damage)) {
        throw error;
      }
      this.#say(record, error.message, error.at);
    }
  }

  #frames(record: PlacedRecord, before: PlacedRecord | undefined): void {
    let count = 0;
    for (const frame of readFramesOf(this.#source, record)) {
      count += frame.operation === "start" ? 0 : 1;
      const wrong = misfit(frame, this.#dimensions);
      if (wrong !== undefined) {
        this.#say(record, wrong);
      }
    }
    if (record.kind !== APPLY) {
      this.#merged += record.count;
      return;
    }
    this.#deltas += count;
    this.#firstSequence ??= record.sequence - count + 1;
    if (count !== record.count) {
      this.#say(record, `it counts ${record.count} deltas and has ${count}`);
    }
    if (before !== undefined && record.sequence !== before.sequence + count) {
      this.#say(record, `the sequence goes from ${before.sequence} to ${record.sequence} in it`);
    }
  }

  #say({ number, at }: PlacedRecord, what: string, where = at): void {
    complain(this.#damage, place(where, `record ${number}: its checksum holds, but ${what}`));
  }

  lastText(): string {
    return this.last === undefined
      ? "no record before is good"
      : `last good: record ${this.last.number}, sequence ${this.last.sequence}`;
  }

  facts(first: number): [string, string][] {
    const { last } = this;
    const facts: [string, string][] = [
      ["records", `${range(first, last?.number ?? first - 1)}${this.#kindsText()}`],
    ];
    if (last !== undefined) {
      const from = this.#firstSequence;
      const deltas = `${counted(this.#deltas, "delta")} applied, ${whole(this.#merged)} merged`;
      facts.push(["deltas", deltas]);
      const own = from === undefined ? whole(last.sequence) : range(from, last.sequence);
      const replicas = this.#replicas > 1 ? ", the last of several" : "";
      facts.push([
        "sequence",
        `${own}${this.#replica === undefined ? "" : ` of replica ${this.#replica}${replicas}`}`,
      ]);
      facts.push([
        "ends",
        last.kind === CLOSE ? "closed" : "not closed: in use, or left by a crash",
      ]);
    }
    return facts;
  }

  #kindsText(): string {
    const kinds = Array.from(this.#kinds)
      .sort(([a], [b]) => a - b)
      .map(([kind, count]) => `${whole(count)} ${KINDS[kind]!.toLowerCase()}`);
    return kinds.length === 0 ? "" : ` (${kinds.join(", ")})`;
  }
}

function checkSnapshot(source: FileSource, kind: "snapshot" | "stream"): Checked {
  const damage: string[] = [];
  let header: ReturnType<typeof readSnapshotHeader> | undefined;
  const facts: [string, string][] = [];
  let misnamed = false;
  if (kind === "snapshot") {
    try {
      header = readSnapshotHeader(source.read(0, HEADER_BYTES));
    } catch (error) {
      damage.push(place(0, messageOf(error)));
    }
    const named = parseName(source.name);
    if (header !== undefined && named !== undefined) {
      const wanted = header.builtOn === undefined ? "snapshot" : "increment";
      if (named.number !== header.records || named.kind !== wanted) {
        misnamed = true;
        damage.push(
          place(
            8,
            `its name says ${named.kind} ${named.number}, its header ${wanted} ${header.records}`,
          ),
        );
      }
    }
  }
  if (header !== undefined) {
    const { records, builtOn, mark } = header;
    facts.push([
      "state",
      `after record ${whole(records)}${builtOn === undefined ? "" : `, on the file after record ${whole(builtOn)}`}`,
    ]);
    if (mark !== NO_MARK) {
      facts.push(["mark", String(mark)]);
    }
  }
  let torn: Torn | undefined;
  let head: SnapshotHead | undefined;
  let ends = 0;
  let sections = 0;
  const kinds = new Map<number, number>();
  const from = kind === "stream" ? 0 : HEADER_BYTES;
  let fatal = false;
  let index = false;
  for (const section of readSections(source, from, ({ at, why, unfinished, ofIndex }) => {
    index ||= ofIndex;
    fatal ||= !ofIndex;
    if (unfinished) {
      torn = { at, bytes: source.size - at, why };
    } else {
      complain(damage, place(at, why));
    }
  })) {
    sections++;
    kinds.set(section.kind, (kinds.get(section.kind) ?? 0) + 1);
    try {
      if (section.kind === HEAD) {
        head = readHead(section);
        if (ends < MOST_HEADS) {
          facts.push(...headFacts(head));
        }
      } else if (section.kind === END) {
        ends++;
      } else {
        sectionCounts(section, head);
      }
    } catch (error) {
      fatal = true;
      complain(damage, place(section.at, messageOf(error)));
    }
  }
  if (ends === 0 && torn === undefined && damage.length === 0) {
    torn = { at: source.size, bytes: 0, why: "the end is missing" };
    fatal = true;
  }
  const list = Array.from(kinds, ([k, count]) => `${whole(count)} ${sectionName(k)}`).join(", ");
  facts.push(["sections", `${whole(sections)} good${list === "" ? "" : ` (${list})`}`]);
  const base = header?.builtOn === undefined && !head?.increment;
  const what =
    kind === "stream"
      ? `snapshot stream${ends > 1 ? `s, ${ends} in a row` : ""}`
      : `${base ? "snapshot" : "increment"}, version 1`;
  return {
    ...result(source, kind, what, facts, damage),
    ...(torn && { torn }),
    ...(header && {
      database: hex(header.id),
      snapshot: {
        records: header.records,
        builtOn: header.builtOn,
        mark: header.mark,
        usable: !fatal && !misnamed,
        index,
      },
    }),
  };
}

function headFacts(head: SnapshotHead): [string, string][] {
  const { dimensions, metric, quantization, keepFloats, grid, deltas, sequence, replica } = head;
  const codes =
    quantization === "none" ? "" : `, codes ${quantization}${keepFloats ? "" : " only"}`;
  const parts = [
    ...(head.increment ? ["what changed"] : []),
    ...(head.index ? ["index"] : []),
    ...(head.history ? [`history of ${counted(deltas, "delta")}`] : []),
  ];
  return [
    [
      "vectors",
      `${whole(head.vectors)} x ${whole(dimensions)}, ${metric}${codes}${grid === 0 ? "" : `, grid ${grid}`}`,
    ],
    ["with", parts.length === 0 ? "vectors alone" : parts.join(", ")],
    [
      "sequence",
      `${whole(sequence)} of replica ${replica}, ${counted(head.replicas, "replica")} seen`,
    ],
  ];
}

function checkFrames(source: FileSource): Checked {
  const decoder = new FrameDecoder("stream");
  const operations = new Map<string, number>();
  const ranges = new Map<number, { first: number; last: number }>();
  const damage: string[] = [];
  let frames = 0;
  let local = 0;
  let at = 0;
  try {
    for (const placed of cutFrames(source, 0, source.size)) {
      const { operation, sequence, replica } = decoder.decode(placed);
      frames++;
      at = placed.at + placed.bytes.length;
      operations.set(operation, (operations.get(operation) ?? 0) + 1);
      if (sequence === undefined || replica === undefined) {
        local += operation === "start" ? 0 : 1;
        continue;
      }
      const known = ranges.get(replica);
      if (known !== undefined) {
        known.first = Math.min(known.first, sequence);
        known.last = Math.max(known.last, sequence);
      } else if (ranges.size < 1000) {
        ranges.set(replica, { first: sequence, last: sequence });
      }
    }
  } catch (error) {
    if (!(error instanceof Damage)) {
      throw error;
    }
    const good =
      frames === 0
        ? "no frame before is good"
        : `the ${whole(frames)} frames before, to byte ${whole(at)}, are good`;
    damage.push(`${place(error.at, error.message)}; ${good}`);
  }
  const list = Array.from(operations, ([name, count]) => `${whole(count)} ${name}`).join(", ");
  const facts: [string, string][] = [["frames", `${whole(frames)} (${list})`]];
  if (local > 0) {
    facts.push(["deltas", `${whole(local)} without an id: for applyDeltas`]);
  }
  for (const [replica, { first, last }] of Array.from(ranges).slice(0, 8)) {
    facts.push(["sequence", `${range(first, last)} of replica ${replicaText(replica)}`]);
  }
  if (ranges.size > 8) {
    facts.push(["", `and of ${whole(ranges.size - 8)} replicas more`]);
  }
  return result(source, "frames", "frames, version 1", frames === 0 ? [] : facts, damage);
}

function checkCursor(source: FileSource): Checked {
  try {
    const replicas = readCursor(source);
    const facts = replicas.slice(0, 8).map(({ replica, intervals }): [string, string] => {
      const shown = intervals.slice(0, 4).map(([first, last]) => range(first, last));
      const more = intervals.length > 4 ? `, and ${whole(intervals.length - 4)} more` : "";
      return ["seen", `${shown.join(", ")}${more} of replica ${replica}`];
    });
    if (replicas.length > 8) {
      facts.push(["", `and of ${whole(replicas.length - 8)} replicas more`]);
    }
    return result(source, "cursor", "cursor, version 1", facts, []);
  } catch (error) {
    if (!(error instanceof Damage)) {
      throw error;
    }
    return result(source, "cursor", "cursor", [], [place(error.at, error.message)]);
  }
}
