package dev.deltavec.peers;

import io.github.jbellis.jvector.disk.ReaderSupplier;
import io.github.jbellis.jvector.disk.ReaderSupplierFactory;
import io.github.jbellis.jvector.graph.GraphIndexBuilder;
import io.github.jbellis.jvector.graph.GraphSearcher;
import io.github.jbellis.jvector.graph.ImmutableGraphIndex;
import io.github.jbellis.jvector.graph.ListRandomAccessVectorValues;
import io.github.jbellis.jvector.graph.RandomAccessVectorValues;
import io.github.jbellis.jvector.graph.SearchResult;
import io.github.jbellis.jvector.graph.disk.OnDiskGraphIndex;
import io.github.jbellis.jvector.graph.similarity.BuildScoreProvider;
import io.github.jbellis.jvector.graph.similarity.DefaultSearchScoreProvider;
import io.github.jbellis.jvector.util.Bits;
import io.github.jbellis.jvector.vector.VectorSimilarityFunction;
import io.github.jbellis.jvector.vector.VectorizationProvider;
import io.github.jbellis.jvector.vector.types.VectorFloat;
import io.github.jbellis.jvector.vector.types.VectorTypeSupport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import org.jspecify.annotations.Nullable;

/** jvector, in memory; what is replaced takes a new node. */
final class JvectorPeer implements Peer<VectorFloat<?>, VectorFloat<?>, SearchResult> {
  private static final VectorTypeSupport TYPES =
      VectorizationProvider.getInstance().getVectorTypeSupport();
  private static final VectorSimilarityFunction SIMILARITY = VectorSimilarityFunction.DOT_PRODUCT;

  private final Scratch scratch = new Scratch();
  private final Path file = scratch.path("jvector");
  private final ForkJoinPool pool = new ForkJoinPool(1);
  private final List<VectorFloat<?>> vectors = new ArrayList<>();

  /** The row of each node, and the node of each row. */
  private final List<Integer> rows = new ArrayList<>();

  private final List<Integer> nodes = new ArrayList<>();

  private @Nullable GraphIndexBuilder builder;
  private @Nullable ImmutableGraphIndex graph;
  private @Nullable RandomAccessVectorValues values;
  private @Nullable GraphSearcher searcher;
  private @Nullable ReaderSupplier readers;
  private @Nullable List<Integer> exportedRows;

  @Override
  public String settings() {
    return "dot product, M=32 on the lowest layer and 16 above, beamWidth=100, overflow 1.2, alpha"
        + " 1.2, in memory";
  }

  @Override
  public VectorFloat<?> value(float[] vector, int row) {
    return TYPES.createFloatVector(vector.clone());
  }

  @Override
  public VectorFloat<?> query(float[] vector) {
    return TYPES.createFloatVector(vector);
  }

  @Override
  public void clear(int capacity) throws IOException {
    shut();
    vectors.clear();
    rows.clear();
    nodes.clear();
    values = new ListRandomAccessVectorValues(vectors, PeerData.DIMENSIONS);
    builder =
        new GraphIndexBuilder(
            BuildScoreProvider.randomAccessScoreProvider(values, SIMILARITY),
            PeerData.DIMENSIONS,
            List.of(32, 16),
            100,
            1.2f,
            1.2f,
            true,
            true,
            pool,
            pool);
  }

  @Override
  public void build(List<VectorFloat<?>> all) {
    for (int row = 0; row < all.size(); row++) {
      vectors.add(all.get(row));
      rows.add(row);
      nodes.add(row);
    }
    graph = built().build(Objects.requireNonNull(values));
    searcher = new GraphSearcher(graph);
  }

  @Override
  public SearchResult search(VectorFloat<?> query, int k, int effort) {
    DefaultSearchScoreProvider score =
        DefaultSearchScoreProvider.exact(query, SIMILARITY, Objects.requireNonNull(values));
    return Objects.requireNonNull(searcher).search(score, k, effort, 0, 0, Bits.ALL);
  }

  @Override
  public int[] rows(SearchResult result) {
    return Arrays.stream(result.getNodes()).mapToInt(found -> rows.get(found.node)).toArray();
  }

  @Override
  public void update(VectorFloat<?> value, int row) {
    built().markNodeDeleted(nodes.get(row));
    int node = vectors.size();
    vectors.add(value);
    rows.add(row);
    nodes.set(row, node);
    built().addGraphNode(node, value);
    look();
  }

  @Override
  public void remove(int row) {
    built().markNodeDeleted(nodes.get(row));
    look();
  }

  /** Searches see the graph as it was when their view was taken. */
  private void look() {
    Objects.requireNonNull(searcher).setView(Objects.requireNonNull(graph).getView());
  }

  @Override
  public long exportAll() throws IOException {
    built().cleanup();
    Files.deleteIfExists(file);
    // Nodes are counted anew, without the holes that are left by those that were deleted.
    Map<Integer, Integer> renumbered = new HashMap<>();
    List<Integer> kept = new ArrayList<>();
    ImmutableGraphIndex whole = Objects.requireNonNull(graph);
    for (int node = 0; node < whole.getIdUpperBound(); node++) {
      if (whole.containsNode(node)) {
        renumbered.put(node, kept.size());
        kept.add(rows.get(node));
      }
    }
    exportedRows = kept;
    OnDiskGraphIndex.write(whole, Objects.requireNonNull(values), renumbered, file);
    return Files.size(file);
  }

  @Override
  public void importAll() throws IOException {
    shut();
    readers = ReaderSupplierFactory.open(file);
    OnDiskGraphIndex loaded = OnDiskGraphIndex.load(readers);
    graph = loaded;
    values = loaded.getView();
    rows.clear();
    rows.addAll(Objects.requireNonNull(exportedRows));
    searcher = new GraphSearcher(loaded);
  }

  @Override
  public void close() throws IOException {
    shut();
    pool.shutdown();
    scratch.close();
  }

  private void shut() throws IOException {
    if (searcher != null) {
      searcher.close();
      searcher = null;
    }
    if (builder != null) {
      builder.close();
      builder = null;
    }
    if (readers != null) {
      readers.close();
      readers = null;
    }
  }

  private GraphIndexBuilder built() {
    return Objects.requireNonNull(builder);
  }
}
