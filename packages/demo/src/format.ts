const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with commas. */
export function count(value: number): string {
  return whole.format(value);
}

/** Bytes, in a unit that suits. 1 kB is 1,000 bytes. */
export function bytes(value: number): string {
  if (value < 10_000) {
    return `${whole.format(value)} B`;
  }
  return value < 1e6 ? `${(value / 1000).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** Milliseconds, with what digits matter. */
export function ms(value: number | undefined): string {
  if (value === undefined) {
    return "–";
  }
  return value < 10 ? `${value.toFixed(value < 1 ? 2 : 1)} ms` : `${whole.format(value)} ms`;
}

/** How many times smaller. */
export function times(full: number, small: number): string {
  const ratio = full / Math.max(1, small);
  return `${ratio.toFixed(ratio < 10 ? 1 : 0)}×`;
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
});

/** A time, in the user's own zone; with the date unless it is today's. */
export function moment(time: number): string {
  const today = new Date().toDateString() === new Date(time).toDateString();
  return today ? clock.format(time) : `${calendar.format(time)}, ${clock.format(time)}`;
}

/** The word that a text of WordNet is about, and what is said of it. Other texts have no word. */
export function parts(text: string): { readonly word: string; readonly rest: string } {
  const at = text.indexOf(": ");
  return at > 0 && at <= 48
    ? { word: text.slice(0, at), rest: text.slice(at + 2) }
    : { word: "", rest: text };
}

/** The first words of a text, as a name for it. */
export function nameOf(text: string): string {
  const { word, rest } = parts(text);
  return word || (rest.length > 28 ? `${rest.slice(0, 27).trimEnd()}…` : rest);
}
