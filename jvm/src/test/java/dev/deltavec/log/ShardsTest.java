package dev.deltavec.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The hash must never change, and be the one that others compute, too. */
class ShardsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''|0",
        "hello|248bfa47",
        "hello, world|149bbb7f",
        "The quick brown fox jumps over the lazy dog|2e4ff723",
        "a|3c2569b2",
        "aa|371091a9",
        "aaa|b4d05fb7",
        "größe|e3d3963f",
        "🦀|ada58aac"
      })
  void hashesAreThoseOfMurmur3(String text, String expected) {
    int hash = Shards.hash(text.getBytes(StandardCharsets.UTF_8));
    assertThat(Integer.toHexString(hash)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"hello, 64, 9", "hello, 1, 0", "größe, 64, 56", "a, 65536, 15397"})
  void shardsAreEqualPartsOfTheHashes(String id, int shards, int expected) {
    assertThat(Shards.of(id, shards)).isEqualTo(expected);
  }

  @Test
  void everyShardGetsAboutTheSameNumberOfVectors() {
    Integer[] counts = new Integer[64];
    Arrays.fill(counts, 0);
    for (int i = 0; i < 64_000; i++) {
      counts[Shards.of("document-" + i, 64)]++;
    }
    assertThat(counts).allSatisfy(count -> assertThat(count).isBetween(800, 1200));
  }
}
