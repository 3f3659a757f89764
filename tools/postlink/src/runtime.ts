import {
  bytesOf,
  type Expression,
  type Field,
  field,
  lists,
  parse,
  print,
  quotedOf,
} from "./wat.ts";

/** Java uses what {@link withoutRuntime} leaves out, or TeaVM's output is not as expected. */
export class RuntimeUseError extends Error {
  override name = "RuntimeUseError";
}

type List = Expression[];

/** TeaVM's start function, and the function by which it fills the strings. */
const START = "$teavm@initializer";
const FILL_STRINGS = "$teavm@initStrings";
const CLASS = "$org.teavm.runtime.reflect.ClassInfo";
/** How the name of a global ends that holds the function which initialises a class. */
const INITIALIZER = "@initializer";

/** Functions that are there for classes as objects, with bodies that do without. */
const BODIES: ReadonlyMap<string, List> = new Map([
  // Every constructor of Throwable asks for a stack trace, and that for the name of the class.
  ["$java.lang.Throwable::fillInStackTrace", ["local.get", "0"]],
  ["$teavm@classObject", ["ref.null", "none"]],
  // A new array asks for the table of methods that its class has. It needs none.
  ["$teavm@getArrayClass", ["struct.new_default", CLASS]],
]);

/** Why a function that holds the instruction would not work any more, or undefined. */
function refusal([head, type, name]: List): string | undefined {
  if (head === "struct.get" && type === CLASS && name !== "$vtable")
    return "asks a class for something, as Arrays.copyOf does for objects";
  if (
    head === "struct.get" &&
    /^\$VT</.test(String(type)) &&
    /^\$(?:class|clone)$/.test(String(name))
  )
    return "asks for its class or a clone (Arrays.copyOf copies arrays of numbers without)";
  if (head === "call" && String(type).startsWith("$org.teavm.runtime.heap."))
    return "uses a direct buffer";
  if (head === "struct.get" && type === "$java.lang.Enum" && name === "$name")
    return "asks for the name of an enum's constant";
  if (head === "global.get" && type === "$java.lang.Byte#byteCache")
    return "makes an object of a byte";
  return undefined;
}

/**
 * Leaves out what TeaVM's runtime prepares for reflection and for JavaScript, which nobody asks for here:
 *
 * - The start function keeps the strings that our exports reach. Classes as objects, what JavaScript would need, and the heap of
 *   direct buffers go. Tables of virtual methods are constants, which lets the optimiser see what is called.
 * - The start function initialises the classes, each behind those that it needs. TeaVM does so when a class is used first, and
 *   asks in all functions where that may be.
 * - Stack traces are not taken. The constants of enums have no names, and `values()` gives an enum's own array, so nobody may
 *   write to it.
 *
 * Functions are known by the names that TeaVM gives with debug information. Output without a start function stays as it is.
 * O(length of the text) for each class that has an initialiser.
 *
 * @param isOurs tells of a field `export` whether it stays
 * @throws RuntimeUseError if a function that our exports reach needs what is left out, or the output is not as expected
 */
export function withoutRuntime(
  fields: readonly Field[],
  isOurs: (exported: Field) => boolean,
): Field[] {
  return fields.some((f) => f.kind === "start") ? new Program(fields).strip(isOurs) : [...fields];
}

