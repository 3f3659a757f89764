/**
 * Just enough of the WebAssembly text format to move a module's fields about: a splitter into top-level fields and a
 * reader of s-expressions. Function bodies pass through as they are written.
 */

/** An atom (identifier, keyword, number, quoted string) or a parenthesised list. */
export type Expression = string | Expression[];

/** A top-level field of a module, as written. */
export interface Field {
  /** `import`, `func`, `memory`, … */
  readonly kind: string;
  /** `$name` of what the field defines, if it has one. An import's is that of what is imported. */
  readonly id: string | undefined;
  readonly text: string;
}

/** The text does not have the shape that this program relies on. */
export class FormatError extends Error {
  override name = "FormatError";
}

/** Index behind the token, comment or white space that begins at `at`; O(length of it). */
function skip(text: string, at: number): number {
  const c = text[at];
  if (c === '"') {
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === "\\") i++;
      else if (text[i] === '"') return i + 1;
    }
    throw new FormatError(`string without end at ${at}`);
  }
  if (c === ";" && text[at + 1] === ";") {
    const end = text.indexOf("\n", at);
    return end < 0 ? text.length : end + 1;
  }
  if (c === "(" && text[at + 1] === ";") {
    let depth = 1;
    for (let i = at + 2; i < text.length - 1; i++) {
      if (text[i] === "(" && text[i + 1] === ";") depth++;
      else if (text[i] === ";" && text[i + 1] === ")") depth--;
      else continue;
      i++;
      if (depth === 0) return i + 1;
    }
    throw new FormatError(`comment without end at ${at}`);
  }
  return at + 1;
}

const SPACE = /\s/;
const ATOM_END = /[\s()";]/;

/** Index behind the field whose opening parenthesis is at `at`. */
function endOfList(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; ) {
    if (text[i] === "(" && text[i + 1] !== ";") depth++;
    else if (text[i] === ")" && --depth === 0) return i + 1;
    i = skip(text, i);
  }
  throw new FormatError(`parenthesis without end at ${at}`);
}

/** Index of the next thing at or after `at` that is neither white space nor a comment. */
function next(text: string, at: number): number {
  let i = at;
  while (i < text.length) {
    const isComment = (text[i] === ";" || text[i] === "(") && text[i + 1] === ";";
    if (!isComment && !SPACE.test(text[i] as string)) break;
    i = skip(text, i);
  }
  return i;
}

/** Splits `(module …)` into its fields. O(length). */
export function fieldsOf(text: string): Field[] {
  const start = next(text, 0);
  if (!text.startsWith("(module", start)) throw new FormatError("no (module …) found");
  const end = endOfList(text, start) - 1;
  const result: Field[] = [];
  for (let at = next(text, start + "(module".length); at < end; ) {
    if (text[at] !== "(")
      throw new FormatError(`field expected at ${at}: ${text.slice(at, at + 40)}`);
    const close = endOfList(text, at);
    result.push(field(text.slice(at, close)));
    at = next(text, close);
  }
  return result;
}

