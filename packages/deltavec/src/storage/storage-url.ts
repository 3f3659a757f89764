import { describe, invalid, quote } from "../errors.ts";

/** Where a database is. */
export interface StorageUrl {
  readonly kind: "idb" | "opfs" | "file" | "memory";
  /** What it is called there: a name, or the path of a directory; empty for a memory that nobody else gets at. */
  readonly name: string;
  /** The whole, as it is given in messages and locks. */
  readonly url: string;
}

const FORMS = "idb://NAME, opfs://NAME, file:PATH or memory:NAME";
/** Names are names of directories and locks elsewhere. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what names may not have
const NAME = /^(?!\.{1,2}$)[^\u0000-\u001f\u007f/\\?#]{1,128}$/;

/**
 * Reads a storage's URL.
 *
 * - `idb://NAME`, `opfs://NAME`: 1 to 128 characters, taken as they are; not `/`, `\`, `?`, `#` or control characters
 * - `file:PATH`: a directory, absolute or below the current one, taken as it is; `file:///…`: a URL, in which `%20` is a space
 * - `memory:NAME`, and `memory:`, which has no name
 *
 * @throws DeltaError INVALID_ARGUMENT for everything else
 */
export function parseStorageUrl(url: unknown): StorageUrl {
  if (typeof url !== "string" || !url.isWellFormed()) {
    throw invalid(`a storage must be a URL (${FORMS}) or a Storage, not ${describe(url)}`);
  }
  const [, scheme, rest = ""] = /^(idb:\/\/|opfs:\/\/|file:|memory:)(.*)$/s.exec(url) ?? [];
  switch (scheme) {
    case "idb://":
    case "opfs://":
    case "memory:": {
      if (!NAME.test(rest) && (scheme !== "memory:" || rest !== "")) {
        throw invalid(
          `the storage ${quote(url)} needs a name of 1 to 128 characters behind ${scheme}, none of them / \\ ? # or a control character`,
        );
      }
      return {
        kind: scheme === "idb://" ? "idb" : scheme === "opfs://" ? "opfs" : "memory",
        name: rest,
        url,
      };
    }
    case "file:":
      if (
        rest === "" ||
        rest.includes("\0") ||
        (rest.startsWith("//") && !rest.startsWith("///"))
      ) {
        throw invalid(
          `the storage ${quote(url)} needs the path of a directory: file:data/notes, file:/var/notes or file:///var/notes`,
        );
      }
      return { kind: "file", name: rest, url };
    default:
      throw invalid(`the storage ${quote(url)} is none of ${FORMS}`);
  }
}
