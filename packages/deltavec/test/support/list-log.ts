import { DurableLog, type DurableSettings } from "../../src/storage/durable.ts";
import type { FaultStorage } from "./fault-storage.ts";
import { ListState } from "./list-state.ts";

/** A {@link ListState} that is kept in a storage. */
export interface ListLog {
  readonly state: ListState;
  readonly log: DurableLog;
  /** What was reported. */
  readonly errors: unknown[];
}

let opened = 0;

/** Opens one. */
export async function openList(
  storage: FaultStorage,
  settings: Partial<DurableSettings> = {},
): Promise<ListLog> {
  const errors: unknown[] = [];
  const state = new ListState();
  const log = await DurableLog.open(
    storage,
    {
      strict: true,
      flushMs: 100_000,
      recover: false,
      create: true,
      onError: (error) => errors.push(error),
      now: () => 5,
      ...settings,
    },
    (before, closed) => {
      opened++;
      const fresh = opened.toString(16).padStart(12, "0");
      const replica = closed ? (before?.replica ?? fresh) : fresh;
      return { state, open: { replica, options: before?.options ?? { dimensions: 3 } } };
    },
  );
  state.recorder = log.buffer;
  return { state, log, errors };
}
