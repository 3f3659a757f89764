import type { JSX } from "preact";
import { bytes, count, nameOf, times } from "./format.ts";
import type { Session } from "./session.ts";

const VERBS = { create: "Added", edit: "Edited", delete: "Deleted" } as const;

/** What changes took to send, against what whole vectors would take. */
export function Ledger({ session }: { session: Session }): JSX.Element {
  const step = session.step.value;
  const sums = session.timeline.sums(step);
  const change = session.timeline.changes[step - 1];
  const share = sums.fullBytes === 0 ? 0 : (100 * sums.bytes) / sums.fullBytes;
  return (
    <div class="ledger">
      <div class="last">
        {change === undefined ? (
          <>
            <p class="label">
              {step < session.end.value ? "The start" : "Nothing has changed yet"}
            </p>
            <p class="figure">
              0 B <small>sent</small>
            </p>
            <p class="about">Press ▶ or edit any text</p>
          </>
        ) : (
          <>
            <p class="label">
              {VERBS[change.kind]}
              {change.remote && <span class="remote">by another tab</span>}
            </p>
            <p class="figure">
              <b data-testid="last-bytes">{bytes(change.bytes)}</b>
              {change.fullBytes > 0 && (
                <small>
                  instead of {bytes(change.fullBytes)}
                  <em>{times(change.fullBytes, change.bytes)} less</em>
                </small>
              )}
            </p>
            <p class="about" title={change.text}>
              {nameOf(change.text)}
            </p>
          </>
        )}
      </div>
      <div class="sums">
        <p class="label">
          {count(sums.edits)} vectors added or edited
          {sums.edits > 0 && <em>{times(sums.fullBytes, sums.bytes)} less to send</em>}
        </p>
        <Bar name="as deltas" value={sums.bytes} share={share} kind="delta" />
        <Bar
          name="as whole vectors"
          value={sums.fullBytes}
          share={sums.edits === 0 ? 0 : 100}
          kind="full"
        />
      </div>
    </div>
  );
}

function Bar(props: { name: string; value: number; share: number; kind: string }): JSX.Element {
  return (
    <p class={`bar ${props.kind}`}>
      <span class="name">{props.name}</span>
      <span class="track">
        <span style={{ width: `${props.share}%` }} />
      </span>
      <span class="value" data-testid={`sum-${props.kind}`}>
        {bytes(props.value)}
      </span>
    </p>
  );
}
