/** Remainders of each byte, and of each byte with 1 to 15 zero bytes behind it; made when first needed. */
let tables: Int32Array | undefined;

/** The polynomial of Castagnoli, lowest bit first. */
const POLYNOMIAL = 0x82f63b78;

function makeTables(): Int32Array {
  const made = new Int32Array(4096);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : POLYNOMIAL);
    }
    made[byte] = crc;
  }
  for (let i = 256; i < 4096; i++) {
    const before = made[i - 256];
    made[i] = (before >>> 8) ^ made[before & 255];
  }
  return made;
}

/**
 * Returns the CRC-32C (Castagnoli) of bytes, unsigned. O(bytes)
 *
 * @param from - index of the first byte
 * @param to - index behind the last
 * @param before - the CRC-32C of bytes that stand before these
 */
export function crc32c(bytes: Uint8Array, from = 0, to: number = bytes.length, before = 0): number {
  tables ??= makeTables();
  const table = tables;
  let crc = ~before;
  let at = from;
  // Sixteen at a time (slicing, Kounavis and Berry 2008): one and a half times as fast as four. Words are no faster than bytes here.
  for (const last = to - 15; at < last; at += 16) {
    crc =
      table[3840 + ((crc ^ bytes[at]) & 255)] ^
      table[3584 + (((crc >>> 8) ^ bytes[at + 1]) & 255)] ^
      table[3328 + (((crc >>> 16) ^ bytes[at + 2]) & 255)] ^
      table[3072 + ((crc >>> 24) ^ bytes[at + 3])] ^
      table[2816 + bytes[at + 4]] ^
      table[2560 + bytes[at + 5]] ^
      table[2304 + bytes[at + 6]] ^
      table[2048 + bytes[at + 7]] ^
      table[1792 + bytes[at + 8]] ^
      table[1536 + bytes[at + 9]] ^
      table[1280 + bytes[at + 10]] ^
      table[1024 + bytes[at + 11]] ^
      table[768 + bytes[at + 12]] ^
      table[512 + bytes[at + 13]] ^
      table[256 + bytes[at + 14]] ^
      table[bytes[at + 15]];
  }
  for (; at < to; at++) {
    crc = (crc >>> 8) ^ table[(crc ^ bytes[at]) & 255];
  }
  return ~crc >>> 0;
}
