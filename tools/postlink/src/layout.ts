import { type Expression, type Field, FormatError, field, fieldsOf, parse, print } from "./wat.ts";

type List = Expression[];

const isList = (item: Expression | undefined): item is List => typeof item === "object";

/** The identifier that a reference's type names, `(ref null (exact $T))` and the like. */
function targetOf(reference: List): string {
  const last = reference.at(-1) as Expression;
  return String(isList(last) ? last.at(-1) : last);
}

const nullable = (id: string): List => ["ref", "null", id];

/** What a type defines. */
interface Definition {
  readonly id: string;
  readonly kind: "struct" | "array" | "func";
  readonly parent: string | undefined;
  /** Fields, the element, or parameters and results. */
  readonly items: readonly List[];
}

/** The types of a module in their order, those of groups too. */
function definitionsOf(fields: readonly Field[]): List[] {
  return fields.filter(isType).flatMap((f) => {
    const list = parse(f.text) as List;
    return f.kind === "rec" ? (list.slice(1) as List[]) : [list];
  });
}

const isType = (f: Field) => f.kind === "type" || f.kind === "rec";

function definition(type: List): Definition {
  const id = String(type[1]);
  let body = type[2] as List;
  let parent: string | undefined;
  if (body[0] === "sub") {
    parent = body.slice(1, -1).find((item) => item !== "final") as string | undefined;
    body = body.at(-1) as List;
  }
  const [kind, ...items] = body;
  if (kind !== "struct" && kind !== "array" && kind !== "func")
    throw new FormatError(`a type of unknown shape: ${print(type).slice(0, 60)}`);
  return { id, kind, parent, items: items as List[] };
}

/** The type of a struct's field, and whether it may be written. */
function fieldOf(item: List): { id: string; type: Expression; mutable: boolean } {
  const last = item.at(-1) as Expression;
  const mutable = isList(last) && last[0] === "mut";
  return { id: String(item[1]), type: mutable ? (last[1] as Expression) : last, mutable };
}

