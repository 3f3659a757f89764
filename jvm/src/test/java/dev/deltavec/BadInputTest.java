package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.sequenceOf;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Quantization;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What is refused: each with its code, a message that names the thing, and the database as it was.
 */
class BadInputTest {
  private static final float INFINITY = Float.POSITIVE_INFINITY;

  /** A delta that must be refused. */
  record Case(String name, VectorDelta delta, ErrorCode code, String message) {
    @Override
    public String toString() {
      return name;
    }
  }

  /** The database holds "a", [1, 2, 3] with metadata, and "b", [3e38, 2, 1]. */
  static Stream<Case> cases() {
    return Stream.of(
            ofLength(), ofValues(), ofSparse(), ofIds(), ofExistence(), ofTime(), ofMetadata())
        .flatMap(List::stream);
  }

  private static List<Case> ofLength() {
    ErrorCode code = ErrorCode.DIMENSION_MISMATCH;
    return List.of(
        new Case("create too short", creates("c", 1, 2), code, "\"c\".*\\b2\\b.*\\b3\\b"),
        new Case("create too long", creates("c", 1, 2, 3, 4), code, "\"c\".*\\b4\\b.*\\b3\\b"),
        new Case("create empty", creates("c"), code, "\"c\".*\\b0\\b.*\\b3\\b"),
        new Case(
            "create longer than any vector",
            VectorDelta.create("c", new float[5_000_000]),
            code,
            "\"c\".*\\b5000000\\b"),
        new Case("dense too short", dense("a", 1), code, "\"a\".*\\b1\\b.*\\b3\\b"),
        new Case(
            "dense longer than any vector",
            VectorDelta.dense("a", new float[65_537]),
            code,
            "\"a\".*\\b65537\\b"));
  }

  private static List<Case> ofValues() {
    ErrorCode code = ErrorCode.NOT_FINITE;
    return List.of(
        new Case("create with NaN", creates("c", 1, Float.NaN, 3), code, "value 1\\b.*\"c\""),
        new Case("create with infinity", creates("c", 1, 2, INFINITY), code, "value 2\\b.*\"c\""),
        new Case("dense with -infinity", dense("a", -INFINITY, 2, 3), code, "value 0\\b.*\"a\""),
        new Case("sparse with NaN", sparse("a", 0, 1, 2, Float.NaN), code, "value 1\\b.*\"a\""),
        new Case("scale by NaN", VectorDelta.scale("a", Float.NaN), code, "scale.*\"a\""),
        new Case("offset by infinity", VectorDelta.offset("a", INFINITY), code, "offset.*\"a\""),
        new Case("scale that overflows", VectorDelta.scale("b", 2), code, "scale.*\"b\""),
        new Case("offset that overflows", VectorDelta.offset("b", 3e38f), code, "offset.*\"b\""));
  }

  private static List<Case> ofSparse() {
    ErrorCode code = ErrorCode.INVALID_ARGUMENT;
    return List.of(
        new Case("index out of range", sparse("a", 0, 1, 3, 1), code, "index 3\\b.*\"a\".*\\b3\\b"),
        new Case(
            "index out of range, not ascending",
            sparse("a", 3, 1, 0, 1),
            code,
            "index 3\\b.*\"a\".*\\b3\\b"),
        new Case(
            "largest index", sparse("a", Integer.MAX_VALUE, 1), code, "index 2147483647\\b.*\"a\""),
        new Case("negative index", sparse("a", -1, 1), code, "\"a\".*index -1\\b"),
        new Case(
            "negative index, not ascending", sparse("a", 2, 1, -7, 1), code, "\"a\".*index -7\\b"),
        new Case(
            "repeated index", sparse("a", 0, 1, 1, 2, 1, 3), code, "\"a\".*index 1 is repeated"),
        new Case(
            "repeated index, not ascending",
            sparse("a", 2, 1, 0, 2, 2, 3),
            code,
            "\"a\".*index 2 is repeated"),
        new Case(
            "more indices than dimensions",
            sparse("a", 0, 1, 1, 1, 2, 1, 3, 1),
            code,
            "\\b4\\b.*\"a\".*\\b3\\b"),
        new Case(
            "fewer values than indices",
            VectorDelta.sparse("a", new int[] {0, 1}, v(1)),
            code,
            "\"a\".*2 indices.*1 values"),
        new Case(
            "more indices than any vector has",
            VectorDelta.sparse("a", new int[65_537], new float[65_537]),
            code,
            "\"a\".*\\b65537\\b"));
  }

