import { statSync } from "node:fs";
import { join } from "node:path";
import {
  HEADER_BYTES,
  KINDS,
  NO_MARK,
  readSnapshotHeader,
} from "../../../deltavec/src/storage/log.ts";
import { messageOf } from "../errors.ts";
import { colors, heading, print, whole } from "../terminal.ts";
import { kindOf, place } from "./check.ts";
import { readCursor } from "./cursors.ts";
import { listDirectory } from "./directory.ts";
import { cutFrames, FrameDecoder, type ReadFrame } from "./frames.ts";
import {
  holdsFrames,
  type PlacedRecord,
  readFramesOf,
  readSmall,
  Segment,
  type SmallContent,
} from "./logs.ts";
import {
  HEAD,
  isOfHistory,
  isOfVectors,
  readChains,
  readHead,
  readSections,
  readVectors,
  type Section,
  type SnapshotHead,
  sectionCounts,
  sectionName,
} from "./sections.ts";
import { Damage, FileSource, hex, viewOf } from "./source.ts";
import { brief, counted, deltaIdText, replicaText, shown, timeText, values } from "./text.ts";
import { requirePath } from "./verify.ts";

/** Columns of metadata and options. */
const JSON_WIDTH = 60;
/** Columns of a vector's id. */
const ID_WIDTH = 40;

/** Options of `dump`. */
export interface DumpOptions {
  /** The most lines of records, deltas and sections. */
  readonly limit: number;
  /** A JSON object a line, with all values, instead of text. */
  readonly json: boolean;
  /** Only what is of this vector. */
  readonly vector: string | undefined;
}

/** Something to show on a line: an object for JSON, a text for people. */
interface Shown {
  readonly object: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Thrown where the limit is reached. */
const ENOUGH = Symbol("enough");

/**
 * Shows what is in a file, or in the files of a database's directory, a line for each record, delta or section.
 *
 * @returns whether nothing was damaged as far as it was read
 * @throws UsageError if there is nothing to show
 */
export function dump(path: string, options: DumpOptions): boolean {
  requirePath(path);
  const dumper = new Dumper(options);
  const paths = statSync(path).isDirectory()
    ? listDirectory(path).files.map((name) => join(path, name))
    : [path];
  try {
    for (const file of paths) {
      using source = new FileSource(file);
      dumper.file(source);
    }
  } catch (error) {
    if (error !== ENOUGH) {
      throw error;
    }
  }
  return dumper.good;
}

class Dumper {
  good = true;
  readonly #options: DumpOptions;
  #left: number;
  /** The own replica, as the last OPEN record names it. */
  #replica: string | undefined;

  constructor(options: DumpOptions) {
    this.#options = options;
    this.#left = options.limit;
  }

  file(source: FileSource): void {
    const kind = kindOf(source);
    try {
      switch (kind) {
        case "log":
          this.#log(source);
          break;
        case "snapshot":
        case "stream":
          this.#snapshot(source, kind);
          break;
        case "frames":
          this.#frames(source);
          break;
        case "cursor":
          this.#cursor(source);
          break;
        case "empty":
          this.#title(source, "empty", {});
          break;
        default:
          this.#title(source, "unknown", {});
          throw new Damage(0, "no file of deltavec: it begins like none");
      }
    } catch (error) {
      if (!(error instanceof Damage)) {
        throw error;
      }
      this.#damage(source, error.at, error.message);
    }
  }

  /** Prints what a file is. */
  #title(source: FileSource, what: string, more: Readonly<Record<string, unknown>>): void {
    if (this.#options.json) {
      this.#object({ file: source.name, what, bytes: source.size, ...more });
      return;
    }
    const rest = Object.entries(more).map(([key, value]) => `, ${key} ${value}`);
    print(
      heading(shown(`${source.name}: ${what}, ${counted(source.size, "byte")}${rest.join("")}`)),
    );
  }

