package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.wasm.LinearMemory;

/** What of the log is read by deltas: chains of vectors, and pages of the feed. */
final class History {
  /** Bytes of frames on a page, the most but for a larger delta. */
  private static final int PAGE_BYTES = 65_536;

  // delta-chain: 48 bytes, aligned to 8
  private static final int CHAIN_DELTAS = 0; // list<issued-delta>
  private static final int CHAIN_CHECKPOINTS = 8; // list<u32>
  private static final int CHAIN_LOG_BYTES = 16; // u64
  private static final int CHAIN_HORIZON = 24; // option<u64>
  private static final int CHAIN_ALIVE = 40; // bool

  // feed-delta: 72 bytes, aligned to 8
  private static final int FEED_BYTES = 72;
  private static final int FEED_POSITION = 0; // u32
  private static final int FEED_DELTA = 8; // issued-delta

  // deltas-page: 12 bytes, aligned to 4
  private static final int PAGE_DELTAS = 0; // list<feed-delta>
  private static final int PAGE_NEXT = 8; // u32

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private History() {}

  /**
   * Writes the chain of an id.
   *
   * @param id address of the id
   * @param idBytes its length
   * @param record address of a {@code delta-chain}
   * @return false if the id was never seen; then nothing is written
   * @throws DeltaException as {@link Database#chain}
   */
  static boolean writeChain(Session session, int id, int idBytes, int record) {
    Database database = session.database();
    if (!database.chain(id, idBytes)) {
      return false;
    }
    int chain = database.output();
    int count = MEMORY.getInt(chain);
    int deltas = Lists.take(count, IssuedDeltas.BYTES, 8);
    int checkpoints = Lists.take(count, 4, 4);
    IssuedDeltas writer = new IssuedDeltas(session.replica());
    int covered = 0;
    int at = chain + Database.CHAIN_BYTES;
    for (int i = 0; i < count; i++) {
      if (MEMORY.getInt(at) != 0) {
        MEMORY.putInt(checkpoints + (covered++ << 2), i);
      }
      at = writer.write(at + 4, deltas + i * IssuedDeltas.BYTES);
    }
    MEMORY.putInt(record + CHAIN_DELTAS, deltas);
    MEMORY.putInt(record + CHAIN_DELTAS + 4, count);
    MEMORY.putInt(record + CHAIN_CHECKPOINTS, checkpoints);
    MEMORY.putInt(record + CHAIN_CHECKPOINTS + 4, covered);
    MEMORY.putLong(record + CHAIN_LOG_BYTES, Reports.whole(chain + 8));
    Reports.putTime(record + CHAIN_HORIZON, MEMORY.getLong(chain + 16));
    MEMORY.putByte(record + CHAIN_ALIVE, (byte) MEMORY.getInt(chain + 24));
    return true;
  }

  /**
   * Writes a page of the feed.
   *
   * @param from position of the first delta, unsigned
   * @param record address of a {@code deltas-page}
   * @throws DeltaException {@code INVALID_ARGUMENT} for a position that was not reached, also
   *     without history; {@code OUT_OF_MEMORY}
   */
  static void writePage(Session session, int from, int record) {
    Database database = session.database();
    int arrived = database.arrived();
    if (Integer.compareUnsigned(from, arrived) > 0) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "from must be a position from 0 to " + arrived + ", not " + Integer.toUnsignedLong(from));
    }
    int count = database.read(from, PAGE_BYTES);
    int next = database.next();
    int positions = 0;
    if (count != next - from) {
      positions = positions(database, from, count);
      database.read(from, PAGE_BYTES);
    }
    int deltas = Lists.take(count, FEED_BYTES, 8);
    IssuedDeltas writer = new IssuedDeltas(session.replica());
    int at = database.output();
    for (int i = 0, delta = deltas; i < count; i++, delta += FEED_BYTES) {
      int position = positions == 0 ? from + i : MEMORY.getInt(positions + (i << 2));
      MEMORY.putInt(delta + FEED_POSITION, position);
      at = writer.write(at, delta + FEED_DELTA);
    }
    MEMORY.putInt(record + PAGE_DELTAS, deltas);
    MEMORY.putInt(record + PAGE_DELTAS + 4, count);
    MEMORY.putInt(record + PAGE_NEXT, next);
  }

  /**
   * Lists the positions of the deltas on a page from which some were compacted away. A read that
   * has room for one delta ends right behind it.
   */
  private static int positions(Database database, int from, int count) {
    int positions = Lists.take(count, 4, 4);
    int at = from;
    for (int i = 0; i < count; i++) {
      database.read(at, 1);
      at = database.next();
      MEMORY.putInt(positions + (i << 2), at - 1);
    }
    return positions;
  }
}
