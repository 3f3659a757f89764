import { type Expression, type Field, fieldsOf, lists, parse, print } from "./wat.ts";

/** Code handles exceptions in a way that {@link legacyExceptions} does not know how to rewrite. */
export class ExceptionFormError extends Error {
  override name = "ExceptionFormError";
}

/** What came with `try_table`: whatever mentions it needs an engine that has `try_table`. */
const EXCEPTION_REFERENCE = /[\s(](?:throw_ref|exnref|nullexnref|exn|noexn)[\s)]/;

/**
 * Rewrites a module's `try_table` to the legacy instructions `try` and `catch`, which engines had years before:
 *
 *     (try_table $l (result t…) (catch $tag $handler)… body…)
 *     (try $l (result t…) (do body…) (catch $tag (br $handler (pop v)))…)
 *
 * The one branches to its handler with the exception's value, the other catches the value and then branches with it. In both
 * the body is in a block of its own, so branches out of the body stay as they are. `v` is the type of the tag's value.
 *
 * That is the form in which TeaVM catches. Any other (other kinds of `catch`, labels by number, tags without exactly one value)
 * is refused, as is a handler with the label of the `try_table` itself: the legacy branch would find the inner one.
 *
 * O(length of the text).
 *
 * @param text the module in folded text form
 * @throws ExceptionFormError for a form that is not known, {@link FormatError} if the text has no fields
 */
export function legacyExceptions(text: string): string {
  const fields = fieldsOf(text);
  const values = valuesOf(fields);
  const rewritten = fields.map((f) => {
    if (f.kind !== "data" && EXCEPTION_REFERENCE.test(f.text))
      throw new ExceptionFormError(`exception references have no legacy form: ${excerpt(f.text)}`);
    return f.text.includes("try_table") ? print(rewrite(parse(f.text), values)) : f.text;
  });
  return `(module\n${rewritten.join("\n")}\n)\n`;
}

/** The type of each tag's value, for tags that the module defines and that have exactly one. */
function valuesOf(fields: readonly Field[]): ReadonlyMap<string, Expression> {
  const values = new Map<string, Expression>();
  for (const f of fields) {
    if (f.kind !== "tag" || f.id === undefined) continue;
    const types = lists(parse(f.text), "param").flatMap((list) => list.slice(1));
    if (types.length === 1) values.set(f.id, types[0] as Expression);
  }
  return values;
}

/** The expression with every `try_table` in it rewritten. */
function rewrite(from: Expression, values: ReadonlyMap<string, Expression>): Expression {
  if (typeof from === "string") {
    // Met as an atom, so it does not begin a list: the text is not folded.
    if (from === "try_table") throw new ExceptionFormError("try_table outside of parentheses");
    return from;
  }
  if (from[0] !== "try_table") return from.map((item) => rewrite(item, values));

  const unknown = (why: string) => new ExceptionFormError(`${why}: ${excerpt(print(from))}`);
  let at = 1;
  const label = isIdentifier(from[at]) ? (from[at++] as string) : undefined;
  const result = keyword(from[at]) === "result" ? (from[at++] as Expression) : undefined;
  const catches: Expression[] = [];
  for (; keyword(from[at]) === "catch"; at++) {
    const [, tag, handler, ...rest] = from[at] as Expression[];
    if (!isIdentifier(tag) || !isIdentifier(handler) || rest.length > 0)
      throw unknown("catch of unknown shape");
    const value = values.get(tag);
    if (value === undefined) throw unknown(`no tag ${tag} with exactly one value`);
    if (handler === label) throw unknown(`the handler has the label ${label} of the try_table`);
    catches.push(["catch", tag, ["br", handler, ["pop", value]]]);
  }
  if (catches.length === 0) throw unknown("try_table without a catch that is known");
  const body = from.slice(at);
  for (const item of body) {
    if (typeof item === "string" || /^(?:catch|type$|param$|result$)/.test(keyword(item) ?? ""))
      throw unknown(`try_table with ${excerpt(print(item))}`);
  }
  return [
    "try",
    ...(label === undefined ? [] : [label]),
    ...(result === undefined ? [] : [result]),
    ["do", ...body.map((item) => rewrite(item, values))],
    ...catches,
  ];
}

/** The word that a list begins with. */
function keyword(item: Expression | undefined): string | undefined {
  return Array.isArray(item) && typeof item[0] === "string" ? item[0] : undefined;
}

function isIdentifier(item: Expression | undefined): item is string {
  return typeof item === "string" && item.startsWith("$");
}

/** The beginning of a text, for messages. */
function excerpt(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
