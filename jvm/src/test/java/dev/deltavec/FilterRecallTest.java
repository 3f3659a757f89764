package dev.deltavec;

import static dev.deltavec.Exact.exact;
import static dev.deltavec.Exact.recalled;
import static dev.deltavec.Exact.sound;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.Metric;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Filters in a database of thousands of vectors: what is found is what comparing with all that pass
 * finds, whether the filter is data or code.
 */
class FilterRecallTest {
  private static final int DIMENSIONS = 32;
  private static final int VECTORS = 5000;
  private static final int CLUSTERS = 50;
  private static final int QUERIES = 30;
  private static final int K = 10;

  private static final Generator RANDOM = new Generator(8);
  private static final Map<String, float[]> VECTORS_BY_ID = new LinkedHashMap<>();
  private static final Map<String, Integer> CLUSTER_OF = new LinkedHashMap<>();
  private static final List<float[]> CENTRES = new ArrayList<>();
  private static final DeltaVectorDB DB = Checks.open(DIMENSIONS);

  @BeforeAll
  static void fill() {
    for (int i = 0; i < CLUSTERS; i++) {
      CENTRES.add(RANDOM.vector(DIMENSIONS));
    }
    List<VectorDelta> batch = new ArrayList<>();
    for (int i = 0; i < VECTORS; i++) {
      float[] vector = near(i % CLUSTERS);
      String metadata = "{\"part\": " + RANDOM.below(100) + ", \"cluster\": " + i % CLUSTERS + "}";
      VECTORS_BY_ID.put("v" + i, vector);
      CLUSTER_OF.put("v" + i, i % CLUSTERS);
      batch.add(VectorDelta.create("v" + i, vector).withMetadata(metadata));
    }
    DB.applyDeltas(batch);
  }

  @AfterAll
  static void close() {
    DB.close();
  }

  private static float[] near(int cluster) {
    float[] vector = RANDOM.vector(DIMENSIONS);
    for (int d = 0; d < DIMENSIONS; d++) {
      vector[d] = CENTRES.get(cluster)[d] + 0.6f * vector[d];
    }
    return vector;
  }

  private static Map<String, Object> metadata(String id) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    JsonReader.object(Objects.requireNonNull(DB.getMetadata(id)))
        .forEach((name, value) -> metadata.put(name, Objects.requireNonNull(value)));
    return metadata;
  }

  private static long number(Map<String, ?> metadata, String name) {
    return (Long) Objects.requireNonNull(metadata.get(name));
  }

  /**
   * Searches for queries near clusters 0, 1, 2…; returns the share of the closest that is found.
   */
  private static double recall(SearchOptions options, FilterFunction reference) {
    Map<String, float[]> passing = new LinkedHashMap<>(VECTORS_BY_ID);
    passing.keySet().removeIf(id -> !reference.accepts(id, new LinkedHashMap<>(metadata(id))));
    int k = Math.min(K, passing.size());
    long found = 0;
    for (int i = 0; i < QUERIES; i++) {
      float[] query = near(i % 10);
      List<SearchResult> hits = DB.search(query, K, options);
      assertThat(hits).hasSize(k);
      sound(Metric.COSINE, passing, query, hits); // also that nothing else is found
      found += recalled(Metric.COSINE, exact(Metric.COSINE, passing, query, k), hits);
    }
    return found / (double) (QUERIES * k);
  }

  private static final SearchOptions PLAIN = SearchOptions.defaults();

  @ParameterizedTest
  @ValueSource(ints = {1, 10, 50, 100})
  void aFilterOnMetadataFindsTheClosestThatPass(int percent) {
    SearchOptions options = PLAIN.withFilter(MetadataFilter.range("part").lt(percent));
    assertThat(recall(options, (id, metadata) -> number(metadata, "part") < percent))
        .isGreaterThanOrEqualTo(0.97);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 10, 50, 100})
  void aFunctionFindsTheClosestThatPass(int percent) {
    FilterFunction filter = (id, metadata) -> number(metadata, "part") < percent;
    assertThat(recall(PLAIN.withFilter(filter), filter)).isGreaterThanOrEqualTo(0.97);
  }

  // Near the queries nothing passes, or next to nothing but what is near does.
  @ParameterizedTest
  @CsvSource({"10, 49", "40, 49", "49, 49", "0, 0", "0, 9"})
  void aFilterOnMetadataFindsWhatLiesElsewhere(int from, int to) {
    SearchOptions options = PLAIN.withFilter(MetadataFilter.range("cluster").gte(from).lte(to));
    FilterFunction reference = between(from, to);
    assertThat(recall(options, reference)).isGreaterThanOrEqualTo(0.97);
  }

  @ParameterizedTest
  @CsvSource({"10, 49", "40, 49", "49, 49", "0, 0", "0, 9"})
  void aFunctionFindsWhatLiesElsewhere(int from, int to) {
    FilterFunction filter = between(from, to);
    assertThat(recall(PLAIN.withFilter(filter), filter)).isGreaterThanOrEqualTo(0.97);
  }

  private static FilterFunction between(int from, int to) {
    return (id, metadata) -> {
      long cluster = number(metadata, "cluster");
      return cluster >= from && cluster <= to;
    };
  }

  @Test
  void aFunctionOfTheIdFindsOneVectorAmongThousands() {
    FilterFunction filter = (id, metadata) -> id.equals("v4321");
    assertThat(recall(PLAIN.withFilter(filter), filter)).isEqualTo(1);
  }

  @Test
  void withAFilterASearchCanBeExact() {
    FilterFunction filter = (id, metadata) -> number(metadata, "part") < 20;
    SearchOptions options = PLAIN.withExact(true);
    assertThat(recall(options.withFilter(filter), filter)).isEqualTo(1);
    assertThat(recall(options.withFilter(MetadataFilter.range("part").lt(20)), filter))
        .isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 50})
  void withAFilterASearchCanHaveAnotherMetric(int percent) {
    Map<String, float[]> passing = new LinkedHashMap<>(VECTORS_BY_ID);
    passing.keySet().removeIf(id -> number(metadata(id), "part") >= percent);
    float[] query = near(3);
    for (SearchOptions filtered :
        List.of(
            PLAIN.withFilter(MetadataFilter.range("part").lt(percent)),
            PLAIN.withFilter((id, metadata) -> number(metadata, "part") < percent))) {
      List<SearchResult> hits = DB.search(query, K, filtered.withMetric(Metric.EUCLIDEAN));
      assertThat(hits).hasSize(K);
      sound(Metric.EUCLIDEAN, passing, query, hits);
    }
  }
}
