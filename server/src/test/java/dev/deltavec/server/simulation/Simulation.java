package dev.deltavec.server.simulation;

import dev.deltavec.kafka.Member;
import dev.deltavec.kafka.Placement;
import dev.deltavec.kafka.View;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.server.shard.ShardRunner;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * A service of several nodes in one thread and in virtual time, to which anything happens that can,
 * as a seed says. In the end all copies of each shard must be what the log says.
 */
final class Simulation implements AutoCloseable {
  private static final Duration RETENTION = Duration.ofMinutes(20);

  private final Random random;
  private final VirtualClock clock = new VirtualClock(1_700_000_000_000L);
  private final MemoryDeltaLog log;
  private final Writers writers;
  private final List<SimulatedNode> nodes = new ArrayList<>();
  private final int shards;
  private long generation;
  private boolean faults;

  /** What has happened, for whoever looks for the fault. */
  final List<String> story = new ArrayList<>();

  Simulation(long seed, Path base) {
    random = new Random(seed);
    shards = 1 + random.nextInt(3);
    log = new MemoryDeltaLog(shards, clock, "simulated-" + seed);
    log.faults(
        new MemoryDeltaLog.Faults() {
          @Override
          public MemoryDeltaLog.Fault append(List<DeltaLog.Part> parts) {
            return fault(12);
          }

          @Override
          public MemoryDeltaLog.Fault commit(int shard, DeltaLog.StateMark mark) {
            return fault(6);
          }
        });
    writers = new Writers(random, clock, log, RETENTION.toMillis() * 9 / 10);
    int count = 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      nodes.add(new SimulatedNode("n" + i, base, log, clock, RETENTION));
      nodes.getLast().start();
    }
    regroup();
  }

  private MemoryDeltaLog.Fault fault(int oneOf) {
    if (!faults || random.nextInt(oneOf) != 0) {
      return MemoryDeltaLog.Fault.NONE;
    }
    return random.nextBoolean() ? MemoryDeltaLog.Fault.BEFORE : MemoryDeltaLog.Fault.AFTER;
  }

  void run(int steps) {
    faults = true;
    for (int i = 0; i < steps; i++) {
      step();
    }
    faults = false;
    end();
  }

  private void step() {
    SimulatedNode node = nodes.get(random.nextInt(nodes.size()));
    int choice = random.nextInt(100);
    if (choice < 30) {
      writers.append();
    } else if (choice < 40) {
      clock.advance(random.nextInt(20_000));
    } else if (choice < 42) {
      clock.advance(random.nextInt(600_000));
    } else if (choice < 44 && log.end(0) > 0) {
      drop(random.nextInt(shards));
    } else if (choice < 46) {
      regroup();
    } else if (!node.running()) {
      if (choice < 60) {
        story.add(node.id + " starts");
        node.start();
        regroup();
      }
    } else if (choice < 48) {
      end(node);
    } else if (choice < 52) {
      node.learn();
    } else if (choice < 62) {
      node.runTask();
    } else if (choice < 66) {
      node.flush(random.nextInt(shards));
    } else if (choice < 74) {
      node.maintain();
    } else if (choice < 84) {
      node.apply(false);
    } else {
      node.apply(true);
    }
  }

  private void end(SimulatedNode node) {
    switch (random.nextInt(4)) {
      case 0 -> {
        story.add(node.id + " stops");
        node.stop();
      }
      case 1 -> {
        story.add(node.id + " loses its disk");
        node.lose();
      }
      default -> {
        story.add(node.id + " crashes");
        node.crash();
      }
    }
    regroup();
  }

  /** What is in states may go from the log. */
  private void drop(int shard) {
    Optional<DeltaLog.StateMark> mark = log.readStates(shard, (id, frames) -> {});
    if (mark.isPresent()) {
      long to = mark.get().offset() - random.nextInt(5);
      story.add("shard " + shard + " is dropped before " + to);
      log.dropBefore(shard, Math.max(0, to));
    }
  }

  private void regroup() {
    List<SimulatedNode> running = nodes.stream().filter(SimulatedNode::running).toList();
    generation++;
    if (running.isEmpty()) {
      return;
    }
    List<Member> members =
        running.stream().map(node -> new Member(node.id, "", 1 + random.nextInt(3))).toList();
    tell(running, members, random.nextInt(3));
  }

  private void tell(List<SimulatedNode> running, List<Member> members, int standbys) {
    Placement placement = new Placement(shards, members, standbys);
    story.add("generation " + generation + ", " + standbys + " copies: " + members);
    for (int i = 0; i < running.size(); i++) {
      running.get(i).tell(new View(generation, members, members.get(i), placement));
    }
  }

  /** Lets everything come to rest, with a copy of every shard everywhere, and compares. */
  private void end() {
    writers.retry();
    for (SimulatedNode node : nodes) {
      if (!node.running()) {
        node.start();
      }
    }
    List<Member> members = nodes.stream().map(node -> new Member(node.id, "", 1)).toList();
    generation++;
    tell(nodes, members, nodes.size());
    List<Integer> all = IntStream.range(0, shards).boxed().toList();
    for (int round = 0; round < 200; round++) {
      clock.advance(1000);
      nodes.forEach(SimulatedNode::settle);
      if (nodes.stream().allMatch(node -> node.settled(all))) {
        break;
      }
    }
    for (SimulatedNode node : nodes) {
      for (int shard = 0; shard < shards; shard++) {
        compare(node, shard);
      }
    }
  }

  private void compare(SimulatedNode node, int shard) {
    ShardRunner runner = node.requireHost().ready(shard);
    if (runner == null || runner.next() < log.end(shard)) {
      throw new AssertionError(
          node.id + " has not caught up with shard " + shard + ": " + node.requireHost().status());
    }
    String digest = runner.digest().digest();
    if (!digest.equals(writers.expected(shard))) {
      throw new AssertionError(
          "%s has %s of shard %d at %d, not %s"
              .formatted(node.id, digest, shard, runner.next(), writers.expected(shard)));
    }
  }

  int appended() {
    return writers.appended;
  }

  @Override
  public void close() {
    for (SimulatedNode node : nodes) {
      if (node.running()) {
        node.requireHost().close();
      }
    }
    writers.close();
    log.close();
  }
}
