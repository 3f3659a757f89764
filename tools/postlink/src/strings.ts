import { namesOf } from "./library.ts";
import {
  bytesOf,
  type Expression,
  type Field,
  field,
  fieldsOf,
  lists,
  parse,
  print,
} from "./wat.ts";

type List = Expression[];

/** In how many places a function is given a string at least, so that a function of its own pays that takes the string's number. */
const SITES = 10;

const START = "$teavm@initializer";
const FILL = "$teavm@initStrings";
const NEXT = "$org.teavm.backend.wasm.runtime.WasmGCSupport::nextCharArray";
/** How the name of a function ends that is given a string by its number. */
const NUMBERED = "@text";

/** All strings, and the function that gives one. It is only worth calling if it is not inlined: `*@text` in the options. */
const TABLE = `
  (type $texts (array (mut (ref null $java.lang.String))))
  (global $texts (mut (ref null $texts)) (ref.null none))
  (func $get${NUMBERED} (param $number i32) (result (ref null $java.lang.String))
    (array.get $texts (global.get $texts) (local.get $number)))`;

/** Reads the next string of the data where all are ASCII and shorter than 128. */
const PLAIN = `(result (ref null $Array<&C>))
  (local $made (ref null $Array<&C>)) (local $length i32) (local $i i32)
  (local.set $made
    (call $Array<&C>@new (global.get $&C@class)
      (local.tee $length (call $org.teavm.backend.wasm.runtime.WasmGCSupport::nextByte))))
  (loop $next
    (if (i32.lt_u (local.get $i) (local.get $length))
      (then
        (array.set CHARS (struct.get $Array<&C> $@data (local.get $made)) (local.get $i)
          (call $org.teavm.backend.wasm.runtime.WasmGCSupport::nextByte))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))
  (local.get $made)`;

/**
 * Puts strings into one array and names them by their numbers. TeaVM has a global for each, and the start function lists them all.
 *
 * Functions and globals are known by the names that TeaVM gives with debug information. Output without strings stays as it is.
 * O(length of the text).
 */
export function numberedStrings(fields: readonly Field[]): Field[] {
  const start = fields.find((f) => f.kind === "func" && f.id === START);
  const fill = start && lists(parse(start.text), "call").find(([, id]) => id === FILL);
  const array = fill?.[2];
  if (typeof array !== "object") return [...fields];
  const numbers = new Map(lists(array, "global.get").map(([, id], i) => [String(id), i]));
  const numberOf = (item: Expression | undefined) =>
    typeof item === "object" && item[0] === "global.get" ? numbers.get(String(item[1])) : undefined;
  const functions = new Map<string, List>();
  for (const f of fields) {
    if (f.kind === "func" && f.id !== undefined) functions.set(f.id, parse(f.text) as List);
  }

  /** How often a function is given a string as an argument, by the function and the argument. */
  const sites = new Map<string, number>();
  const visit = (item: Expression) => {
    if (typeof item === "string") return;
    const at = item[0] === "call" ? item.findIndex((each) => numberOf(each) !== undefined) : -1;
    if (at > 0) sites.set(`${item[1]} ${at}`, (sites.get(`${item[1]} ${at}`) ?? 0) + 1);
    item.forEach(visit);
  };
  for (const list of functions.values()) visit(list);

  const numbered = new Map<string, List>();
  const replace = (item: Expression): Expression => {
    if (typeof item === "string") return item;
    if (item[1] === FILL) return ["call", FILL];
    const number = numberOf(item);
    if (number !== undefined) return ["call", `$get${NUMBERED}`, constant(number)];
    const at = item[0] === "call" ? item.findIndex((each) => numberOf(each) !== undefined) : -1;
    if (at < 0 || (sites.get(`${item[1]} ${at}`) ?? 0) < SITES) return item.map(replace);
    const [, id, ...values] = item;
    const given = values.map((value, i) =>
      i === at - 2 ? constant(numberOf(value) as number) : replace(value),
    );
    return ["call", variant(String(id), at - 2), ...given];
  };
  const variant = (id: string, at: number): string => {
    const name = `${id}${at}${NUMBERED}`;
    const list = functions.get(id) as List;
    const parameters = lists(list, "param").map((each, i) => [
      "param",
      `$${i}`,
      i === at ? "i32" : (each.at(-1) as Expression),
    ]);
    const values = parameters.map((_, i) => {
      const value: List = ["local.get", `$${i}`];
      return i === at ? ["call", `$get${NUMBERED}`, value] : value;
    });
    numbered.set(name, [
      "func",
      name,
      ...parameters,
      ...lists(list, "result"),
      ["call", id, ...values],
    ]);
    return name;
  };

  const ascii = isAscii(fields) ? namesOf(fields).get("chars") : undefined;
  const result = fields.flatMap((f) => {
    if (f.kind === "global" && numbers.has(f.id ?? "")) return [];
    if (f.kind !== "func" || f.id === undefined) return f;
    if (f.id === FILL) return field(filling(numbers.size));
    if (f.id === NEXT && ascii !== undefined)
      return field(`(func ${NEXT} ${PLAIN.replace("CHARS", ascii)})`);
    return field(print(replace(functions.get(f.id) as List)));
  });
  const made = [...numbered.values()].map((list) => field(print(list)));
  return [...result, ...fieldsOf(`(module ${TABLE})`), ...made];
}

const constant = (number: number): List => ["i32.const", String(number)];

/** The function that makes the array and all strings. */
function filling(count: number): string {
  return `(func ${FILL} (local $number i32) (local $text (ref $java.lang.String))
    (global.set $texts (array.new_default $texts (i32.const ${count})))
    (loop $next
      (call $teavm@initNextString (local.tee $text (struct.new_default $java.lang.String)))
      (array.set $texts (global.get $texts) (local.get $number) (local.get $text))
      (br_if $next
        (i32.lt_u (local.tee $number (i32.add (local.get $number) (i32.const 1))) (i32.const ${count})))))`;
}

/** Whether the data is ASCII only, the lengths of the strings included. */
function isAscii(fields: readonly Field[]): boolean {
  return fields
    .filter((f) => f.kind === "data")
    .flatMap((f) => parse(f.text) as List)
    .every((item) => typeof item !== "string" || bytesOf(item).every((byte) => byte < 0x80));
}
