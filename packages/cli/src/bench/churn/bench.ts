import { init } from "deltavec";
import type { Source } from "../../data/source.ts";
import { measureFilter } from "./filter.ts";
import type { ChurnProgress, ChurnRequest, ChurnResults } from "./protocol.ts";
import { measureScale } from "./scale.ts";
import { measureSearch } from "./search.ts";
import { measureTurnover } from "./turnover.ts";
import { measureUpdates } from "./updates.ts";
import { ChurnData } from "./vectors.ts";

/**
 * Measures one part of `bench churn` in WebAssembly; the same code in Node and in a browser.
 *
 * @param emit - told what is going on
 */
export async function measureChurn(
  source: Source,
  { part, n, rounds }: ChurnRequest,
  emit: (event: ChurnProgress) => void | Promise<void>,
): Promise<ChurnResults[keyof ChurnResults]> {
  await init();
  const data = await ChurnData.read(source);
  const tell = async (doing: string): Promise<void> => await emit({ doing });
  switch (part) {
    case "updates":
      return await measureUpdates(data, n, rounds, tell);
    case "turnover":
      return await measureTurnover(data, n, tell);
    case "filter":
      return await measureFilter(data, n, rounds, tell);
    case "search":
      return await measureSearch(data, n, rounds, tell);
    case "scale":
      return await measureScale(data, n, rounds, tell);
    default:
      throw new Error(`unknown part ${part}`);
  }
}
