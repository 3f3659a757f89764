/** Remainders of each byte, and of each byte with 1, 2 and 3 zero bytes behind it; made when first needed. */
let tables: Int32Array | undefined;

/** The polynomial of Castagnoli, lowest bit first. */
const POLYNOMIAL = 0x82f63b78;

function makeTables(): Int32Array {
  const made = new Int32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : POLYNOMIAL);
    }
    made[byte] = crc;
  }
  for (let i = 256; i < 1024; i++) {
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
  for (const last = to - 3; at < last; at += 4) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      table[768 + (crc & 255)] ^
      table[512 + ((crc >>> 8) & 255)] ^
      table[256 + ((crc >>> 16) & 255)] ^
      table[crc >>> 24];
  }
  for (; at < to; at++) {
    crc = (crc >>> 8) ^ table[(crc ^ bytes[at]) & 255];
  }
  return ~crc >>> 0;
}
