package dev.deltavec.server.gateway;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** A log whose readers fail while a test wants that. */
final class FlakyLog implements DeltaLog {
  private final DeltaLog log;
  volatile boolean failing;
  volatile int failures;

  FlakyLog(DeltaLog log) {
    this.log = log;
  }

  private void check() {
    if (failing) {
      failures++;
      throw new LogException(LogException.Reason.UNAVAILABLE, "it is gone for a while");
    }
  }

  @Override
  public int shards() {
    return log.shards();
  }

  @Override
  public String epoch() {
    return log.epoch();
  }

  @Override
  public CompletableFuture<List<Long>> append(List<Part> parts) {
    return log.append(parts);
  }

  @Override
  public long begin(int shard) {
    return log.begin(shard);
  }

  @Override
  public long end(int shard) {
    return log.end(shard);
  }

  @Override
  public Reader reader() {
    check();
    Reader reader = log.reader();
    return new Reader() {
      @Override
      public void assign(Map<Integer, Long> offsets) {
        reader.assign(offsets);
      }

      @Override
      public List<Entry> poll(Duration timeout) {
        check();
        List<Entry> entries = reader.poll(timeout);
        check();
        return entries;
      }

      @Override
      public long position(int shard) {
        return reader.position(shard);
      }

      @Override
      public void wakeup() {
        reader.wakeup();
      }

      @Override
      public void close() {
        reader.close();
      }
    };
  }

  @Override
  public StateWriter writeStates(int shard) {
    return log.writeStates(shard);
  }

  @Override
  public Optional<StateMark> readStates(int shard, BiConsumer<String, byte @Nullable []> each) {
    return log.readStates(shard, each);
  }

  @Override
  public void close() {
    log.close();
  }
}
