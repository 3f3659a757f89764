import deflated from "../target/deltavec.wasm.deflate";
import { DeltaError } from "./errors.ts";

/** What newer engines have, and the type library does not know yet. */
type FromBase64 = { fromBase64?(text: string): Uint8Array<ArrayBuffer> };

/** Returns the module that the package carries: deflated, in base64. The engine inflates and compiles it as a stream. */
export function embeddedModule(): Response {
  if (typeof DecompressionStream !== "function") {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      "this engine lacks DecompressionStream, which the bundled module needs: give init a source",
    );
  }
  const inflated = new Blob([fromBase64(deflated)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(inflated, { headers: { "Content-Type": "application/wasm" } });
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return (
    (Uint8Array as FromBase64).fromBase64?.(text) ??
    Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  );
}
