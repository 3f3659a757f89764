package dev.deltavec.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.DeltaLog.Entry;
import dev.deltavec.log.DeltaLog.Part;
import dev.deltavec.log.DeltaLog.Reader;
import dev.deltavec.log.DeltaLog.StateMark;
import dev.deltavec.log.DeltaLog.StateWriter;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What every log does. Tests share one log of 4 shards, as opening costs; each goes by offsets of
 * its own.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class DeltaLogContract {
  private static final Duration LONG = Duration.ofMinutes(1);

  private @Nullable DeltaLog opened;

  /** Opens an empty log of 4 shards. */
  abstract DeltaLog open();

  @BeforeAll
  void openLog() {
    opened = open();
  }

  @AfterAll
  void closeLog() {
    log().close();
  }

  DeltaLog log() {
    if (opened == null) {
      throw new IllegalStateException("not open");
    }
    return opened;
  }

  static Part part(int shard, String text) {
    return new Part(shard, bytes(text));
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Reads from offsets up to the ends of now; texts by shard. */
  static Map<Integer, List<String>> readAll(DeltaLog log, Map<Integer, Long> offsets) {
    Map<Integer, List<String>> read = new HashMap<>();
    offsets.keySet().forEach(shard -> read.put(shard, new ArrayList<>()));
    try (Reader reader = log.reader()) {
      reader.assign(offsets);
      for (int shard : offsets.keySet()) {
        long end = log.end(shard);
        while (reader.position(shard) < end) {
          for (Entry entry : reader.poll(Duration.ofMillis(200))) {
            read.computeIfAbsent(entry.shard(), none -> new ArrayList<>())
                .add(text(entry.frames()));
          }
        }
      }
    }
    return read;
  }

  static Map<String, @Nullable String> states(DeltaLog log, int shard) {
    Map<String, @Nullable String> states = new HashMap<>();
    log.readStates(shard, (id, frames) -> states.put(id, frames == null ? null : text(frames)));
    return states;
  }

  static void assertReason(Reason reason, ThrowingCallable call) {
    assertThatThrownBy(call)
        .satisfies(error -> {
          Throwable cause = error instanceof CompletionException ? error.getCause() : error;
          assertThat(cause)
              .isInstanceOfSatisfying(
                  LogException.class, e -> assertThat(e.reason()).isEqualTo(reason));
        });
  }

  @Test
  void readsWhatWasAppendedAtItsOffset() {
    List<Long> first = log().append(List.of(part(0, "a"))).join();
    List<Long> second = log().append(List.of(part(0, "b"))).join();
    try (Reader reader = log().reader()) {
      reader.assign(Map.of(0, first.getFirst()));
      List<Entry> read = new ArrayList<>();
      while (read.size() < 2) {
        read.addAll(reader.poll(LONG));
      }
      assertThat(read)
          .extracting(Entry::offset)
          .containsExactly(first.getFirst(), second.getFirst());
      assertThat(read).extracting(entry -> text(entry.frames())).containsExactly("a", "b");
      assertThat(read).extracting(Entry::shard).containsOnly(0);
      assertThat(reader.position(0)).isEqualTo(second.getFirst() + 1).isEqualTo(log().end(0));
    }
  }

  @Test
  void readsEveryPartOfABatch() {
    List<Long> offsets =
        log().append(List.of(part(3, "three"), part(1, "one"), part(2, "two"))).join();
    Map<Integer, List<String>> read =
        readAll(log(), Map.of(3, offsets.get(0), 1, offsets.get(1), 2, offsets.get(2)));
    assertThat(read).isEqualTo(Map.of(3, List.of("three"), 1, List.of("one"), 2, List.of("two")));
  }

  @Test
  void goesOnWhereItIsSentTo() {
    List<Long> offsets = new ArrayList<>();
    for (String text : List.of("x", "y", "z")) {
      offsets.addAll(log().append(List.of(part(1, text))).join());
    }
    try (Reader reader = log().reader()) {
      reader.assign(Map.of(1, offsets.get(2)));
      assertThat(reader.poll(LONG)).extracting(e -> text(e.frames())).containsExactly("z");
      reader.assign(Map.of(1, offsets.get(1)));
      List<Entry> again = new ArrayList<>();
      while (again.size() < 2) {
        again.addAll(reader.poll(LONG));
      }
      assertThat(again).extracting(e -> text(e.frames())).containsExactly("y", "z");
    }
  }

  @Test
  void readsNoShardThatIsNotAssigned() {
    try (Reader reader = log().reader()) {
      reader.assign(Map.of(2, log().end(2)));
      log().append(List.of(part(3, "other"))).join();
      long offset = log().append(List.of(part(2, "own"))).join().getFirst();
      assertThat(reader.poll(LONG)).extracting(Entry::offset).containsExactly(offset);
      assertReason(Reason.INVALID, () -> reader.position(3));
    }
  }

  @Test
  void wakesAReaderUp() {
    try (Reader reader = log().reader()) {
      reader.assign(Map.of(2, log().end(2)));
      reader.wakeup();
      assertThat(reader.poll(Duration.ofHours(1))).isEmpty();
    }
  }

  @Test
  void wakesAReaderUpThatHasNoShards() {
    try (Reader reader = log().reader()) {
      reader.wakeup();
      assertThat(reader.poll(Duration.ofHours(1))).isEmpty();
    }
  }

  @Test
  void refusesBatchesThatAreNone() {
    assertReason(Reason.INVALID, () -> log().append(List.of(part(1, "a"), part(1, "b"))).join());
    assertReason(Reason.INVALID, () -> log().append(List.of(part(4, "a"))).join());
    assertReason(Reason.INVALID, () -> log().append(List.of(part(0, "a"), part(-1, "b"))).join());
    assertReason(Reason.INVALID, () -> log().end(4));
  }

  @Test
  void hasNoStatesBeforeTheyAreCommitted() {
    assertThat(log().readStates(3, (id, frames) -> {})).isEmpty();
    try (StateWriter writer = log().writeStates(3)) {
      writer.put("v", bytes("frames"));
    }
    assertThat(log().readStates(3, (id, frames) -> {})).isEmpty();
    assertThat(states(log(), 3)).isEmpty();
  }

  @Test
  void replacesStatesAndKeepsThoseNotPut() {
    try (StateWriter writer = log().writeStates(1)) {
      writer.put("stays", bytes("s1"));
      writer.put("changes", bytes("c1"));
      writer.put("goes", bytes("g1"));
      writer.commit(new StateMark(10, 1000));
      writer.put("changes", bytes("c2"));
      writer.put("goes", null);
      writer.commit(new StateMark(20, 2000));
    }
    assertThat(log().readStates(1, (id, frames) -> {}))
        .isEqualTo(Optional.of(new StateMark(20, 2000)));
    Map<String, @Nullable String> expected = new HashMap<>();
    expected.put("stays", "s1");
    expected.put("changes", "c2");
    expected.put("goes", null);
    assertThat(states(log(), 1)).isEqualTo(expected);
  }

  @Test
  void fencesWhoBeganToWriteStatesBefore() {
    try (StateWriter old = log().writeStates(2);
        StateWriter young = log().writeStates(2)) {
      young.put("v", bytes("young"));
      young.commit(new StateMark(2, 2));
      assertReason(
          Reason.FENCED,
          () -> {
            old.put("v", bytes("old"));
            old.commit(new StateMark(1, 1));
          });
    }
    assertThat(states(log(), 2)).isEqualTo(Map.of("v", "young"));
  }

  @Test
  void endsWithAllThatReads() {
    DeltaLog ended = open();
    Reader reader = ended.reader();
    reader.assign(Map.of(0, 0L));
    Thread.ofVirtual().start(ended::close);
    assertReason(
        Reason.CLOSED,
        () -> {
          while (true) {
            reader.poll(LONG);
          }
        });
    reader.close();
    ended.close();
    assertReason(Reason.CLOSED, () -> ended.append(List.of(part(0, "late"))).join());
    assertReason(Reason.CLOSED, () -> ended.end(0));
    assertReason(Reason.CLOSED, ended::reader);
  }
}
