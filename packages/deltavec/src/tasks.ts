/** What waits for its turn where there is no `setImmediate`. */
const waiting: (() => void)[] = [];
let channel: MessageChannel | undefined;

/**
 * Runs a function as a task of its own: once all that is ready has run, and what else waits for the event loop has had its
 * turn. Unlike a timer it does not wait longer when called often.
 */
export function asTask(run: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => unknown };
  if (setImmediate !== undefined) {
    setImmediate(run);
    return;
  }
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()?.();
  }
  waiting.push(run);
  channel.port2.postMessage(0);
}

/** Lets the event loop have its turn. */
export function nextTask(): Promise<void> {
  return new Promise(asTask);
}

/** Whether a value is a promise, or as good as one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}