/** Types that the code tells apart: only what it casts to is known to be of that type already. */
function testedTypes(text: string): ReadonlySet<string> {
  const tests = /\((?:ref\.test|br_on_cast\w*)[^()]*((?:\s*\(ref [^()]*(?:\(exact [^()]*\))?\))+)/g;
  const found = [...text.matchAll(tests)].flatMap(([, types]) =>
    (types as string).match(/\$[^\s()]+/g),
  );
  return new Set(found.filter((id) => id !== null));
}

const isZero = (value: Expression) =>
  isList(value) &&
  (value[0] === "ref.null" || (/\.const$/.test(String(value[0])) && value[1] === "0"));

/**
 * Gives Java's arrays without the object that TeaVM has around each: one allocation, one load and one type less. Behind the
 * optimiser that object holds nothing but the array. A struct of any other shape stays, as does one that the code tests for.
 *
 * An array is then no struct any more, so `java.lang.Object`, which is left without fields, becomes `eq`. O(length of the text).
 *
 * @param text a module in folded text form, optimised
 */
export function bareArrays(text: string): string {
  const fields = fieldsOf(text);
  const definitions = definitionsOf(fields).map(definition);
  const byId = new Map(definitions.map((each) => [each.id, each]));
  const parents = new Set(definitions.map(({ parent }) => parent));
  const tested = testedTypes(text);
  const roots = new Set<string>();
  const arrays = new Map<string, string>();
  for (const { id, kind, parent, items } of definitions) {
    const isRoot = (each: string) => byId.get(each)?.items.length === 0;
    if (kind !== "struct" || items.length !== 1 || parents.has(id) || tested.has(id)) continue;
    if (parent !== undefined && !isRoot(parent)) continue;
    const { type, mutable } = fieldOf(items[0] as List);
    if (mutable || !isList(type) || type[0] !== "ref" || type[1] === "null") continue;
    if (byId.get(targetOf(type))?.kind !== "array") continue;
    arrays.set(id, targetOf(type));
    if (parent !== undefined) roots.add(parent);
  }
  const bare = new Set(arrays.values());
  const rewrite = (item: Expression): Expression => {
    if (!isList(item)) return item;
    const [head, id] = item;
    const array = typeof id === "string" ? arrays.get(id) : undefined;
    if (head === "struct.new" && array !== undefined) return rewrite(item[2] as Expression);
    if (head === "struct.get" && array !== undefined) return rewrite(item[3] as Expression);
    if (head === "ref" && item.length > 1) {
      const target = targetOf(item);
      if (roots.has(target)) return [...item.slice(0, -1), "eq"];
      // Where the object was there, the array was. Now a field that is not set yet is one that is read.
      if (arrays.has(target) || bare.has(target)) return nullable(arrays.get(target) ?? target);
      return item;
    }
    if (head === "sub" && roots.has(String(id)) && typeof id === "string")
      return ["sub", ...item.slice(2).map(rewrite)];
    return item.map(rewrite);
  };
  const types = definitionsOf(fields).filter((type) => !arrays.has(String(type[1])));
  return moduleOf(
    types.map((type) => rewrite(type) as List),
    fields.filter((f) => !isType(f)).map((f) => field(print(rewrite(parse(f.text))))),
  );
}

/**
 * Gives classes one type with room for the fields of any: of each kind as many as the class has that needs most. There are then
 * few types of structs, of functions and of locals, and few numbers of fields, so that code of different classes is alike to a
 * compressor: 5 % of the compressed module. An object takes some hundred bytes more, so classes with many objects keep their types.
 *
 * So do classes with parents or heirs, and those that the code tests for. O(length of the text).
 *
 * @param text a module in folded text form, optimised; nothing may allocate an object by its fields again
 * @param shared what the shared type is named
 * @param shares whether a class that is named so may share
 */
export function sharedLayout(
  text: string,
  shared: string,
  shares: (id: string) => boolean,
): string {
  const fields = fieldsOf(text);
  const definitions = definitionsOf(fields).map(definition);
  const byId = new Map(definitions.map((each) => [each.id, each]));
  const parents = new Set(definitions.map(({ parent }) => parent));
  const tested = testedTypes(text);
  const classes = new Map(
    definitions
      .filter(
        ({ id, kind, parent }) => kind === "struct" && parent === undefined && !parents.has(id),
      )
      .filter(({ id, items }) => items.length > 0 && !tested.has(id) && shares(id))
      .map((each) => [each.id, each.items.map(fieldOf)]),
  );
  if (classes.size === 0) return text;

  const typeOf = (type: Expression): Expression => {
    if (!isList(type) || type[0] !== "ref") return type;
    const target = targetOf(type);
    if (classes.has(target)) return nullable(shared);
    // Any field may be unset in an object of another class.
    return byId.get(target)?.items.length && byId.get(target)?.kind !== "func"
      ? nullable(target)
      : type;
  };

  const uses = new Map<string, number>();
  for (const [, id, name] of text.matchAll(/\(struct\.(?:get\w*|set) (\$[^\s()]+) (\$[^\s()]+)/g))
    uses.set(`${id} ${name}`, (uses.get(`${id} ${name}`) ?? 0) + 1);
  const used = (id: string, name: string) => uses.get(`${id} ${name}`) ?? 0;
  /** Which field of the shared type a class's field is: the most used of each kind is the same in all classes. */
  const places = new Map<string, string>();
  const layout = new Map<string, { type: Expression; uses: number }>();
  for (const [id, each] of classes) {
    const counts = new Map<string, number>();
    for (const { id: name, type } of [...each].sort((a, b) => used(id, b.id) - used(id, a.id))) {
      const kind = print(typeOf(type)).replace(/[()\s]/g, "");
      const n = counts.get(kind) ?? 0;
      counts.set(kind, n + 1);
      const place = `$${kind}:${n}`;
      places.set(`${id} ${name}`, place);
      layout.set(place, {
        type: typeOf(type),
        uses: (layout.get(place)?.uses ?? 0) + used(id, name),
      });
    }
  }

  let made = 0;
  const rewrite = (item: Expression): Expression => {
    if (!isList(item)) return item;
    const [head, id, name] = item;
    if (head === "ref" && item.length > 1) return typeOf(item);
    const own = typeof id === "string" ? classes.get(id) : undefined;
    if (own !== undefined) {
      const place = (field: string) => places.get(`${id} ${field}`) as string;
      if (head === "struct.new_default") return [head, shared];
      if (/^struct\.(?:get|set)/.test(String(head)))
        return [head as string, shared, place(String(name)), ...item.slice(3).map(rewrite)];
      if (head === "struct.new") {
        const local = `$made:${made++}`;
        const sets = item.slice(2).flatMap((value, i): List[] => {
          const where = place((own[i] as { id: string }).id);
          return isZero(value)
            ? []
            : [["struct.set", shared, where, ["local.get", local], rewrite(value)]];
        });
        const begin: List = ["local.set", local, ["struct.new_default", shared]];
        return ["block", ["result", nullable(shared)], begin, ...sets, ["local.get", local]];
      }
    }
    return item.map(rewrite);
  };
  const rest = fields
    .filter((f) => !isType(f))
    .map((f) => {
      made = 0;
      const list = rewrite(parse(f.text)) as List;
      const locals = Array.from(
        { length: made },
        (_, i): List => ["local", `$made:${i}`, nullable(shared)],
      );
      return field(
        print([...list.slice(0, headLength(list)), ...locals, ...list.slice(headLength(list))]),
      );
    });
  const order = [...layout].sort(([, a], [, b]) => b.uses - a.uses);
  const struct: List = [
    "struct",
    ...order.map(([place, { type }]): List => ["field", place, ["mut", type]]),
  ];
  const kept = definitionsOf(fields).filter((type) => !classes.has(String(type[1])));
  return moduleOf([["type", shared, struct], ...kept.map((type) => rewrite(type) as List)], rest);
}

const HEAD: ReadonlySet<Expression | undefined> = new Set([
  "export",
  "type",
  "param",
  "result",
  "local",
]);

/** How many items of a function stand before its code. */
function headLength(list: List): number {
  const code = list.findIndex((item, i) => i > 1 && !(isList(item) && HEAD.has(item[0])));
  return code < 0 ? list.length : code;
}

/** A module: structs and arrays in one group, as they name each other; types of functions once each. */
function moduleOf(types: readonly List[], rest: readonly Field[]): string {
  const functions = new Map<string, List>();
  const first = new Map<string, string>();
  const others: List[] = [];
  for (const type of types) {
    const { id, kind, items } = definition(type);
    if (kind !== "func") {
      others.push(type);
      continue;
    }
    const typesOf = (keyword: string) =>
      items
        .filter((item) => item[0] === keyword)
        .flatMap((item) => item.slice(1))
        .filter((item) => isList(item) || !item.startsWith("$"))
        .map(print);
    const signature = `${typesOf("param").join(" ")} -> ${typesOf("result").join(" ")}`;
    const same = functions.get(signature);
    first.set(id, same === undefined ? id : String(same[1]));
    if (same === undefined) functions.set(signature, ["type", id, ["func", ...items]]);
  }
  const named = new Set(others.flatMap((type) => print(type).match(/\$[^\s()]+/g) ?? []));
  const inside = [...first.keys()].find((id) => named.has(id));
  if (inside !== undefined) throw new FormatError(`a struct or array holds functions: ${inside}`);
  const texts = rest.map((f) =>
    f.text.replace(/\(type (\$[^\s()]+)\)/g, (all, id) =>
      first.has(id) ? `(type ${first.get(id)})` : all,
    ),
  );
  const group = print(["rec", ...others]);
  return `(module\n${[group, ...[...functions.values()].map(print), ...texts].join("\n")}\n)\n`;
}
