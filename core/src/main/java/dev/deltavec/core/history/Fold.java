package dev.deltavec.core.history;

import dev.deltavec.core.Database;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Memory;

/**
 * The state of one vector as its deltas are folded in, one by one, in the order of their ids: the
 * one place that says what a delta does. In float32 without fused operations, so it is the same
 * everywhere.
 *
 * <p>{@code create} begins a life, and within one replaces the values; {@code delete} ends it;
 * outside a life the others do nothing. What overflows becomes the largest float; on a grid, the
 * largest code. A patch that would make the metadata longer than metadata may be does nothing to
 * it.
 */
public final class Fold {
  private static final byte[] NONE = new byte[0];

  private final Memory memory;
  private final int dimensions;
  private final int stride;
  private final int grid;
  private final Buffer scratch;

  private boolean alive;
  private int row;
  private byte[] metadata = NONE;

  /**
   * A fold for one database.
   *
   * @param image the database's image
   * @param dimensions values of a vector
   * @param grid the database's grid, 0 for none
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  public Fold(Image image, int dimensions, int grid) {
    this.memory = image.memory();
    this.dimensions = dimensions;
    this.stride = image.stride();
    this.grid = grid;
    scratch = new Buffer(image.heap());
    scratch.reserve(dimensions << 3);
  }

  /** Begins with a state; {@code newRow} is where the values are, and where they are changed. */
  public void begin(int newRow, boolean lives, byte[] json) {
    row = newRow;
    alive = lives;
    metadata = json;
  }

  /** Begins with nothing; {@code newRow} is where values will be. */
  public void begin(int newRow) {
    memory.clear(newRow, stride << 2);
    begin(newRow, false, NONE);
  }

  /** Returns whether the vector lives. */
  public boolean alive() {
    return alive;
  }

  /** Returns the metadata as JSON, empty for none. */
  public byte[] metadata() {
    return metadata;
  }

  /** Folds in one delta whose values fit the database. O(dimensions) */
  public void apply(FrameReader delta) {
    int operation = delta.operation();
    if (operation == Frame.DELETE) {
      alive = false;
      metadata = NONE;
      return;
    }
    if (!alive) {
      if (operation != Frame.CREATE) {
        return;
      }
      alive = true;
      metadata = NONE;
    }
    switch (operation) {
      case Frame.CREATE -> replace(delta, true);
      case Frame.DENSE -> replace(delta, false);
      case Frame.SPARSE, Frame.RUNS -> assign(delta);
      case Frame.SCALE -> {
        float factor = memory.getFloat(delta.values());
        for (int i = row, end = row + (dimensions << 2); i != end; i += 4) {
          memory.putFloat(i, limited(memory.getFloat(i) * factor));
        }
      }
      default -> {
        float amount = memory.getFloat(delta.values());
        for (int i = row, end = row + (dimensions << 2); i != end; i += 4) {
          memory.putFloat(i, limited(memory.getFloat(i) + amount));
        }
      }
    }
    if (delta.metadata() != 0) {
      byte[] patched =
          MergePatch.apply(metadata, Bytes.read(memory, delta.metadata(), delta.metadataBytes()));
      if (patched.length <= Database.MAX_METADATA_BYTES) {
        metadata = patched;
      }
    }
  }

  private void replace(FrameReader delta, boolean whole) {
    if (grid == 0) {
      memory.copy(delta.values(), row, dimensions << 2);
      return;
    }
    int codes = scratch.address();
    delta.decodeCodes(codes);
    for (int i = 0, end = dimensions << 2; i != end; i += 4) {
      int before = whole ? 0 : code(memory.getFloat(row + i), grid);
      memory.putFloat(row + i, value(before + (long) memory.getInt(codes + i), grid));
    }
  }

  private void assign(FrameReader delta) {
    int n = delta.count();
    int indices = scratch.address();
    delta.decodeIndices(indices);
    int values = delta.values();
    if (grid == 0) {
      for (int i = 0, end = n << 2; i != end; i += 4) {
        memory.putInt(row + (memory.getInt(indices + i) << 2), memory.getInt(values + i));
      }
    } else if (n > 0) {
      int codes = indices + (dimensions << 2);
      delta.decodeCodes(codes);
      for (int i = 0, end = n << 2; i != end; i += 4) {
        int at = row + (memory.getInt(indices + i) << 2);
        memory.putFloat(
            at, value(code(memory.getFloat(at), grid) + (long) memory.getInt(codes + i), grid));
      }
    }
  }

  private float limited(float x) {
    if (grid != 0) {
      return value(round((double) x * grid), grid);
    }
    return x > Float.MAX_VALUE ? Float.MAX_VALUE : x < -Float.MAX_VALUE ? -Float.MAX_VALUE : x;
  }

  /** Returns the code of a value that lies on a grid, or of the nearest that does. */
  public static int code(float x, int grid) {
    return (int) round((double) x * grid);
  }

  /**
   * Rounds to the nearest whole number, halves up; the same everywhere. Beyond 63 bits it is the
   * largest.
   */
  public static long round(double x) {
    double shifted = x + 0.5;
    long whole = (long) shifted;
    return whole > shifted ? whole - 1 : whole;
  }

  /** Returns the value of a code, limited to what a grid holds. */
  public static float value(long code, int grid) {
    long limited = Math.max(-Frame.MAX_CODE, Math.min(Frame.MAX_CODE, code));
    return (float) ((double) limited / grid);
  }
}
