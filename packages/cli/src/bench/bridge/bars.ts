import { type Bar, measured, missedOf } from "../bars.ts";
import type { BridgeResults } from "./protocol.ts";

/** What was measured of the parts on one engine. */
export type BridgeFigures = Partial<BridgeResults>;

/** All bars of `bench bridge`; `bench/README.md` defines them. */
export const BRIDGE_BARS: readonly Bar[] = [
  { name: "encode_us", what: "sparse delta into the pool", unit: "us", limit: 1 },
  { name: "decode_us", what: "decode its frame", unit: "us", limit: 1 },
  { name: "sparse_frame_bytes", what: "its bytes", unit: "B", limit: 115 },
  { name: "view_us", what: "vector as a view", unit: "us", limit: 0.3 },
  { name: "batch100_us", what: "100 deltas, encode and flush", unit: "us", limit: 60 },
  {
    name: "ring_offered_per_s",
    what: "ring takes, while there is room",
    unit: "/s",
    limit: 1_000_000,
    atLeast: true,
  },
  {
    name: "ring_applied_per_s",
    what: "applied through the ring",
    unit: "/s",
    limit: 300_000,
    atLeast: true,
  },
  { name: "main_thread_us", what: "main thread for a delta of these", unit: "us", limit: 1 },
  {
    name: "fallback_applied_per_s",
    what: "applied without shared memory",
    unit: "/s",
    limit: 150_000,
    atLeast: true,
  },
  {
    name: "readers2_speedup",
    what: "two readers, to one",
    unit: "x",
    limit: 1.6,
    atLeast: true,
  },
  { name: "readers2_writer_loss", what: "part lost beside a writer", unit: "", limit: 0.25 },
  { name: "soak_faults", what: "lost, doubled, torn frames", unit: "", limit: 0, digits: 0 },
];

/** The figures of the bars, of the parts that were measured. */
export function bridgeFigures(engine: BridgeFigures): Record<string, number> {
  const { codec, views, batch, ring, messages, readers, soak } = engine;
  const figures: Record<string, number | undefined> = {
    encode_us: codec?.encode_us.median,
    decode_us: codec?.decode_us.median,
    sparse_frame_bytes: codec?.frame_bytes,
    view_us: views?.view_us.median,
    batch100_us: batch?.plain.all_us.median,
    ring_offered_per_s: ring?.offered_per_s.median,
    ring_applied_per_s: ring?.plain.applied_per_s.median,
    main_thread_us: ring?.plain.main_thread_us.median,
    fallback_applied_per_s: messages?.plain.applied_per_s.median,
    readers2_speedup: readers?.speedup.median,
    readers2_writer_loss: readers?.channel.loss.median,
    soak_faults: soak?.faults,
  };
  return measured(BRIDGE_BARS, figures);
}

/** The names of the bars that are missed. */
export function missed(figures: Readonly<Record<string, number>>): string[] {
  return missedOf(BRIDGE_BARS, figures);
}
