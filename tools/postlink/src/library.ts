import { type Expression, type Field, field, lists, parse, print } from "./wat.ts";

/** A function of Java's library, as TeaVM writes it and as it is written here. */
interface Replacement {
  /** Its name, without the number by which TeaVM tells overloads apart, and its parameters. */
  readonly head: string;
  /** Its body. Names in braces stand for the functions of {@link REPLACEMENTS} and what {@link namesOf} finds. */
  readonly body: string;
}

const BUILDER = "java.lang.StringBuilder::append (param $this (ref null $java.lang.StringBuilder))";
const CHARS = "(struct.get $Array<&C> $@data";
const BUFFER = `${CHARS} (struct.get $java.lang.StringBuilder $buffer (local.get $this)))`;
const LENGTH = "(struct.get $java.lang.StringBuilder {length} (local.get $this))";
const ROOM = "(call $java.lang.StringBuilder::ensureCapacity (local.get $this)";
const SET_LENGTH = "(struct.set $java.lang.StringBuilder {length} (local.get $this)";

/** By name, so that one may call another. */
const REPLACEMENTS: ReadonlyMap<string, Replacement> = new Map(
  Object.entries({
    // Instructions that do what Java asks, NaN and -0 included.
    ...Object.fromEntries(
      ["max", "min"].flatMap((name) =>
        ["f32", "f64"].map((type) => [
          `${name} ${type}`,
          {
            head: `java.lang.Math::${name} (param $a ${type}) (param $b ${type})`,
            body: `(${type}.${name} (local.get $a) (local.get $b))`,
          },
        ]),
      ),
    ),
    abs: { head: "java.lang.Math::abs (param $n f32)", body: "(f32.abs (local.get $n))" },
    rotate: {
      head: "java.lang.Integer::rotateLeft (param $i i32) (param $distance i32)",
      body: "(i32.rotl (local.get $i) (local.get $distance))",
    },
    "rotate long": {
      head: "java.lang.Long::rotateLeft (param $i i64) (param $distance i32)",
      body: "(i64.rotl (local.get $i) (i64.extend_i32_u (local.get $distance)))",
    },
    // What is out of bounds traps instead: either is a mistake of ours, which nothing catches.
    "check copy": {
      head:
        "teavm@checkArrayCopy (param $targetArray arrayref) (param $targetIndex i32) " +
        "(param $sourceArray arrayref) (param $sourceIndex i32) (param $count i32)",
      body: "(nop)",
    },
    "char at": {
      head: "java.lang.String::charAt (param $this (ref null $java.lang.String)) (param $index i32)",
      body: `(array.get_u {chars} ${CHARS} (struct.get $java.lang.String $characters (local.get $this))) (local.get $index))`,
    },
    // Bytes as objects are made for all values at the start, whoever asks for the class. Nobody asks for them.
    bytes: { head: "java.lang.Byte::<clinit>", body: "(nop)" },
    // Java appends by inserting at the end, and has all of this for int and for long.
    room: {
      head: "java.lang.StringBuilder::ensureCapacity (param $this (ref null $java.lang.StringBuilder)) (param $1 i32)",
      body: `(local $made (ref null $Array<&C>))
        (if (i32.lt_s (array.len ${BUFFER}) (local.get $1))
          (then
            (local.set $made (call $Array<&C>@new (global.get $&C@class) (i32.shl (local.get $1) (i32.const 1))))
            (array.copy {chars} {chars} ${CHARS} (local.get $made)) (i32.const 0) ${BUFFER} (i32.const 0) ${LENGTH})
            (struct.set $java.lang.StringBuilder $buffer (local.get $this) (local.get $made))))`,
    },
    char: {
      head: `${BUILDER} (param $c i32)`,
      body: `${ROOM} (i32.add ${LENGTH} (i32.const 1)))
        (array.set {chars} ${BUFFER} ${LENGTH} (local.get $c))
        ${SET_LENGTH} (i32.add ${LENGTH} (i32.const 1)))
        (local.get $this)`,
    },
    long: {
      head: `${BUILDER} (param $value i64)`,
      body: `(if (i64.lt_s (local.get $value) (i64.const 0))
          (then
            (drop (call {char} (local.get $this) (i32.const 45)))
            (local.set $value (i64.sub (i64.const 0) (local.get $value)))))
        (if (i64.ge_u (local.get $value) (i64.const 10))
          (then (drop (call {long} (local.get $this) (i64.div_u (local.get $value) (i64.const 10))))))
        (call {char} (local.get $this)
          (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $value) (i64.const 10)))))`,
    },
    int: {
      head: `${BUILDER} (param $value i32)`,
      body: "(call {long} (local.get $this) (i64.extend_i32_s (local.get $value)))",
    },
    string: {
      head: `${BUILDER} (param $obj (ref null $java.lang.Object))`,
      body: `(local $from (ref {chars})) (local $end i32)
        (local.set $from ${CHARS} (struct.get $java.lang.String $characters (ref.cast (ref null $java.lang.String) (local.get $obj)))))
        (local.set $end (i32.add ${LENGTH} (array.len (local.get $from))))
        ${ROOM} (local.get $end))
        (array.copy {chars} {chars} ${BUFFER} ${LENGTH} (local.get $from) (i32.const 0) (array.len (local.get $from)))
        ${SET_LENGTH} (local.get $end))
        (local.get $this)`,
    },
    part: {
      head:
        "java.lang.String::<init> (param $this (ref null $java.lang.String)) " +
        "(param $value (ref null $Array<&C>)) (param $offset i32) (param $count i32)",
      body: `(local $made (ref null $Array<&C>))
        (local.set $made (call $Array<&C>@new (global.get $&C@class) (local.get $count)))
        (array.copy {chars} {chars} ${CHARS} (local.get $made)) (i32.const 0) ${CHARS} (local.get $value)) (local.get $offset) (local.get $count))
        (struct.set $java.lang.String $characters (local.get $this) (local.get $made))`,
    },
  }),
);

