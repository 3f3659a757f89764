import { colors, heading, whole } from "../../terminal.ts";
import { barLines } from "../report.ts";
import { SCALE_BARS } from "./bars.ts";
import type { ScaleReport } from "./scale.ts";

/** The report as text, 80 columns wide. */
export function renderScale({ about, figures, bars }: ScaleReport): string {
  const { shards, ingest, service, browser, faults } = figures;
  const lines = [
    heading("deltavec bench scale"),
    colors.dim(`${whole(about.n)} vectors x 384; rounds: ${about.rounds}`),
    colors.dim(`${about.machine}; load before: ${about.load.toFixed(1)}`),
    "",
  ];
  if (shards !== undefined) {
    for (const [what, cost] of [
      ["one database", shards.one],
      [`${shards.shards} shards`, shards.joint],
      [`${shards.shards} shards, each searched`, shards.each],
    ] as const) {
      lines.push(
        `  ${what.padEnd(26)} ${cost.us.toFixed(1).padStart(7)} us, recall ${cost.recall.toFixed(4)}, efSearch ${cost.ef}`,
      );
    }
    lines.push(
      `  ${"graph over all".padEnd(26)} ${shards.joint_bytes.toFixed(0).padStart(7)} bytes a vector`,
    );
  }
  if (ingest !== undefined) {
    lines.push(
      `  ${"ingest".padEnd(26)} ${whole(Math.round(ingest.kafka_per_s)).padStart(7)} vectors/s, without Kafka ${whole(Math.round(ingest.direct_per_s))}`,
    );
  }
  if (service !== undefined) {
    lines.push(
      `  ${"acknowledged, p99".padEnd(26)} ${service.ack_ms_p99.toFixed(1).padStart(7)} ms`,
      `  ${"search over HTTP, p50".padEnd(26)} ${service.search_ms_p50.toFixed(1).padStart(7)} ms, two processes ${service.search2_ms_p50.toFixed(1)} ms`,
      `  ${"sent to followers".padEnd(26)} ${whole(Math.round(service.deltas_per_s)).padStart(7)} deltas/s`,
    );
  }
  if (browser !== undefined) {
    lines.push(
      `  ${"edit to remote, worst".padEnd(26)} ${browser.edit_ms_max.toFixed(1).padStart(7)} ms`,
    );
  }
  if (faults !== undefined) {
    lines.push(
      "",
      heading("Faults"),
      `  seed ${faults.seed}, ${whole(faults.acknowledged)} deltas acknowledged in ${faults.seconds.toFixed(0)} s`,
      `  lost ${faults.lost}, twice ${faults.twice}, shards that differ ${faults.differing}`,
      ...Object.entries(faults.kinds).map(([kind, count]) => `  ${kind}: ${count}`),
    );
  }
  return [...lines, "", heading("Bars"), barLines(SCALE_BARS, bars)].join("\n");
}
