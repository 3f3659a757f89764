import { type Expression, type Field, field, lists, parse, print } from "./wat.ts";

type List = Expression[];

/** In how many places a constructor is called at least, so that a function of its own pays. */
const SITES = 4;

/**
 * Says in fewer instructions what TeaVM writes at length; what does not have the shape that is looked for stays.
 *
 * - A comparison that yields -1, 0 or 1 (Java's `lcmp`, `Integer.compareUnsigned`) and is compared with 0 is one instruction.
 * - `new X(…)` is a call of one function, `$new:…`, where a constructor is called in many places: 60 of them make an error.
 *   The chain of `append` by which Java joins strings follows in the same expression.
 *
 * Functions are known by the names that TeaVM gives with debug information. O(length of the text).
 */
export function shortened(fields: readonly Field[]): Field[] {
  const functions = new Map<string, List>();
  for (const f of fields) {
    if (f.kind === "func" && f.id !== undefined) functions.set(f.id, parse(f.text) as List);
  }
  const comparisons = comparisonsOf(functions);
  const constructors = new Constructors(functions);
  const rewritten = fields.map((f) => {
    const list = f.kind === "func" && f.id !== undefined ? functions.get(f.id) : undefined;
    return list === undefined
      ? f
      : field(print(constructors.called(compared(list, comparisons) as List)));
  });
  return [...rewritten, ...constructors.functions().map((list) => field(print(list)))];
}

const isList = (item: Expression | undefined): item is List => typeof item === "object";

/** Whether an identifier stands anywhere in an expression. */
function mentions(item: Expression, id: string): boolean {
  return isList(item) ? item.some((each) => mentions(each, id)) : item === id;
}

// ---------------------------------------------------------------- comparisons

/** How the instructions begin and end that compare as a function of TeaVM's does. */
type Comparison = readonly [type: string, sign: string];

function comparisonsOf(functions: ReadonlyMap<string, List>): ReadonlyMap<string, Comparison> {
  const found = new Map<string, Comparison>();
  for (const [id, list] of functions) {
    const name = /^\$org\.teavm\.backend\.wasm\.WasmRuntime::compare(Unsigned)?(?:_\d+)?$/.exec(id);
    const type = lists(list, "param")[0]?.at(-1);
    if (name !== null && (type === "i32" || type === "i64"))
      found.set(id, [type, name[1] === undefined ? "_s" : "_u"]);
  }
  return found;
}

function compared(item: Expression, comparisons: ReadonlyMap<string, Comparison>): Expression {
  if (!isList(item)) return item;
  const [head, call, zero] = item;
  const operator = /^i32\.(?:(eq|ne)|(lt|le|gt|ge)_s|eqz)$/.exec(String(head));
  const comparison =
    isList(call) && call[0] === "call" ? comparisons.get(String(call[1])) : undefined;
  if (operator !== null && comparison !== undefined && isList(call)) {
    const [type, sign] = comparison;
    const [, equality, order] = operator;
    const isZero = isList(zero) && zero[0] === "i32.const" && zero[1] === "0";
    if (head === "i32.eqz" || isZero) {
      const name = order === undefined ? (equality ?? "eq") : order + sign;
      return [`${type}.${name}`, ...call.slice(2).map((each) => compared(each, comparisons))];
    }
  }
  return item.map((each) => compared(each, comparisons));
}

// ---------------------------------------------------------------- constructors

/** `new X(…)` as TeaVM writes it, in a list of instructions. */
interface Construction {
  readonly type: string;
  /** What `X`'s table of virtual methods is. */
  readonly table: Expression;
  /** Position of the call of the constructor, and of an instruction between that only copies the local, or -1. */
  readonly call: number;
  readonly copy: number;
  readonly init: string;
  readonly values: readonly Expression[];
  /** Locals that hold the object behind the call. */
  readonly locals: readonly string[];
}

/** The object and the names it has got by `(local.tee $b (local.get $a))`, or undefined for anything else. */
function localsOf(item: Expression | undefined): string[] | undefined {
  if (!isList(item) || typeof item[1] !== "string") return undefined;
  if (item[0] === "local.get") return [item[1]];
  const inner = item[0] === "local.tee" ? localsOf(item[2]) : undefined;
  return inner && [...inner, item[1]];
}

/**
 * Reads the construction that begins at `at`:
 *
 *     (struct.set $X $vt (local.tee $a (struct.new_default $X)) TABLE)
 *     …                                    nothing with $a, but perhaps (local.set $b (local.get $a))
 *     (call $X::<init> (local.get $a) …)   or $b, or (local.tee $c (local.get $a))
 */
