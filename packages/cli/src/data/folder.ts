import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UsageError } from "../errors.ts";
import type { Source } from "./source.ts";

/** The data files of a folder on disk. */
export function folder(path: string): Source {
  return {
    async read(name) {
      try {
        return await readFile(join(path, name));
      } catch (error) {
        throw new UsageError(`cannot read the data file ${name}: ${messageOf(error)}`);
      }
    },
  };
}
