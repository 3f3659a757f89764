import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { VectorDelta } from "deltavec";
import { encodeDeltas, parseDeltas } from "deltavec/streams";
import { readCarried, textId } from "../data/carried.ts";
import { folder } from "../data/folder.ts";
import { row } from "../data/source.ts";
import { messageOf, UsageError } from "../errors.ts";
import { cutFrames, FrameDecoder } from "../files/frames.ts";
import { Damage, FileSource } from "../files/source.ts";
import type { Item, Mark, Read } from "./item.ts";
import { standAlone } from "./stand-alone.ts";

const PIECE = 1 << 18;
const LINE_FEED = 10;
/** The longest line: a delta of 65,536 values takes 2 MiB at most. */
const MAX_LINE = 1 << 24;

/** A file, or the folder of a data set. */
export interface Input {
  readonly path: string;
  readonly kind: "lines" | "frames" | "set";
  /** Of the file; 0 for a data set. */
  readonly bytes: number;
}

/**
 * Finds out what files hold: JSON lines, frames, or folders of a data set.
 *
 * @throws UsageError naming what is not there, or is neither
 */
export function inputsOf(paths: readonly string[]): Input[] {
  return paths.map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      throw new UsageError(`there is no ${path}`);
    }
    if (stat.isDirectory()) {
      return { path, kind: "set", bytes: 0 };
    }
    using source = new FileSource(path);
    const head = source.read(0, 16);
    // A frame has its version as its fourth byte, which no text has.
    const kind = head.length > 3 && head[3] === 1 ? "frames" : "lines";
    return { path, kind, bytes: stat.size };
  });
}

/**
 * Reads deltas, file by file, from a place on.
 *
 * @throws UsageError naming file and line of what is wrong
 */
export async function* readInputs(
  inputs: readonly Input[],
  from: Mark = { file: 0, at: 0, line: 0 },
): AsyncGenerator<Read> {
  let before = inputs.slice(0, from.file).reduce((sum, { bytes }) => sum + bytes, 0);
  for (let file = from.file; file < inputs.length; file++) {
    const input = inputs[file]!;
    const mark = file === from.file ? from : { file, at: 0, line: 0 };
    if (input.kind === "lines") {
      yield* readLines(input.path, mark, before);
    } else if (input.kind === "frames") {
      yield* readFrames(input.path, mark, before);
    } else {
      yield* readSet(input.path, mark, before);
    }
    before += input.bytes;
  }
}

// ---------------------------------------------------------------- lines

function* readLines(path: string, from: Mark, before: number): Generator<Read> {
  const descriptor = openSync(path, "r");
  try {
    let at = from.at;
    let line = from.line;
    let rest = Buffer.alloc(0);
    const decoder = new TextDecoder("utf-8", { fatal: true });
    for (let ended = false; !ended; ) {
      const piece = Buffer.alloc(PIECE);
      const read = readSync(descriptor, piece, 0, PIECE, at + rest.length);
      ended = read === 0;
      const bytes = Buffer.concat([rest, piece.subarray(0, read)]);
      let start = 0;
      for (let end = 0; start < bytes.length; start = end + 1) {
        end = bytes.indexOf(LINE_FEED, start);
        if (end < 0) {
          if (!ended) {
            break;
          }
          end = bytes.length;
        }
        line++;
        const place = `${basename(path)}, line ${line}`;
        let text: string;
        try {
          text = decoder.decode(bytes.subarray(start, end)).trim();
        } catch {
          throw new UsageError(`${place}: it is no text in UTF-8`);
        }
        const behind = at + Math.min(end + 1, bytes.length);
        if (text !== "") {
          yield* itemsOf(text, place, { file: from.file, at: behind, line }, before + behind);
        }
      }
      start = Math.min(start, bytes.length);
      at += start;
      rest = bytes.subarray(start);
      if (rest.length > MAX_LINE) {
        throw new UsageError(`${basename(path)}, line ${line + 1}: it is over 16 MiB long`);
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

function* itemsOf(text: string, place: string, next: Mark, bytes: number): Generator<Read> {
  let items: Item[];
  try {
    const json: unknown = JSON.parse(text);
    const deltas = isVector(json) ? [vectorOf(json)] : parseDeltas(json);
    items = deltas.map((delta) => itemOf(delta, place));
  } catch (error) {
    throw new UsageError(`${place}: ${messageOf(error)}`);
  }
  for (const item of items) {
    yield { item, next, bytes };
  }
}

interface VectorJson {
  readonly id: string;
  readonly vector: readonly number[];
  readonly metadata?: Record<string, unknown> | null;
}

function isVector(json: unknown): json is VectorJson {
  return typeof json === "object" && json !== null && !Array.isArray(json) && "vector" in json;
}

/** Reads `{ id, vector, metadata? }` as strictly as deltas are read. */
function vectorOf({ id, vector, metadata, ...others }: VectorJson): VectorDelta {
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new Error(`it has an unknown member ${JSON.stringify(other)}`);
  }
  const operation = { type: "create", vector };
  return parseDeltas([
    { vectorId: id, operation, ...(metadata != null && { metadata }) },
  ])[0] as VectorDelta;
}

function itemOf(delta: VectorDelta, place: string): Item {
  const { operation } = delta;
  return {
    vectorId: delta.vectorId,
    frame: encodeDeltas([delta]),
    identified: false,
    place,
    values: "vector" in operation ? operation.vector.length : undefined,
  };
}

// ---------------------------------------------------------------- frames

function* readFrames(path: string, from: Mark, before: number): Generator<Read> {
  using source = new FileSource(path);
  const decoder = new FrameDecoder("stream");
  try {
    // From the beginning: linked frames refer to those before them.
    for (const placed of cutFrames(source, 0, source.size)) {
      const frame = decoder.decode(placed);
      const next = placed.at + placed.bytes.length;
      if (frame.operation !== "start" && placed.at >= from.at) {
        const identified = frame.form !== "local";
        const whole = frame.operation === "create" || frame.operation === "dense";
        const item = {
          vectorId: frame.vectorId,
          frame: identified
            ? standAlone(frame, placed.bytes, decoder.payload)
            : placed.bytes.slice(),
          identified,
          place: `${basename(path)}, byte ${placed.at}`,
          values: whole ? frame.values.length : undefined,
        };
        yield { item, next: { file: from.file, at: next, line: 0 }, bytes: before + next };
      }
    }
  } catch (error) {
    throw error instanceof Damage
      ? new UsageError(`${basename(path)}, byte ${error.at}: ${error.message}`)
      : error;
  }
}

// ---------------------------------------------------------------- data sets

async function* readSet(path: string, from: Mark, before: number): AsyncGenerator<Read> {
  const { texts, vectors } = await readCarried(folder(path));
  for (let i = from.at; i < texts.length; i++) {
    const delta: VectorDelta = {
      vectorId: textId(i),
      operation: { type: "create", vector: row(vectors, i).slice() },
      metadata: { text: texts[i]! },
    };
    const item = itemOf(delta, `${basename(path)}, vector ${i}`);
    yield { item, next: { file: from.file, at: i + 1, line: 0 }, bytes: before };
  }
}
