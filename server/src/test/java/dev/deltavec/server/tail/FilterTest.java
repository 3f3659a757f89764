package dev.deltavec.server.tail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.DeltaFrames;
import dev.deltavec.VectorDelta;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Cutting frames to what somebody is given. */
class FilterTest {
  private static byte[] frames(List<String> ids) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeltaFrames frames = new DeltaFrames(2, 0)) {
      for (String id : ids) {
        out.writeBytes(frames.encode(VectorDelta.create(id, new float[] {1, 2}), 5, 1, 3).frame());
      }
    }
    return out.toByteArray();
  }

  private static List<String> cut(Filter filter, String... ids) {
    return DeltaFrames.ids(filter.cut(frames(List.of(ids)))).stream().map(String::valueOf).toList();
  }

  @Test
  void prefixesAndIdsAreAlternativesWithinWhatMayBeSeen() {
    String[] all = {"a/1", "a/2", "b/1", "b/2", "ä", "c"};
    assertThat(cut(Filter.of(List.of(), List.of(), List.of()), all)).containsExactly(all);
    assertThat(cut(Filter.of(List.of("a/", "ä"), List.of("b/2"), List.of()), all))
        .containsExactly("a/1", "a/2", "b/2", "ä");
    assertThat(cut(Filter.of(List.of("a/", "ä"), List.of("b/2"), List.of("b", "a/2")), all))
        .containsExactly("a/2", "b/2");
    assertThat(cut(Filter.of(List.of(), List.of(), List.of("c")), all)).containsExactly("c");
    assertThat(cut(Filter.of(List.of(""), List.of("x"), List.of()), all)).containsExactly(all);
    assertThat(cut(Filter.of(List.of(), List.of("x"), List.of()), all)).isEmpty();
  }

  @Test
  void longIdsAreReadWhole() {
    String id = "x".repeat(1_024);
    assertThat(cut(Filter.of(List.of(), List.of(id), List.of()), "a", id, "b")).containsExactly(id);
  }

  @Test
  void whatIsNoFrameDoesNotPass() {
    Random random = new Random(3);
    Filter filter = Filter.of(List.of("a"), List.of(), List.of());
    byte[] good = frames(List.of("a1", "b1", "a2"));
    for (int i = 0; i < 2_000; i++) {
      byte[] bad = good.clone();
      for (int k = 0; k < 3; k++) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt();
      }
      assertThat(filter.cut(bad).length).isLessThanOrEqualTo(bad.length);
    }
    assertThat(filter.cut(new byte[] {1, 2, 3})).isEmpty();
  }

  @Test
  void streamsAreCutAsArraysAre() throws IOException {
    List<String> ids = new ArrayList<>();
    Random random = new Random(4);
    for (int i = 0; i < 9_000; i++) {
      ids.add((random.nextBoolean() ? "a" : "b") + "x".repeat(random.nextInt(40)));
    }
    byte[] all = frames(ids);
    Filter filter = Filter.of(List.of("a"), List.of(), List.of());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    FrameCutter.copy(new ByteArrayInputStream(all), filter, out);
    assertThat(out.toByteArray()).isEqualTo(filter.cut(all));
    assertThat(FrameCutter.length(new ByteArrayInputStream(all), filter)).isEqualTo(out.size());
    assertThatThrownBy(
            () -> FrameCutter.length(new ByteArrayInputStream(all, 0, all.length - 1), Filter.ALL))
        .isInstanceOf(IOException.class);
  }

  @Test
  void frameLongerThanTheBufferIsCutToo() throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try (DeltaFrames frames = new DeltaFrames(65_536, 0)) {
      for (String id : List.of("a", "b", "a")) {
        all.writeBytes(frames.encode(VectorDelta.create(id, new float[65_536]), 5, 1, 3).frame());
      }
    }
    Filter filter = Filter.of(List.of("a"), List.of(), List.of());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    FrameCutter.copy(new ByteArrayInputStream(all.toByteArray()), filter, out);
    assertThat(DeltaFrames.ids(out.toByteArray())).containsExactly("a", "a");
  }

  @Test
  void cursorsAreReadAsTheyAreWritten() {
    Cursor cursor = new Cursor("e-1", new long[] {5, Cursor.UNWANTED, 0});
    assertThat(cursor).hasToString("e-1:5,,0");
    assertThat(Cursor.parse("e-1:5,,0", 3)).isEqualTo(cursor);
  }
}
