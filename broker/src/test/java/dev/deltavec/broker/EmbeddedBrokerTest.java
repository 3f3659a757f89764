package dev.deltavec.broker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedBrokerTest {
  /** One that is killed, as it is harder to go on from there than from one that was closed. */
  @Test
  void hasTheSameTopicsAndPortsAfterItsProcessWasKilled(@TempDir Path directory) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                BrokerMain.class.getName(),
                directory.toString(),
                "0")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String bootstrap;
    Uuid made;
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      String ready = String.valueOf(out.readLine());
      assertThat(ready).matches("ready 127\\.0\\.0\\.1:\\d+");
      bootstrap = ready.substring(6);
      made = make(bootstrap, "kept");
    } finally {
      process.destroyForcibly().waitFor();
    }
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory, EmbeddedBroker.Options.DEFAULT)) {
      assertThat(broker.bootstrap()).isEqualTo(bootstrap);
      assertThat(topics(broker.bootstrap())).isEqualTo(Map.of("kept", made));
    }
  }

  private static Uuid make(String bootstrap, String topic)
      throws ExecutionException, InterruptedException {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      return admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).topicId(topic).get();
    }
  }

  private static Map<String, Uuid> topics(String bootstrap)
      throws ExecutionException, InterruptedException, IOException {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      Set<String> names = admin.listTopics().names().get();
      return admin.describeTopics(names).allTopicNames().get().values().stream()
          .collect(java.util.stream.Collectors.toMap(t -> t.name(), t -> t.topicId()));
    }
  }
}