/** Makes a field of its text. */
export function field(text: string): Field {
  const head = /^\(\s*([a-z]+)(?:\s+(\$[^\s()";]+))?/.exec(text);
  const kind = head?.[1];
  if (kind === undefined) throw new FormatError(`not a field: ${text.slice(0, 40)}`);
  const id = kind === "import" ? importOf({ kind, id: undefined, text }).id : head?.[2];
  return { kind, id, text };
}

/** Reads one s-expression. O(length). */
export function parse(text: string): Expression {
  const open: Expression[][] = [[]];
  for (let at = next(text, 0); at < text.length; at = next(text, at)) {
    const top = open[open.length - 1] as Expression[];
    if (text[at] === "(") {
      const list: Expression[] = [];
      top.push(list);
      open.push(list);
      at++;
    } else if (text[at] === ")") {
      if (open.length === 1) throw new FormatError(`parenthesis too many at ${at}`);
      open.pop();
      at++;
    } else {
      let end = skip(text, at);
      if (text[at] !== '"') while (end < text.length && !ATOM_END.test(text[end] as string)) end++;
      top.push(text.slice(at, end));
      at = end;
    }
  }
  const [only, ...rest] = open[0] as Expression[];
  if (open.length !== 1 || only === undefined || rest.length > 0)
    throw new FormatError("one s-expression expected");
  return only;
}

/** Writes an s-expression. */
export function print(expression: Expression): string {
  return typeof expression === "string" ? expression : `(${expression.map(print).join(" ")})`;
}

/** The lists among `items` that begin with `keyword`. */
export function lists(items: Expression, keyword: string): Expression[][] {
  if (typeof items === "string") return [];
  return items.filter((item): item is Expression[] => Array.isArray(item) && item[0] === keyword);
}

/** An import field taken apart. */
export interface Import {
  readonly module: string;
  readonly name: string;
  /** `func`, `global`, `memory`, `table` or `tag`. */
  readonly kind: string;
  readonly id: string;
  /** What stands behind the identifier: type use, parameters, results; or limits; or a global's type. */
  readonly type: readonly Expression[];
}

/** Takes `(import "module" "name" (kind $id type…))` apart. */
export function importOf(from: Field): Import {
  const [, module, name, what] = parse(from.text) as Expression[];
  if (typeof module !== "string" || typeof name !== "string" || !Array.isArray(what)) {
    throw new FormatError(`import of unknown shape: ${from.text}`);
  }
  const [kind, id, ...type] = what;
  if (typeof kind !== "string" || typeof id !== "string" || !id.startsWith("$")) {
    throw new FormatError(`import without an identifier: ${from.text}`);
  }
  return { module: unquote(module), name: unquote(name), kind, id, type };
}

/** An export field taken apart. */
export interface Export {
  readonly name: string;
  /** `func`, `global`, `memory`, `table` or `tag`. */
  readonly kind: string;
  readonly id: string;
}

/** Takes `(export "name" (kind $id))` apart. */
export function exportOf(from: Field): Export {
  const [, name, what] = parse(from.text) as Expression[];
  if (typeof name !== "string" || !Array.isArray(what))
    throw new FormatError(`export of unknown shape: ${from.text}`);
  const [kind, id] = what;
  if (typeof kind !== "string" || typeof id !== "string")
    throw new FormatError(`export of unknown shape: ${from.text}`);
  return { name: unquote(name), kind, id };
}

/** Types of a function's parameters and results, for comparison: `(i32 i32) -> (f32)`. */
export function signatureOf(type: readonly Expression[]): string {
  const types = (keyword: string) =>
    lists([...type], keyword)
      .flatMap((list) => list.slice(1))
      .filter((item) => typeof item !== "string" || !item.startsWith("$"))
      .map(print)
      .join(" ");
  return `(${types("param")}) -> (${types("result")})`;
}

/** Text between the quotes; names with escapes are none of ours. */
function unquote(quoted: string): string {
  if (!/^"[^"\\]*"$/.test(quoted)) throw new FormatError(`name of unknown shape: ${quoted}`);
  return quoted.slice(1, -1);
}

/** The bytes that quoted data strings stand for, one behind the other. */
export function bytesOf(...quoted: readonly string[]): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const text of quoted) {
    for (const [, hex, unicode, escaped, plain] of text.slice(1, -1).matchAll(PIECE)) {
      if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
      else if (unicode !== undefined)
        bytes.push(...encoder.encode(String.fromCodePoint(Number.parseInt(unicode, 16))));
      else bytes.push(...encoder.encode(plain ?? ESCAPES.get(escaped as string) ?? escaped));
    }
  }
  return Uint8Array.from(bytes);
}

const PIECE = /\\([0-9a-fA-F]{2})|\\u\{([0-9a-fA-F]+)\}|\\(.)|([^\\]+)/g;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["t", "\t"],
  ["n", "\n"],
  ["r", "\r"],
]);

/** A quoted data string of those bytes. */
export function quotedOf(bytes: Iterable<number>): string {
  const pieces = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${byte.toString(16).padStart(2, "0")}`,
  );
  return `"${pieces.join("")}"`;
}