function constructionAt(items: readonly Expression[], at: number): Construction | undefined {
  const begin = items[at];
  if (!isList(begin) || begin[0] !== "struct.set" || begin[2] !== "$vt") return undefined;
  const [, type, , tee, table] = begin;
  if (!isList(tee) || tee[0] !== "local.tee" || typeof type !== "string") return undefined;
  const allocation = tee[2];
  if (!isList(allocation) || allocation[0] !== "struct.new_default" || allocation[1] !== type)
    return undefined;
  const names = [String(tee[1])];
  const nextUse = (from: number) =>
    items.findIndex((item, i) => i >= from && names.some((name) => mentions(item, name)));
  let call = nextUse(at + 1);
  let copy = -1;
  const first = items[call];
  if (isList(first) && first[0] === "local.set" && localsOf(first[2])?.join() === names[0]) {
    copy = call;
    names.push(String(first[1]));
    call = nextUse(copy + 1);
  }
  const calling = items[call];
  if (!isList(calling) || calling[0] !== "call") return undefined;
  const [, init, object, ...values] = calling;
  const got = localsOf(object);
  if (got === undefined || !names.includes(got[0] as string)) return undefined;
  const locals = [...new Set([...names, ...got])];
  const between = items.slice(at + 1, call).filter((_, i) => at + 1 + i !== copy);
  if ([...values, ...between].some((item) => locals.some((name) => mentions(item, name))))
    return undefined;
  if (!String(init).startsWith(`${type}::<init>`)) return undefined;
  return {
    type,
    table: table as Expression,
    call,
    copy,
    init: String(init),
    values,
    locals,
  };
}

/** Sets all locals to one value. */
function assigned(locals: readonly string[], value: Expression): Expression {
  const [last, ...rest] = [...locals].reverse();
  return [
    "local.set",
    last as string,
    rest.reduce<Expression>((v, l) => ["local.tee", l, v], value),
  ];
}

class Constructors {
  readonly #functions: ReadonlyMap<string, List>;
  readonly #sites = new Map<string, number>();
  readonly #made = new Map<string, List>();

  constructor(functions: ReadonlyMap<string, List>) {
    this.#functions = functions;
    const count = (item: Expression) => {
      if (!isList(item)) return;
      if (item[0] === "call")
        this.#sites.set(String(item[1]), (this.#sites.get(String(item[1])) ?? 0) + 1);
      item.forEach(count);
    };
    for (const list of functions.values()) count(list);
  }

  /** The functions that {@link called} calls. */
  functions(): List[] {
    return [...this.#made.values()];
  }

  called(list: List): List {
    const items = list.map((item) => (isList(item) ? this.called(item) : item));
    for (let i = 0; i < items.length; i++) {
      const found = constructionAt(items, i);
      if (found === undefined || (this.#sites.get(found.init) ?? 0) < SITES) continue;
      const made: List = ["call", this.#function(found), ...found.values];
      items[i] = ["nop"];
      if (found.copy >= 0) items[found.copy] = ["nop"];
      items[found.call] = assigned(found.locals, made);
      const joined = joinedStrings(items[found.call + 1], made, found.locals);
      if (joined !== undefined) {
        items[found.call] = ["nop"];
        items[found.call + 1] = joined;
      }
    }
    return items;
  }

  #function({ type, table, init }: Construction): string {
    const id = `$new:${init.slice(1)}`;
    if (this.#made.has(id)) return id;
    const parameters = lists(this.#functions.get(init) ?? [], "param").slice(1);
    const reference = ["ref", "null", type];
    this.#made.set(id, [
      "func",
      id,
      ...parameters.map((parameter, i) => ["param", `$${i}`, parameter.at(-1) as Expression]),
      ["result", reference],
      ["local", "$made", reference],
      ["struct.set", type, "$vt", ["local.tee", "$made", ["struct.new_default", type]], table],
      ["call", init, ["local.get", "$made"], ...parameters.map((_, i) => ["local.get", `$${i}`])],
      ["local.get", "$made"],
    ]);
    return id;
  }
}

const APPEND = /^\$java\.lang\.StringBuilder::append(?:_\d+)?$/;

/**
 * Joins `(drop (call $append … (call $append (local.get $a) x) y))` with what `$a` is: `append` returns the builder it is called on.
 *
 * @returns the instruction in place of both, or undefined for anything else
 */
function joinedStrings(
  from: Expression | undefined,
  made: Expression,
  locals: readonly string[],
): Expression | undefined {
  if (!isList(from) || from[0] !== "drop") return undefined;
  const calls: List[] = [];
  let object = from[1];
  while (isList(object) && object[0] === "call" && APPEND.test(String(object[1]))) {
    calls.push(object);
    object = object[2];
  }
  const got = localsOf(object);
  if (calls.length === 0 || got === undefined || !locals.includes(got[0] as string))
    return undefined;
  const all = [...new Set([...locals, ...got])];
  if (calls.some((call) => call.slice(3).some((item) => all.some((name) => mentions(item, name)))))
    return undefined;
  const chain = calls
    .reverse()
    .reduce(
      (builder: Expression, [head, id, , ...rest]) => [head, id, builder, ...rest] as List,
      made,
    );
  return assigned(all, chain);
}
