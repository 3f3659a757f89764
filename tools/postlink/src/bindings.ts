/**
 * What stands in for TeaVM's runtime, which is JavaScript and does not exist here.
 *
 * TeaVM's output imports far more than is listed: what nothing reaches from our exports is left out (`runtime.ts`), imports
 * and all. An import that is reached and not listed stays, and fails the build.
 */
export interface Binding {
  /** Instructions of the function that takes the import's place; parameters are locals 0, 1, … */
  readonly body: string;
  /** Why that is right. */
  readonly reason: string;
}

/** Functions by `module.name`. */
export const BINDINGS: ReadonlyMap<string, Binding> = new Map([
  [
    "teavmMath.sqrt",
    { body: "(f64.sqrt (local.get 0))", reason: "The instruction does what Math.sqrt must do." },
  ],
]);
