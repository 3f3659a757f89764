import type { Source } from "./source.ts";

/** The data files behind a URL. */
export function fetched(url: string): Source {
  return {
    async read(name) {
      const response = await fetch(`${url}/${name}`);
      if (!response.ok) {
        throw new Error(`cannot read the data file ${name}: ${await response.text()}`);
      }
      return await response.bytes();
    },
  };
}
