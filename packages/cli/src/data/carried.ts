import { type Matrix, readMatrix, readTable, type Source } from "./source.ts";

/** One step of a stream of edits; `data/README.md` describes the files. */
export interface Edit {
  /** Id of the vector that it changes. */
  readonly id: string;
  /** Which version of its text it makes, from 0. */
  readonly version: number;
  readonly kind: "create" | "update" | "delete";
  /** Row of the new vector; -1 for a delete. */
  readonly row: number;
  /** The new text, where it is known. */
  readonly text: string | undefined;
  /** Unix seconds, where they are known. */
  readonly time: number | undefined;
}

/** The data that the repository carries. */
export interface CarriedData {
  readonly texts: readonly string[];
  readonly vectors: Matrix;
  readonly queryTexts: readonly string[];
  readonly queries: Matrix;
  readonly questionTexts: readonly string[];
  readonly questions: Matrix;
  /** From WordNet 3.0 to 3.1: first the old state of all that changes, then the changes. */
  readonly glosses: readonly Edit[];
  readonly glossVectors: Matrix;
  /** How many of `glosses` are the old state. */
  readonly oldGlosses: number;
  readonly revisions: readonly Edit[];
  readonly revisionVectors: Matrix;
}

const KINDS = { C: "create", U: "update", D: "delete" } as const;

/**
 * Reads and checks the carried data.
 *
 * @throws Error naming the file and what is wrong with it
 */
export async function readCarried(source: Source): Promise<CarriedData> {
  const [texts, vectors] = await numbered(source, "wordnet-base.tsv", "wordnet-384-base.f32");
  const [queryTexts, queries] = await numbered(
    source,
    "wordnet-query.tsv",
    "wordnet-384-query.f32",
  );
  const [questionTexts, questions] = await numbered(source, "questions.tsv", "questions-384.f32");

  const glossVectors = await readMatrix(source, "glosses-384.f32");
  const glosses = (await readTable(source, "glosses.tsv", 6)).map(
    ([, key, version, kind, row, text]): Edit => ({
      id: key!,
      version: Number(version),
      kind: kindOf("glosses.tsv", kind!),
      row: Number(row),
      text: text!,
      time: undefined,
    }),
  );
  checkStream("glosses.tsv", glosses, glossVectors);
  const firstChange = glosses.findIndex((edit) => edit.kind !== "create");
  const changed = new Set(glosses.filter((edit) => edit.kind !== "create").map((edit) => edit.id));
  const oldGlosses = glosses.findIndex((edit) => !changed.has(edit.id));

  const [revisions, revisionVectors] = await readRevisions(source);

  return {
    texts,
    vectors,
    queryTexts,
    queries,
    questionTexts,
    questions,
    glosses,
    glossVectors,
    oldGlosses: Math.min(firstChange, oldGlosses < 0 ? firstChange : oldGlosses),
    revisions,
    revisionVectors,
  };
}

/**
 * Reads and checks a stream of revisions: of the carried data, or of the full set.
 *
 * @throws Error naming the file and what is wrong with it
 */
export async function readRevisions(source: Source): Promise<[readonly Edit[], Matrix]> {
  const vectors = await readMatrix(source, "revisions-384.f32");
  const edits = (await readTable(source, "revisions.tsv", 6)).map(
    ([, document, version, time, kind, row]): Edit => ({
      id: `document-${document}`,
      version: Number(version),
      kind: kindOf("revisions.tsv", kind!),
      row: Number(row),
      text: undefined,
      time: Number(time),
    }),
  );
  checkStream("revisions.tsv", edits, vectors);
  return [edits, vectors];
}

/** Id of the text at an index of the base. */
export function textId(index: number): string {
  return `text-${String(index).padStart(5, "0")}`;
}

async function numbered(
  source: Source,
  table: string,
  vectors: string,
): Promise<[readonly string[], Matrix]> {
  const rows = await readTable(source, table, 2);
  const matrix = await readMatrix(source, vectors);
  if (rows.length !== matrix.rows) {
    throw new Error(`${table} has ${rows.length} texts, ${vectors} has ${matrix.rows} vectors`);
  }
  rows.forEach(([id], i) => {
    if (Number(id) !== i) {
      throw new Error(`${table}, line ${i + 1}: id ${id} instead of ${i}`);
    }
  });
  return [rows.map(([, text]) => text!), matrix];
}

function kindOf(file: string, letter: string): Edit["kind"] {
  const kind = KINDS[letter as keyof typeof KINDS];
  if (kind === undefined) {
    throw new Error(`${file}: unknown operation ${JSON.stringify(letter)}`);
  }
  return kind;
}

/** Checks that a stream can be applied in its order, and uses each of its vectors once, in order. */
function checkStream(file: string, edits: readonly Edit[], vectors: Matrix): void {
  const versions = new Map<string, number>();
  let rows = 0;
  edits.forEach((edit, i) => {
    const fail = (what: string): never => {
      throw new Error(`${file}, line ${i + 1}: ${what}`);
    };
    const version = versions.get(edit.id);
    if (edit.kind === "create" ? version !== undefined : version === undefined) {
      fail(`${edit.kind} of ${edit.id}, which is ${version === undefined ? "not " : ""}there`);
    }
    if (edit.kind === "delete") {
      versions.delete(edit.id);
      if (edit.row !== -1) {
        fail(`a delete with row ${edit.row}`);
      }
      return;
    }
    if (edit.version !== (version === undefined ? 0 : version + 1)) {
      fail(`version ${edit.version} of ${edit.id} follows ${version}`);
    }
    if (edit.row !== rows) {
      fail(`row ${edit.row} instead of ${rows}`);
    }
    const before = i === 0 ? undefined : edits[i - 1]!.time;
    if (edit.time !== undefined && before !== undefined && edit.time < before) {
      fail("goes back in time");
    }
    versions.set(edit.id, edit.version);
    rows++;
  });
  if (rows !== vectors.rows) {
    throw new Error(`${file} uses ${rows} vectors of ${vectors.rows}`);
  }
}
