package dev.deltavec.core.delta;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.support.Generator;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeltaIdTest {
  private static DeltaId random(Generator random) {
    return new DeltaId(random.nextLong() >>> 16, (int) random.nextLong(), random.nextLong() >>> 16);
  }

  @Test
  void textIsTheNumberInCrockfordsBase32() {
    Generator random = new Generator(3);
    for (int i = 0; i < 1_000; i++) {
      DeltaId id = random(random);
      BigInteger number =
          BigInteger.valueOf(id.time())
              .shiftLeft(80)
              .or(BigInteger.valueOf(Integer.toUnsignedLong(id.sequence())).shiftLeft(48))
              .or(BigInteger.valueOf(id.replica()));
      StringBuilder text = new StringBuilder();
      for (int digit = 25; digit >= 0; digit--) {
        text.append(
            "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
                .charAt(number.shiftRight(5 * digit).intValue() & 31));
      }
      assertThat(id.toString()).isEqualTo(text.toString());
    }
  }

  @Test
  void textReadsBack() {
    Generator random = new Generator(4);
    for (int i = 0; i < 1_000; i++) {
      DeltaId id = random(random);
      assertThat(DeltaId.parse(id.toString())).isEqualTo(id);
      assertThat(DeltaId.parse(id.toString().toLowerCase(java.util.Locale.ROOT))).isEqualTo(id);
    }
  }

  @Test
  void idsSortLikeTheirTexts() {
    Generator random = new Generator(5);
    List<DeltaId> ids = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      ids.add(new DeltaId(random.below(3), random.below(3) - 1, random.below(5)));
    }
    Collections.sort(ids);
    assertThat(ids.stream().map(DeltaId::toString)).isSorted();
  }

  @Test
  void otherTextsAreRefused() {
    for (String bad :
        List.of(
            "",
            "0",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "0000000000000000000000000U",
            "0000000000000000000000000é")) {
      assertThatThrownBy(() -> DeltaId.parse(bad))
          .isInstanceOf(DeltaException.class)
          .hasMessageContaining(bad);
    }
  }
}
