/** Crockford's base32. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** All texts of two digits, by their 10 bits; made when first needed. */
let pairs: readonly string[] | undefined;

function makePairs(): readonly string[] {
  return Array.from({ length: 1024 }, (_, n) => digits(n, 2));
}

/** Returns the lowest `count` base32 digits of a whole number from 0 to 2^53-1. */
function digits(value: number, count: number): string {
  let text = "";
  for (let i = 0, rest = value; i < count; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/**
 * Formats the delta ids of one replica: 48 bits of Unix milliseconds, 32 of sequence and 48 of replica as 26 digits of
 * base32 (the ULID form), which sort as the numbers do.
 *
 * The bits fall so: 10 digits of time, 6 digits of the sequence's upper 30 bits, 10 digits of its lower 2 bits and the
 * replica. The first 14 digits seldom change and are kept, the last 10 are one of four texts; so an id takes two
 * concatenations.
 */
export class DeltaIdFormatter {
  readonly #pairs: readonly string[];
  readonly #tails: readonly string[];
  #timeLow = -1;
  #timeHigh = -1;
  #top = -1;
  #head = "";

  /** @param replicaId - 12 hexadecimal digits */
  constructor(replicaId: string) {
    pairs ??= makePairs();
    this.#pairs = pairs;
    const replica = Number.parseInt(replicaId, 16);
    this.#tails = [0, 1, 2, 3].map(
      (low) => digits(low * 8 + Math.floor(replica / 2 ** 45), 1) + digits(replica, 9),
    );
  }

  /**
   * Returns the text of an id. O(1)
   *
   * @param timeLow - the time's lower 32 bits, unsigned
   * @param timeHigh - its upper 16 bits
   * @param sequence - unsigned 32 bits
   */
  format(timeLow: number, timeHigh: number, sequence: number): string {
    const top = sequence >>> 12;
    if (timeLow !== this.#timeLow || top !== this.#top || timeHigh !== this.#timeHigh) {
      this.#timeLow = timeLow;
      this.#timeHigh = timeHigh;
      this.#top = top;
      this.#head = digits(timeHigh * 2 ** 32 + timeLow, 10) + digits(top, 4);
    }
    return this.#head + this.#pairs[(sequence >>> 2) & 1023] + this.#tails[sequence & 3];
  }
}
