import type { ConnectOptions } from "deltavec";

/** Threads of an engine. */
export interface Threads {
  /** Option `worker` of `connect`. */
  readonly worker: NonNullable<ConnectOptions["worker"]>;
  /** Starts a thread that runs the package's `test/support/channel-consumer.ts`. */
  soak(): Thread;
  /** Starts a thread that counts, as fast as it can, as many milliseconds as it is told each time; it answers the count. */
  counter(): Thread;
}

/** What {@link Threads.counter} runs in a Web Worker; Node puts its port where `self` is. */
export const COUNTER = `self.onmessage = ({ data }) => {
  let count = 0;
  for (const end = performance.now() + data; performance.now() < end; count++);
  self.postMessage(count);
};`;

/** Another thread. */
export interface Thread {
  post(message: unknown, transfer: readonly MessagePort[]): void;
  /** What it says next; rejected if it dies. */
  answer(): Promise<unknown>;
  end(): void;
}
