import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { count, moment } from "./format.ts";
import type { Session } from "./session.ts";

/** Ticks that the slider is cut into to show where its changes are. */
const CELLS = 160;

/** Goes through time: a slider over all changes, and the play button. */
export function TimeSlider({ session }: { session: Session }): JSX.Element {
  const end = session.end.value;
  const step = session.step.value;
  const past = session.past.value;
  const left = session.unplayed;
  const cells = useComputed(() => densities(session));
  const idle = past === null && left === 0;
  const when = step === 0 ? "the start" : moment(session.timeline.timeOf(step));
  return (
    <div class={past === null ? "time" : "time past"}>
      <button
        type="button"
        class="play"
        aria-label={session.playing.value ? "Pause" : "Play edits"}
        aria-pressed={session.playing.value}
        disabled={idle}
        onClick={() => void session.play()}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          {session.playing.value ? (
            <path d="M4 3h3v10H4zM9 3h3v10H9z" />
          ) : (
            <path d="M4 2.5 13.5 8 4 13.5z" />
          )}
        </svg>
      </button>
      <div class="track">
        <svg
          class="ticks"
          viewBox={`0 0 ${CELLS} 10`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          {cells.value.map(({ x, height, kind }) => (
            <rect key={x} x={x} y={10 - height} width={0.7} height={height} class={kind} />
          ))}
        </svg>
        <input
          type="range"
          aria-label="Time"
          aria-valuetext={
            past === null ? `now, behind ${end} changes` : `change ${step} of ${end}, ${when}`
          }
          min={0}
          max={Math.max(end, 1)}
          value={end === 0 ? 1 : step}
          disabled={end === 0}
          onInput={(event) => session.goTo(Number(event.currentTarget.value))}
        />
      </div>
      <div class="clock">
        <span class="when">
          {past === null ? (
            <b class="live">now</b>
          ) : (
            <button type="button" class="link" onClick={() => session.goTo(end)}>
              <span class="long">back&nbsp;</span>to&nbsp;now
            </button>
          )}
          <span class="number">
            {count(step)} / {count(end)}
          </span>
        </span>
        <span class="sub">
          {past !== null
            ? when
            : left > 0
              ? `${count(left)} real edits to play`
              : "all edits are in"}
        </span>
      </div>
    </div>
  );
}

/** How many changes there are along the slider, and of what kind most are. */
function densities(session: Session): { x: number; height: number; kind: string }[] {
  const end = session.end.value;
  const cells = new Map<number, Map<string, number>>();
  session.timeline.changes.forEach(({ kind }, i) => {
    const x = Math.min(CELLS - 1, Math.floor((CELLS * (i + 0.5)) / Math.max(end, 1)));
    const kinds = cells.get(x) ?? new Map<string, number>();
    cells.set(x, kinds.set(kind, (kinds.get(kind) ?? 0) + 1));
  });
  const most = Math.max(1, ...[...cells.values()].map(sum));
  return [...cells].map(([x, kinds]) => ({
    x,
    height: 3 + (6 * sum(kinds)) / most,
    kind: [...kinds].sort((a, b) => b[1] - a[1])[0]![0],
  }));
}

function sum(kinds: ReadonlyMap<string, number>): number {
  return [...kinds.values()].reduce((a, b) => a + b, 0);
}
