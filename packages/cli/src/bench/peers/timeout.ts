/** Minutes that a database has for all steps. */
const MINUTES = 20;

/** Waits for work, but no longer than it may take. */
export async function within<T>(work: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`${name} was not done after ${MINUTES} minutes`)),
          60_000 * MINUTES,
        );
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