  #damage(source: FileSource, at: number, why: string): void {
    this.good = false;
    if (this.#options.json) {
      this.#object({ file: source.name, damaged: { at, why } });
    } else {
      print(colors.red(`DAMAGED at ${shown(place(at, why))}`));
    }
  }

  #show({ object, text }: Shown): void {
    if (this.#left === 0 || process.stdout.errored || process.stdout.destroyed) {
      throw ENOUGH;
    }
    this.#left--;
    if (this.#options.json) {
      this.#object(object);
    } else {
      print(text);
    }
  }

  #object(object: Readonly<Record<string, unknown>>): void {
    // A list of numbers has no other form in JSON.
    print(
      JSON.stringify(object, (_, value: unknown) =>
        ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value,
      ),
    );
  }

  #isWanted(vectorId: string | undefined): boolean {
    const { vector } = this.#options;
    return vector === undefined || vector === vectorId;
  }

  #log(source: FileSource): void {
    const segment = new Segment(source);
    const { first, id, dimensions } = segment.header;
    this.#title(source, "log segment", { database: hex(id), dimensions, first });
    const records = segment.records();
    let step = records.next();
    for (; !step.done; step = records.next()) {
      this.#record(source, step.value);
    }
    const bad = step.value;
    if (bad?.behind !== undefined) {
      this.#damage(source, bad.at, `${bad.why}; record ${bad.behind.number} behind it is good`);
    } else if (bad !== undefined) {
      const bytes = source.size - bad.at;
      const torn = { at: bad.at, bytes, why: bad.why };
      if (this.#options.json) {
        this.#object({ file: source.name, torn });
      } else {
        const text = `torn tail of ${counted(bytes, "byte")} at ${place(bad.at, bad.why)}`;
        print(colors.yellow(shown(text)));
      }
    }
  }

  #record(source: FileSource, record: PlacedRecord): void {
    const { number, kind, clock, sequence, count } = record;
    const name = KINDS[kind]!.toLowerCase();
    const common = { record: number, clock, kind: name };
    const head = [String(number).padStart(6), timeText(clock), name.padEnd(8)];
    try {
      if (holdsFrames(record)) {
        let issued = sequence - count;
        for (const frame of readFramesOf(source, record)) {
          const own = frame.form === "local" ? { sequence: ++issued, replica: this.#replica } : {};
          if (frame.operation !== "start" && this.#isWanted(frame.vectorId)) {
            this.#show(delta(frame, common, head, own));
          }
        }
        return;
      }
      const content = readSmall(source, record);
      if (content.kind === "open") {
        this.#replica = content.replica;
      }
      if (this.#isWanted("vectorId" in content ? content.vectorId : undefined)) {
        this.#show(small(content, { ...common, sequence }, head));
      }
    } catch (error) {
      if (!(error instanceof Damage)) {
        throw error;
      }
      this.#damage(source, error.at, `record ${number}: ${error.message}`);
    }
  }

  #frames(source: FileSource): void {
    this.#title(source, "frames", {});
    const decoder = new FrameDecoder("stream");
    let number = 0;
    for (const placed of cutFrames(source, 0, source.size)) {
      const frame = decoder.decode(placed);
      number++;
      if (frame.operation !== "start" && this.#isWanted(frame.vectorId)) {
        this.#show(delta(frame, { frame: number }, [String(number).padStart(6)], {}));
      }
    }
  }

  #snapshot(source: FileSource, kind: "snapshot" | "stream"): void {
    let from = 0;
    if (kind === "snapshot") {
      from = HEADER_BYTES;
      try {
        const header = readSnapshotHeader(source.read(0, HEADER_BYTES));
        const { records, id, builtOn, mark } = header;
        this.#title(source, builtOn === undefined ? "snapshot" : "increment", {
          database: hex(id),
          records,
          ...(builtOn !== undefined && { "built on": builtOn }),
          ...(mark !== NO_MARK && { mark: String(mark) }),
        });
      } catch (error) {
        this.#title(source, "snapshot", {});
        this.#damage(source, 0, messageOf(error));
      }
    } else {
      this.#title(source, "snapshot stream", {});
    }
    let head: SnapshotHead | undefined;
    const damaged = ({ at, why }: { at: number; why: string }): void =>
      this.#damage(source, at, why);
    for (const section of readSections(source, from, damaged)) {
      try {
        head = section.kind === HEAD ? readHead(section) : head;
        if (this.#options.vector === undefined) {
          this.#show(sectionLine(section, head));
        } else if (isOfVectors(section) && head !== undefined) {
          this.#vectors(section, head);
        } else if (isOfHistory(section) && head !== undefined) {
          this.#chains(section, head);
        }
      } catch (error) {
        if (!(error instanceof Damage)) {
          throw error;
        }
        this.#damage(source, error.at, error.message);
      }
    }
  }

  #vectors(section: Section, head: SnapshotHead): void {
    for (const vector of readVectors(section, head)) {
      if (vector.vectorId !== undefined && this.#isWanted(vector.vectorId)) {
        const { vectorId, slot, time, metadata } = vector;
        this.#show({
          object: {
            vectorId,
            slot,
            time,
            ...(vector.values && { values: vector.values }),
            ...(metadata !== undefined && { metadata: asJson(metadata) }),
          },
          text: [
            String(slot).padStart(6),
            timeText(time),
            "vector  ",
            brief(vectorId, ID_WIDTH),
            vector.values === undefined ? "(codes)" : values(vector.values),
            ...(metadata === undefined ? [] : [brief(metadata, JSON_WIDTH)]),
          ].join("  "),
        });
      }
    }
  }

  #chains(section: Section, head: SnapshotHead): void {
    for (const { deltas } of readChains(section, head)) {
      for (const frame of deltas) {
        if (this.#isWanted(frame.vectorId)) {
          this.#show(delta(frame, { kind: "history" }, ["history".padStart(6)], {}));
        }
      }
    }
  }

  #cursor(source: FileSource): void {
    this.#title(source, "cursor", {});
    for (const { replica, intervals } of readCursor(source)) {
      const shownOnes = intervals.slice(0, 8).map(([first, last]) => `${first} to ${last}`);
      const more = intervals.length > 8 ? `, and ${whole(intervals.length - 8)} more` : "";
      this.#show({
        object: { replica, intervals },
        text: `replica ${replica}: ${shownOnes.join(", ")}${more}`,
      });
    }
  }
}

