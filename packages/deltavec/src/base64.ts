/** What newer engines have, and the type library does not know yet. */
type FromBase64 = { fromBase64?(text: string): Uint8Array<ArrayBuffer> };

/** Reads base64 that the build has written. O(length). */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return (
    (Uint8Array as FromBase64).fromBase64?.(text) ??
    Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  );
}
