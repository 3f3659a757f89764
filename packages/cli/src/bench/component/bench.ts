import type { Source } from "../../data/source.ts";
import { ChurnData } from "../churn/vectors.ts";
import { measureCalls } from "./calls.ts";
import { measureLoad } from "./load.ts";
import type { CallFigures, ComponentProgress, ComponentRequest } from "./protocol.ts";

/**
 * Measures in this process, which is Node's, what `bench component` asks for.
 *
 * @param emit - told what is going on
 */
export async function measureComponent(
  source: Source,
  { what }: ComponentRequest,
  emit: (event: ComponentProgress) => void,
): Promise<CallFigures | number> {
  if (what.part === "load") {
    return await measureLoad(what.world, what.load);
  }
  const data = await ChurnData.read(source);
  return measureCalls(data, what.n, what.rounds, (doing) => emit({ doing }));
}
