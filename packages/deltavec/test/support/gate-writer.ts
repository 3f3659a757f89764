// The writer of a gate: changes all words under it, from both ends.
import { WriterGate } from "../../src/gate.ts";
import { threadPort } from "./thread.ts";

/** What is written. */
export interface Write {
  readonly gate: Int32Array;
  readonly data: Int32Array;
  readonly rounds: number;
}

const port = threadPort();
port.listen((message) => {
  const { gate: words, data, rounds } = message as Write;
  const gate = new WriterGate(words);
  for (let round = 0; round < rounds; round++) {
    gate.enter();
    for (let i = 0; i < data.length; i++) {
      const at = round % 2 === 0 ? i : data.length - 1 - i;
      data[at]++;
    }
    gate.leave();
  }
  port.post("done");
});
