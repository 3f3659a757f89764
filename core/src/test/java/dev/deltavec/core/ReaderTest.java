package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import org.junit.jupiter.api.Test;

/** What a reader sees of an image that another instance writes; {@link TestDatabase} compares. */
class ReaderTest {
  private static final int DIMENSIONS = 24;

  private static DatabaseOptions.Builder options() {
    return DatabaseOptions.builder().dimensions(DIMENSIONS).history(false);
  }

  private static void create(TestDatabase db, Generator random, int from, int to) {
    for (int i = from; i < to; i++) {
      Frames frames = new Frames().create("v" + i, random.vector(DIMENSIONS));
      db.apply(frames.metadata("v" + i, "{\"n\":" + i % 10 + "}"));
    }
  }

  @Test
  void readerSeesVectorsThatCameOnPagesOfLater() {
    Generator random = new Generator(1);
    try (TestDatabase db = new TestDatabase(options().build()).follow()) {
      for (int n = 0; n < 3000; n += 500) {
        create(db, random, n, n + 500);
        float[] query = db.get("v" + (n + 499));
        assertThat(db.search(query, 5).get(0).id()).isEqualTo("v" + (n + 499));
      }
    }
  }

  @Test
  void readerSeesNoVectorThatWasDeleted() {
    Generator random = new Generator(2);
    try (TestDatabase db = new TestDatabase(options().build()).follow()) {
      create(db, random, 0, 600);
      float[] query = db.get("v7");
      db.search(query, 5);
      db.apply(new Frames().delete("v7"));
      assertThat(db.search(query, 5)).noneMatch(hit -> hit.id().equals("v7"));
    }
  }

  @Test
  void readerFollowsFewAndManyChangesOfMetadata() {
    Generator random = new Generator(3);
    try (TestDatabase db = new TestDatabase(options().build()).follow()) {
      create(db, random, 0, 1500);
      for (int changes : new int[] {0, 1, 30, 1023, 1024, 1025, 2000, 5}) {
        for (int i = 0; i < changes; i++) {
          int id = random.below(1500);
          db.apply(new Frames().metadata("v" + id, "{\"n\":" + random.below(10) + "}"));
        }
        db.search(random.vector(DIMENSIONS), 300, "{\"equals\":[[\"n\"],3]}");
      }
    }
  }

  @Test
  void readerDecodesWhereFloatsAreNotKept() {
    Generator random = new Generator(4);
    DatabaseOptions options =
        options().keepFloats(false).quantization(Quantization.INT4).metric(Metric.DOT).build();
    try (TestDatabase db = new TestDatabase(options).follow()) {
      create(db, random, 0, 900);
      for (int i = 0; i < 20; i++) {
        float[] query = random.vector(DIMENSIONS);
        assertThat(db.search(query, 5)).hasSize(5);
        assertThat(db.searchExact(query, 5)).hasSize(5);
      }
    }
  }

  @Test
  void readerFollowsCodesThatWereTrainedAnew() {
    Generator random = new Generator(5);
    try (TestDatabase db = new TestDatabase(options().metric(Metric.DOT).build()).follow()) {
      for (int i = 0; i < 3000; i++) {
        float[] vector = random.vector(DIMENSIONS);
        for (int d = 0; d < DIMENSIONS; d++) {
          vector[d] += 4;
        }
        db.apply(new Frames().create("v" + i, vector));
        if (i % 100 == 0) {
          db.search(vector, 3);
        }
      }
    }
  }

  @Test
  void readerRefusesQueryOfOtherLength() {
    try (TestDatabase db = new TestDatabase(options().build()).follow()) {
      create(db, new Generator(6), 0, 3);
      Reader reader =
          Reader.attach(
              db.memory,
              new dev.deltavec.core.memory.ScalarKernels(db.memory),
              db.database.options(),
              db.database.root());
      assertThatThrownBy(() -> reader.search(64, 3, 1, 0, 0, 0, 0, reader.newBuffer()))
          .isInstanceOf(DeltaException.class)
          .hasMessageContaining("3 values");
    }
  }
}
