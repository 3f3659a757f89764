// A page whose database follows a server: tests call its functions by name.
import { DeltaVectorDB, type Following, init, type VectorDelta } from "deltavec";

type Database = Awaited<ReturnType<typeof DeltaVectorDB.open>>;

let db: Database;
let following: Following;
const phases: string[] = [];

const create = (vectorId: string): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector: Float32Array.of(1, 2, 3) },
});

const functions = {
  /** Opens a storage, and follows. */
  async open(storage: string, url: string): Promise<void> {
    await init();
    db = await DeltaVectorDB.open(storage, { dimensions: 3, durability: "strict" });
    following = await db.follow(url, {
      minDelayMs: 20,
      maxDelayMs: 200,
      onProgress: ({ phase }) => void phases.push(phase),
    });
  },
  ready: (): Promise<void> => following.ready,
  status: (): string => following.status,
  phases: (): string[] => [...new Set(phases)],
  create: (id: string): Promise<string> => db.applyDelta(create(id)),
  flush: (): Promise<void> => following.flush(),
  has: (id: string): Promise<boolean> => db.has(id),
  digest: (): Promise<string> => db.stateDigest(),
  close: (): Promise<void> => following.close(),
};

declare global {
  var followTests: typeof functions;
}
globalThis.followTests = functions;
