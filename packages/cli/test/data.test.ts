import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { type CarriedData, readCarried } from "../src/data/carried.ts";
import { folder } from "../src/data/folder.ts";
import { type Matrix, row, type Source } from "../src/data/source.ts";
import { CARRIED_DATA } from "../src/paths.ts";

/** The carried data with one file replaced. */
function altered(name: string, change: (text: string) => string): Source {
  const source = folder(CARRIED_DATA);
  return {
    async read(file) {
      const bytes = await source.read(file);
      return file === name
        ? new TextEncoder().encode(change(new TextDecoder().decode(bytes)))
        : bytes;
    },
  };
}

describe("the carried data", () => {
  let data: CarriedData;
  before(async () => {
    data = await readCarried(folder(CARRIED_DATA));
  });

  it("matches its checksums", () => {
    const sums = readFileSync(join(CARRIED_DATA, "SHA256SUMS"), "utf8").trim().split("\n");
    assert.equal(sums.length, 10);
    for (const line of sums) {
      const [sum, name] = line.split("  ");
      const bytes = readFileSync(join(CARRIED_DATA, name!));
      assert.equal(createHash("sha256").update(bytes).digest("hex"), sum, name);
    }
  });

  it("is under 10 MB", () => {
    const bytes = readdirSync(CARRIED_DATA)
      .map((name) => statSync(join(CARRIED_DATA, name)).size)
      .reduce((a, b) => a + b);
    assert.ok(bytes < 10e6, `${bytes} bytes`);
  });

  it("has 2,000 texts, 200 queries, 3,400 edits", () => {
    assert.equal(data.texts.length, 2000);
    assert.equal(data.queryTexts.length, 200);
    assert.equal(data.revisions.length, 3000);
    assert.equal(data.glosses.length - data.oldGlosses, 400);
  });

  it("asks nothing that is in the base", () => {
    const texts = new Set(data.texts);
    assert.ok(data.queryTexts.every((text) => !texts.has(text)));
  });

  it("holds vectors of unit length", () => {
    const matrices: Matrix[] = [
      data.vectors,
      data.queries,
      data.questions,
      data.glossVectors,
      data.revisionVectors,
    ];
    for (const matrix of matrices) {
      for (let i = 0; i < matrix.rows; i++) {
        const norm = Math.hypot(...row(matrix, i));
        assert.ok(Math.abs(norm - 1) < 1e-5, `row ${i}: ${norm}`);
      }
    }
  });

  it("has creates, updates and deletes in both streams", () => {
    for (const stream of [data.glosses, data.revisions]) {
      for (const kind of ["create", "update", "delete"]) {
        assert.ok(stream.filter((edit) => edit.kind === kind).length >= 80, kind);
      }
    }
  });

  it("knows the text of each gloss that is not deleted", () => {
    assert.ok(data.glosses.every((edit) => (edit.kind === "delete") === (edit.text === "")));
  });
});

describe("readCarried", () => {
  const rejects = async (source: Source, message: RegExp): Promise<void> =>
    await assert.rejects(readCarried(source), message);

  it("names a file that is missing", async () => {
    await rejects(folder(join(CARRIED_DATA, "nowhere")), /wordnet-base\.tsv/);
  });

  it("refuses an update of what was not created", async () => {
    await rejects(
      altered("revisions.tsv", (text) => text.replace("\n1\t1\t", "\n1\t99999\t")),
      /revisions\.tsv, line 3: update of document-1, which is not there/,
    );
  });

  it("refuses a second create", async () => {
    await rejects(
      altered("revisions.tsv", (text) => text.replace("\n3\t2\t", "\n3\t0\t")),
      /revisions\.tsv, line 4: create of document-0, which is there/,
    );
  });

  it("refuses a stream that goes back in time", async () => {
    await rejects(
      altered("revisions.tsv", (text) => text.replace("\n4\t3\t0\t1382861767", "\n4\t3\t0\t1")),
      /revisions\.tsv, line 5: goes back in time/,
    );
  });

  it("refuses a row out of turn", async () => {
    await rejects(
      altered("revisions.tsv", (text) => text.replace("\tC\t1\n", "\tC\t2\n")),
      /revisions\.tsv, line 2: row 2 instead of 1/,
    );
  });

  it("refuses an unknown operation", async () => {
    await rejects(
      altered("glosses.tsv", (text) => text.replace("\tU\t", "\tX\t")),
      /glosses\.tsv: unknown operation "X"/,
    );
  });

  it("refuses a line with too few fields", async () => {
    await rejects(
      altered("questions.tsv", (text) => text.replace("\n1\t", "\n1 ")),
      /questions\.tsv, line 2: 1 fields instead of 2/,
    );
  });
});
