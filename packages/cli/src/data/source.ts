/** A folder of data files: on disk in Node, behind a URL in the browser. */
export interface Source {
  /** All bytes of a file; the error says which file is missing. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** Rows of float32 values in one block. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Values of every vector in the data files. */
export const DIMENSIONS = 384;

/**
 * Reads rows of {@link DIMENSIONS} float32 values, little-endian, without a header.
 *
 * @throws Error if the file does not hold whole rows
 */
export async function readMatrix(source: Source, name: string): Promise<Matrix> {
  const bytes = await source.read(name);
  const width = DIMENSIONS * Float32Array.BYTES_PER_ELEMENT;
  if (bytes.length === 0 || bytes.length % width !== 0) {
    throw new Error(`${name}: ${bytes.length} bytes are no whole rows of ${width} bytes`);
  }
  // A copy where the bytes stand at an odd place in a larger buffer.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return {
    rows: bytes.length / width,
    columns: DIMENSIONS,
    values: new Float32Array(aligned.buffer, aligned.byteOffset, bytes.length / 4),
  };
}

/**
 * Reads a table of tab-parted fields.
 *
 * @throws Error if a line has another number of fields than `columns`
 */
export async function readTable(
  source: Source,
  name: string,
  columns: number,
): Promise<string[][]> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await source.read(name));
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  return lines.map((line, i) => {
    const fields = line.split("\t");
    if (fields.length !== columns) {
      throw new Error(`${name}, line ${i + 1}: ${fields.length} fields instead of ${columns}`);
    }
    return fields;
  });
}

/** One row of a matrix, as a view. */
export function row(matrix: Matrix, index: number): Float32Array {
  return matrix.values.subarray(index * matrix.columns, (index + 1) * matrix.columns);
}