class Program {
  readonly #fields: readonly Field[];
  /** Functions and globals by identifier. */
  readonly #definitions = new Map<string, List>();
  readonly #start: List;
  /** Fields of structs by the identifier of the type. */
  readonly #structs = new Map<string, List[]>();
  /** The virtual methods that the start function enters in a table: by the table's global, then by the name of the field. */
  readonly #methods = new Map<string, Map<string, Expression>>();
  /** Globals of all strings, in the order of the data. */
  readonly #strings: readonly string[];

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    for (const f of fields) {
      if (f.id !== undefined && (f.kind === "func" || f.kind === "global"))
        this.#definitions.set(f.id, withBody(f.id, parse(f.text) as List));
      else if (f.kind === "type" || f.kind === "rec") this.#readTypes(parse(f.text));
    }
    const start = this.#definitions.get(START);
    if (start === undefined)
      throw new RuntimeUseError(`no ${START}: TeaVM must give debug information`);
    this.#start = start;
    for (const [, type, name, table, method] of lists(start, "struct.set")) {
      if (!String(type).startsWith("$VT<")) continue;
      const id = operand(table, "global.get");
      const known = this.#methods.get(id) ?? new Map<string, Expression>();
      this.#methods.set(id, known.set(String(name), method as Expression));
    }
    const array = lists(start, "call").find((call) => call[1] === FILL_STRINGS)?.[2];
    if (typeof array !== "object" || array[0] !== "array.new_fixed")
      throw new RuntimeUseError(`${START} does not fill an array of strings`);
    this.#strings = array.slice(3).map((item) => operand(item, "global.get"));
  }

  #readTypes(from: Expression): void {
    walk(from, (list) => {
      if (list[0] !== "type" || typeof list[1] !== "string") return;
      const id = list[1];
      walk(list, (inner) => {
        if (inner[0] === "struct") this.#structs.set(id, lists(inner, "field"));
      });
    });
  }

  strip(isOurs: (exported: Field) => boolean): Field[] {
    const roots = this.#fields.filter((f) =>
      f.kind === "export" ? isOurs(f) : f.kind === "elem" && !isDeclaration(f),
    );
    const reached = this.#reach([["call", FILL_STRINGS], ...roots.map((f) => parse(f.text))]);
    for (const id of reached) {
      walk(this.#definitions.get(id) as List, (list) => {
        const why = refusal(list);
        if (why !== undefined) throw new RuntimeUseError(`${id} ${why}`);
      });
    }
    return this.#fields.flatMap((f) => {
      if (f.kind === "data") return field(this.#data(f, reached));
      if (f.kind === "elem" && isDeclaration(f)) return [];
      if (f.kind !== "func" && f.kind !== "global") return f;
      if (f.id === START) return field(print(this.#newStart(reached)));
      if (f.id === undefined || !reached.has(f.id) || f.id.endsWith(INITIALIZER)) return [];
      const definition = this.#definitions.get(f.id) as List;
      return field(print(this.#methods.has(f.id) ? this.#table(f.id) : initialized(definition)));
    });
  }

  /** The global that holds a table of virtual methods, with the methods in it. */
  #table(id: string): List {
    const global = this.#definitions.get(id) as List;
    const type = operand(global.at(-1), "struct.new_default");
    const fields = this.#structs.get(type) ?? [];
    const methods = this.#methods.get(id) as Map<string, Expression>;
    const values = fields.map(([, name, of]) => {
      const isClass = print(of as Expression).includes(CLASS);
      return methods.get(String(name)) ?? ["ref.null", isClass ? "none" : "nofunc"];
    });
    if (!fields.some((each) => methods.has(String(each[1]))))
      throw new RuntimeUseError(`table of methods of unknown shape: ${print(global)}`);
    return [...global.slice(0, -1), ["struct.new", type, ...values]];
  }

  /** Functions and globals that some lists mention, and all that these mention in turn. */
  #reach(roots: readonly Expression[]): ReadonlySet<string> {
    const reached = new Set<string>();
    const waiting: Expression[] = [...roots];
    for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
      walk(from, ([head, id]) => {
        if (!MENTIONS.has(String(head)) || typeof id !== "string" || id === START) return;
        const definition = this.#definitions.get(id);
        if (definition === undefined || reached.has(id)) return;
        reached.add(id);
        waiting.push(definition, ...(this.#methods.get(id)?.values() ?? []));
      });
    }
    return reached;
  }

  /** The functions that initialise the classes which are reached, each behind those that it needs. */
  #initializers(reached: ReadonlySet<string>): string[] {
    const classes = (ids: ReadonlySet<string>) => [...ids].filter((id) => id.endsWith(INITIALIZER));
    const functionOf = (id: string) => operand(this.#definitions.get(id)?.at(-1), "ref.func");
    const order: string[] = [];
    const done = new Set<string>();
    const add = (id: string, path: readonly string[]) => {
      if (path.includes(id))
        throw new RuntimeUseError(`classes need each other first: ${[...path, id].join(", ")}`);
      if (done.has(id)) return;
      const needed = this.#reach([["call", functionOf(id)]]);
      for (const other of classes(needed)) if (other !== id) add(other, [...path, id]);
      done.add(id);
      order.push(functionOf(id));
    };
    for (const id of classes(reached)) add(id, []);
    return order;
  }

  #newStart(reached: ReadonlySet<string>): List {
    const strings = this.#strings.filter((id) => reached.has(id));
    const array = ["array.new_fixed", "$teavm@stringArray", String(strings.length)];
    const gets = strings.map((id) => ["global.get", id]);
    return [
      ...this.#start.slice(0, 2),
      ...lists(this.#start, "type"),
      ...(strings.length === 0 ? [] : [["call", FILL_STRINGS, [...array, ...gets]]]),
      ...this.#initializers(reached).map((id) => ["call", id]),
    ];
  }

  /** The data without the text of strings that are not reached. */
  #data(from: Field, reached: ReadonlySet<string>): string {
    const items = parse(from.text) as List;
    const isText = (item: Expression) => typeof item === "string" && item.startsWith('"');
    const bytes = bytesOf(...(items.filter(isText) as string[]));
    const kept: number[] = [];
    let at = 0;
    for (const id of this.#strings) {
      const end = endOfString(bytes, at);
      if (reached.has(id)) kept.push(...bytes.subarray(at, end));
      at = end;
    }
    if (at !== bytes.length)
      throw new RuntimeUseError(`strings fill ${at} of ${bytes.length} bytes of data`);
    return print([...items.filter((item) => !isText(item)), quotedOf(kept)]);
  }
}