  private static List<Case> ofIds() {
    ErrorCode code = ErrorCode.INVALID_ARGUMENT;
    return List.of(
        new Case("empty id", creates("", 1, 2, 3), code, "vectorId is empty"),
        new Case(
            "id of 1,025 letters",
            creates("x".repeat(1025), 1, 2, 3),
            code,
            "vectorId \"xxx.*1024 bytes"),
        new Case(
            "id of 1,026 bytes in 342 letters",
            creates("語".repeat(342), 1, 2, 3),
            code,
            "vectorId \"語.*1024 bytes"),
        new Case(
            "id with a lone high surrogate",
            creates("a\uD800b", 1, 2, 3),
            code,
            "vectorId \"a\\\\ud800b\".*surrogate"),
        new Case(
            "id that ends in a high surrogate",
            creates("a\uD800", 1, 2, 3),
            code,
            "vectorId \"a\\\\ud800\".*surrogate"),
        new Case(
            "id with a lone low surrogate",
            creates("\uDC00", 1, 2, 3),
            code,
            "vectorId \"\\\\udc00\".*surrogate"));
  }

  private static List<Case> ofExistence() {
    ErrorCode missing = ErrorCode.VECTOR_NOT_FOUND;
    return List.of(
        new Case("create again", creates("a", 1, 2, 3), ErrorCode.VECTOR_EXISTS, "\"a\""),
        new Case("sparse of nobody", sparse("nobody", 0, 1), missing, "\"nobody\""),
        new Case("dense of nobody", dense("nobody", 1, 2, 3), missing, "\"nobody\""),
        new Case("scale of nobody", VectorDelta.scale("nobody", 1), missing, "\"nobody\""),
        new Case("offset of nobody", VectorDelta.offset("nobody", 1), missing, "\"nobody\""),
        new Case("delete of nobody", VectorDelta.delete("nobody"), missing, "\"nobody\""));
  }

  private static List<Case> ofTime() {
    VectorDelta scale = VectorDelta.scale("a", 2);
    return List.of(
        new Case(
            "timestamp before the newest delta",
            scale.withTimestamp(Instant.ofEpochMilli(1_600_000_000_000L)),
            ErrorCode.OUT_OF_ORDER,
            "1600000000000.*\"a\".*1700000000000"),
        new Case(
            "timestamp before 1970",
            scale.withTimestamp(Instant.ofEpochMilli(-1)),
            ErrorCode.INVALID_ARGUMENT,
            "\"a\".*timestamp"),
        new Case(
            "timestamp beyond 48 bits",
            scale.withTimestamp(Instant.ofEpochMilli(1L << 48)),
            ErrorCode.INVALID_ARGUMENT,
            "\"a\".*timestamp"),
        new Case(
            "earliest timestamp of all",
            scale.withTimestamp(Instant.MIN),
            ErrorCode.INVALID_ARGUMENT,
            "\"a\".*timestamp"),
        new Case(
            "latest timestamp of all",
            scale.withTimestamp(Instant.MAX),
            ErrorCode.INVALID_ARGUMENT,
            "\"a\".*timestamp"));
  }

  private static List<Case> ofMetadata() {
    ErrorCode code = ErrorCode.INVALID_ARGUMENT;
    VectorDelta scale = VectorDelta.scale("a", 2);
    return List.of(
        new Case(
            "metadata of a delete",
            VectorDelta.delete("a").withMetadata("{}"),
            code,
            "\"a\".*metadata"),
        new Case("metadata that is no text of JSON", scale.withMetadata(""), code, "metadata"),
        new Case("metadata that is cut off", scale.withMetadata("{\"x\":"), code, "metadata"),
        new Case("metadata that is a list", scale.withMetadata("[1]"), code, "metadata"),
        new Case("metadata that is null", scale.withMetadata("null"), code, "metadata"),
        new Case("metadata with NaN", scale.withMetadata("{\"x\":NaN}"), code, "metadata"),
        new Case("metadata with more behind it", scale.withMetadata("{}{}"), code, "metadata"),
        new Case(
            "metadata with a lone surrogate",
            scale.withMetadata("{\"x\":\"\uD800\"}"),
            code,
            "\"a\".*metadata.*surrogate"),
        new Case(
            "metadata that nests 100 levels deep",
            scale.withMetadata("{\"x\":".repeat(100) + "1" + "}".repeat(100)),
            code,
            "metadata.*(deep|nest)"),
        new Case(
            "metadata that nests 100,000 lists deep",
            scale.withMetadata("{\"x\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}"),
            code,
            "metadata.*(deep|nest)"),
        new Case(
            "metadata of 300 kilobytes",
            scale.withMetadata("{\"x\":\"" + "x".repeat(300_000) + "\"}"),
            code,
            "metadata.*\"a\".*bytes|\"a\".*metadata.*bytes"),
        new Case(
            "metadata of 17 megabytes",
            scale.withMetadata("{\"x\":\"" + "x".repeat(17_000_000) + "\"}"),
            code,
            "\"a\".*metadata.*bytes"));
  }

