package dev.deltavec.kafka;

import dev.deltavec.log.LogException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;

/**
 * A node's membership of a group that shares the shards of a log out among its members. Kafka keeps
 * the group: whoever leaves, or is silent for {@link KafkaLogOptions#sessionTimeout}, is out of it,
 * and the others learn it. Of every change each member is told a {@link View}.
 *
 * <p>A view is what the group last agreed on: while the brokers cannot be reached it stays as it
 * is. So for a time two members may think that a shard is theirs; what they write is made for that.
 *
 * <p>A process that was started again with its id takes its place in the group at once, without a
 * change for the others. If the one before still runs, that one is put out: {@link #failure}.
 */
public final class ShardGroup implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger("dev.deltavec.kafka");
  private static final Duration TICK = Duration.ofMillis(500);
  private static final Duration LEAVE = Duration.ofSeconds(5);

  private final KafkaLogOptions options;
  private final String group;
  private final Note note;
  private final Consumer<? super View> listener;
  private final ExecutorService teller;
  private final Thread thread;
  private volatile @Nullable View view;
  private volatile @Nullable LogException failure;
  private final CompletableFuture<LogException> failing = new CompletableFuture<>();
  private volatile @Nullable KafkaConsumer<byte[], byte[]> consumer;
  private final CountDownLatch pausing = new CountDownLatch(1);
  private volatile boolean closed;
  private volatile boolean abandoned;
  private boolean stale; // by the group's thread: others know something else of this member

  private ShardGroup(
      KafkaLogOptions options, String group, Note note, Consumer<? super View> listener) {
    this.options = options;
    this.group = options.prefix() + group;
    this.note = note;
    this.listener = listener;
    teller =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("deltavec-group-views").daemon().factory());
    thread = Thread.ofPlatform().name("deltavec-group").daemon().unstarted(this::run);
  }

  /**
   * Joins a group. Returns at once; the listener is told as soon as the group has agreed.
   *
   * @param options of the log; its topics must be there
   * @param group the group's name, behind the options' prefix
   * @param self this member
   * @param standbys copies of each shard beside its owner's, from 0; of what members want the most
   *     counts
   * @param listener told of every view, in order, by a thread that is there for nothing else. What
   *     it throws is logged
   */
  public static ShardGroup join(
      KafkaLogOptions options,
      String group,
      Member self,
      int standbys,
      Consumer<? super View> listener) {
    if (standbys < 0) {
      throw new IllegalArgumentException("standbys must be at least 0; got " + standbys);
    }
    ShardGroup joined =
        new ShardGroup(
            options, group, new Note(self, standbys, System.currentTimeMillis()), listener);
    joined.thread.start();
    return joined;
  }

  /** Returns what the group last agreed on; empty if it has not since this member joined. */
  public Optional<View> view() {
    return Optional.ofNullable(view);
  }

  /**
   * Returns why this member is not in the group any more, though it was not closed: {@code FENCED}
   * if another process with its id has joined.
   */
  public Optional<LogException> failure() {
    return Optional.ofNullable(failure);
  }

  /**
   * Has somebody told of a {@link #failure}, once, behind all views, by the thread that tells of
   * these; at once if there is one already. What it throws is logged. The last view stays as it is,
   * though others act for this member now: who is told should give up what it holds.
   */
  public void onFailure(Consumer<? super LogException> told) {
    failing.thenAccept(error -> {
      try {
        teller.execute(() -> tell(told, error));
      } catch (RejectedExecutionException e) {
        Clients.debug("Nobody is told of a failure in a group that was left", e);
      }
    });
  }

  /** Leaves the group: others get this member's shards at once. Calling it again does nothing. */
  @Override
  public void close() {
    end();
  }

  /** Ends as a process does that is killed: others wait for it. */
  void abandon() {
    abandoned = true;
    end();
  }

  private void end() {
    closed = true;
    KafkaConsumer<byte[], byte[]> open = consumer;
    if (open != null) {
      open.wakeup();
    }
    pausing.countDown();
    try {
      thread.join(LEAVE.plusSeconds(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    teller.shutdown();
  }

  private void run() {
    while (!closed && failure == null) {
      try {
        attend();
      } catch (FencedInstanceIdException e) {
        LogException error =
            Clients.error(
                "Another process has joined group " + group + " as " + note.member().id(), e);
        LOG.log(Level.ERROR, String.valueOf(error.getMessage()));
        failure = error;
        failing.complete(error);
      } catch (RuntimeException e) {
        if (!closed) {
          LOG.log(Level.WARNING, "Group " + group + " is joined again after an error", e);
          pause();
        }
      }
    }
  }

  /** Joins, and stays in the group until it is closed or an error ends it. */
  private void attend() {
    KafkaConsumer<byte[], byte[]> open =
        Clients.member(
            options,
            group,
            note.member().id(),
            Map.of(
                "partition.assignment.strategy",
                List.of(RendezvousAssignor.class),
                RendezvousAssignor.HOME,
                new Home()));
    consumer = open;
    try {
      open.subscribe(List.of(options.deltasTopic()), new Idle(open));
      while (!closed) {
        open.poll(TICK);
        if (stale) {
          stale = false;
          open.enforceRebalance("what others know of this member is not so any more");
        }
      }
    } catch (WakeupException e) {
      if (!closed) {
        throw e;
      }
    } finally {
      consumer = null;
      open.close(
          leaving()
              ? CloseOptions.timeout(LEAVE)
                  .withGroupMembershipOperation(GroupMembershipOperation.LEAVE_GROUP)
              : CloseOptions.timeout(Duration.ZERO)
                  .withGroupMembershipOperation(GroupMembershipOperation.REMAIN_IN_GROUP));
    }
  }

  private boolean leaving() {
    return closed && !abandoned;
  }

  private void agreed(long generation, List<Note> notes) {
    List<Member> members = notes.stream().map(Note::member).toList();
    if (!members.contains(note.member())) {
      stale = true;
      return;
    }
    int standbys = notes.stream().mapToInt(Note::standbys).max().orElse(0);
    View agreed =
        new View(
            generation, members, note.member(), new Placement(options.shards(), members, standbys));
    view = agreed;
    teller.execute(() -> tell(listener, agreed));
  }

  private <T> void tell(Consumer<? super T> told, T what) {
    try {
      told.accept(what);
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "A listener of group " + group + " has failed", e);
    }
  }

  private void pause() {
    try {
      pausing.await(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      closed = true; // nobody interrupts this thread but to end it
    }
  }

  /** What the assignor belongs to. */
  private final class Home implements RendezvousAssignor.Home {
    @Override
    public Note note() {
      return note;
    }

    @Override
    public void agreed(long generation, List<Note> notes) {
      ShardGroup.this.agreed(generation, notes);
    }
  }

  /**
   * Fetches nothing: partitions are only a sign of who has which shard, for those who look at the
   * group. With a position, so that none is looked for.
   */
  private record Idle(KafkaConsumer<byte[], byte[]> consumer) implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      consumer.pause(partitions);
      partitions.forEach(partition -> consumer.seek(partition, 0));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}
  }
}
