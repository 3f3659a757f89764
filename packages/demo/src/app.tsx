import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Engine } from "./engine.tsx";
import { bytes, nameOf } from "./format.ts";
import { Help } from "./help.tsx";
import { Ledger } from "./ledger.tsx";
import { TextMap } from "./map.tsx";
import { Results, Search } from "./results.tsx";
import type { Session } from "./session.ts";
import { Text } from "./text.tsx";
import { TimeSlider } from "./time-slider.tsx";
import { Top } from "./top.tsx";

/** Parts of the page that a narrow screen shows one at a time. */
const VIEWS = ["Search", "Map", "Text", "Engine"] as const;
export type View = (typeof VIEWS)[number];

/** The page. */
export function App({ session }: { session: Session }): JSX.Element {
  const view = useSignal<View>("Search");
  const help = useSignal(false);
  const spoken = useComputed(() => {
    const change = session.latest.value;
    return change === null || session.playing.value
      ? ""
      : `${change.kind} of ${nameOf(change.text)}: ${bytes(change.bytes)} sent`;
  });

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
      if (event.key === "Escape" && !event.defaultPrevented) {
        session.past.value = null;
        document.getElementById("query")?.focus();
      } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        const action = KEYS[event.key];
        if (action !== undefined) {
          event.preventDefault();
          action(session, view, help);
        }
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [session]);

  useSignalEffect(() => {
    const notice = session.notice.value;
    if (notice !== null) {
      const timer = setTimeout(() => {
        session.notice.value = null;
      }, 6000);
      return () => clearTimeout(timer);
    }
    return undefined;
  });

  const select = (id: string): void => {
    session.selected.value = id;
    view.value = "Text";
  };

  return (
    <div class="page" data-view={view.value}>
      <Top session={session} help={help} />
      <main>
        <section class="panel search" aria-label="Search">
          <Search session={session} />
          <Results session={session} open={select} />
        </section>
        <section class="panel world" aria-label="Map and time">
          <Ledger session={session} />
          <TextMap session={session} open={select} />
          <TimeSlider session={session} />
        </section>
        <section class="panel text" aria-label="Selected text">
          <Text session={session} />
        </section>
        <section class="panel engine" aria-label="Engine">
          <Engine session={session} />
        </section>
      </main>
      <nav class="views" aria-label="Views">
        {VIEWS.map((name) => (
          <button
            type="button"
            key={name}
            aria-pressed={view.value === name}
            onClick={() => {
              view.value = name;
            }}
          >
            {name}
          </button>
        ))}
      </nav>
      <div class="sr" role="status">
        {spoken}
      </div>
      {session.notice.value !== null && (
        <div class={`notice ${session.notice.value.kind}`} role="alert">
          {session.notice.value.text}
        </div>
      )}
      {help.value && <Help close={() => (help.value = false)} />}
    </div>
  );
}

type Action = (session: Session, view: { value: View }, help: { value: boolean }) => void;

/** Keys that work wherever no text is typed. */
const KEYS: Readonly<Record<string, Action>> = {
  "/": (_, view) => {
    view.value = "Search";
    requestAnimationFrame(() => document.getElementById("query")?.focus());
  },
  p: (session) => void session.play(),
  n: (session) => void session.playNext(),
  e: (_, view) => {
    view.value = "Text";
    requestAnimationFrame(() => document.getElementById("draft")?.focus());
  },
  "[": (session) => session.goTo(session.step.value - 1),
  "]": (session) => session.goTo(session.step.value + 1),
  "?": (_, __, help) => {
    help.value = true;
  },
};
