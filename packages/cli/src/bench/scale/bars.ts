import { type Bar, measured, missedOf } from "../bars.ts";
import type { FaultFigures } from "./faults.ts";
import type { BrowserFigures, IngestFigures, ServiceFigures, ShardFigures } from "./protocol.ts";

/** What a run measured. */
export interface ScaleFigures {
  readonly shards?: ShardFigures;
  readonly ingest?: IngestFigures;
  readonly service?: ServiceFigures;
  readonly browser?: BrowserFigures;
  readonly faults?: FaultFigures;
}

/** All bars. */
export const SCALE_BARS: readonly Bar[] = [
  {
    name: "ingest_share",
    what: "ingest through Kafka, to that without",
    unit: "x",
    limit: 0.6,
    atLeast: true,
  },
  { name: "ack_ms_p50", what: "acknowledged as durable, p50", unit: "ms", limit: 20 },
  { name: "shard8_cost_ratio", what: "search over 8 shards, to one", unit: "x", limit: 1.3 },
  { name: "two_process_added_ms", what: "added by a second process", unit: "ms", limit: 2 },
  { name: "edit_to_remote_ms", what: "edit to search in another page", unit: "ms", limit: 150 },
  { name: "followers100_cpu", what: "100 followers, 1,000 deltas/s", unit: "cores", limit: 1 },
  { name: "catch_up_s", what: "100,000 deltas behind", unit: "s", limit: 3 },
  { name: "faults_run", what: "faults in the loop", unit: "", digits: 0 },
  { name: "acknowledged_lost", what: "lost, doubled or differing", unit: "", limit: 0, digits: 0 },
];

/** The figures of the bars that were measured. */
export function scaleFigures(figures: ScaleFigures): Record<string, number> {
  const { shards, ingest, service, browser, faults } = figures;
  return measured(SCALE_BARS, {
    ingest_share: ingest && ingest.kafka_per_s / ingest.direct_per_s,
    ack_ms_p50: service?.ack_ms_p50,
    shard8_cost_ratio: shards && shards.joint.us / shards.one.us,
    two_process_added_ms: service && Math.max(0, service.search2_ms_p50 - service.search_ms_p50),
    edit_to_remote_ms: browser?.edit_ms_p50,
    followers100_cpu: service?.followers_cpu,
    catch_up_s: service?.catch_up_s,
    faults_run: faults?.faults,
    acknowledged_lost: faults && faults.lost + faults.twice + faults.differing,
  });
}

/** The names of the bars that are missed. */
export function missed(bars: Readonly<Record<string, number>>): string[] {
  return missedOf(SCALE_BARS, bars);
}
