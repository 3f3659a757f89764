package dev.deltavec.kafka;

import dev.deltavec.broker.EmbeddedBroker;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One broker for all tests of a JVM. */
final class TestBroker {
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static @Nullable Path directory;
  private static @Nullable EmbeddedBroker broker;

  private TestBroker() {}

  /** Returns the broker; started when it is first asked for. */
  static synchronized EmbeddedBroker get() {
    EmbeddedBroker running = broker;
    if (running == null) {
      running = EmbeddedBroker.start(directory(), EmbeddedBroker.Options.DEFAULT);
      broker = running;
    }
    return running;
  }

  static synchronized void stop() {
    get().close();
    broker = null;
  }

  /** Options of a log of its own. */
  static KafkaLogOptions.Builder options() {
    return KafkaLogOptions.builder(get().bootstrap())
        .prefix("t" + COUNT.incrementAndGet() + ".")
        .shards(4)
        .sessionTimeout(Duration.ofSeconds(3));
  }

  private static Path directory() {
    Path made = directory;
    if (made == null) {
      try {
        made = Files.createTempDirectory("deltavec-broker");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      directory = made;
      Runtime.getRuntime().addShutdownHook(new Thread(TestBroker::clean));
    }
    return made;
  }

  private static void clean() {
    EmbeddedBroker running = broker;
    Path made = directory;
    if (running != null) {
      running.close();
    }
    if (made != null) {
      try (Stream<Path> files = Files.walk(made)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
