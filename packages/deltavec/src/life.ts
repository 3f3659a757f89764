/** Web Locks: what a thread holds is free once the thread is gone, however it went. */
export interface Locks {
  request(name: string, held: () => Promise<void> | undefined): Promise<unknown>;
}

/** Where they are: in secure contexts. */
function locks(): Locks | undefined {
  return (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;
}

/** Makes a name for the life of a thread that is to be. */
export function lifeName(): string {
  return `deltavec-${Array.from(crypto.getRandomValues(new Uint32Array(4)), String).join("-")}`;
}

/**
 * Lives, by holding a lock.
 *
 * @returns what ends it earlier than with the thread; undefined where there are no locks to be had
 */
export function live(
  name: string,
  manager: Locks | undefined = locks(),
): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const request = manager?.request(name, () => new Promise<void>((end) => resolve(() => end())));
    // Refused in documents without an origin.
    request === undefined ? resolve(undefined) : request.catch(() => resolve(undefined));
  });
}

/** Calls back once a life that had begun has ended. */
export function onEnd(
  name: string,
  listener: () => void,
  manager: Locks | undefined = locks(),
): void {
  manager
    ?.request(name, () => {
      listener();
      return undefined;
    })
    .catch(() => undefined);
}
