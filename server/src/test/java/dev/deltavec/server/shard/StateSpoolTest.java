package dev.deltavec.server.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateSpoolTest {
  @TempDir Path base;

  @Test
  void theLastStateOfEachVectorCounts() throws Exception {
    Path file = base.resolve("spool");
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try (StateSpool spool = new StateSpool(file)) {
      spool.add("a", new byte[] {1, 1});
      spool.add("b", new byte[] {2});
      spool.add("gone", new byte[] {9});
      spool.add("a", new byte[] {3, 3, 3});
      spool.add("gone", null);
      spool.add("never", null);
      spool.drain(all::writeBytes);
    }
    assertThat(all.toByteArray()).containsExactly(2, 3, 3, 3);
    assertThat(file).doesNotExist();
  }

  @Test
  void manyStatesComeInSeveralStreams() throws Exception {
    List<Integer> sizes = new ArrayList<>();
    try (StateSpool spool = new StateSpool(base.resolve("spool"))) {
      for (int i = 0; i < 5; i++) {
        spool.add("v" + i, new byte[400_000]);
      }
      spool.drain(stream -> sizes.add(stream.length));
    }
    assertThat(sizes).containsExactly(800_000, 800_000, 400_000);
  }
}
