const query = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the user wants nothing to move. */
export function calm(): boolean {
  return query.matches;
}
