import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { bytes, count, moment, parts, times } from "./format.ts";
import { VECTOR_BYTES } from "./prepared.ts";
import type { Draft, Session } from "./session.ts";
import { Strip } from "./strip.tsx";

/** The selected text: to edit, and with what became of it. */
export function Text({ session }: { session: Session }): JSX.Element {
  const id = session.selected.value;
  const item = id === null ? undefined : session.item(id);
  if (id === null) {
    return (
      <>
        <h2>Text</h2>
        <p class="empty">Select a result, or a point of the map, to read, edit and trace it.</p>
        <NewText session={session} />
      </>
    );
  }
  const gone = item === undefined;
  const text = item?.text ?? session.timeline.last(id)?.text ?? "";
  return (
    <>
      <h2>
        {parts(text).word || "Text"}
        <code title="Id of the vector">{id}</code>
      </h2>
      {gone && <p class="warning">It does not exist at this time.</p>}
      {session.past.value !== null ? (
        <p class="reading">{text}</p>
      ) : (
        <Editor key={`${id} ${text}`} session={session} id={id} text={text} gone={gone} />
      )}
      <Chain key={id} session={session} id={id} />
    </>
  );
}

function Editor(props: { session: Session; id: string; text: string; gone: boolean }): JSX.Element {
  const { session, id, text, gone } = props;
  const written = useSignal(text);
  const draft = useSignal<Draft | null>(null);
  const saving = useSignal(false);
  const able = session.model.value.is === "ready";
  const changed = useComputed(() => written.value.trim() !== text && written.value.trim() !== "");

  useSignalEffect(() => {
    const wanted = written.value.trim();
    if (!changed.value || session.model.value.is !== "ready") {
      draft.value = null;
      return undefined;
    }
    const timer = setTimeout(async () => {
      const made = await session.draft(id, wanted).catch(() => null);
      if (written.peek().trim() === wanted) {
        draft.value = made;
      }
    }, 120);
    return () => clearTimeout(timer);
  });

  const save = async (): Promise<void> => {
    if (changed.value && able && !gone) {
      saving.value = true;
      await session.edit(id, written.value.trim());
      saving.value = false;
    }
  };
  return (
    <div class="editor">
      <label for="draft" class="sr">
        The text
      </label>
      <textarea
        id="draft"
        rows={4}
        value={written.value}
        disabled={gone}
        onInput={(event) => {
          written.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            void save();
          }
        }}
      />
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={!changed.value || !able || gone || saving.value}
          onClick={() => void save()}
        >
          Save
        </button>
        <span class="forecast" aria-live="polite">
          {draft.value !== null ? (
            <>
              sends <b>{bytes(draft.value.bytes)}</b> of {bytes(VECTOR_BYTES)},{" "}
              {times(VECTOR_BYTES, draft.value.bytes)} less
            </>
          ) : able ? (
            <span class="dim">Ctrl Enter saves</span>
          ) : (
            <span class="dim">needs the model</span>
          )}
        </span>
        <button type="button" class="quiet" disabled={gone} onClick={() => void session.delete(id)}>
          Delete
        </button>
      </div>
      {draft.value !== null && <Strip steps={draft.value.steps} />}
    </div>
  );
}

function NewText({ session }: { session: Session }): JSX.Element {
  const written = useSignal("");
  const able = session.model.value.is === "ready";
  const add = (): void => {
    const text = written.value.trim();
    if (text !== "" && able) {
      written.value = "";
      void session.create(text);
    }
  };
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      <label for="new-text">Or add one of your own</label>
      <textarea
        id="new-text"
        rows={2}
        placeholder="a sentence, a definition, a note …"
        value={written.value}
        onInput={(event) => {
          written.value = event.currentTarget.value;
        }}
      />
      <div class="row">
        <button type="submit" class="primary" disabled={!able || written.value.trim() === ""}>
          Add
        </button>
        {!able && <span class="dim">needs the model</span>}
      </div>
    </form>
  );
}

/** The chain of a vector's deltas, newest first. */
function Chain({ session, id }: { session: Session; id: string }): JSX.Element | null {
  const chain = session.chain.value;
  const opened = useSignal<string | null>(null);
  const steps = useSignal<Int32Array | null>(null);
  const latest = useComputed(() => {
    session.end.value;
    const { value } = session.selected;
    return session.timeline.changes.findLast((each) => each.id === value && each.kind === "edit");
  });

  useSignalEffect(() => {
    session.end.value;
    const wanted =
      session.timeline.changes.find(({ deltaId }) => deltaId === opened.value) ?? latest.value;
    if (wanted === undefined || wanted.kind !== "edit") {
      steps.value = null;
      return undefined;
    }
    let overtaken = false;
    session.stepsOf(id, wanted.time).then(
      (found) => {
        if (!overtaken) {
          steps.value = found;
        }
      },
      () => undefined,
    );
    return () => {
      overtaken = true;
    };
  });
  if (chain === null || chain.vectorId !== id) {
    return null;
  }
  const own = new Map(
    session.timeline.changes.map((change, i) => [change.deltaId, { change, step: i + 1 }]),
  );
  const current = session.timeline.changes
    .slice(0, session.step.value)
    .findLast((change) => change.id === id)?.deltaId;
  return (
    <div class="chain">
      <h3>
        Chain of deltas
        <span class="dim">
          {count(chain.deltas.length)} · {bytes(chain.bytes)} kept
        </span>
      </h3>
      {steps.value !== null && <Strip steps={steps.value} />}
      <ol>
        {chain.deltas.toReversed().map((delta, i) => {
          const known = own.get(delta.deltaId);
          const shown =
            known === undefined
              ? session.step.value < (first(session, id) ?? Number.POSITIVE_INFINITY)
              : current === delta.deltaId;
          return (
            <li key={delta.deltaId} class={shown ? "shown" : ""}>
              <button
                type="button"
                class="link when"
                title={`${delta.deltaId}: look at that time`}
                onClick={() => {
                  opened.value = delta.deltaId;
                  session.goTo(known?.step ?? 0);
                }}
              >
                {known === undefined ? "the start" : moment(delta.timestamp.getTime())}
              </button>
              <span class="type">
                {delta.operation.type}
                {delta.checkpoint && (
                  <span
                    class="checkpoint"
                    title="The whole state is kept here, so that reads need not go further back"
                  >
                    checkpoint
                  </span>
                )}
              </span>
              <span class="size">{known === undefined ? "" : bytes(known.change.bytes)}</span>
              {i > 0 ? (
                <button
                  type="button"
                  class="quiet"
                  title="By a new delta: history is never rewritten"
                  onClick={() => void session.rollBack(id, delta.deltaId)}
                >
                  Restore
                </button>
              ) : (
                <span />
              )}
            </li>
          );
        })}
      </ol>
      <p class="facts">
        {chain.checkpoints === 0
          ? "no checkpoint yet"
          : `${chain.checkpoints} ${chain.checkpoints === 1 ? "checkpoint" : "checkpoints"}`}
        ,{" "}
        {chain.horizon === null
          ? "no horizon: it goes back to the beginning"
          : `horizon ${moment(chain.horizon.getTime())}`}
      </p>
    </div>
  );
}

/** The step of a vector's first change since the start. */
function first(session: Session, id: string): number | undefined {
  const found = session.timeline.changes.findIndex((change) => change.id === id);
  return found < 0 ? undefined : found + 1;
}
