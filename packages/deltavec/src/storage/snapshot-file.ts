import { crc32c } from "../crc32c.ts";
import {
  corrupt,
  HEADER_BYTES,
  readSnapshotHeader,
  type SnapshotHeader,
  writeSnapshotHeader,
} from "./log.ts";
import type { ByteSource } from "./log-reader.ts";
import type { Storage, StorageFile } from "./storage.ts";

/** Snapshot files (docs/format.md): a header, and the stream of sections that a database exports. */

/** Bytes that are read at a time. */
const PART_BYTES = 1 << 20;

/** Makes a snapshot file of its header and the pieces of a stream, all on disk once this is done. Returns its bytes. */
export async function writeSnapshot(
  storage: Storage,
  name: string,
  header: SnapshotHeader,
  pieces: readonly Uint8Array[],
): Promise<number> {
  const file = await storage.open(name);
  try {
    await file.truncate(0);
    let at = 0;
    for (const piece of [writeSnapshotHeader(header), ...pieces]) {
      await file.write(at, piece);
      at += piece.length;
    }
    await file.flush(true);
    await proveSnapshot(file, header, pieces);
    return at;
  } finally {
    await file.close();
  }
}

/** Reads back what was written. Throws CORRUPT_DATA if it is not what it should be. */
async function proveSnapshot(
  file: StorageFile,
  header: SnapshotHeader,
  pieces: readonly Uint8Array[],
): Promise<void> {
  let at = HEADER_BYTES;
  const head = new Uint8Array(HEADER_BYTES);
  const read = await file.read(0, head);
  if (readSnapshotHeader(head.subarray(0, read)).records !== header.records) {
    throw corrupt("the storage gives other bytes than were written");
  }
  for (const piece of pieces) {
    const back = new Uint8Array(piece.length);
    if ((await file.read(at, back)) !== piece.length || crc32c(back) !== crc32c(piece)) {
      throw corrupt(`the storage gives other bytes than were written, from byte ${at} on`);
    }
    at += piece.length;
  }
  if ((await file.size()) !== at) {
    throw corrupt(`the file has ${await file.size()} bytes, not the ${at} that were written`);
  }
}

/** Reads the header of a snapshot file. Throws CORRUPT_DATA, UNSUPPORTED_VERSION. */
export async function readHead(source: ByteSource): Promise<SnapshotHeader> {
  const head = new Uint8Array(HEADER_BYTES);
  return readSnapshotHeader(head.subarray(0, await source.read(0, head)));
}

/** Reads what lies behind the header, in parts that are valid until the next. */
export async function* readStream(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
  const room = new Uint8Array(PART_BYTES);
  for (let at = HEADER_BYTES; ; ) {
    const read = await source.read(at, room);
    if (read === 0) {
      return;
    }
    yield room.subarray(0, read);
    at += read;
  }
}
