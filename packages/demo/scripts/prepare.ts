import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DeltaVectorDB, init } from "deltavec";
import { type CarriedData, readCarried, textId } from "../../cli/src/data/carried.ts";
import { folder } from "../../cli/src/data/folder.ts";
import { type Matrix, row } from "../../cli/src/data/source.ts";
import { DIMENSIONS, GRID, type Prepared, SEED_TIME } from "../src/prepared.ts";
import { project } from "./project.ts";
import { regions } from "./regions.ts";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const DATA = fileURLToPath(new URL("../../../data", import.meta.url));

/**
 * Makes what the page begins with, out of the carried data: an exported database, the edits to replay, vectors of known
 * queries, and the map. Takes some seconds the first time, most of them for the map; then it is kept.
 *
 * @returns the folder that has `seed.bin`, `prepared.json`, `known.f32`, `stream.f32` and `map.f32`
 */
export async function prepare(): Promise<string> {
  const parts = join(HERE, "target");
  const target = join(parts, `prepared-${fingerprint().slice(0, 16)}`);
  if (existsSync(join(target, "prepared.json"))) {
    return target;
  }
  if (existsSync(parts)) {
    for (const old of readdirSync(parts).filter((name) => name.startsWith("prepared-"))) {
      rmSync(join(parts, old), { recursive: true });
    }
  }
  mkdirSync(target, { recursive: true });
  const data = await readCarried(folder(DATA));
  const seed = await seedOf(data);
  writeFileSync(join(target, "seed.bin"), seed.bytes);

  const glosses = data.glosses.slice(data.oldGlosses);
  const streamRows = glosses.filter(({ row }) => row >= 0).map(({ row }) => row);
  writeFileSync(
    join(target, "stream.f32"),
    new Uint8Array(joined(streamRows.map((each) => row(data.glossVectors, each))).buffer),
  );
  const known = [...all(data.questions), ...all(data.queries)];
  writeFileSync(join(target, "known.f32"), new Uint8Array(joined(known).buffer));

  const added = glosses.filter(({ kind }) => kind === "create");
  const shown = [...seed.vectors, ...added.map((edit) => row(data.glossVectors, edit.row))];
  const { points, map } = project(shown);
  writeFileSync(join(target, "map.f32"), new Uint8Array(joined([map, points]).buffer));

  const texts = [...seed.texts, ...added.map(({ text }) => text!)];
  const prepared: Prepared = {
    storage: `deltavec-demo-${createHash("sha256").update(seed.bytes).digest("hex").slice(0, 8)}`,
    seeds: seed.ids.map((id, i) => [id, seed.texts[i]!]),
    added: added.map(({ id }) => id),
    questions: data.questionTexts,
    queries: data.queryTexts,
    stream: glosses.map(({ id, kind, text, version }) => ({
      id,
      kind,
      version,
      ...(text ? { text } : {}),
    })),
    regions: regions(points, texts),
  };
  // Last: the folder is whole when this is there.
  writeFileSync(join(target, "prepared.json"), JSON.stringify(prepared));
  return target;
}

/** The database that the page begins with, as it is exported, and what is in it. */
async function seedOf(data: CarriedData): Promise<{
  ids: string[];
  texts: string[];
  vectors: Float32Array[];
  bytes: Uint8Array;
}> {
  const old = data.glosses.slice(0, data.oldGlosses);
  const ids = [...data.texts.map((_, i) => textId(i)), ...old.map(({ id }) => id)];
  const texts = [...data.texts, ...old.map(({ text }) => text!)];
  const vectors = [...all(data.vectors), ...old.map((edit) => row(data.glossVectors, edit.row))];
  await init();
  using db = new DeltaVectorDB({
    dimensions: DIMENSIONS,
    precision: { grid: GRID },
    now: () => SEED_TIME,
    replicaId: "00000000de10",
  });
  for (let i = 0; i < ids.length; i += 250) {
    db.applyDeltas(
      ids.slice(i, i + 250).map((vectorId, j) => ({
        vectorId,
        operation: { type: "create", vector: vectors[i + j]! },
        metadata: { text: texts[i + j]! },
      })),
    );
  }
  db.repair();
  return { ids, texts, vectors, bytes: db.export() };
}

function all(matrix: Matrix): Float32Array[] {
  return Array.from({ length: matrix.rows }, (_, i) => row(matrix, i));
}

function joined(vectors: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const values = new Float32Array(vectors.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const vector of vectors) {
    values.set(vector, at);
    at += vector.length;
  }
  return values;
}

/** Of all that decides what is prepared. */
function fingerprint(): string {
  const hash = createHash("sha256");
  const files = [
    join(DATA, "SHA256SUMS"),
    ...["scripts/prepare.ts", "scripts/project.ts", "scripts/regions.ts", "src/prepared.ts"].map(
      (name) => join(HERE, name),
    ),
    fileURLToPath(import.meta.resolve("deltavec/deltavec.wasm")),
  ];
  for (const file of files) {
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}
