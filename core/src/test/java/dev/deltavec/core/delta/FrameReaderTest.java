package dev.deltavec.core.delta;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class FrameReaderTest {
  private final ArrayMemory memory = new ArrayMemory();
  private final int base = memory.allocate(2 * Memory.REGION_UNIT);
  private final FrameReader reader = new FrameReader(memory);

  private int put(byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      memory.putByte(base + i, bytes[i]);
    }
    return base + bytes.length;
  }

  private static List<byte[]> samples() {
    List<byte[]> samples = new ArrayList<>();
    samples.add(new Frames().create("a", 1, 2, 3).toBytes());
    samples.add(
        new Frames()
            .sparse("vector-é", new int[] {0, 1, 200, 65_535}, new float[] {1, 2, 3, 4})
            .toBytes());
    samples.add(
        new Frames()
            .frame(Frame.SCALE, "b", 1_700_000_000_000L, Frames.floats(2), "{\"k\":1}")
            .toBytes());
    samples.add(new Frames().delete("c").toBytes());
    samples.add(new Frames().metadata("d", "{}").toBytes());
    return samples;
  }

  @Test
  void readsAFrameWrittenByHand() {
    // sparse, timed, with metadata: id "ab", time 0x0102, indices 3 and 5, values 1 and -2, patch
    // {}
    int end =
        put(
            HexFormat.of()
                .parseHex(
                    "20000001"
                        + "00000000"
                        + "32"
                        + "026162"
                        + "020100000000"
                        + "020301"
                        + "0000803f000000c0"
                        + "027b7d"));
    reader.read(base, base, end);
    assertThat(reader.operation()).isEqualTo(Frame.SPARSE);
    assertThat(Utf8.decode(memory, reader.id(), reader.idBytes())).isEqualTo("ab");
    assertThat(reader.time()).isEqualTo(0x0102);
    assertThat(reader.count()).isEqualTo(2);
    reader.decodeIndices(base + 1024);
    assertThat(memory.getInt(base + 1024)).isEqualTo(3);
    assertThat(memory.getInt(base + 1028)).isEqualTo(5);
    assertThat(memory.getFloat(reader.values() + 4)).isEqualTo(-2f);
    assertThat(Utf8.decode(memory, reader.metadata(), reader.metadataBytes())).isEqualTo("{}");
    assertThat(reader.end()).isEqualTo(end);
  }

  @Test
  void readsARunOnAGridWhoseValuesTakeLessThanAByteEach() {
    // runs on a grid of 8, id "a": one run of the indices 0 to 9; Rice codes with k = 0 of ten
    // zeros
    String id = "0161" + "00".repeat(16);
    put(HexFormat.of().parseHex("22000001" + "00000000" + "8f" + id + "08" + "010009" + "000000"));
    reader.readLogged(base);
    assertThat(reader.count()).isEqualTo(10);
    reader.decodeCodes(base + Memory.REGION_UNIT);
    for (int i = 0; i < 10; i++) {
      assertThat(memory.getInt(base + Memory.REGION_UNIT + 4 * i)).isZero();
    }
  }

  @Test
  void everyTruncationIsCorrupt() {
    for (byte[] sample : samples()) {
      put(sample);
      for (int length = 0; length < sample.length; length++) {
        int cut = length;
        assertThatThrownBy(() -> reader.read(base, base, base + cut))
            .isInstanceOfSatisfying(
                DeltaException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT_DATA));
      }
    }
  }

  @Test
  void everyShortenedLengthIsCorrupt() {
    for (byte[] sample : samples()) {
      for (int length = 0; length < sample.length; length++) {
        byte[] wrong = sample.clone();
        wrong[0] = (byte) length;
        wrong[1] = (byte) (length >>> 8);
        int end = put(wrong);
        assertThatThrownBy(() -> reader.read(base, base, end)).isInstanceOf(DeltaException.class);
      }
    }
  }

  @Test
  void noFlippedBitReadsOutsideTheFrame() {
    for (byte[] sample : samples()) {
      for (int bit = 0; bit < 8 * sample.length; bit++) {
        byte[] wrong = sample.clone();
        wrong[bit >>> 3] ^= (byte) (1 << (bit & 7));
        tryToRead(wrong);
      }
    }
  }

  @Test
  void noRandomBytesReadOutsideTheFrame() {
    Generator random = new Generator(1);
    for (int round = 0; round < 200_000; round++) {
      byte[] bytes = new byte[random.below(60)];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) (random.chance(50) ? random.below(4) : random.below(256));
      }
      if (bytes.length > 8) {
        bytes[0] = (byte) bytes.length;
        bytes[1] = 0;
        bytes[2] = 0;
        bytes[3] = 1;
        bytes[8] =
            (byte)
                (1 + random.below(6) + (random.chance(30) ? 16 : 0) + (random.chance(30) ? 32 : 0));
      }
      tryToRead(bytes);
    }
  }

  private void tryToRead(byte[] bytes) {
    int end = put(bytes);
    try {
      reader.read(base, base, end);
    } catch (DeltaException e) {
      assertThat(e.code()).isIn(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION);
      return;
    }
    assertThat(reader.end()).isLessThanOrEqualTo(end);
    assertThat(reader.id() + reader.idBytes()).isLessThanOrEqualTo(reader.end());
    assertThat(
            reader.operation() == Frame.DELETE
                || reader.values() + 4 * reader.count() <= reader.end())
        .isTrue();
  }

  @Test
  void aFutureVersionIsUnsupported() {
    byte[] frame = new Frames().delete("c").toBytes();
    frame[3] = 2;
    int end = put(frame);
    assertThatThrownBy(() -> reader.read(base, base, end))
        .isInstanceOfSatisfying(
            DeltaException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.UNSUPPORTED_VERSION));
  }

  @Test
  void aNumberHasOneFormOnly() {
    byte[] overlong = HexFormat.of().parseHex("0d000001" + "00000000" + "06" + "818000" + "61");
    int end = put(overlong);
    assertThatThrownBy(() -> reader.read(base, base, end))
        .hasMessageContaining("byte 12")
        .hasMessageContaining("one form");
  }

  @Test
  void malformedIdsAreCorrupt() {
    for (String bad :
        List.of("80", "c0af", "c3", "e08080", "eda080", "f4908080", "ff", "f0808080", "61c3")) {
      byte[] id = HexFormat.of().parseHex(bad);
      int end =
          put(
              HexFormat.of()
                  .parseHex(
                      "%02x000001".formatted(10 + id.length)
                          + "00000000"
                          + "06"
                          + "%02x".formatted(id.length)
                          + bad));
      assertThatThrownBy(() -> reader.read(base, base, end)).as(bad).hasMessageContaining("UTF-8");
    }
  }
}
