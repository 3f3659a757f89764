package dev.deltavec.core.index;

import dev.deltavec.core.Metric;
import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;

/**
 * Distances on {@link Codes}: half the squared distance of what is encoded (which is 1 - cosine for
 * unit vectors), or minus the dot product.
 *
 * <p>With rows c + s v and a query c + f q, where v and q are whole numbers: half the squared
 * distance is (f q)^2 / 2 + (s v)^2 / 2 - f s (q v). The first two are kept with the row and the
 * query, the last is one product of codes.
 */
final class CodeDistances extends Measure {
  private final Image image;
  private final Codes codes;
  private final Kernels kernels;
  private final boolean dot;
  private final boolean euclidean;
  private final int count;
  private final boolean four;
  private final int rows;
  private final int query;
  private final int encoded;
  private float factor;
  private float own;
  private float querySquares;
  private float queryError;

  CodeDistances(Image image, Codes codes, Kernels kernels, Metric metric) {
    this(image, codes, kernels, metric, new Buffer(image.heap()));
  }

  private CodeDistances(Image image, Codes codes, Kernels kernels, Metric metric, Buffer buffer) {
    super(
        image.memory(),
        buffer.reserve(MAX_BATCH * 8 + 128 + Kernels.queryBytes(codes.count())) + MAX_BATCH * 4);
    this.image = image;
    this.codes = codes;
    this.kernels = kernels;
    dot = metric == Metric.DOT;
    euclidean = metric == Metric.EUCLIDEAN;
    count = codes.count();
    four = codes.four();
    rows = buffer.address();
    encoded = out + MAX_BATCH * 4 + 16;
    query = out + MAX_BATCH * 4 + 64;
  }

  @Override
  void from(int slot) {
    int row = codes.row(slot);
    if (codes.four()) {
      kernels.queryOfCodes4(row, count, query);
    } else {
      kernels.queryOfCodes(row, count, query);
    }
    int terms = codes.terms(slot);
    factor = memory.getFloat(terms);
    own = memory.getFloat(terms + 4) - (dot ? codes.centerSquares() : 0);
    queryError = 0;
  }

  @Override
  void from(int row, float inverse) {
    float multiplier = codes.factor(inverse);
    kernels.encodeQuery(row, multiplier, codes.center(), image.stride(), query, encoded);
    factor = memory.getFloat(encoded);
    own =
        codes.offset(row, multiplier, factor, memory.getInt(encoded + 4))
            - (dot ? codes.centerSquares() : 0);
    querySquares = factor * factor * memory.getInt(encoded + 4);
    queryError = factor * factor;
  }

  @Override
  void batch(int slots, int n) {
    int addresses = rows;
    int results = out;
    codes.rows(slots, n, addresses);
    if (four) {
      kernels.codeDotBatch4(query, addresses, n, count, results);
    } else {
      kernels.codeDotBatch(query, addresses, n, count, results);
    }
    codes.terms(slots, n, addresses);
    Memory linear = memory;
    float fixed = own;
    float multiplier = factor;
    float least = dot ? Float.NEGATIVE_INFINITY : 0;
    for (int i = 0, end = n << 2; i < end; i += 4) {
      int terms = linear.getInt(addresses + i);
      float distance =
          fixed
              + linear.getFloat(terms + 4)
              - multiplier * linear.getFloat(terms) * linear.getInt(results + i);
      linear.putFloat(results + i, Math.max(least, distance));
    }
  }

  @Override
  float alpha() {
    return 1.1f;
  }

  @Override
  float length(float distance) {
    if (dot) {
      return 1;
    }
    double length = Math.sqrt(2 * (double) distance);
    return (float) (euclidean ? length / codes.unit() : length);
  }

  /**
   * Returns the variance of the error that encoding makes in a distance, errors of codes being
   * spread evenly over a step. Of the last query, not of a slot.
   *
   * @param distance from the query to {@code slot}
   */
  float variance(float distance, int slot) {
    int terms = codes.terms(slot);
    float step = memory.getFloat(terms);
    float toRow = dot ? querySquares : 2 * distance;
    // Under dot a row's squared length is not kept; most rows' largest value is 3 to 4 times the
    // mean.
    float row = dot ? step * step * count * 320 : 2 * memory.getFloat(terms + 4);
    return (step * step * toRow + queryError * row) * (1f / 12);
  }

  /** Returns the distance on codes that a distance of floats would have with perfect codes. */
  float ofExact(float distance) {
    float unit = codes.unit();
    return dot
        ? distance * unit * unit
        : euclidean ? distance * unit * distance * unit * 0.5f : distance;
  }

  /** The other way round: as {@link Distances} tells distances. */
  float toExact(float distance) {
    float unit = codes.unit();
    return dot
        ? distance / unit / unit
        : euclidean ? (float) Math.sqrt(2 * (double) distance) / unit : distance;
  }
}