  private static DeltaVectorDB filled() {
    DeltaVectorDB db = open(3);
    Instant time = Instant.ofEpochMilli(1_700_000_000_000L);
    db.applyDelta(creates("a", 1, 2, 3).withMetadata("{\"n\":1}").withTimestamp(time));
    db.applyDelta(creates("b", 3e38, 2, 1).withTimestamp(time));
    return db;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isRefusedAndChangesNothing(Case wrong) {
    try (DeltaVectorDB db = filled()) {
      String digest = db.stateDigest();
      fails(wrong.code, wrong.message, () -> db.applyDelta(wrong.delta));
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.size()).isEqualTo(2);
      db.applyDelta(VectorDelta.scale("a", 2));
      assertThat(vector(db, "a")).containsExactly(2, 4, 6);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isRefusedWithItsWholeBatch(Case wrong) {
    try (DeltaVectorDB db = filled()) {
      String digest = db.stateDigest();
      List<VectorDelta> batch = new ArrayList<>();
      batch.add(creates("new", 7, 8, 9).withMetadata("{\"new\":true}"));
      batch.add(sparse("b", 1, 5).withMetadata("{\"n\":2}"));
      batch.add(wrong.delta);
      batch.add(creates("newer", 1, 1, 1));
      fails(wrong.code, 2, wrong.message, () -> db.applyDeltas(batch));
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.size()).isEqualTo(2);
      assertThat(db.has("new")).isFalse();
      assertThat(vector(db, "b")).containsExactly(3e38f, 2, 1);
      assertThat(db.search(v(7, 8, 9), 10)).hasSize(2);
      batch.remove(2);
      assertThat(db.applyDeltas(batch)).hasSize(3);
    }
  }

  @Test
  void aRefusedBatchUndoesDeletesCreatesAndChangesOfOneVector() {
    try (DeltaVectorDB db = filled()) {
      String digest = db.stateDigest();
      fails(
          ErrorCode.VECTOR_NOT_FOUND,
          6,
          "delta 6.*\"a\"",
          () ->
              db.applyDeltas(
                  List.of(
                      VectorDelta.scale("a", 2),
                      VectorDelta.delete("a"),
                      creates("a", 9, 9, 9).withMetadata("{\"other\":1}"),
                      VectorDelta.offset("a", 1),
                      VectorDelta.delete("b"),
                      VectorDelta.delete("a"),
                      VectorDelta.delete("a"))));
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(vector(db, "a")).containsExactly(1, 2, 3);
      assertThat(db.getMetadata("a")).isEqualTo("{\"n\":1}");
      assertThat(Checks.idOfClosest(db, 1, 2, 3)).isEqualTo("a");
    }
  }

  @Test
  void aRefusedBatchIssuesNoDeltaIds() {
    try (DeltaVectorDB db = open(1)) {
      assertThat(sequenceOf(db.applyDelta(creates("a", 1)))).isEqualTo(1);
      fails(
          ErrorCode.VECTOR_NOT_FOUND,
          1,
          "\"b\"",
          () -> db.applyDeltas(List.of(VectorDelta.scale("a", 1), VectorDelta.delete("b"))));
      assertThat(sequenceOf(db.applyDelta(VectorDelta.scale("a", 1)))).isEqualTo(2);
    }
  }

  static Stream<Arguments> queries() {
    return Stream.of(
        Arguments.of(v(1), 1, ErrorCode.DIMENSION_MISMATCH, "query.*\\b1\\b.*\\b3\\b"),
        Arguments.of(new float[9999], 1, ErrorCode.DIMENSION_MISMATCH, "query.*9999"),
        Arguments.of(new float[0], 1, ErrorCode.DIMENSION_MISMATCH, "query.*\\b0\\b"),
        Arguments.of(v(1, Float.NaN, 1), 1, ErrorCode.NOT_FINITE, "query"),
        Arguments.of(v(1, 1, -INFINITY), 1, ErrorCode.NOT_FINITE, "query"),
        Arguments.of(v(1, 1, 1), 0, ErrorCode.INVALID_ARGUMENT, "\\bk\\b.*\\b0\\b"),
        Arguments.of(v(1, 1, 1), -1, ErrorCode.INVALID_ARGUMENT, "\\bk\\b.*-1"));
  }

  @ParameterizedTest
  @MethodSource("queries")
  void aBadSearchIsRefused(float[] query, int k, ErrorCode code, String message) {
    try (DeltaVectorDB db = filled()) {
      fails(code, message, () -> db.search(query, k));
      assertThat(db.search(v(1, 2, 3), 1)).hasSize(1);
    }
  }

  static Stream<Arguments> options() {
    return Stream.of(
        Arguments.of("dimensions", 0, of().dimensions(0)),
        Arguments.of("dimensions", 65_537, of().dimensions(65_537)),
        Arguments.of("maxVectors", 0, of().maxVectors(0)),
        Arguments.of("maxVectors", 268_435_457, of().maxVectors(268_435_457)),
        Arguments.of("checkpointInterval", 0, of().checkpointInterval(0)),
        Arguments.of("precision.grid", -1, of().grid(-1)),
        Arguments.of("precision.grid", 1_048_577, of().grid((1 << 20) + 1)),
        Arguments.of("autoCompact", -1, of().autoCompact(-1)),
        Arguments.of("autoCompact", 1000, of().autoCompact(1000).history(false)),
        Arguments.of("maxClockAhead", "PT-0.001S", of().maxClockAhead(Duration.ofMillis(-1))),
        Arguments.of("hnswM", 1, of().hnswM(1)),
        Arguments.of("hnswM", 65, of().hnswM(65)),
        Arguments.of("hnswEfConstruction", 0, of().hnswEfConstruction(0)),
        Arguments.of("hnswEfConstruction", 10_001, of().hnswEfConstruction(10_001)),
        Arguments.of("hnswEfSearch", 0, of().hnswEfSearch(0)),
        Arguments.of("hnswEfSearch", 10_001, of().hnswEfSearch(10_001)),
        Arguments.of("recallSampleRate", -0.01, of().recallSampleRate(-0.01)),
        Arguments.of("recallSampleRate", 1.01, of().recallSampleRate(1.01)),
        Arguments.of("recallSampleRate", Double.NaN, of().recallSampleRate(Double.NaN)),
        Arguments.of("keepFloats", "history", of().keepFloats(false).history(true)),
        Arguments.of(
            "keepFloats", "quantization", of().keepFloats(false).quantization(Quantization.NONE)),
        Arguments.of("keepFloats", "grid", of().keepFloats(false).grid(10)),
        Arguments.of("replicaId", "12345", of().replicaId("12345")),
        Arguments.of("replicaId", "00000000000g", of().replicaId("00000000000g")),
        Arguments.of("memoryLimit", -1, of().memoryLimit(-1)),
        Arguments.of("memoryLimit", 4294967297L, of().memoryLimit((1L << 32) + 1)));
  }

  private static DeltaVectorDB.Builder of() {
    return DeltaVectorDB.builder();
  }

  @ParameterizedTest
  @MethodSource("options")
  void anOptionOutOfItsRangeIsRefused(String name, Object value, DeltaVectorDB.Builder builder) {
    fails(ErrorCode.INVALID_ARGUMENT, "option " + name + ".*" + value, builder::build);
  }

  @Test
  void nullIsRefusedAndChangesNothing() {
    try (DeltaVectorDB db = filled()) {
      String digest = db.stateDigest();
      VectorDelta none = nothing();
      assertThatThrownBy(() -> db.applyDelta(none)).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.applyDeltas(Arrays.asList(creates("c", 1, 2, 3), none)))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.search(nothing(), 1)).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.search(v(1, 2, 3), 1, nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.searchBatch(nothing(), 1, SearchOptions.defaults()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.repair(nothing())).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> of().quantization(nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.getVector(nothing())).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.onDelta(nothing())).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.onDelta(delta -> {}, nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.deltas(nothing())).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.merge(nothing())).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.compact(nothing())).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.getVectorAt("a", nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.getMetadataAt("a", nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.searchAt(new float[3], 1, nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.getDeltaChain(nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> db.rollbackTo("a", nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> VectorDelta.create("a", nothing()))
          .isInstanceOf(NullPointerException.class);
      assertThat(db.stateDigest()).isEqualTo(digest);
    }
  }

  @SuppressWarnings({"TypeParameterUnusedInFormals", "NullAway"})
  private static <T> T nothing() {
    return null;
  }
}