/** Keywords of instructions and exports that mention a function or a global. */
const MENTIONS: ReadonlySet<string> = new Set([
  "call",
  "func",
  "global.get",
  "global.set",
  "ref.func",
  "return_call",
]);

/** `elem` that only declares functions as ones that are referred to; Binaryen makes it anew. */
function isDeclaration(f: Field): boolean {
  return /^\(elem\s+declare\b/.test(f.text);
}

/** Calls `visit` with every list in `from`. */
function walk(from: Expression, visit: (list: List) => void): void {
  if (typeof from === "string") return;
  visit(from);
  for (const item of from) walk(item, visit);
}

/** The identifier in a list of that keyword and an identifier. */
function operand(item: Expression | undefined, keyword: string): string {
  if (typeof item === "object" && item[0] === keyword && typeof item[1] === "string")
    return item[1];
  throw new RuntimeUseError(`${keyword} expected: ${item === undefined ? "nothing" : print(item)}`);
}

/** A function with its body from {@link BODIES}, one that makes an enum without names, or the function as it is. */
function withBody(id: string, list: List): List {
  const head = [
    ...list.slice(0, 2),
    ...["type", "param", "result"].flatMap((keyword) => lists(list, keyword)),
  ];
  const body = BODIES.get(id);
  if (body !== undefined) return [...head, body];
  if (id.endsWith("::<clinit>"))
    return withoutNames(`${id.slice(0, -"<clinit>".length)}<init>`, list);
  if (!id.endsWith("::values")) return list;
  let values: List | undefined;
  walk(list, (item) => {
    if (item[0] === "global.get" && String(item[1]).endsWith("#$VALUES")) values = item;
  });
  return values === undefined ? list : [...head, ...lists(list, "call_ref"), values];
}

/** An enum's initialiser that gives its constants no names: the first argument of the constructor. */
function withoutNames(init: string, list: List): List {
  if (!print(list).includes("#$VALUES")) return list;
  const replace = (item: Expression): Expression => {
    if (typeof item === "string") return item;
    if (item[0] !== "call" || item[1] !== init) return item.map(replace);
    return [...item.slice(0, 3), ["ref.null", "none"], ...item.slice(4)];
  };
  return list.map(replace);
}

/** A function that takes classes as initialised. */
function initialized(from: List): List {
  return from.map((item) => {
    if (typeof item === "string") return item;
    const [head, first, second] = item;
    const call = head === "call_ref" && typeof second === "object" ? String(second[1]) : "";
    const set = head === "global.set" ? String(first) : "";
    if (call.endsWith(INITIALIZER) || set.endsWith(INITIALIZER)) return ["nop"];
    if (head === "global.get" && String(first).endsWith(INITIALIZER))
      throw new RuntimeUseError(`${first} is used in an unknown way`);
    return initialized(item);
  });
}

/** Index behind the string at `at`: the number of its UTF-16 units, 7 bits in a byte, and its UTF-8 bytes. */
function endOfString(bytes: Uint8Array, at: number): number {
  let end = at;
  let units = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[end++] ?? 0;
    units |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  while (units > 0 && end < bytes.length) {
    const byte = bytes[end] as number;
    const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    units -= length === 4 ? 2 : 1;
    end += length;
  }
  return end;
}
