const encoder = new TextEncoder();

/**
 * Tells which shard a vector belongs to: the same on every platform, and for good.
 *
 * @param id - the vector's id
 * @param shards - how many shards there are, 1 or more
 * @returns a whole number from 0 to below `shards`. O(bytes of the id)
 */
export function shardOf(id: string, shards: number): number {
  return Math.floor((murmur3(encoder.encode(id)) * shards) / 2 ** 32);
}

/** MurmurHash3_x86_32 of bytes, with seed 0: a whole number of 32 bits without sign. */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = 0;
  for (let at = 0; at < whole; at += 4) {
    hash ^= mixed(view.getInt32(at, true));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= whole; at--) {
    rest = (rest << 8) | (bytes[at] as number);
  }
  hash ^= mixed(rest) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}
