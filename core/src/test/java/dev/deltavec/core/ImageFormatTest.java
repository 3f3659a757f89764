package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Reads an image and computes its digest as docs/format.md says, with the numbers that stand there
 * and none of the code under test.
 */
class ImageFormatTest {
  private static final int DIMENSIONS = 40;
  private static final int STRIDE = 48;
  private static final int M = 4;

  /** Enough for a second vector page, a third slot page and several levels. */
  private static final int VECTORS = 2600;

  /** Records in a vector page: 2^8 * 192 bytes fill 49,152 of 65,536. */
  private static final int VECTOR_SHIFT = 8;

  private static TestDatabase db;
  private static Memory memory;
  private static int root;
  private static final Map<String, float[]> vectors = new HashMap<>();
  private static final Map<String, String> metadata = new HashMap<>();

  @BeforeAll
  static void makeDatabase() {
    db =
        new TestDatabase(
            DatabaseOptions.builder().dimensions(DIMENSIONS).hnswM(M).metric(Metric.DOT).build());
    memory = db.memory;
    root = db.database.image().root();
    Generator random = new Generator(7);
    for (int i = 0; i < VECTORS; i++) {
      String id = "vector ü " + i;
      float[] vector = random.vector(DIMENSIONS);
      db.now = 1_700_000_000_000L + i;
      db.apply(new Frames().create(id, vector));
      vectors.put(id, vector);
      if (i % 5 == 0) {
        db.apply(new Frames().metadata(id, "{ \"b\" : " + i + ", \"a\": [1, 2.50] }"));
        metadata.put(id, "{\"b\":" + i + ",\"a\":[1,2.50]}");
      }
    }
    for (int i = 0; i < VECTORS; i += 3) {
      String id = "vector ü " + i;
      db.apply(new Frames().delete(id));
      vectors.remove(id);
      metadata.remove(id);
    }
  }

  @AfterAll
  static void close() {
    db.close();
  }

  // ---------------------------------------------------------------- docs/format.md, in code

  private static int rootWord(int offset) {
    return memory.getInt(root + offset);
  }

  private static int record(int pages, int shift, int size, int i) {
    int directory = rootWord(pages);
    assertThat(i >> shift).isLessThan(rootWord(pages + 4));
    return memory.getInt(directory + 4 * (i >> shift)) + (i & ((1 << shift) - 1)) * size;
  }

  private static int slot(int i) {
    return record(64, 10, 24, i);
  }

  private static int vector(int i) {
    return record(72, VECTOR_SHIFT, 4 * STRIDE, i);
  }

  private static int norm(int i) {
    return record(80, 10, 4, i);
  }

  private static int node(int i) {
    return record(88, 10, 16, i);
  }

  private static int links(int i) {
    return record(96, 7, 8 * M, i);
  }

  private static boolean isFree(int i) {
    return memory.getInt(slot(i) + 4) == 0;
  }

  private static byte[] bytes(int address, int n) {
    byte[] copy = new byte[n];
    for (int i = 0; i < n; i++) {
      copy[i] = memory.getByte(address + i);
    }
    return copy;
  }

  private static byte[] idBytes(int i) {
    int block = memory.getInt(slot(i) + 4);
    return bytes(block + 2, memory.getByte(block) & 0xff | (memory.getByte(block + 1) & 0xff) << 8);
  }

  private static String id(int i) {
    return new String(idBytes(i), StandardCharsets.UTF_8);
  }

  private static byte[] metadataBytes(int i) {
    int block = memory.getInt(slot(i) + 8);
    return block == 0 ? new byte[0] : bytes(block + 4, memory.getInt(block));
  }

  private static int level(int i) {
    return memory.getByte(node(i) + 1);
  }

  private static Set<Integer> neighbours(int i, int layer) {
    int degree;
    int list;
    if (layer == 0) {
      degree = memory.getByte(node(i)) & 0xff;
      list = links(i);
    } else {
      int at = memory.getInt(node(i) + 4) + 12 + (layer - 1) * (4 + 4 * M);
      degree = memory.getInt(at);
      list = at + 4;
    }
    assertThat(degree).isLessThanOrEqualTo(layer == 0 ? 2 * M : M);
    Set<Integer> found = new HashSet<>();
    for (int n = 0; n < degree; n++) {
      assertThat(found.add(memory.getInt(list + 4 * n))).as("no neighbour twice").isTrue();
    }
    return found;
  }

  private static int slotLimit() {
    return rootWord(16);
  }

  // ---------------------------------------------------------------- what the page promises

  @Test
  void rootNamesTheShape() {
    assertThat(new String(bytes(root, 4), StandardCharsets.US_ASCII)).isEqualTo("DVI1");
    assertThat(rootWord(4)).isEqualTo(DIMENSIONS);
    assertThat(rootWord(8)).isEqualTo(STRIDE);
    assertThat(rootWord(12)).isEqualTo(1);
    assertThat(slotLimit()).isEqualTo(VECTORS);
    assertThat(rootWord(20)).isEqualTo(vectors.size());
    assertThat(rootWord(36)).isEqualTo(M);
  }

  @Test
  void reservedBytesAreZero() {
    assertThat(bytes(root + 60, 4)).containsOnly(0);
    assertThat(bytes(root + 168, 88)).containsOnly(0);
  }

