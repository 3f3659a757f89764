import type { PeersReport } from "./run.ts";
export async function writePeerDocs(_: PeersReport): Promise<void> {}
