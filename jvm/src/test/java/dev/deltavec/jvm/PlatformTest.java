package dev.deltavec.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class PlatformTest {
  @Test
  @Tag("vector-api")
  void withTheVectorApiItIsUsed() {
    try (SegmentMemory memory = new SegmentMemory()) {
      assertThat(Platform.kernels(memory)).isInstanceOf(VectorKernels.class);
      assertThat(Platform.description()).matches("Vector API, (128|256|512) bits");
    }
  }

  @Test
  @Tag("plain-java")
  void withoutTheVectorApiPlainKernelsAreUsedAndTheLogSaysSoOnce() {
    try (LogCapture log = new LogCapture();
        SegmentMemory memory = new SegmentMemory()) {
      assertThat(Platform.kernels(memory)).isInstanceOf(PlainKernels.class);
      assertThat(Platform.kernels(memory)).isInstanceOf(PlainKernels.class);
      assertThat(Platform.description()).isEqualTo("plain Java");
      assertThat(log.messages())
          .singleElement()
          .asString()
          .contains("--add-modules jdk.incubator.vector");
    }
  }
}