  @Test
  void everyPageIsAlignedToACacheLine() {
    for (int pages = 64; pages <= 96; pages += 8) {
      for (int page = 0; page < rootWord(pages + 4); page++) {
        assertThat(memory.getInt(rootWord(pages) + 4 * page) & 63).isZero();
      }
    }
  }

  @Test
  void liveSlotsHoldIdsVectorsNormsAndMetadata() {
    Set<String> found = new HashSet<>();
    for (int i = 0; i < slotLimit(); i++) {
      if (isFree(i)) {
        continue;
      }
      String id = id(i);
      found.add(id);
      float[] expected = vectors.getOrDefault(id, new float[DIMENSIONS]);
      double squared = 0;
      for (int d = 0; d < STRIDE; d++) {
        float x = memory.getFloat(vector(i) + 4 * d);
        assertThat(x).isEqualTo(d < DIMENSIONS ? expected[d] : 0);
        squared += x * x;
      }
      assertThat(memory.getFloat(norm(i)))
          .isCloseTo((float) (1 / Math.sqrt(squared)), withPercentage(0.001));
      assertThat(new String(metadataBytes(i), StandardCharsets.UTF_8))
          .isEqualTo(metadata.getOrDefault(id, ""));
      assertThat(memory.getLong(slot(i) + 16))
          .isEqualTo(1_700_000_000_000L + Integer.parseInt(id.substring(9)));
    }
    assertThat(found).isEqualTo(vectors.keySet());
  }

  @Test
  void freeSlotsAreChained() {
    Set<Integer> chained = new HashSet<>();
    for (int i = rootWord(24); i != 0; i = memory.getInt(slot(i - 1) + 8)) {
      assertThat(isFree(i - 1)).isTrue();
      assertThat(bytes(node(i - 1), 16)).containsOnly(0);
      assertThat(chained.add(i - 1)).isTrue();
    }
    assertThat(chained).hasSize(slotLimit() - vectors.size());
  }

  @Test
  void linksAreSymmetric() {
    int highest = 0;
    for (int i = 0; i < slotLimit(); i++) {
      if (isFree(i)) {
        continue;
      }
      assertThat(memory.getByte(node(i) + 2)).isEqualTo((byte) 1);
      highest = Math.max(highest, level(i));
      for (int layer = 0; layer <= level(i); layer++) {
        for (int neighbour : neighbours(i, layer)) {
          assertThat(neighbour).isNotEqualTo(i).isLessThan(slotLimit());
          assertThat(isFree(neighbour)).isFalse();
          assertThat(level(neighbour)).isGreaterThanOrEqualTo(layer);
          assertThat(neighbours(neighbour, layer)).contains(i);
        }
      }
    }
    assertThat(highest).isGreaterThan(1);
    assertThat(rootWord(32)).isEqualTo(highest);
    assertThat(level(rootWord(28) - 1)).isEqualTo(highest);
  }

  @Test
  void nodesOfOneLevelAreChained() {
    int ofLevel1 = 0;
    int chained = 0;
    for (int i = 0; i < slotLimit(); i++) {
      if (isFree(i) || level(i) != 1) {
        continue;
      }
      ofLevel1++;
      int upper = memory.getInt(node(i) + 4);
      if (memory.getInt(upper + 4) == 0) {
        for (int at = i + 1; at != 0; at = memory.getInt(memory.getInt(node(at - 1) + 4))) {
          assertThat(level(at - 1)).isEqualTo(1);
          chained++;
        }
      }
    }
    assertThat(chained).isEqualTo(ofLevel1).isPositive();
  }

  // ---------------------------------------------------------------- the digest

  private static final long P1 = 0x9E3779B185EBCA87L;
  private static final long P2 = 0xC2B2AE3D27D4EB4FL;
  private static final long P3 = 0x165667B19E3779F9L;
  private static final long P4 = 0x85EBCA77C2B2AE63L;
  private static final long P5 = 0x27D4EB2F165667C5L;

  private static long avalanche(long of) {
    long x = (of ^ of >>> 33) * P2;
    x = (x ^ x >>> 29) * P3;
    return x ^ x >>> 32;
  }

  private static long hash(byte[] bytes, long seed) {
    long h = seed + P5 + bytes.length;
    int whole = bytes.length & -8;
    for (int i = 0; i < whole; i += 8) {
      long w = 0;
      for (int b = 7; b >= 0; b--) {
        w = w << 8 | bytes[i + b] & 0xff;
      }
      h = Long.rotateLeft(h ^ Long.rotateLeft(w * P2, 31) * P1, 27) * P1 + P4;
    }
    for (byte b : Arrays.copyOfRange(bytes, whole, bytes.length)) {
      h = Long.rotateLeft(h ^ (b & 0xff) * P5, 11) * P1;
    }
    return avalanche(h);
  }

  @Test
  void digestIsTheOneDescribed() {
    long sum = 0;
    for (Map.Entry<String, float[]> entry : vectors.entrySet()) {
      byte[] id = entry.getKey().getBytes(StandardCharsets.UTF_8);
      byte[] patch = metadata.getOrDefault(entry.getKey(), "").getBytes(StandardCharsets.UTF_8);
      sum += hash(patch, hash(Frames.floats(entry.getValue()), hash(id, P5)));
    }
    assertThat(db.database.digest()).isEqualTo(avalanche(sum + vectors.size() * P1));
  }
}