/** The text of JSON as what it says; as a text where that cannot be. */
function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function delta(
  frame: ReadFrame,
  common: Readonly<Record<string, unknown>>,
  head: readonly string[],
  own: { readonly sequence?: number; readonly replica?: string | undefined },
): Shown {
  const { operation, vectorId, time, grid, indices, metadata } = frame;
  const sequence = frame.sequence ?? own.sequence;
  const replica = frame.replica === undefined ? own.replica : replicaText(frame.replica);
  const deltaId =
    frame.sequence !== undefined && frame.replica !== undefined && time !== undefined
      ? deltaIdText(time, frame.sequence, frame.replica)
      : undefined;
  const id = deltaId ?? (sequence === undefined ? undefined : `${replica ?? "own"}:${sequence}`);
  const object = {
    ...common,
    vectorId,
    operation,
    ...(deltaId !== undefined && { deltaId }),
    ...(sequence !== undefined && { sequence }),
    ...(replica !== undefined && { replica }),
    ...(time !== undefined && { time }),
    ...(grid !== undefined && { grid, added: operation !== "create" }),
    ...(indices && { indices }),
    ...(frame.values.length > 0 && { values: frame.values }),
    ...(metadata !== undefined && { metadata: asJson(metadata) }),
  };
  const text = [
    ...head,
    ...(id === undefined ? [] : [id]),
    brief(vectorId, ID_WIDTH),
    operation,
    ...what(frame),
    ...(deltaId === undefined && time !== undefined ? [`at ${timeText(time)}`] : []),
    ...(metadata === undefined ? [] : [brief(metadata, JSON_WIDTH)]),
  ];
  return { object, text: text.join("  ") };
}

/** The values of an operation, in words. */
function what({ operation, values: list, indices, grid }: ReadFrame): string[] {
  const added = grid === undefined || operation === "create" ? "" : "+";
  if (indices !== undefined) {
    const pairs = Array.from(
      indices.subarray(0, 3),
      (at, i) => `${at}:${added}${values([list[i]!])}`,
    );
    return [indices.length > 3 ? `${pairs.join(" ")} … (${indices.length})` : pairs.join(" ")];
  }
  return list.length === 0 ? [] : [`${added}${values(list)}`];
}

function small(
  content: SmallContent,
  common: Readonly<Record<string, unknown>>,
  head: readonly string[],
): Shown {
  switch (content.kind) {
    case "open": {
      const { replica, options } = content;
      const text = `replica ${replica}  ${brief(JSON.stringify(options), JSON_WIDTH)}`;
      return { object: { ...common, replica, options }, text: [...head, text].join("  ") };
    }
    case "rollback": {
      const { vectorId } = content;
      const view = viewOf(content.delta);
      const at = (from: number): number =>
        view.getUint32(from, true) + view.getUint16(from + 4, true) * 2 ** 32;
      const to = deltaIdText(at(0), view.getUint32(6, true), at(10));
      return {
        object: { ...common, vectorId, to },
        text: [...head, brief(vectorId, ID_WIDTH), `to ${to}`].join("  "),
      };
    }
    case "compact": {
      const { before, maxBytes, keepLast, vectorId } = content;
      const words = [
        ...(vectorId === "" ? ["all vectors"] : [brief(vectorId, ID_WIDTH)]),
        ...(Number.isFinite(before) ? [`before ${timeText(before)}`] : []),
        ...(maxBytes >= 0 ? [`to ${whole(maxBytes)} bytes`] : []),
        ...(keepLast > 0 ? [`keeping the last ${whole(keepLast)}`] : []),
      ];
      return {
        object: {
          ...common,
          ...(vectorId !== "" && { vectorId }),
          ...(Number.isFinite(before) && { before }),
          ...(maxBytes >= 0 && { maxBytes }),
          keepLast,
        },
        text: [...head, words.join(", ")].join("  "),
      };
    }
    case "mark": {
      const { mark } = content;
      return { object: { ...common, mark }, text: [...head, mark].join("  ") };
    }
    default:
      return { object: common, text: head.join("  ").trimEnd() };
  }
}

function sectionLine(section: Section, head: SnapshotHead | undefined): Shown {
  const name = sectionName(section.kind);
  const bytes = section.payload.length;
  const counts =
    section.kind === HEAD && head !== undefined ? headText(head) : sectionCounts(section, head);
  return {
    object: {
      at: section.at,
      section: name,
      bytes,
      ...(section.kind === HEAD ? head : counts === "" ? {} : { counts }),
    },
    text: `${String(section.at).padStart(10)}  ${name.padEnd(8)} ${whole(bytes).padStart(10)} B  ${counts}`.trimEnd(),
  };
}

function headText(head: SnapshotHead): string {
  const { vectors, dimensions, metric, deltas, sequence, replica } = head;
  return `${whole(vectors)} x ${dimensions}, ${metric}, ${counted(deltas, "delta")} of history, sequence ${whole(sequence)} of ${replica}`;
}
