/**
 * What a component's function throws where its WIT has an error.
 *
 * @typeParam Payload - the error as the WIT has it
 */
export class ComponentError<Payload = unknown> extends Error {
  /** @internal Whatever minifying makes of it. */
  static override readonly name = "ComponentError";
  override readonly name = "ComponentError";
  /** The error as the WIT has it. */
  readonly payload: Payload;

  constructor(payload: Payload) {
    super(messageOf(payload));
    this.payload = payload;
  }
}

/** A text is its own message; a case of a variant has its name, and maybe a message of its own. */
function messageOf(payload: unknown): string {
  if (typeof payload === "string") {
    return payload;
  }
  const { tag, val } = payload as { tag: string; val?: { message?: string } };
  return `${tag}: ${val?.message ?? String(val)}`;
}
