package dev.deltavec.component;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.wasm.LinearMemory;

/**
 * The record {@code options} of deltavec.wit in memory: 136 bytes, aligned to 8. Every field is an
 * option: a byte that is 1 if there is a value, and the value behind it, at the next place that it
 * can stand.
 *
 * <p>Ranges are checked here, not left to the core, for its messages do not know the names that
 * options have in WIT, and its numbers are signed.
 */
final class OptionsRecord {
  private static final int DIMENSIONS = 0; // u32
  private static final int MAX_VECTORS = 8; // u32
  private static final int COMPRESSION = 16; // bool
  private static final int HISTORY = 18; // bool
  private static final int CHECKPOINT_INTERVAL = 20; // u32
  private static final int AUTO_COMPACT_BYTES = 32; // u64
  private static final int GRID = 48; // u32
  private static final int MAX_CLOCK_AHEAD = 56; // u64
  private static final int HNSW_M = 72; // u32
  private static final int HNSW_EF_CONSTRUCTION = 80; // u32
  private static final int HNSW_EF_SEARCH = 88; // u32
  private static final int METRIC = 96; // enum of a byte
  private static final int QUANTIZATION = 98; // enum of a byte
  private static final int KEEP_FLOATS = 100; // bool
  private static final int RECALL_SAMPLE_RATE = 104; // f64
  private static final int REPLICA = 120; // u64

  /** From the byte that tells whether there is a value to the value. */
  private static final int BYTE = 1;

  private static final int WORD = 4;
  private static final int LONG = 8;

  private static final long DAY_MILLIS = 86_400_000;
  private static final long REPLICAS = 1L << 48;

  private final LinearMemory memory = Guest.MEMORY;
  private final int record;

  private OptionsRecord(int record) {
    this.record = record;
  }

  /**
   * Reads a record.
   *
   * @param record its address
   * @param drawn the replica's number if none is given
   * @return options with the defaults filled in
   * @throws DeltaException {@code INVALID_ARGUMENT} naming the option
   */
  static DatabaseOptions read(int record, long drawn) {
    return new OptionsRecord(record).read(drawn);
  }

  private DatabaseOptions read(long drawn) {
    boolean keepFloats = flag(KEEP_FLOATS, true);
    boolean history = flag(HISTORY, keepFloats);
    Quantization quantization = quantization();
    int grid = has(GRID) ? word("grid", GRID, 1, Frame.MAX_GRID, 0) : 0;
    long budget = autoCompactBytes();
    if (budget > 0 && !history) {
      throw invalid("auto-compact-bytes needs option history");
    }
    if (!keepFloats) {
      requireFloats("history", !history);
      requireFloats("grid", grid == 0);
      requireFloats("quantization", quantization != Quantization.NONE);
    }
    int ef = DatabaseOptions.MAX_EF;
    return DatabaseOptions.builder()
        .dimensions(word("dimensions", DIMENSIONS, 1, DatabaseOptions.MAX_DIMENSIONS, 384))
        .maxVectors(word("max-vectors", MAX_VECTORS, 1, DatabaseOptions.MAX_VECTORS, 100_000))
        .compression(flag(COMPRESSION, true))
        .history(history)
        .checkpointInterval(
            word("checkpoint-interval", CHECKPOINT_INTERVAL, 1, Integer.MAX_VALUE, 100))
        .maxHistoryBytes(budget)
        .grid(grid)
        .maxAheadMillis(atMost(MAX_CLOCK_AHEAD, DAY_MILLIS))
        .hnswM(word("hnsw-m", HNSW_M, 2, DatabaseOptions.MAX_M, 16))
        .hnswEfConstruction(word("hnsw-ef-construction", HNSW_EF_CONSTRUCTION, 1, ef, 100))
        .hnswEfSearch(word("hnsw-ef-search", HNSW_EF_SEARCH, 1, ef, 50))
        .metric(metric())
        .quantization(quantization)
        .keepFloats(keepFloats)
        .recallSampleRate(recallSampleRate())
        .replica(replica(drawn))
        .build();
  }

  private boolean has(int field) {
    return memory.getByte(record + field) != 0;
  }

  private boolean flag(int field, boolean otherwise) {
    return has(field) ? memory.getByte(record + field + BYTE) != 0 : otherwise;
  }

  private int word(String name, int field, int least, int most, int otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    long value = Integer.toUnsignedLong(memory.getInt(record + field + WORD));
    if (value < least || value > most) {
      throw invalid(name + " must be from " + least + " to " + most + ", not " + value);
    }
    return (int) value;
  }

  /**
   * Reads an unsigned number of 64 bits; the largest that are no signed ones become the largest.
   */
  private long atMost(int field, long otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    long value = memory.getLong(record + field + LONG);
    return value < 0 ? Long.MAX_VALUE : value;
  }

  private long autoCompactBytes() {
    long bytes = atMost(AUTO_COMPACT_BYTES, 0);
    if (bytes == 0 && has(AUTO_COMPACT_BYTES)) {
      throw invalid("auto-compact-bytes must be 1 or more");
    }
    return bytes;
  }

  private Metric metric() {
    int number = has(METRIC) ? memory.getByte(record + METRIC + BYTE) : 0;
    return number == 0 ? Metric.COSINE : number == 1 ? Metric.DOT : Metric.EUCLIDEAN;
  }

  private Quantization quantization() {
    int number = has(QUANTIZATION) ? memory.getByte(record + QUANTIZATION + BYTE) : 1;
    return number == 0 ? Quantization.NONE : number == 1 ? Quantization.INT8 : Quantization.INT4;
  }

  private double recallSampleRate() {
    double rate =
        has(RECALL_SAMPLE_RATE)
            ? Double.longBitsToDouble(memory.getLong(record + RECALL_SAMPLE_RATE + LONG))
            : 0;
    if (!(rate >= 0 && rate <= 1)) {
      throw invalid("recall-sample-rate must be from 0 to 1");
    }
    return rate;
  }

  private long replica(long drawn) {
    if (!has(REPLICA)) {
      return drawn;
    }
    long number = memory.getLong(record + REPLICA + LONG);
    if (number < 0 || number >= REPLICAS) {
      throw invalid("replica must be below 2^48");
    }
    return number;
  }

  private static void requireFloats(String option, boolean fits) {
    if (!fits) {
      throw invalid("keep-floats cannot be false with this option " + option);
    }
  }

  private static DeltaException invalid(String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, "option " + what);
  }
}
