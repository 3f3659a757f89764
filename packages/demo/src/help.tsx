import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "search"],
  ["↓ ↑", "go through the results"],
  ["Enter", "open the result"],
  ["e", "edit the open text"],
  ["Ctrl Enter", "save the edit"],
  ["p", "play or pause"],
  ["n", "apply the next edit"],
  ["[ ]", "a step back or on in time"],
  ["Esc", "back to the present, and to the search"],
  ["arrows + − 0", "move and zoom the map, when it has the focus"],
];

/** What this is, and the keys. */
export function Help({ close }: { close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">What you are looking at</h2>
      <p>
        Definitions of WordNet (© Princeton University), embedded by all-MiniLM-L6-v2 as vectors of
        384 values, in a deltavec database that runs in this page and lives in your browser's
        storage. Nothing leaves your machine.
      </p>
      <p>
        When a text is edited its embedding moves a little. deltavec takes that as a <b>delta</b>: a
        small record with an id that is checked, applied, searched at once, kept, and told to
        whoever follows: here, other tabs. The edits that ▶ plays are real: they led from WordNet
        3.0 (2006) to 3.1 (2011).
      </p>
      <p>
        Bytes of a delta are those of the frame that a replica gets: the differences of the values
        on a grid of 1/128, Rice-coded, with ids and a checksum. They stand against 1,536 bytes, the
        floats of the vector alone.
      </p>
      <h2>Keys</h2>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit" class="primary">
          Close
        </button>
      </form>
    </dialog>
  );
}
