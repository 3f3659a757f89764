package dev.deltavec.core.memory;

/**
 * {@link Kernels} in plain Java: the reference for tests, and the fallback of platforms without
 * SIMD.
 */
public final class ScalarKernels implements Kernels {
  private final Memory memory;

  /**
   * Kernels over one memory.
   *
   * @param memory where the rows are
   */
  public ScalarKernels(Memory memory) {
    this.memory = memory;
  }

  @Override
  public float dot(int a, int b, int floats) {
    // Four sums break the chain of dependent additions.
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0, n = floats << 2; i < n; i += 16) {
      s0 += memory.getFloat(a + i) * memory.getFloat(b + i);
      s1 += memory.getFloat(a + i + 4) * memory.getFloat(b + i + 4);
      s2 += memory.getFloat(a + i + 8) * memory.getFloat(b + i + 8);
      s3 += memory.getFloat(a + i + 12) * memory.getFloat(b + i + 12);
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  public float squaredDistance(int a, int b, int floats) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0, n = floats << 2; i < n; i += 16) {
      float d0 = memory.getFloat(a + i) - memory.getFloat(b + i);
      float d1 = memory.getFloat(a + i + 4) - memory.getFloat(b + i + 4);
      float d2 = memory.getFloat(a + i + 8) - memory.getFloat(b + i + 8);
      float d3 = memory.getFloat(a + i + 12) - memory.getFloat(b + i + 12);
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  public void dotBatch(int query, int rows, int n, int floats, int out) {
    for (int i = 0; i < n; i++) {
      memory.putFloat(out + (i << 2), dot(query, memory.getInt(rows + (i << 2)), floats));
    }
  }

  @Override
  public void squaredDistanceBatch(int query, int rows, int n, int floats, int out) {
    for (int i = 0; i < n; i++) {
      memory.putFloat(
          out + (i << 2), squaredDistance(query, memory.getInt(rows + (i << 2)), floats));
    }
  }

  @Override
  public boolean allFinite(int address, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += memory.getFloat(address + (i << 2)) * 0f; // NaN if and only if one value is not finite
    }
    return sum == 0;
  }

  @Override
  public int crc32c(int crc, int address, int bytes) {
    return Crc32c.of(memory, crc, address, bytes);
  }

  // ---------------------------------------------------------------- codes

  @Override
  public void encode(int row, float factor, int center, int floats, int codes, int out) {
    float max = maximum(row, factor, center, floats);
    if (max == 0) {
      for (int i = 0, n = padded(floats); i < n; i++) {
        memory.putByte(codes + i, (byte) (MAX_CODE + 1));
      }
      put(out, 0, 0);
      return;
    }
    float inverse = MAX_CODE / max;
    int squares = 0;
    for (int i = 0, n = padded(floats); i < n; i++) {
      int v = i < floats ? round(value(row, factor, center, i) * inverse, MAX_CODE) : 0;
      memory.putByte(codes + i, (byte) (v + MAX_CODE + 1));
      squares += v * v;
    }
    put(out, max / MAX_CODE, squares);
  }

  @Override
  public void encode4(
      int row, float factor, int center, int floats, int dimensions, int codes, int out) {
    int n = padded(floats);
    float max = maximum(row, factor, center, floats);
    if (max == 0) {
      for (int i = 0; i < n >> 1; i++) {
        memory.putByte(codes + i, (byte) 0x88);
      }
      put(out, 0, 0);
      return;
    }
    float clipped =
        Math.min(
            max, 2.7f * (float) Math.sqrt(meanSquare(row, factor, center, floats, dimensions)));
    boolean clip =
        clipped < max
            && error4(row, factor, center, floats, clipped)
                < error4(row, factor, center, floats, max);
    float largest = clip ? clipped : max;
    float inverse = MAX_CODE_4 / largest;
    int squares = 0;
    for (int i = 0; i < n; i++) {
      int v = i < floats ? round(value(row, factor, center, i) * inverse, MAX_CODE_4) : 0;
      int at = codes + (i >> 5 << 4) + (i & 15);
      int u = v + MAX_CODE_4 + 1;
      memory.putByte(at, (byte) ((i & 16) == 0 ? u : memory.getByte(at) | u << 4));
      squares += v * v;
    }
    put(out, largest / MAX_CODE_4, squares);
  }

