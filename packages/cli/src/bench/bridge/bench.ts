import { init } from "deltavec";
import type { Source } from "../../data/source.ts";
import { ChurnData } from "../churn/vectors.ts";
import { measureBatch } from "./batch.ts";
import { measureChannel } from "./channel.ts";
import { measureCodec } from "./codec.ts";
import type { BridgeProgress, BridgeRequest, BridgeResults } from "./protocol.ts";
import { measureReaders } from "./readers.ts";
import { measureSoak } from "./soak.ts";
import type { Threads } from "./threads.ts";
import { measureViews } from "./views.ts";

/**
 * Measures one part of `bench bridge`; the same code in Node and in a browser.
 *
 * @param emit - told what is going on
 */
export async function measureBridge(
  source: Source,
  { part, n, rounds, soak }: BridgeRequest,
  threads: Threads,
  emit: (event: BridgeProgress) => void | Promise<void>,
): Promise<BridgeResults[keyof BridgeResults]> {
  await init();
  const data = await ChurnData.read(source);
  const { worker } = threads;
  const tell = async (doing: string): Promise<void> => await emit({ doing });
  switch (part) {
    case "codec":
      return await measureCodec(data, n, rounds);
    case "views":
      return await measureViews(data, n, rounds);
    case "batch":
      return await measureBatch(data, n, rounds, tell);
    case "ring":
      return await measureChannel(data, n, rounds, worker, true, tell);
    case "messages":
      return await measureChannel(data, n, rounds, worker, false, tell);
    case "readers":
      return await measureReaders(data, n, rounds, threads, tell);
    case "soak":
      return await measureSoak(soak, threads.soak());
    default:
      throw new Error(`unknown part ${part}`);
  }
}