/**
 * Puts shorter bodies in the place of those that functions of Java's library have in TeaVM's output. A function that is not known
 * by name and parameters, or that needs what the module does not have, stays as it is.
 *
 * Functions are known by the names that TeaVM gives with debug information. O(length of the text).
 */
export function withOurLibrary(fields: readonly Field[]): Field[] {
  const functions = new Map<string, Expression[]>();
  for (const f of fields) {
    if (f.kind === "func" && /^\$(?:java|teavm@checkArrayCopy)/.test(f.id ?? ""))
      functions.set(headOf(f), parse(f.text) as Expression[]);
  }
  const names = namesOf(fields);
  for (const [name, { head }] of REPLACEMENTS) {
    const id = functions.get(head)?.[1];
    if (typeof id === "string") names.set(name, id);
  }
  const bodies = new Map<string, string>();
  for (const { head, body } of REPLACEMENTS.values()) {
    const list = functions.get(head);
    const needed = [...body.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
    if (list === undefined || !needed.every((name) => names.has(name))) continue;
    const kept = ["type", "param", "result"].flatMap((keyword) => lists(list, keyword));
    const filled = body.replace(/\{(\w+)\}/g, (_, name) => names.get(name) as string);
    bodies.set(
      list[1] as string,
      `(func ${[list[1] as string, ...kept.map(print)].join(" ")} ${filled})`,
    );
  }
  return fields.map((f) => {
    const body = f.kind === "func" ? bodies.get(f.id ?? "") : undefined;
    return body === undefined ? f : field(body);
  });
}

/** A function's name without the number of an overload, and its parameters. */
function headOf(f: Field): string {
  const name = (f.id as string).slice(1).replace(/_\d+$/, "");
  return [name, ...lists(parse(f.text), "param").map(print)].join(" ");
}

/** What TeaVM numbers: the type of the elements in an array of `char`, and the field that holds a builder's length. */
function namesOf(fields: readonly Field[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const f of fields.filter(({ kind }) => kind === "rec" || kind === "type")) {
    const chars = CHARACTERS.exec(f.text)?.[1];
    const length = BUILDER_LENGTH.exec(f.text)?.[1];
    if (chars !== undefined) names.set("chars", chars);
    if (length !== undefined) names.set("length", length);
  }
  return names;
}

const CHARACTERS = /\(type \$Array<&C> .*?\(field \$@data \(mut \(ref (\$\w+)\)\)\)/;
const BUILDER_LENGTH = /\(type \$java\.lang\.StringBuilder .*?\(field (\$length\w*) \(mut i32\)\)/;
