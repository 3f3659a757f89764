import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { bytes, count, ms } from "./format.ts";
import { Histogram } from "./histogram.tsx";
import type { Timed } from "./latencies.ts";
import { DIMENSIONS, GRID } from "./prepared.ts";
import type { Figures, Session } from "./session.ts";

const TIMED: readonly (readonly [Timed, string, string])[] = [
  ["search", "Search", "from the page to the worker and back"],
  ["typing", "Typing to results", "on the screen, less what the model takes"],
  [
    "apply",
    "Delta applied",
    "from the page to the worker and back; every search sees it from then on",
  ],
];

/** How the database is: index, times, memory, storage. */
export function Engine({ session }: { session: Session }): JSX.Element {
  const figures = session.figures.value;
  const kind = useSignal<Timed>("search");
  const quantiles = useSignal<Record<Timed, { p50?: number; p95?: number; count: number }>>({
    search: { count: 0 },
    typing: { count: 0 },
    apply: { count: 0 },
  });
  useSignalEffect(() => {
    session.latencies.version.value;
    const of = (timed: Timed): { p50?: number; p95?: number; count: number } => ({
      p50: session.latencies.quantile(timed, 0.5),
      p95: session.latencies.quantile(timed, 0.95),
      count: session.latencies.count(timed),
    });
    quantiles.value = { search: of("search"), typing: of("typing"), apply: of("apply") };
  });
  return (
    <>
      <h2>
        Engine
        {figures !== null && <Health figures={figures} />}
      </h2>
      <table class="times">
        <thead>
          <tr>
            <th scope="col">time</th>
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">n</th>
          </tr>
        </thead>
        <tbody>
          {TIMED.map(([timed, name, about]) => (
            <tr key={timed} class={kind.value === timed ? "shown" : ""}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  aria-pressed={kind.value === timed}
                  title={about}
                  onClick={() => (kind.value = timed)}
                >
                  {name}
                </button>
              </th>
              <td>{ms(quantiles.value[timed].p50)}</td>
              <td>{ms(quantiles.value[timed].p95)}</td>
              <td>{count(quantiles.value[timed].count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Histogram session={session} kind={kind.value} />
      {figures !== null && (
        <>
          <Memory figures={figures} />
          <Facts session={session} figures={figures} />
        </>
      )}
    </>
  );
}

function Health({ figures }: { figures: Figures }): JSX.Element {
  const { index } = figures;
  return (
    <span
      class={index.ok ? "badge good" : "badge bad"}
      title="checkIndex: a walk over the whole search graph"
    >
      {index.ok ? "index sound" : `index broken at ${index.firstBad}`}
    </span>
  );
}

function Memory({ figures: { stats } }: { figures: Figures }): JSX.Element {
  const used: readonly (readonly [string, number])[] = [
    ["vectors", stats.vectorBytes],
    ["index", stats.graphBytes],
    ["history", stats.historyBytes],
    ["texts", stats.textBytes],
  ];
  const sum = used.reduce((all, [, each]) => all + each, 0);
  return (
    <div class="memory">
      <h3>
        Memory
        <span class="dim">
          {bytes(stats.usedBytes)} of {bytes(stats.memoryBytes)}
        </span>
      </h3>
      <div class="stack" aria-hidden="true">
        {used.map(([name, each]) => (
          <span key={name} class={name} style={{ width: `${(100 * each) / sum}%` }} />
        ))}
      </div>
      <ul>
        {used.map(([name, each]) => (
          <li key={name} class={name}>
            {name} <b>{bytes(each)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Facts({ session, figures }: { session: Session; figures: Figures }): JSX.Element {
  const { stats, index } = figures;
  const recall = stats.index.estimatedRecall;
  const facts: readonly (readonly [string, string, string])[] = [
    [
      "graph",
      `${count(index.linked)} nodes, ${index.unreachable} lost`,
      `HNSW on 8-bit codes of ${DIMENSIONS} values; lost are nodes that no search can reach`,
    ],
    [
      "drift",
      `${stats.index.meanDrift.toFixed(3)}, ${count(stats.index.pendingRepairs)} to relink`,
      "how far vectors have moved since they were linked; those that moved far are linked anew when idle",
    ],
    [
      "recall",
      recall === null ? "–" : `${(100 * recall).toFixed(1)} %`,
      `of ${count(stats.index.recallSamples)} searches, done once more exactly`,
    ],
    [
      "history",
      `${count(stats.historyDeltas)} deltas, ${count(stats.checkpoints)} checkpoints`,
      `${bytes(stats.historyBytes)}, values on a grid of 1/${GRID}`,
    ],
    [
      "storage",
      `${session.storage.replace(/-[0-9a-f]{8}$/, "")}${figures.stored === undefined ? "" : `, ${bytes(figures.stored)}`}`,
      "all that the browser keeps for this page: the database, the page itself, the model",
    ],
    [
      "at opening",
      `${count(session.recovered)} changes redone`,
      "from the log, behind the newest snapshot",
    ],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value, about]) => (
        <div key={name} title={about}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
