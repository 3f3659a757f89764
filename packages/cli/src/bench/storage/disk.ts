/** What a page's worker runs: part `strict` of `bench storage`, beside the origin private file system. */
import { fetched } from "../../data/fetched.ts";
import { messageOf } from "../../errors.ts";
import type { RawFile, StrictRequest } from "./places.ts";
import { measureStrict } from "./strict.ts";

/** What of the platform's handles is used: they are declared for workers only. */
interface AccessHandle {
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

async function raw(): Promise<RawFile> {
  const directory = await navigator.storage.getDirectory();
  const file = (await directory.getFileHandle("raw", { create: true })) as unknown as {
    createSyncAccessHandle(): Promise<AccessHandle>;
  };
  const handle = await file.createSyncAccessHandle();
  return {
    write: (at, bytes) => void handle.write(bytes, { at }),
    flush: () => handle.flush(),
    close: () => handle.close(),
  };
}

globalThis.onmessage = async ({ data: request }: MessageEvent<StrictRequest>) => {
  const { data, n, rounds } = request;
  try {
    const source = fetched(new URL(data, location.origin).href);
    const figures = await measureStrict(source, n, rounds, "opfs://strict", raw);
    globalThis.postMessage({ figures });
  } catch (error) {
    globalThis.postMessage({ error: messageOf(error) });
  }
};
