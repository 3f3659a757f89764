package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.wasm.LinearMemory;

/**
 * What the core tells in figures, as the records of deltavec.wit. The core's own are described in
 * {@code docs/abi.md}; its large whole numbers are doubles.
 */
final class Reports {
  // stats: 176 bytes, aligned to 8
  private static final int SIZE = 0; // u32
  private static final int CAPACITY = 4; // u32
  private static final int MEMORY_BYTES = 8; // u64, as the next five
  private static final int USED_BYTES = 16;
  private static final int VECTOR_BYTES = 24;
  private static final int GRAPH_BYTES = 32;
  private static final int TEXT_BYTES = 40;
  private static final int MAP_BYTES = 48;
  private static final int DELTAS = 56; // u64
  private static final int HISTORY_BYTES = 64; // u64
  private static final int CHECKPOINT_BYTES = 72; // u64
  private static final int HISTORY_DELTAS = 80; // u32
  private static final int CHECKPOINTS = 84; // u32
  private static final int MAX_LEVEL = 88; // u32
  private static final int STRIDE = 92; // u32
  private static final int INDEX = 96; // index-stats

  // index-stats: 80 bytes, aligned to 8
  private static final int PENDING_REPAIRS =
      0; // u32, as the next three, which the core has so, too
  private static final int MEAN_DRIFT = 16; // f64
  private static final int MAX_DRIFT = 24; // f64
  private static final int ESTIMATED_RECALL = 32; // option<f64>
  private static final int RECALL_SAMPLES = 48; // u64
  private static final int INDEX_BYTES = 56; // u64
  private static final int CODE_BYTES = 64; // u64
  private static final int QUANTIZATION = 72; // a byte
  private static final int KEEP_FLOATS = 73; // bool

  // index-report: 60 bytes, aligned to 4: twelve u32, in the core's order
  private static final int REPORT_COUNTS = 48;
  private static final int FIRST_BAD = 48; // option<string>

  // compaction-stats: 40 bytes, aligned to 8
  private static final int CHAINS = 0; // u32, and the deltas behind it
  private static final int BYTES_BEFORE = 8; // u64
  private static final int BYTES_AFTER = 16; // u64
  private static final int HORIZON = 24; // option<u64>

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private Reports() {}

  /** Returns the whole number that is stored as a double at an address. */
  static long whole(int address) {
    return (long) Double.longBitsToDouble(MEMORY.getLong(address));
  }

  /** Writes an {@code option<u64>}: none if the time is negative. */
  static void putTime(int option, long time) {
    MEMORY.putInt(option, time < 0 ? 0 : 1);
    MEMORY.putLong(option + 8, time);
  }

  /** Writes a database's figures as {@code stats}. */
  static void writeStats(Database database, int record) {
    database.stats();
    int from = database.output();
    MEMORY.putInt(record + SIZE, MEMORY.getInt(from));
    MEMORY.putInt(record + CAPACITY, MEMORY.getInt(from + 4));
    putWhole(record + MEMORY_BYTES, from + 8);
    putWhole(record + USED_BYTES, from + 16);
    putWhole(record + VECTOR_BYTES, from + 24);
    putWhole(record + GRAPH_BYTES, from + 32);
    putWhole(record + TEXT_BYTES, from + 40);
    putWhole(record + MAP_BYTES, from + 48);
    putWhole(record + DELTAS, from + 56);
    MEMORY.putLong(record + HISTORY_BYTES, whole(from + 72) + whole(from + 80));
    putWhole(record + CHECKPOINT_BYTES, from + 80);
    MEMORY.putInt(record + HISTORY_DELTAS, MEMORY.getInt(from + 88));
    MEMORY.putInt(record + CHECKPOINTS, MEMORY.getInt(from + 92));
    MEMORY.putInt(record + MAX_LEVEL, MEMORY.getInt(from + 64));
    MEMORY.putInt(record + STRIDE, MEMORY.getInt(from + 68));
    writeIndexStats(from, record + INDEX);
  }

  private static void writeIndexStats(int from, int record) {
    MEMORY.copy(from + 104, record + PENDING_REPAIRS, 16);
    MEMORY.putLong(record + MEAN_DRIFT, MEMORY.getLong(from + 120));
    MEMORY.putLong(record + MAX_DRIFT, MEMORY.getLong(from + 128));
    boolean sampled = !Double.isNaN(Double.longBitsToDouble(MEMORY.getLong(from + 136)));
    MEMORY.putInt(record + ESTIMATED_RECALL, sampled ? 1 : 0);
    MEMORY.putLong(record + ESTIMATED_RECALL + 8, MEMORY.getLong(from + 136));
    putWhole(record + RECALL_SAMPLES, from + 144);
    MEMORY.putLong(record + INDEX_BYTES, whole(from + 32) + whole(from + 152));
    putWhole(record + CODE_BYTES, from + 152);
    MEMORY.putByte(record + QUANTIZATION, (byte) MEMORY.getInt(from + 160));
    MEMORY.putByte(record + KEEP_FLOATS, (byte) MEMORY.getInt(from + 164));
  }

  /** Checks a database's search graph and writes what was found as {@code index-report}. */
  static void writeReport(Database database, int record) {
    database.check();
    MEMORY.copy(database.output(), record, REPORT_COUNTS);
    int slot = MEMORY.getInt(database.output() + REPORT_COUNTS);
    // The next live vector from the slot on; it is another one if the slot has none.
    boolean found =
        slot >= 0 && database.rows(slot, 1) > 0 && MEMORY.getInt(database.output()) == slot;
    MEMORY.putInt(record + FIRST_BAD, found ? 1 : 0);
    if (found) {
      MEMORY.putInt(record + FIRST_BAD + 4, MEMORY.getInt(database.output() + 4));
      MEMORY.putInt(record + FIRST_BAD + 8, MEMORY.getInt(database.output() + 8));
    }
  }

  /** Writes what {@link Database#compact} has put out as {@code compaction-stats}. */
  static void writeCompaction(Database database, int record) {
    int from = database.output();
    MEMORY.putLong(record + CHAINS, MEMORY.getLong(from));
    putWhole(record + BYTES_BEFORE, from + 8);
    putWhole(record + BYTES_AFTER, from + 16);
    putTime(record + HORIZON, MEMORY.getLong(from + 24));
  }

  private static void putWhole(int target, int source) {
    MEMORY.putLong(target, whole(source));
  }
}
