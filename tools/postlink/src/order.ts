import { fieldsOf, lists, parse, print } from "./wat.ts";

/** What may stand before a function's identifier. `elem declare` lists functions too, and is left out. */
const MENTION = /(\((?:call|ref\.func|func|return_call|start) )(\$[^\s()]+)/g;

/**
 * Renames functions so that they compress best in the order of their names: those together that have the same parameters and
 * results, which mostly are those of one class. That is 1 % of the compressed module.
 *
 * O(length of the text + functions · log functions).
 *
 * @param text a module in text form
 */
export function renamedInOrder(text: string): string {
  const fields = fieldsOf(text).filter((f) => !/^\(elem\s+declare\b/.test(f.text));
  const keys = fields.flatMap((f) => {
    if (f.kind !== "func" || f.id === undefined) return [];
    const list = parse(f.text);
    const types = [...lists(list, "param"), ...lists(list, "result")].map((each) =>
      print(each.filter((item) => typeof item !== "string" || !item.startsWith("$"))),
    );
    const signature = types.join(" ");
    const receiver = /\$[^\s()]+/.exec(signature)?.[0] ?? "";
    return [{ id: f.id, key: `${receiver} ${signature} ${f.id}` }];
  });
  keys.sort((a, b) => (a.key < b.key ? -1 : 1));
  const names = new Map(keys.map(({ id }, i) => [id, `$f${String(i).padStart(5, "0")}`]));
  const renamed = fields.map((f) =>
    f.text.replace(MENTION, (all, before: string, id: string) =>
      names.has(id) ? before + names.get(id) : all,
    ),
  );
  return `(module\n${renamed.join("\n")}\n)\n`;
}
