package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Snapshots that the WebAssembly components wrote, one for each world. The tests of the npm package
 * hold that they still write these bytes.
 */
class ComponentSnapshotTest {
  private static byte[] golden(String name) throws IOException {
    return Files.readAllBytes(Path.of("..", "core", "src", "test", "resources", "golden", name));
  }

  @ParameterizedTest
  @CsvSource({
    "component-snapshot-v1.bin, 354595695c22f4a9",
    "delta-vector-snapshot-v1.bin, 58ff55940445e782"
  })
  void aSnapshotReadsAsItDidWhenTheComponentWroteIt(String name, String digest) throws IOException {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(6).build()) {
      ImportResult result = db.importFrom(golden(name));
      assertThat(result.index()).isEqualTo(ImportResult.Index.KEPT);
      assertThat(result.history()).isTrue();
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.size()).isEqualTo(11);
      assertThat(db.position()).isEqualTo(19);
      assertThat(db.checkIndex().ok()).isTrue();
      assertThat(db.getDeltaChain("zweiter é😀").deltas()).hasSize(2);
    }
  }
}
