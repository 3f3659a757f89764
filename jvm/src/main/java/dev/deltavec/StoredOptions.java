package dev.deltavec;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Options by name, as the log keeps them in JSON; the TypeScript package has the same names. What
 * is not there has its default.
 */
final class StoredOptions {
  static final String AUTO_COMPACT = "autoCompact";
  static final String CHECKPOINT_INTERVAL = "checkpointInterval";
  static final String COMPRESSION = "compression";
  static final String DIMENSIONS = "dimensions";
  static final String EF_CONSTRUCTION = "hnswEfConstruction";
  static final String EF_SEARCH = "hnswEfSearch";
  static final String HISTORY = "history";
  static final String KEEP_FLOATS = "keepFloats";
  static final String M = "hnswM";
  static final String MAX_CLOCK_AHEAD = "maxClockAheadMs";
  static final String MAX_VECTORS = "maxVectors";
  static final String METRIC = "metric";
  static final String PRECISION = "precision";
  static final String QUANTIZATION = "quantization";
  static final String RECALL_SAMPLE_RATE = "recallSampleRate";

  /** What a database cannot change once there is something in it. */
  private static final List<String> FIXED =
      List.of(DIMENSIONS, METRIC, PRECISION, KEEP_FLOATS, HISTORY, M, QUANTIZATION);

  /** The largest whole number that every JSON reader takes. */
  private static final long MOST = (1L << 53) - 1;

  private StoredOptions() {}

  /**
   * Returns the options of a database.
   *
   * @throws DeltaException {@code INVALID_ARGUMENT} naming the option that is out of its range
   */
  static DatabaseOptions build(Map<String, ?> options, long replica) {
    boolean keepFloats = flag(options, KEEP_FLOATS, true);
    boolean history = flag(options, HISTORY, keepFloats);
    long maxBytes = member(options, AUTO_COMPACT, "maxBytes");
    if (maxBytes < 0 || (maxBytes > 0 && !history)) {
      throw wrong("autoCompact must be 0 or more, and 0 without history, not " + maxBytes);
    }
    double sampleRate = number(options, RECALL_SAMPLE_RATE, 0).doubleValue();
    if (!(sampleRate >= 0 && sampleRate <= 1)) {
      throw wrong("recallSampleRate must be from 0 to 1, not " + sampleRate);
    }
    DatabaseOptions.Builder builder = DatabaseOptions.builder();
    DatabaseOptions defaults = builder.build();
    return builder
        .dimensions(whole(options, DIMENSIONS, defaults.dimensions()))
        .maxVectors(whole(options, MAX_VECTORS, defaults.maxVectors()))
        .compression(flag(options, COMPRESSION, defaults.compression()))
        .history(history)
        .checkpointInterval(whole(options, CHECKPOINT_INTERVAL, defaults.checkpointInterval()))
        .maxHistoryBytes(maxBytes)
        .grid((int) member(options, PRECISION, "grid"))
        .maxAheadMillis(number(options, MAX_CLOCK_AHEAD, defaults.maxAheadMillis()).longValue())
        .hnswM(whole(options, M, defaults.hnswM()))
        .hnswEfConstruction(whole(options, EF_CONSTRUCTION, defaults.hnswEfConstruction()))
        .hnswEfSearch(whole(options, EF_SEARCH, defaults.hnswEfSearch()))
        .metric(Metric.valueOf(name(options, METRIC, defaults.metric())))
        .quantization(Quantization.valueOf(name(options, QUANTIZATION, defaults.quantization())))
        .keepFloats(keepFloats)
        .recallSampleRate(sampleRate)
        .replica(replica)
        .build();
  }

