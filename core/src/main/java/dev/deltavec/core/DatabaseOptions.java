package dev.deltavec.core;

import dev.deltavec.core.delta.Frame;

/**
 * What a database is made with; immutable. Defaults are those of the interface contract.
 *
 * <p>Instances come from {@link #builder()}, whose {@link Builder#build()} checks every range.
 */
public final class DatabaseOptions {
  /** The largest number of dimensions. */
  public static final int MAX_DIMENSIONS = 65_536;

  /** The largest {@code maxVectors}. */
  public static final int MAX_VECTORS = 1 << 28;

  /** The fewest links that keep every vector reachable. */
  private static final int LEAST_M = 3;

  /** The largest {@code hnswM}. */
  public static final int MAX_M = 64;

  /** The largest {@code hnswEfConstruction} and {@code hnswEfSearch}. */
  public static final int MAX_EF = 10_000;

  private final int dimensions;
  private final int maxVectors;
  private final boolean compression;
  private final int checkpointInterval;
  private final int hnswM;
  private final int hnswEfConstruction;
  private final int hnswEfSearch;
  private final Metric metric;
  private final long replica;
  private final long seed;
  private final boolean history;
  private final int grid;
  private final long maxHistoryBytes;
  private final long maxAheadMillis;
  private final Quantization quantization;
  private final boolean keepFloats;
  private final double recallSampleRate;

