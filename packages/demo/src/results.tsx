import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX, TargetedKeyboardEvent } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { parts } from "./format.ts";
import { calm } from "./motion.ts";
import type { Hit, Session } from "./session.ts";

/** Questions that are offered. */
const OFFERED = [0, 10, 2, 1, 4, 6, 3, 9];

/** Where one types. */
export function Search({ session }: { session: Session }): JSX.Element {
  const { questions, queries } = session.prepared;
  const state = session.model.value;
  const active = useComputed(() => {
    const id = session.selected.value;
    return session.hits.value.some((hit) => hit.id === id) ? `hit-${id}` : undefined;
  });
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLInputElement>): void => {
    const hits = session.hits.value;
    const at = hits.findIndex(({ id }) => id === session.selected.value);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : undefined;
    if (step !== undefined && hits.length > 0) {
      event.preventDefault();
      const next = hits[Math.max(0, Math.min(hits.length - 1, at + step))]!;
      session.selected.value = next.id;
      document.getElementById(`hit-${next.id}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      session.selected.value ??= hits[0]?.id ?? null;
      document.getElementById("draft")?.focus();
    }
  };
  const offered = OFFERED.map((i) => questions[i]!).filter((text) => text !== undefined);
  return (
    <div class="ask">
      <label for="query" class="sr">
        Search by meaning
      </label>
      <input
        id="query"
        type="search"
        // biome-ignore lint/a11y/noRedundantRoles: without a list, a search field is none
        role="combobox"
        aria-expanded="true"
        aria-controls="hits"
        aria-autocomplete="list"
        aria-activedescendant={active.value}
        autocomplete="off"
        spellcheck={false}
        placeholder="Search by meaning …"
        list={state.is === "missing" || state.is === "failed" ? "known" : undefined}
        value={session.query.value}
        onInput={(event) => session.type(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <span class="hint" title="Goes here from everywhere">
        /
      </span>
      {(state.is === "missing" || state.is === "failed") && (
        <>
          <datalist id="known">
            {[...questions, ...queries].map((text) => (
              <option key={text} value={text} />
            ))}
          </datalist>
          <p class="warning" role="status">
            {state.is === "missing"
              ? "The embedding model is not on this machine: known texts can be searched, and edits played, but new texts cannot be embedded. Run ./deltavec demo once with a network."
              : `The embedding model cannot be run (${state.why}): known texts can be searched.`}
          </p>
        </>
      )}
      <ul class="offers" aria-label="Questions to try">
        {offered.map((text) => (
          <li key={text}>
            <button
              type="button"
              aria-pressed={session.query.value === text}
              onClick={() => session.type(text)}
            >
              {text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What was found, best first. Lines move to their places when deltas change these. */
export function Results({
  session,
  open,
}: {
  session: Session;
  open: (id: string) => void;
}): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const places = useRef(new Map<string, number>());
  const hits = session.hits.value;
  const flashed = useSignal<string | null>(null);
  useSignalEffect(() => {
    flashed.value = session.latest.value?.id ?? null;
  });

  useLayoutEffect(() => {
    const now = new Map<string, number>();
    for (const line of list.current?.children ?? []) {
      const { id, offsetTop } = line as HTMLElement;
      now.set(id, offsetTop);
      const before = places.current.get(id);
      if (calm() || places.current.size === 0) {
        continue;
      }
      if (before === undefined) {
        line.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 220, easing: "ease-out" });
      } else if (before !== offsetTop) {
        line.animate(
          [{ transform: `translateY(${before - offsetTop}px)` }, { transform: "none" }],
          { duration: 320, easing: "cubic-bezier(.2,.8,.2,1)" },
        );
      }
    }
    places.current = now;
  }, [hits]);

  return (
    <div
      id="hits"
      ref={list}
      class={session.pending.value ? "hits pending" : "hits"}
      role="listbox"
      aria-label="Results"
      tabIndex={-1}
    >
      {hits.map((hit, rank) => (
        <Line
          key={hit.id}
          session={session}
          hit={hit}
          rank={rank}
          open={open}
          flashed={flashed.value === hit.id}
        />
      ))}
    </div>
  );
}

function Line(props: {
  session: Session;
  hit: Hit;
  rank: number;
  open: (id: string) => void;
  flashed: boolean;
}): JSX.Element {
  const { session, hit, rank, open, flashed } = props;
  const item = session.item(hit.id);
  const { word, rest } = parts(item?.text ?? "");
  const edits = session.timeline.editsOf(hit.id, session.step.value);
  const selected = session.selected.value === hit.id;
  return (
    // The list has one stop for the Tab key, the search field, from which arrows go through it.
    // biome-ignore lint/a11y/useFocusableInteractive: see above
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      id={`hit-${hit.id}`}
      class={`hit${selected ? " selected" : ""}${flashed ? " flashed" : ""}`}
      role="option"
      aria-selected={selected}
      onClick={() => open(hit.id)}
    >
      <span class="rank">{rank + 1}</span>
      <span class="what">
        {word && <b>{word}</b>} <span>{rest}</span>
      </span>
      <span class="marks">
        <span class="score" title="Cosine similarity">
          {hit.score.toFixed(3)}
        </span>
        <span class="since">
          <Move hit={hit} rank={rank} />
          {edits > 0 && (
            <span class="delta" title={`Changed since the start, ${edits} times`}>
              Δ{edits > 1 ? edits : ""}
            </span>
          )}
        </span>
      </span>
    </div>
  );
}

function Move({ hit, rank }: { hit: Hit; rank: number }): JSX.Element | null {
  if (hit.was === undefined || hit.was === rank) {
    return null;
  }
  if (hit.was === null) {
    return (
      <span class="move up" title="Was not among the first hundred at the start">
        new
      </span>
    );
  }
  const by = hit.was - rank;
  return (
    <span class={by > 0 ? "move up" : "move down"} title={`Was number ${hit.was + 1} at the start`}>
      {by > 0 ? "▲" : "▼"}
      {Math.abs(by)}
    </span>
  );
}