  private static DeltaException wrong(String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, "option " + what);
  }

  private static boolean flag(Map<String, ?> options, String name, boolean otherwise) {
    return options.get(name) instanceof Boolean value ? value : otherwise;
  }

  private static Number number(Map<String, ?> options, String name, Number otherwise) {
    return options.get(name) instanceof Number value ? value : otherwise;
  }

  private static int whole(Map<String, ?> options, String name, int otherwise) {
    return Math.toIntExact(number(options, name, otherwise).longValue());
  }

  private static String name(Map<String, ?> options, String name, Enum<?> otherwise) {
    return options.get(name) instanceof String value
        ? value.toUpperCase(Locale.ROOT)
        : otherwise.name();
  }

  /** Returns a number that is an option's only member; 0 if the option is null. */
  private static long member(Map<String, ?> options, String name, String member) {
    return options.get(name) instanceof Map<?, ?> value && value.get(member) instanceof Number found
        ? found.longValue()
        : 0;
  }

  /** Returns all options of a database by name. */
  static Map<String, @Nullable Object> of(DatabaseOptions options) {
    Map<String, @Nullable Object> all = new LinkedHashMap<>();
    all.put(DIMENSIONS, options.dimensions());
    all.put(MAX_VECTORS, options.maxVectors());
    all.put(COMPRESSION, options.compression());
    all.put(HISTORY, options.history());
    all.put(CHECKPOINT_INTERVAL, options.checkpointInterval());
    all.put(AUTO_COMPACT, single("maxBytes", Math.min(MOST, options.maxHistoryBytes())));
    all.put(PRECISION, single("grid", options.grid()));
    all.put(MAX_CLOCK_AHEAD, Math.min(MOST, options.maxAheadMillis()));
    all.put(M, options.hnswM());
    all.put(EF_CONSTRUCTION, options.hnswEfConstruction());
    all.put(EF_SEARCH, options.hnswEfSearch());
    all.put(METRIC, options.metric().name().toLowerCase(Locale.ROOT));
    all.put(QUANTIZATION, options.quantization().name().toLowerCase(Locale.ROOT));
    all.put(KEEP_FLOATS, options.keepFloats());
    all.put(RECALL_SAMPLE_RATE, options.recallSampleRate());
    return all;
  }

  /** Returns the value of an option that has one member; null for 0. */
  static @Nullable Object single(String member, long value) {
    return value == 0 ? null : Map.of(member, value);
  }

  /**
   * Puts options that are asked for over those that a database has.
   *
   * @param file where the database is, for messages
   * @throws DeltaException {@code INVALID_ARGUMENT} for one that cannot be changed
   */
  static DatabaseOptions merge(
      Map<String, ?> stored, Map<String, ?> given, long replica, String file) {
    Map<String, @Nullable Object> has = of(build(stored, replica));
    Map<String, @Nullable Object> both = new LinkedHashMap<>(has);
    both.putAll(given);
    DatabaseOptions merged = build(both, replica);
    Map<String, @Nullable Object> wanted = of(merged);
    for (String name : FIXED) {
      if (given.containsKey(name) && !String.valueOf(wanted.get(name)).equals("" + has.get(name))) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "option "
                + name
                + " of the database in "
                + file
                + " is "
                + has.get(name)
                + ", and cannot become "
                + wanted.get(name));
      }
    }
    return merged;
  }

  /**
   * Returns the options to do the log's records again with: those that decide when history is
   * compacted are as they were, as merges depend on it.
   */
  static DatabaseOptions forReplay(Map<String, ?> stored, DatabaseOptions wanted) {
    Map<String, @Nullable Object> all = of(wanted);
    Map<String, @Nullable Object> has = of(build(stored, 0));
    if (all.get(AUTO_COMPACT) != null || has.get(AUTO_COMPACT) != null) {
      for (String name : List.of(AUTO_COMPACT, CHECKPOINT_INTERVAL, COMPRESSION)) {
        all.put(name, has.get(name));
      }
    }
    return build(all, wanted.replica());
  }

  /**
   * Returns the options that a snapshot's head names; docs/format.md has the bytes.
   *
   * @param stream a snapshot that is whole
   */
  static Map<String, @Nullable Object> ofHead(MemorySegment stream) {
    ByteBuffer head = stream.asSlice(16).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    Map<String, @Nullable Object> options = new LinkedHashMap<>();
    options.put(HISTORY, (head.getInt(4) & Snapshots.HISTORY) != 0);
    options.put(DIMENSIONS, head.getInt(8));
    options.put(METRIC, Metric.values()[head.getInt(12)].name());
    options.put(M, head.getInt(16));
    options.put(QUANTIZATION, Quantization.values()[head.getInt(20)].name());
    options.put(KEEP_FLOATS, head.getInt(24) != 0);
    options.put(PRECISION, single("grid", head.getInt(28)));
    return options;
  }

  // ---------------------------------------------------------------- JSON

  static byte[] write(DatabaseOptions options) {
    StringBuilder json = new StringBuilder("{");
    of(options)
        .forEach((name, value) -> {
          json.append(json.length() == 1 ? "" : ",").append('"').append(name).append("\":");
          json.append(
              switch (value) {
                case String text -> '"' + text + '"';
                case Map<?, ?> single ->
                    single
                        .toString()
                        .replace("{", "{\"")
                        .replace("=", "\":"); // one member, a number
                case Double number when number == Math.rint(number) -> number.longValue();
                case null, default -> value;
              });
        });
    return json.append('}').toString().getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads what {@link #write}, or the TypeScript package, has written.
   *
   * @throws DeltaException {@code CORRUPT_DATA}
   */
  static Map<String, @Nullable Object> read(byte[] json) {
    try {
      Map<String, @Nullable Object> options =
          JsonReader.object(new String(json, StandardCharsets.UTF_8));
      build(options, 0);
      return options;
    } catch (RuntimeException e) {
      DeltaException error =
          new DeltaException(
              ErrorCode.CORRUPT_DATA, "the log names no options of a database: " + e.getMessage());
      error.initCause(e);
      throw error;
    }
  }
}
