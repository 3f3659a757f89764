// The consumer's end of channels in a worker with a database, bundled as it imports the module.
import { type ChannelErrorPolicy, type ChannelHandle, ChannelServer } from "../../src/channel.ts";
import { backstage, DeltaVectorDB } from "../../src/database.ts";
import { init } from "../../src/index.ts";
import type { DeltaDBOptions } from "../../src/types.ts";
import { threadPort } from "./thread.ts";

/** A database and the channel that leads to it. */
export interface Serve {
  readonly options: DeltaDBOptions;
  readonly handle: ChannelHandle;
  readonly onError: ChannelErrorPolicy;
}

/** The database when the channel has ended. */
export interface Served {
  readonly size: number;
  readonly digest: string;
  readonly deltas: number;
}

const port = threadPort();
port.listen(async (message) => {
  const { options, handle, onError } = message as Serve;
  await init();
  const db = new DeltaVectorDB(options);
  const server = new ChannelServer(handle, backstage(db).applyFrames, { onError });
  await server.closed;
  const served: Served = { size: db.size, digest: db.stateDigest(), deltas: db.stats().deltas };
  db.close();
  port.post(served);
});
