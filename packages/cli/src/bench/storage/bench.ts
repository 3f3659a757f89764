import { init } from "deltavec";
import type { Source } from "../../data/source.ts";
import { ChurnData } from "../churn/vectors.ts";
import { measureChange } from "./change.ts";
import { measureExport } from "./export.ts";
import { measureOpen, prepareOpen } from "./open.ts";
import type { Places } from "./places.ts";
import type { StorageProgress, StorageRequest, StorageResults } from "./protocol.ts";
import { measureRelaxed } from "./relaxed.ts";

type Emit = (event: StorageProgress) => void | Promise<void>;

/**
 * Measures one part of `bench storage`; the same code in Node and in a browser.
 *
 * @param emit - told what is going on
 */
export async function measureStorage(
  source: Source,
  { data: location, part, n, rounds, folder }: StorageRequest,
  places: Places,
  emit: Emit,
): Promise<StorageResults[keyof StorageResults]> {
  await init();
  const data = await ChurnData.read(source);
  const tell = async (doing: string): Promise<void> => await emit({ doing });
  switch (part) {
    case "export":
      return await measureExport(data, n, rounds, places.cpu, tell);
    case "open":
      if (folder === "") {
        await prepareOpen(data, n, places, folder, tell);
      }
      return await measureOpen(data, n, rounds, places, folder, tell);
    case "relaxed":
      return await measureRelaxed(data, n, rounds, places, folder, tell);
    case "strict":
      return await places.strict({ data: location, n, rounds, folder });
    case "change":
      return await measureChange(data, n, rounds, tell);
    default:
      throw new Error(`unknown part ${part}`);
  }
}

/** Writes the databases in files that part `open` opens, in whichever engine. */
export async function prepareStorage(
  source: Source,
  { n, folder }: StorageRequest,
  places: Places,
  emit: Emit,
): Promise<void> {
  await init();
  const data = await ChurnData.read(source);
  await prepareOpen(data, n, places, folder, async (doing) => await emit({ doing }));
}
