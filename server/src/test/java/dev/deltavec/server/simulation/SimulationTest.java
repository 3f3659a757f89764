package dev.deltavec.server.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Services on seeds. {@code -Ddeltavec.simulation.seeds=5000} for more, {@code
 * -Ddeltavec.simulation.first=N} for others.
 */
class SimulationTest {
  private static final int SEEDS = Integer.getInteger("deltavec.simulation.seeds", 200);
  private static final int FIRST = Integer.getInteger("deltavec.simulation.first", 1);
  private static final int STEPS = 250;
  private static final Logger LOG = Logger.getLogger("dev.deltavec.server");
  private static @Nullable Level before;

  @BeforeAll
  static void silence() {
    before = LOG.getLevel();
    LOG.setLevel(Level.OFF);
  }

  @AfterAll
  static void speak() {
    LOG.setLevel(before);
  }

  @Test
  void allCopiesEndWithWhatTheLogSays() {
    int appended = 0;
    for (int seed = FIRST; seed < FIRST + SEEDS; seed++) {
      Outcome outcome = run(seed, STEPS);
      if (outcome.failure != null) {
        fail(seed, outcome);
      }
      appended += outcome.appended;
    }
    assertThat(appended).isGreaterThan(SEEDS * 10);
  }

  /** Tells of a failure with as few steps as it takes. */
  private static void fail(int seed, Outcome outcome) {
    int steps = STEPS;
    Outcome smallest = outcome;
    for (int fewer = 5; fewer < STEPS; fewer += 5) {
      Outcome tried = run(seed, fewer);
      if (tried.failure != null) {
        steps = fewer;
        smallest = tried;
        break;
      }
    }
    throw new AssertionError(
        "seed " + seed + ", " + steps + " steps:\n" + String.join("\n", smallest.story),
        smallest.failure);
  }

  private record Outcome(@Nullable Throwable failure, java.util.List<String> story, int appended) {}

  private static Outcome run(int seed, int steps) {
    Path base = directory();
    try (Simulation simulation = new Simulation(seed, base)) {
      try {
        simulation.run(steps);
        return new Outcome(null, simulation.story, simulation.appended());
      } catch (RuntimeException | AssertionError e) {
        return new Outcome(e, simulation.story, simulation.appended());
      }
    } finally {
      remove(base);
    }
  }

  /** Memory rather than a disk, where there is such a directory: much is written. */
  private static Path directory() {
    try {
      Path memory = Path.of("/dev/shm");
      return Optional.of(memory).filter(Files::isWritable).isPresent()
          ? Files.createTempDirectory(memory, "simulation")
          : Files.createTempDirectory("simulation");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void remove(Path base) {
    try {
      Files.walkFileTree(
          base,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failed)
                throws IOException {
              Files.delete(directory);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
