/** What a worker has of the thread that made it: the same in Node and in a page. */
export interface ThreadPort {
  listen(listener: (message: unknown) => void): void;
  post(message: unknown): void;
  /** Ends this thread at once. */
  die(): never;
}

/** Returns this worker's. */
export function threadPort(): ThreadPort {
  const { process } = globalThis as { process?: NodeJS.Process };
  const scope = globalThis as unknown as Worker & { close(): void };
  const node = process?.getBuiltinModule?.("node:worker_threads")?.parentPort;
  return {
    listen: (listener) => {
      if (node) {
        node.on("message", listener);
      } else {
        scope.addEventListener("message", ({ data }) => listener(data));
      }
    },
    post: (message) => (node ?? scope).postMessage(message),
    die: () => {
      process?.exit(1);
      scope.close();
      throw new Error("dead");
    },
  };
}
