import { folder } from "../../data/folder.ts";
import { CARRIED_DATA } from "../../paths.ts";
import { say } from "../../terminal.ts";
import { fullDataSet } from "../dataset.ts";
import { KEPT } from "./install.ts";
import { renderPeers } from "./report.ts";
import { peers } from "./run.ts";
import { startGroup } from "./start.ts";

/** Options of the command `bench peers`. */
export interface PeersCommand {
  readonly json: string | undefined;
  readonly data: string | undefined;
  readonly only: readonly string[] | undefined;
  readonly n: number | undefined;
  readonly rounds: number;
  readonly quick: boolean;
  readonly resume: boolean;
  readonly writeDocs: boolean;
}

/** Vectors of the database, and of `--quick`. */
const VECTORS = 10_000;
const QUICK = 1000;

/** Runs `bench peers`; returns the report as text. */
export async function benchPeers(command: PeersCommand): Promise<string> {
  const { quick, writeDocs, json, only, rounds, resume } = command;
  const data = command.data ?? (quick ? CARRIED_DATA : await fullDataSet(say));
  const n = command.n ?? (quick ? QUICK : VECTORS);
  const report = await peers(
    folder(data),
    { only, n, rounds, resume, kept: KEPT, json },
    startGroup,
  );
  if (writeDocs) {
    const { writePeerDocs } = await import("./docs.ts");
    await writePeerDocs(report);
  }
  return renderPeers(report);
}