  private DatabaseOptions(Builder b) {
    dimensions = inRange("dimensions", b.dimensions, 1, MAX_DIMENSIONS);
    maxVectors = inRange("maxVectors", b.maxVectors, 1, MAX_VECTORS);
    compression = b.compression;
    checkpointInterval = inRange("checkpointInterval", b.checkpointInterval, 1, Integer.MAX_VALUE);
    hnswM = Math.max(LEAST_M, inRange("hnswM", b.hnswM, 2, MAX_M));
    hnswEfConstruction = inRange("hnswEfConstruction", b.hnswEfConstruction, 1, MAX_EF);
    hnswEfSearch = inRange("hnswEfSearch", b.hnswEfSearch, 1, MAX_EF);
    metric = b.metric;
    replica = b.replica;
    if (replica < 0 || replica >= 1L << 48) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "replica must be a 48-bit unsigned number, not " + replica);
    }
    seed = b.seed;
    history = b.history;
    grid = inRange("precision.grid", b.grid, 0, Frame.MAX_GRID);
    maxHistoryBytes = b.maxHistoryBytes;
    maxAheadMillis = b.maxAheadMillis;
    quantization = b.quantization;
    keepFloats = b.keepFloats;
    recallSampleRate = b.recallSampleRate;
    if (!(recallSampleRate >= 0 && recallSampleRate <= 1)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "option recallSampleRate must be from 0 to 1");
    }
    if (!keepFloats && (history || quantization == Quantization.NONE || grid != 0)) {
      // Decoded values are no fold of deltas, and lie on no grid.
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "option keepFloats: false needs history: false, a quantization and no precision.grid");
    }
    if (maxHistoryBytes > 0 && !history) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "option maxHistoryBytes needs option history");
    }
    if (maxHistoryBytes < 0 || maxAheadMillis < 0) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "options maxHistoryBytes and maxAheadMillis must not be negative");
    }
  }

  private static int inRange(String option, int value, int min, int max) {
    if (value < min || value > max) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "option " + option + " must be from " + min + " to " + max + ", not " + value);
    }
    return value;
  }

  /** Returns a builder that holds the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the length of every vector, 1 to {@value #MAX_DIMENSIONS}. */
  public int dimensions() {
    return dimensions;
  }

  /** Returns how many vectors the database may hold, 1 to {@value #MAX_VECTORS}. */
  public int maxVectors() {
    return maxVectors;
  }

  /** Returns whether deltas are kept in their small form, without loss. */
  public boolean compression() {
    return compression;
  }

  /** Returns after how many deltas of a vector a checkpoint is kept, 1 or more. */
  public int checkpointInterval() {
    return checkpointInterval;
  }

  /**
   * Returns M, the links a new node takes on each layer, 3 to {@value #MAX_M}; layer 0 holds up to
   * twice as many.
   */
  public int hnswM() {
    return hnswM;
  }

  /** Returns efConstruction, the candidates kept while a node is linked, 1 to {@value #MAX_EF}. */
  public int hnswEfConstruction() {
    return hnswEfConstruction;
  }

  /** Returns efSearch, the candidates kept while searching, 1 to {@value #MAX_EF}. */
  public int hnswEfSearch() {
    return hnswEfSearch;
  }

  /** Returns the metric. */
  public Metric metric() {
    return metric;
  }

  /** Returns the number of this replica, 48 bits; it is part of every delta's id. */
  public long replica() {
    return replica;
  }

  /**
   * Returns the seed of the level generator and of the id hash. It never affects the state, only
   * the search graph.
   */
  public long seed() {
    return seed;
  }

  /** Returns whether deltas are kept, so that the past can be read and replicas can be merged. */
  public boolean history() {
    return history;
  }

  /**
   * Returns the steps to 1 of the integer grid that values live on, 1 to 2^20; 0 for plain floats.
   */
  public int grid() {
    return grid;
  }

  /**
   * Returns the bytes of history above which the oldest is compacted by itself, before the next
   * change; 0 for no limit.
   */
  public long maxHistoryBytes() {
    return maxHistoryBytes;
  }

  /** Returns how far in the future a merged delta may lie, in milliseconds. */
  public long maxAheadMillis() {
    return maxAheadMillis;
  }

  /** Returns what the graph is built and walked on. */
  public Quantization quantization() {
    return quantization;
  }

  /** Returns whether the float vectors are kept beside their codes. */
  public boolean keepFloats() {
    return keepFloats;
  }

  /** Returns which share of the searches is checked against an exact one, 0 to 1. */
  public double recallSampleRate() {
    return recallSampleRate;
  }

  /** Collects options; every setter returns the builder. */
  public static final class Builder {
    private int dimensions = 384;
    private int maxVectors = 100_000;
    private boolean compression = true;
    private int checkpointInterval = 100;
    private int hnswM = 16;
    private int hnswEfConstruction = 100;
    private int hnswEfSearch = 50;
    private Metric metric = Metric.COSINE;
    private long replica;
    private long seed = 0x9E3779B97F4A7C15L;
    private boolean history = true;
    private int grid;
    private long maxHistoryBytes;
    private long maxAheadMillis = 86_400_000;
    private Quantization quantization = Quantization.INT8;
    private boolean keepFloats = true;
    private double recallSampleRate;

    private Builder() {}

    /** Sets the length of every vector, 1 to {@value #MAX_DIMENSIONS}; default 384. */
    public Builder dimensions(int value) {
      dimensions = value;
      return this;
    }

    /** Sets how many vectors the database may hold, 1 to {@value #MAX_VECTORS}; default 100,000. */
    public Builder maxVectors(int value) {
      maxVectors = value;
      return this;
    }

    /** Sets whether deltas are kept in their small form, without loss; default true. */
    public Builder compression(boolean value) {
      compression = value;
      return this;
    }

    /** Sets after how many deltas of a vector a checkpoint is kept, 1 or more; default 100. */
    public Builder checkpointInterval(int value) {
      checkpointInterval = value;
      return this;
    }

    /** Sets M, 2 to {@value #MAX_M}; default 16; 2 counts as 3. */
    public Builder hnswM(int value) {
      hnswM = value;
      return this;
    }

    /** Sets efConstruction, 1 to {@value #MAX_EF}; default 100. */
    public Builder hnswEfConstruction(int value) {
      hnswEfConstruction = value;
      return this;
    }

    /** Sets efSearch, 1 to {@value #MAX_EF}; default 50. */
    public Builder hnswEfSearch(int value) {
      hnswEfSearch = value;
      return this;
    }

    /** Sets the metric; default cosine. */
    public Builder metric(Metric value) {
      metric = value;
      return this;
    }

    /**
     * Sets the number of this replica, 0 to 2^48-1; default 0. Replicas that exchange deltas must
     * differ.
     */
    public Builder replica(long value) {
      replica = value;
      return this;
    }

    /** Sets the seed of the level generator and of the id hash; a fixed one by default. */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /** Sets whether deltas are kept; default true. */
    public Builder history(boolean value) {
      history = value;
      return this;
    }

    /**
     * Sets the grid that values live on: value = round(x * grid) / grid, 1 to 2^20; 0, the default,
     * for plain floats.
     */
    public Builder grid(int value) {
      grid = value;
      return this;
    }

    /**
     * Sets the bytes of history above which the oldest is compacted by itself; 0, the default, for
     * no limit.
     */
    public Builder maxHistoryBytes(long value) {
      maxHistoryBytes = value;
      return this;
    }

    /** Sets how far in the future a merged delta may lie, in milliseconds; default one day. */
    public Builder maxAheadMillis(long value) {
      maxAheadMillis = value;
      return this;
    }

    /** Sets what the graph is built and walked on; default {@link Quantization#INT8}. */
    public Builder quantization(Quantization value) {
      quantization = value;
      return this;
    }

    /**
     * Sets whether the float vectors are kept beside their codes; default true. Without them,
     * vectors read as their decoded values; that needs {@link #history} to be off.
     */
    public Builder keepFloats(boolean value) {
      keepFloats = value;
      return this;
    }

    /** Sets which share of the searches is checked against an exact one, 0 to 1; default 0. */
    public Builder recallSampleRate(double value) {
      recallSampleRate = value;
      return this;
    }

    /**
     * Checks all options.
     *
     * @return the options
     * @throws DeltaException {@code INVALID_ARGUMENT}, naming the option that is out of range
     */
    public DatabaseOptions build() {
      return new DatabaseOptions(this);
    }
  }
}
