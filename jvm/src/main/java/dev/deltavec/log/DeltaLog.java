package dev.deltavec.log;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A log of record for databases in shards: deltas, in one order for each shard, and beside them the
 * states of vectors as they were at some place of it. Whoever applies a shard's records from its
 * first, or a state and the records behind it, has the shard's database.
 *
 * <p>A record holds the deltas of one {@link #append}, as sealed frames that are identified and
 * stand alone ({@code docs/format.md}); all of vectors that {@link Shards} puts into this shard.
 * Offsets ascend within a shard and may have gaps. Safe for use by several threads.
 */
public interface DeltaLog extends AutoCloseable {
  /** Returns the number of shards, 1 to 65,536; it never changes. */
  int shards();

  /** Returns a text that names this log: one that began anew has another. Letters, digits, - _ */
  String epoch();

  /**
   * Appends a batch that may span shards: all of it is seen or none of it.
   *
   * @param parts at most one for each shard
   * @return completed when the batch is durable, with the offset of each part, in their order;
   *     failed with {@link LogException} if it is not, or if that is not known. Appending it again
   *     is harmless, as deltas that have been seen are passed over
   */
  CompletableFuture<List<Long>> append(List<Part> parts);

  /** Opens a reader; its records are those of finished batches only. */
  Reader reader();

  /** Returns the first offset of a shard that can still be read. */
  long begin(int shard);

  /** Returns the offset that the next record of a shard gets, at least. */
  long end(int shard);

  /**
   * Begins to write states of a shard. Whoever began before can no longer commit.
   *
   * @throws LogException if the log cannot be reached
   */
  StateWriter writeStates(int shard);

  /**
   * Reads the states of a shard.
   *
   * @param each told of every vector: its id, and frames that make it from nothing. A vector may
   *     come several times, the last counts; null says that there is none
   * @return what they were written with; empty if no states have been written whole
   * @throws LogException if the log cannot be reached
   */
  Optional<StateMark> readStates(int shard, BiConsumer<String, byte @Nullable []> each);

  /** Ends everything; what is being appended fails. Calling it again does nothing. */
  @Override
  void close();

  /** The deltas of a batch that belong to one shard. */
  record Part(int shard, byte[] frames) {}

  /**
   * One record.
   *
   * @param timestamp when it was appended, Unix milliseconds
   */
  record Entry(int shard, long offset, long timestamp, byte[] frames) {}

  /**
   * What states stand for.
   *
   * @param offset of the first record that is not in them
   * @param horizon time in Unix milliseconds; deltas from before have become part of their vector's
   *     first frame
   */
  record StateMark(long offset, long horizon) {}

  /** Reads records. For use by one thread, but for {@link #wakeup}. */
  interface Reader extends AutoCloseable {
    /**
     * Reads these shards from now on, and no others.
     *
     * @param offsets by shard: the record to go on with; one that is too low begins with the first
     *     that is there
     */
    void assign(Map<Integer, Long> offsets);

    /**
     * Returns records, each shard's in order; none if there are none for so long, or after {@link
     * #wakeup}.
     *
     * @throws LogException {@code BEHIND} if records that should be next are gone
     */
    List<Entry> poll(Duration timeout);

    /**
     * Returns the offset behind what {@link #poll} has returned of a shard: behind the last record,
     * or behind what is no record.
     */
    long position(int shard);

    /** Lets the {@link #poll} under way, or else the next, return at once. */
    void wakeup();

    @Override
    void close();
  }

  /** Writes states. For use by one thread. */
  interface StateWriter extends AutoCloseable {
    /**
     * Writes the state of one vector.
     *
     * @param frames that make it from nothing; null if there is none
     */
    void put(String id, byte @Nullable [] frames);

    /**
     * Makes what was put the shard's states, together with those of vectors that were not put.
     *
     * @throws LogException {@code FENCED} if somebody else began to write states of the shard
     */
    void commit(StateMark mark);

    /** Ends it; what was put and not committed counts for nothing, or as not yet seen. */
    @Override
    void close();
  }
}
