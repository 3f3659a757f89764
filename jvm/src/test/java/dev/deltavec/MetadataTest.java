package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.ErrorCode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Metadata: JSON merge patch (RFC 7396). */
class MetadataTest {
  @Test
  void aVectorWithoutMetadataHasAnEmptyObject() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      assertThat(db.getMetadata("a")).isEqualTo("{}");
    }
  }

  @Test
  void createCarriesMetadata() {
    try (DeltaVectorDB db = open(1)) {
      String given =
          "{\"title\":\"größe 🦀\",\"tags\":[\"x\",1,true,null],\"deep\":{\"er\":{\"n\":1.5e-7}}}";
      db.applyDelta(creates("a", 1).withMetadata(given));
      assertThat(db.getMetadata("a")).isEqualTo(given);
    }
  }

  @Test
  void whiteSpaceIsDropped() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1).withMetadata(" { \"x\" : [ 1 , 2 ] } \n"));
      assertThat(db.getMetadata("a")).isEqualTo("{\"x\":[1,2]}");
    }
  }

  @Test
  void aDeltaMayChangeOnlyMetadata() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 4));
      db.applyDelta(patch("a", "{\"seen\":3}"));
      assertThat(db.getMetadata("a")).isEqualTo("{\"seen\":3}");
      assertThat(vector(db, "a")).containsExactly(4);
    }
  }

  @Test
  void everyOperationButDeleteCarriesMetadata() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      List<VectorDelta> deltas =
          List.of(
              Checks.sparse("a", 0, 1),
              Checks.dense("a", 1),
              VectorDelta.scale("a", 2),
              VectorDelta.offset("a", 2));
      for (int i = 0; i < deltas.size(); i++) {
        db.applyDelta(deltas.get(i).withMetadata("{\"last\":" + i + "}"));
        assertThat(db.getMetadata("a")).isEqualTo("{\"last\":" + i + "}");
      }
    }
  }

  /** The cases of RFC 7396, appendix A, whose target and patch are objects. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          {"a":"b"}; {"a":"c"}; {"a":"c"}
          {"a":"b"}; {"b":"c"}; {"a":"b","b":"c"}
          {"a":"b"}; {"a":null}; {}
          {"a":"b","b":"c"}; {"a":null}; {"b":"c"}
          {"a":["b"]}; {"a":"c"}; {"a":"c"}
          {"a":"c"}; {"a":["b"]}; {"a":["b"]}
          {"a":{"b":"c"}}; {"a":{"b":"d","c":null}}; {"a":{"b":"d"}}
          {"a":[{"b":"c"}]}; {"a":[1]}; {"a":[1]}
          {}; {"a":{"bb":{"ccc":null}}}; {"a":{"bb":{}}}
          {"e":"f"}; {"a":1}; {"e":"f","a":1}
          {"a":{"b":1}}; {"a":2}; {"a":2}
          {"a":2}; {"a":{"b":1}}; {"a":{"b":1}}
          {"a":1}; {}; {"a":1}
          """)
  void patchesAreMerged(String before, String change, String after) {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1).withMetadata(before));
      db.applyDelta(patch("a", change));
      assertThat(db.getMetadata("a")).isEqualTo(after);
    }
  }

  @Test
  void deleteTakesTheMetadataAlong() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1).withMetadata("{\"old\":true}"));
      db.applyDelta(VectorDelta.delete("a"));
      assertThat(db.getMetadata("a")).isNull();
      db.applyDelta(creates("a", 1));
      assertThat(db.getMetadata("a")).isEqualTo("{}");
    }
  }

  @Test
  void aRefusedBatchLeavesMetadataAsItWas() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1).withMetadata("{\"n\":1}"));
      String digest = db.stateDigest();
      fails(
          ErrorCode.VECTOR_NOT_FOUND,
          1,
          "\"b\"",
          () -> db.applyDeltas(List.of(patch("a", "{\"n\":2,\"m\":{}}"), VectorDelta.delete("b"))));
      assertThat(db.getMetadata("a")).isEqualTo("{\"n\":1}");
      assertThat(db.stateDigest()).isEqualTo(digest);
    }
  }

  @Test
  void metadataIsPartOfTheStateDigest() {
    Set<String> digests = new HashSet<>();
    for (String given : List.of("{\"x\":1}", "{\"x\":2}", "{\"y\":1}", "{\"x\":\"1\"}", "{}")) {
      try (DeltaVectorDB db = open(1)) {
        db.applyDelta(creates("a", 1).withMetadata(given));
        digests.add(db.stateDigest());
      }
    }
    assertThat(digests).hasSize(5);
  }

  @Test
  void metadataThatWasRemovedIsAsIfItHadNeverBeen() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      String digest = db.stateDigest();
      db.applyDelta(patch("a", "{\"x\":1}"));
      db.applyDelta(patch("a", "{\"x\":null}"));
      assertThat(db.stateDigest()).isEqualTo(digest);
    }
  }

  @Test
  void metadataOfManyKilobytesIsKept() {
    try (DeltaVectorDB db = open(1)) {
      String given = "{\"text\":\"" + "äöü€🦀 ".repeat(5000) + "\"}";
      db.applyDelta(creates("a", 1).withMetadata(given));
      assertThat(db.getMetadata("a")).isEqualTo(given);
    }
  }
}
