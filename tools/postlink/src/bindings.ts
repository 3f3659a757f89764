/**
 * What stands in for TeaVM's runtime, which is JavaScript and does not exist here.
 *
 * TeaVM's output imports far more than is listed: what nothing reaches from our exports is removed by dead code
 * elimination, imports and all. An import that is reached and not listed stays, and fails the build.
 */
export interface Binding {
  /** Instructions of the function that takes the import's place; parameters are locals 0, 1, … */
  readonly body: string;
  /** Why that is right. */
  readonly reason: string;
}

const NULL = "(ref.null noextern)";
/** A reference that is not null, for results whose type says so. */
const NON_NULL = "(extern.convert_any (ref.i31 (i32.const 0)))";

const STACK_TRACE =
  "Every constructor of Throwable asks for a stack trace; it is shown by JavaScript only.";
const CLASS =
  "The start function makes JavaScript classes for exports that we drop; what it makes is never read.";

/** Functions by `module.name`. */
export const BINDINGS: ReadonlyMap<string, Binding> = new Map([
  [
    "teavmMath.sqrt",
    { body: "(f64.sqrt (local.get 0))", reason: "The instruction does what Math.sqrt must do." },
  ],
  ["teavm.takeStackTrace", { body: NULL, reason: STACK_TRACE }],
  ["teavm.decorateException", { body: "(nop)", reason: STACK_TRACE }],
  ["teavmJso.callFunction1", { body: NULL, reason: STACK_TRACE }],
  ["teavmJso.createFunction1", { body: NON_NULL, reason: STACK_TRACE }],
  ["teavmJso.createClass", { body: NULL, reason: CLASS }],
  ["teavmJso.defineFunction", { body: NULL, reason: CLASS }],
  ["teavmJso.defineStaticMethod", { body: "(nop)", reason: CLASS }],
  [
    "teavmJso.stringBuiltinsSupported",
    {
      body: "(i32.const 1)",
      reason: `${CLASS} Asked once; both answers lead to strings that are never read.`,
    },
  ],
]);

/**
 * Functions of TeaVM's whose bodies are replaced, by the names they are exported under. They must be there.
 */
export const EXPORT_BODIES: ReadonlyMap<string, Binding> = new Map([
  ["teavm.stringToJs", { body: NON_NULL, reason: `${CLASS} It makes their names.` }],
]);
