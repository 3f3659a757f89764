// A page that opens a storage that other pages of the same origin may have open: tests call its functions by name.
import { DeltaVectorDB, init, type RemoteDurableDeltaVectorDB, type VectorDelta } from "deltavec";

type Opening = Parameters<typeof DeltaVectorDB.connect>[0];

let db: RemoteDurableDeltaVectorDB;
const told: string[] = [];

const create = (vectorId: string): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector: Float32Array.of(1, 0) },
});

/** What a promise comes to. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return [code, message];
  }
}

/** What a page can be told to do; errors come as code and message. */
interface TabFunctions {
  /** Opens a storage; returns the tab's role. */
  open(storage: string, options?: Opening): Promise<unknown>;
  role(): string;
  size(): Promise<unknown>;
  write(id: string): Promise<unknown>;
  has(id: string): Promise<unknown>;
  close(): Promise<unknown>;
  ids(): Promise<string[]>;
  listen(): Promise<void>;
  /** Ids of the vectors whose deltas it was told of. */
  told(): string[];
  /** Writes until the page is no more; calls a function of the page's with each id that was acknowledged. */
  stream(acknowledge: string): void;
}

const functions: TabFunctions = {
  open: (storage: string, options: Opening = {}) =>
    outcome(
      (async () => {
        await init();
        const all = { dimensions: 2, durability: "strict", ...options } as const;
        db = (
          storage.startsWith("opfs:")
            ? await DeltaVectorDB.connect({ ...all, storage })
            : await DeltaVectorDB.open(storage, all)
        ) as RemoteDurableDeltaVectorDB;
        return db.role;
      })(),
    ),
  role: () => db.role,
  size: () => outcome(db.size),
  write: (id: string) => outcome(db.applyDelta(create(id))),
  has: (id: string) => outcome(db.has(id)),
  close: () => outcome(db.close()),
  async ids(): Promise<string[]> {
    const all: string[] = [];
    for await (const id of db.ids()) {
      all.push(id);
    }
    return all.sort();
  },
  listen: async () => {
    await db.onDelta(({ vectorId }) => {
      told.push(vectorId);
    });
  },
  told: () => told,
  stream(acknowledge: string): void {
    const next = async (i: number): Promise<void> => {
      await db.applyDelta(create(`v${i}`));
      await (globalThis as unknown as Record<string, (id: string) => Promise<void>>)[acknowledge](
        `v${i}`,
      );
      return next(i + 1);
    };
    next(0).catch(() => undefined);
  },
};

declare global {
  var tabTests: TabFunctions;
}
globalThis.tabTests = functions;
