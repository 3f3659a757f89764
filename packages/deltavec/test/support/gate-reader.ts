// A reader of a gate: checks again and again that all words are equal, which the writer makes so before it leaves.
import { ReaderGate } from "../../src/gate.ts";
import { threadPort } from "./thread.ts";

/** What a reader reads. */
export interface Read {
  readonly gate: Int32Array;
  readonly data: Int32Array;
  readonly reader: number;
  /** Reads until the words are this. */
  readonly until: number;
  /** Stays inside for ever from this round on. */
  readonly hangAt?: number;
}

/** What it found. */
export interface ReadOutcome {
  /** Rounds in which words differed. */
  readonly torn: number;
  readonly evicted: number;
}

const port = threadPort();
port.listen((message) => {
  const { gate: words, data, reader, until, hangAt = -1 } = message as Read;
  const gate = new ReaderGate(words, reader);
  let torn = 0;
  let evicted = 0;
  let seen = -1;
  port.post("started");
  for (let round = 0; seen !== until; round++) {
    gate.enter();
    if (round === hangAt) {
      port.post("inside");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // for ever
    }
    const first = data[0];
    let same = true;
    for (let i = 1; i < data.length; i++) {
      same &&= data[i] === first;
    }
    if (!gate.leave()) {
      evicted++;
    } else {
      torn += same ? 0 : 1;
      seen = first;
    }
  }
  const outcome: ReadOutcome = { torn, evicted };
  port.post(outcome);
});
