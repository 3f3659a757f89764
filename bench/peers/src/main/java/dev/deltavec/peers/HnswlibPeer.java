package dev.deltavec.peers;

import com.github.jelmerk.knn.Item;
import com.github.jelmerk.knn.Jdk17DistanceFunctions;
import com.github.jelmerk.knn.SearchResult;
import com.github.jelmerk.knn.hnsw.HnswIndex;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** hnswlib-core in the last version with distances by the Vector API. */
final class HnswlibPeer
    implements Peer<HnswlibPeer.Row, float[], List<SearchResult<HnswlibPeer.Row, Float>>> {
  private @Nullable HnswIndex<Integer, float[], Row, Float> index;
  private final Scratch scratch = new Scratch();
  private final Path file = scratch.path("hnswlib");

  /** Version of what comes last: an older one is refused. */
  private long version;

  /**
   * A vector by its row.
   *
   * @param version replaces the lesser ones
   */
  @SuppressWarnings("ArrayRecordComponent") // the library's interface
  record Row(Integer id, float[] vector, long version) implements Item<Integer, float[]> {
    private static final long serialVersionUID = 1;

    @Override
    public int dimensions() {
      return vector.length;
    }
  }

  @Override
  public String settings() {
    return "inner product by the Vector API, M=16, efConstruction=100, removes enabled";
  }

  @Override
  public Row value(float[] vector, int row) {
    return new Row(row, vector.clone(), ++version);
  }

  @Override
  public float[] query(float[] vector) {
    return vector;
  }

  @Override
  public void clear(int capacity) {
    // What is replaced keeps its place: room for all.
    index =
        HnswIndex.newBuilder(
                PeerData.DIMENSIONS,
                Jdk17DistanceFunctions.VECTOR_FLOAT_256_INNER_PRODUCT,
                8 * capacity)
            .withM(16)
            .withEfConstruction(100)
            .withRemoveEnabled()
            .build();
  }

  @Override
  public void build(List<Row> rows) {
    for (Row row : rows) {
      opened().add(row);
    }
  }

  @Override
  public List<SearchResult<Row, Float>> search(float[] query, int k, int effort) {
    opened().setEf(effort);
    return opened().findNearest(query, k);
  }

  @Override
  public int[] rows(List<SearchResult<Row, Float>> result) {
    return result.stream().mapToInt(each -> each.item().id()).toArray();
  }

  @Override
  public void update(Row value, int row) {
    opened().add(value);
  }

  @Override
  public void remove(int row) {
    opened().remove(row, ++version);
  }

  @Override
  public long exportAll() throws IOException {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      opened().save(out);
    }
    return Files.size(file);
  }

  @Override
  public void importAll() throws IOException {
    index = HnswIndex.load(file);
  }

  @Override
  public void close() throws IOException {
    scratch.close();
  }

  private HnswIndex<Integer, float[], Row, Float> opened() {
    return Objects.requireNonNull(index);
  }
}
