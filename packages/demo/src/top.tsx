import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Session } from "./session.ts";

/** The head of the page: what it is, and how model, tabs and storage are. */
export function Top({ session, help }: { session: Session; help: Signal<boolean> }): JSX.Element {
  const figures = session.figures.value;
  return (
    <header class="top">
      <h1>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M16 5 28 26.5H4Z" />
          <circle cx="16" cy="19" r="3" />
        </svg>
        deltavec
      </h1>
      <p class="tagline">Semantic search that follows edits. Only the change travels.</p>
      <ul class="chips" aria-label="State">
        <ModelChip session={session} />
        {figures !== null && (
          <>
            <li title="Tabs share one database: one of them leads, the others work through it">
              {figures.role === "leader" ? "this tab leads" : "follows another tab"}
            </li>
            <li
              class={figures.offline ? "good" : ""}
              title="Whether the page opens without its server"
            >
              {figures.offline ? "works offline" : "not offline yet"}
            </li>
          </>
        )}
      </ul>
      <div class="actions">
        <a class="button" href="/" target="_blank" rel="noopener">
          Second tab
        </a>
        <button
          type="button"
          onClick={() => void session.reset()}
          title="Everything as at the start"
        >
          Reset
        </button>
        <button type="button" aria-label="Help and keys" onClick={() => (help.value = true)}>
          ?
        </button>
      </div>
    </header>
  );
}

function ModelChip({ session }: { session: Session }): JSX.Element {
  const model = session.model.value;
  switch (model.is) {
    case "ready":
      return (
        <li
          class="good"
          title={`all-MiniLM-L6-v2, 8-bit weights; loaded in ${Math.round(model.ms)} ms`}
        >
          model ready
        </li>
      );
    case "loading":
      return <li class="busy">model {Math.round(100 * model.share)} %</li>;
    case "missing":
      return (
        <li class="bad" title="Run ./deltavec demo once with a network to fetch it">
          no model
        </li>
      );
    case "failed":
      return (
        <li class="bad" title={model.why}>
          model failed
        </li>
      );
  }
}
