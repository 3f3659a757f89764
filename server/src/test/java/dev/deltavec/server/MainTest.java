package dev.deltavec.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.server.config.ConfigFile;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MainTest {
  @TempDir Path base;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... arguments) {
    return Main.run(
        List.of(arguments),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  @Test
  void theConfigurationIsPrintedWithItsDefaults() {
    assertThat(run("--print-config")).isEqualTo(Main.OK);
    assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(ConfigFile.documented());
  }

  @Test
  void anUnknownOptionOfTheCommandIsNamed() {
    assertThat(run("--devel")).isEqualTo(Main.WRONG);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("no option --devel");
  }

  @Test
  void oneOfConfigurationAndDevelopmentIsNeeded() {
    assertThat(run()).isEqualTo(Main.WRONG);
    assertThat(run("--dev", "--config", "x")).isEqualTo(Main.WRONG);
    assertThat(run("--config", "x", "--port", "1")).isEqualTo(Main.WRONG);
  }

  @Test
  void aWrongConfigurationIsNamed() throws Exception {
    Path file = Files.writeString(base.resolve("c.yaml"), "node: {prot: 1}");
    assertThat(run("--config", file.toString())).isEqualTo(Main.WRONG);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("node.prot").contains("node.port");
  }

  @Test
  void aBrokerThatIsNotThereIsToldOf() throws Exception {
    Path file =
        Files.writeString(
            base.resolve("c.yaml"), "kafka: {bootstrap: '127.0.0.1:1', timeout: 500ms}");
    assertThat(run("--config", file.toString())).isEqualTo(Main.FAILED);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("the log");
  }
}
