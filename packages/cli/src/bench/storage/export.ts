import { DeltaVectorDB, type SearchResult } from "deltavec";
import { inRounds } from "../bridge/spread.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { K } from "../protocol.ts";
import { filled, optionsOf } from "./databases.ts";
import type { ExportFigures, ExportTimes } from "./protocol.ts";

/** Bytes of a section's header, and the kind of those that hold history (docs/format.md). */
const SECTION_BYTES = 16;
const HISTORY_SECTION = 3;

/**
 * Measures part `export`.
 *
 * @throws Error if an import builds its index anew
 */
export async function measureExport(
  data: ChurnData,
  n: number,
  rounds: number,
  cpu: () => number,
  tell: (doing: string) => Promise<void>,
): Promise<ExportFigures> {
  await tell("with history");
  using db = await filled(data, n, true);
  const { bytes, ...times } = await both(db, data, rounds, cpu, true);
  const historyBytes = sectionBytes(bytes, HISTORY_SECTION);
  const found = results(db, data);
  using again = new DeltaVectorDB(optionsOf(data, true));
  again.import(bytes);
  const changed = results(again, data).filter((hits, i) => !same(hits, found[i]!)).length;
  const deltas = again.stats().historyDeltas;

  await tell("without history");
  using bare = await filled(data, n, false);
  const plain = await both(bare, data, rounds, cpu, false);
  return {
    ...times,
    bytes: bytes.length,
    history_bytes: historyBytes,
    bytes_ratio: (bytes.length - historyBytes) / (n * data.dimensions * 4),
    deltas,
    changed_results: changed,
    plain: { ...plain, bytes: plain.bytes.length },
  };
}

/** Times exports and imports, each import to a database of its own. */
async function both(
  db: DeltaVectorDB,
  data: ChurnData,
  rounds: number,
  cpu: () => number,
  history: boolean,
): Promise<ExportTimes & { bytes: Uint8Array }> {
  let bytes = new Uint8Array(0);
  const times = await inRounds(Math.max(rounds, 3), () => {
    const cpuStart = cpu();
    const start = performance.now();
    bytes = db.export({ index: true, history });
    const exported = performance.now();
    const cpuExported = cpu();
    using other = new DeltaVectorDB(optionsOf(data, history));
    const cpuBegun = cpu();
    const begun = performance.now();
    const { index } = other.import(bytes);
    const imported = performance.now();
    const cpuImported = cpu();
    if (index !== "kept") {
      throw new Error(`the index of the import is ${index}`);
    }
    return {
      export_ms: exported - start,
      import_ms: imported - begun,
      export_cpu_ms: cpuExported - cpuStart,
      import_cpu_ms: cpuImported - cpuBegun,
    };
  });
  return { ...times, bytes };
}

function results(db: DeltaVectorDB, data: ChurnData): SearchResult[][] {
  return data.queries.map((query) => db.search(query, K));
}

function same(some: readonly SearchResult[], others: readonly SearchResult[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ id, score }, i) => id === others[i]!.id && score === others[i]!.score)
  );
}

/** Bytes of all sections of a kind, their headers included. */
function sectionBytes(bytes: Uint8Array, kind: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = SECTION_BYTES + view.getUint32(at + 8, true);
    sum += bytes[at + 4] === kind ? length : 0;
    at += length;
  }
  return sum;
}