  /** Returns the mean of the squares; four sums, value i in sum i mod 4. */
  private float meanSquare(int row, float factor, int center, int floats, int dimensions) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0; i < floats; i += 4) {
      float y0 = value(row, factor, center, i);
      float y1 = value(row, factor, center, i + 1);
      float y2 = value(row, factor, center, i + 2);
      float y3 = value(row, factor, center, i + 3);
      s0 += y0 * y0;
      s1 += y1 * y1;
      s2 += y2 * y2;
      s3 += y3 * y3;
    }
    return ((s0 + s2) + (s1 + s3)) / dimensions;
  }

  /** Returns the sum of the squared errors of 4-bit codes; four sums, value i in sum i mod 4. */
  private float error4(int row, float factor, int center, int floats, float largest) {
    float inverse = MAX_CODE_4 / largest;
    float scale = largest / MAX_CODE_4;
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0; i < floats; i += 4) {
      float d0 = error(value(row, factor, center, i), inverse, scale);
      float d1 = error(value(row, factor, center, i + 1), inverse, scale);
      float d2 = error(value(row, factor, center, i + 2), inverse, scale);
      float d3 = error(value(row, factor, center, i + 3), inverse, scale);
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    return (s0 + s2) + (s1 + s3);
  }

  private static float error(float y, float inverse, float scale) {
    return y - round(y * inverse, MAX_CODE_4) * scale;
  }

  @Override
  public void encodeQuery(int row, float factor, int center, int floats, int query, int out) {
    float max = maximum(row, factor, center, floats);
    float inverse = max == 0 ? 0 : MAX_QUERY_CODE / max;
    int squares = 0;
    for (int i = 0, n = padded(floats); i < n; i++) {
      int v =
          i < floats && max != 0
              ? round(value(row, factor, center, i) * inverse, MAX_QUERY_CODE)
              : 0;
      memory.putByte(query + i, (byte) v);
      squares += v * v;
    }
    put(out, max / MAX_QUERY_CODE, squares);
  }

  @Override
  public void queryOfCodes(int row, int codes, int query) {
    for (int i = 0; i < codes; i++) {
      memory.putByte(query + i, (byte) (memory.getByte(row + i) - (MAX_CODE + 1)));
    }
  }

  @Override
  public void queryOfCodes4(int row, int codes, int query) {
    for (int i = 0; i < codes; i++) {
      memory.putByte(query + i, (byte) code4(row, i));
    }
  }

  @Override
  public void codeDotBatch(int query, int rows, int n, int codes, int out) {
    for (int r = 0; r < n; r++) {
      int row = memory.getInt(rows + (r << 2));
      int sum = 0;
      for (int i = 0; i < codes; i++) {
        sum += memory.getByte(query + i) * (memory.getByte(row + i) - (MAX_CODE + 1));
      }
      memory.putInt(out + (r << 2), sum);
    }
  }

  @Override
  public void codeDotBatch4(int query, int rows, int n, int codes, int out) {
    for (int r = 0; r < n; r++) {
      int row = memory.getInt(rows + (r << 2));
      int sum = 0;
      for (int i = 0; i < codes; i++) {
        sum += memory.getByte(query + i) * code4(row, i);
      }
      memory.putInt(out + (r << 2), sum);
    }
  }

  private int code4(int row, int i) {
    int pair = memory.getByte(row + (i >> 5 << 4) + (i & 15));
    return ((i & 16) == 0 ? pair & 15 : pair >> 4 & 15) - (MAX_CODE_4 + 1);
  }

  private static int padded(int floats) {
    return floats + CODE_BLOCK - 1 & -CODE_BLOCK;
  }

  private float value(int row, float factor, int center, int i) {
    float y = memory.getFloat(row + (i << 2)) * factor - memory.getFloat(center + (i << 2));
    return Math.max(-CODE_RANGE, Math.min(CODE_RANGE, y));
  }

  /** Returns the largest magnitude, 0 if it is negligible. */
  private float maximum(int row, float factor, int center, int floats) {
    float max = 0;
    for (int i = 0; i < floats; i++) {
      max = Math.max(max, Math.abs(value(row, factor, center, i)));
    }
    return max < 1 / CODE_RANGE ? 0 : max;
  }

  private static int round(float x, int most) {
    float nearest = x + 0x1.8p23f - 0x1.8p23f; // rounds to even at the unit
    return Math.max(-most, Math.min(most, (int) nearest));
  }

  private void put(int out, float scale, int squares) {
    memory.putFloat(out, scale);
    memory.putInt(out + 4, squares);
  }
}
