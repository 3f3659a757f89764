package dev.deltavec.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.deltavec.log.DeltaLog.Entry;
import dev.deltavec.log.DeltaLog.Part;
import dev.deltavec.log.DeltaLog.Reader;
import dev.deltavec.log.DeltaLog.StateMark;
import dev.deltavec.log.DeltaLog.StateWriter;
import dev.deltavec.log.MemoryDeltaLog.Fault;
import dev.deltavec.log.MemoryDeltaLog.Faults;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MemoryDeltaLogTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  private final MemoryDeltaLog log =
      new MemoryDeltaLog(3, () -> Instant.ofEpochMilli(1000), "test-1");

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Part part(int shard, String text) {
    return new Part(shard, bytes(text));
  }

  private static List<String> texts(List<Entry> entries) {
    return entries.stream()
        .map(e -> e.shard() + "@" + e.offset() + new String(e.frames(), StandardCharsets.UTF_8))
        .toList();
  }

  private List<String> all(Map<Integer, Long> from) {
    try (Reader reader = log.reader()) {
      reader.assign(from);
      return texts(reader.poll(Duration.ZERO));
    }
  }

  private static void failsAs(LogException.Reason reason, ThrowingCallable call) {
    LogException error = catchThrowableOfType(LogException.class, call);
    assertThat(error).isNotNull();
    assertThat(error.reason()).isEqualTo(reason);
  }

  private void appendFailsAs(LogException.Reason reason, Part... parts) {
    assertThatThrownBy(() -> log.append(List.of(parts)).join())
        .isInstanceOf(CompletionException.class)
        .cause()
        .isInstanceOfSatisfying(LogException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void recordsOfAShardComeInTheirOrder() {
    assertThat(log.append(List.of(part(1, "a"))).join()).containsExactly(0L);
    assertThat(log.append(List.of(part(1, "b"))).join()).containsExactly(1L);
    log.append(List.of(part(2, "other")));
    assertThat(all(Map.of(1, 0L))).containsExactly("1@0a", "1@1b");
    assertThat(all(Map.of(1, 1L))).containsExactly("1@1b");
  }

  @Test
  void behindABatchThatSpansShardsOffsetsHaveAGap() {
    assertThat(log.append(List.of(part(0, "a"), part(2, "b"))).join()).containsExactly(0L, 0L);
    assertThat(log.append(List.of(part(0, "c"))).join()).containsExactly(2L);
    try (Reader reader = log.reader()) {
      reader.assign(Map.of(2, 0L));
      assertThat(texts(reader.poll(Duration.ZERO))).containsExactly("2@0b");
      assertThat(reader.position(2)).isEqualTo(log.end(2)).isEqualTo(2);
    }
  }

  @Test
  void whatAShardIsNamedForTwiceIsRefusedAsAWhole() {
    appendFailsAs(LogException.Reason.INVALID, part(0, "a"), part(0, "b"));
    appendFailsAs(LogException.Reason.INVALID, part(0, "a"), part(3, "b"));
    assertThat(log.end(0)).isZero();
  }

  @Test
  void aPollWaitsForRecords() throws InterruptedException {
    try (Reader reader = log.reader()) {
      reader.assign(Map.of(0, 0L));
      assertThat(reader.poll(Duration.ofMillis(1))).isEmpty();
      Thread later = Thread.ofVirtual().start(() -> log.append(List.of(part(0, "a"))));
      assertThat(texts(reader.poll(LONG))).containsExactly("0@0a");
      later.join();
    }
  }

  @Test
  void aReaderThatIsWokenReturnsAtOnce() {
    try (Reader reader = log.reader()) {
      reader.assign(Map.of(0, 0L));
      reader.wakeup();
      assertThat(reader.poll(LONG)).isEmpty();
    }
  }

  @Test
  void aReaderIsBehindWhenItsRecordsAreDropped() {
    for (String text : List.of("a", "b", "c")) {
      log.append(List.of(part(0, text)));
    }
    try (Reader reader = log.reader()) {
      reader.assign(Map.of(0, 0L));
      log.dropBefore(0, 2);
      failsAs(LogException.Reason.BEHIND, () -> reader.poll(Duration.ZERO));
    }
    assertThat(log.begin(0)).isEqualTo(2);
    assertThat(all(Map.of(0, 0L))).containsExactly("0@2c");
  }

  @Test
  void anAppendFailsBeforeOrAfterTheRecordsAreThere() {
    List<Fault> next = new ArrayList<>(List.of(Fault.BEFORE, Fault.AFTER, Fault.NONE));
    log.faults(
        new Faults() {
          @Override
          public Fault append(List<Part> parts) {
            return next.removeFirst();
          }
        });
    appendFailsAs(LogException.Reason.UNAVAILABLE, part(0, "before"));
    appendFailsAs(LogException.Reason.UNAVAILABLE, part(0, "after"));
    log.append(List.of(part(0, "well"))).join();
    assertThat(all(Map.of(0, 0L))).containsExactly("0@0after", "0@1well");
  }

  private Map<String, @Nullable String> states(int shard) {
    Map<String, @Nullable String> found = new TreeMap<>();
    log.readStates(
        shard,
        (id, frames) ->
            found.put(id, frames == null ? null : new String(frames, StandardCharsets.UTF_8)));
    return found;
  }

  @Test
  void statesAreSeenOnceTheyAreCommitted() {
    try (StateWriter writer = log.writeStates(1)) {
      writer.put("a", bytes("1"));
      writer.put("b", bytes("1"));
      assertThat(log.readStates(1, (id, frames) -> {})).isEmpty();
      writer.commit(new StateMark(5, 100));
      writer.put("a", null);
      writer.put("c", bytes("2"));
      assertThat(states(1)).containsExactlyInAnyOrderEntriesOf(Map.of("a", "1", "b", "1"));
      writer.commit(new StateMark(9, 200));
    }
    assertThat(log.readStates(1, (id, frames) -> {})).contains(new StateMark(9, 200));
    assertThat(states(1)).containsEntry("a", null).containsEntry("b", "1").containsEntry("c", "2");
    assertThat(states(0)).isEmpty();
  }

  @Test
  void whoWritesStatesLaterFencesWhoBeganBefore() {
    StateWriter old = log.writeStates(0);
    old.put("a", bytes("old"));
    try (StateWriter writer = log.writeStates(0)) {
      failsAs(LogException.Reason.FENCED, () -> old.commit(new StateMark(1, 0)));
      writer.put("a", bytes("new"));
      writer.commit(new StateMark(2, 0));
    }
    assertThat(states(0)).containsEntry("a", "new");
  }

  @Test
  void aCommitFailsBeforeOrAfterTheStatesAreThere() {
    log.faults(
        new Faults() {
          @Override
          public Fault commit(int shard, StateMark mark) {
            return mark.offset() == 1 ? Fault.BEFORE : Fault.AFTER;
          }
        });
    try (StateWriter writer = log.writeStates(0)) {
      writer.put("a", bytes("1"));
      failsAs(LogException.Reason.UNAVAILABLE, () -> writer.commit(new StateMark(1, 0)));
      assertThat(states(0)).isEmpty();
      failsAs(LogException.Reason.UNAVAILABLE, () -> writer.commit(new StateMark(2, 0)));
      assertThat(states(0)).containsEntry("a", "1");
    }
  }

  @Test
  void aClosedLogRefusesEverything() {
    Reader reader = log.reader();
    reader.assign(Map.of(0, 0L));
    log.close();
    failsAs(LogException.Reason.CLOSED, () -> reader.poll(LONG));
    failsAs(LogException.Reason.CLOSED, () -> log.end(0));
    appendFailsAs(LogException.Reason.CLOSED, part(0, "a"));
  }
}
