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

/** Formats the delta ids of any replica, and tells one's own from others'. */
export class DeltaIds {
  #own: DeltaIdFormatter;
  #replica: number;
  /** The other replica that came last, as the next delta is likely its, too. */
  #otherReplica = -1;
  #other: DeltaIdFormatter;

  /** @param replicaId - 12 hexadecimal digits: this replica */
  constructor(replicaId: string) {
    this.#own = new DeltaIdFormatter(replicaId);
    this.#replica = Number.parseInt(replicaId, 16);
    this.#other = this.#own;
  }

  /** Makes another replica this one: 12 hexadecimal digits. */
  become(replicaId: string): void {
    this.#own = new DeltaIdFormatter(replicaId);
    this.#replica = Number.parseInt(replicaId, 16);
  }

  /** Formats an id that this replica issued; otherwise as {@link DeltaIdFormatter.format}. */
  format(timeLow: number, timeHigh: number, sequence: number): string {
    return this.#own.format(timeLow, timeHigh, sequence);
  }

  /** Tells whether a replica, a number of 48 bits, is this one. */
  isOwn(replica: number): boolean {
    return replica === this.#replica;
  }

  /** Formats an id of any replica, a number of 48 bits. O(1) */
  formatOf(timeLow: number, timeHigh: number, sequence: number, replica: number): string {
    if (replica === this.#replica) {
      return this.#own.format(timeLow, timeHigh, sequence);
    }
    if (replica !== this.#otherReplica) {
      this.#other = new DeltaIdFormatter(replica.toString(16));
      this.#otherReplica = replica;
    }
    return this.#other.format(timeLow, timeHigh, sequence);
  }
}

/**
 * Writes the 16 bytes of a delta id: time, sequence and replica, little-endian each.
 *
 * @param text - what may be anything
 * @returns false if it is no delta id; then nothing is written
 */
export function writeDeltaId(bytes: Uint8Array, at: number, text: string): boolean {
  if (typeof text !== "string" || !/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text)) {
    return false;
  }
  let bits = 0n;
  for (const digit of text) {
    bits = (bits << 5n) | BigInt(ALPHABET.indexOf(digit));
  }
  let next = at;
  for (const [shift, count] of [
    [80n, 6],
    [48n, 4],
    [0n, 6],
  ] as const) {
    for (let i = 0; i < count; i++) {
      bytes[next++] = Number((bits >> (shift + 8n * BigInt(i))) & 255n);
    }
  }
  return true;
}
