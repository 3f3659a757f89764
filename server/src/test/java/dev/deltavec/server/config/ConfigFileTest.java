package dev.deltavec.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.Metric;
import dev.deltavec.server.gateway.GatewayConfig;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigFileTest {
  private static ServerConfig parse(String yaml) {
    return ServerConfig.of(ConfigFile.parse(yaml, Map.of("PORT", "1234")::get));
  }

  @Test
  void theDocumentedFileHasTheGatewaysDefaults() {
    assertThat(ServerConfig.of(ConfigFile.defaults()).gateway()).isEqualTo(GatewayConfig.DEFAULTS);
  }

  @Test
  void theDocumentedFileHasEveryOptionAndNoOther() {
    Set<String> options = new TreeSet<>();
    collect("", ServerConfig.class, options);
    Set<String> documented = new TreeSet<>();
    String section = "";
    String subsection = "";
    for (String line : ConfigFile.documented().lines().toList()) {
      if (line.isBlank() || line.strip().startsWith("#")) {
        continue;
      }
      String name = line.strip().split(":", 2)[0];
      boolean below = line.strip().endsWith(":");
      if (!line.startsWith(" ")) {
        section = name + ".";
        subsection = "";
      } else if (below) {
        subsection = name + ".";
      } else {
        documented.add(section + (line.startsWith("    ") ? subsection : "") + name);
      }
    }
    assertThat(documented).isEqualTo(options);
  }

  private static void collect(String path, Class<?> type, Set<String> options) {
    for (RecordComponent component : type.getRecordComponents()) {
      Class<?> inner = component.getType();
      if (inner.isRecord() && inner != ByteSize.class) {
        collect(path + component.getName() + ".", inner, options);
      } else {
        options.add(path + component.getName());
      }
    }
  }

  @Test
  void whatIsSaidReplacesTheDefault() {
    ServerConfig config =
        parse("database: {dimensions: 3, metric: euclidean}\nshards: {retention: 2h}");
    assertThat(config.database().dimensions()).isEqualTo(3);
    assertThat(config.database().metric()).isEqualTo(Metric.EUCLIDEAN);
    assertThat(config.shards().retention()).isEqualTo(Duration.ofHours(2));
    assertThat(config.shards().restores()).isEqualTo(2);
  }

  @Test
  void anUnknownOptionIsNamedWithTheNearest() {
    assertThatThrownBy(() -> parse("shards: {standbies: 1}"))
        .isInstanceOf(ConfigException.class)
        .hasMessage("there is no option shards.standbies; the nearest is shards.standbys");
  }

  @Test
  void anUnknownOptionDeepInsideIsNamed() {
    assertThatThrownBy(() -> parse("gateway: {auth: {jwk: x}}"))
        .hasMessage("there is no option gateway.auth.jwk; the nearest is gateway.auth.jwks");
  }

  @Test
  void variablesStandForTheirValues() {
    ServerConfig config = parse("node: {port: '${PORT}', id: 'n-${PORT}-${NAME:-x}'}");
    assertThat(config.node().port()).isEqualTo(1234);
    assertThat(config.node().id()).isEqualTo("n-1234-x");
  }

  @Test
  void aVariableThatIsNotThereIsAnError() {
    assertThatThrownBy(() -> parse("node: {secret: '${SECRET}'}"))
        .hasMessage("node.secret: there is no environment variable SECRET");
  }

  @Test
  void propertiesOfKafkaAreFree() {
    assertThat(parse("kafka: {properties: {security.protocol: SSL}}").logOptions().properties())
        .containsEntry("security.protocol", "SSL");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "node: {port: many} | node.port",
        "shards: {retention: 30} | shards.retention",
        "shards: {restores: 0} | restores must be at least 1",
        "database: {memory: 3 MB} | database.memory",
        "database: {metric: manhattan} | database.metric",
        "node: 7 | node is a section",
        "gateway: {auth: {leewaySeconds: 900}} | auth.leewaySeconds",
        "- a | sections"
      })
  void whatIsWrongIsNamed(String yaml, String named) {
    assertThatThrownBy(() -> parse(yaml))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(named);
  }

  @ParameterizedTest
  @CsvSource({"17,17", "2 KiB,2048", "3MiB,3145728", "4 GiB,4294967296"})
  void bytesHaveUnits(String text, long bytes) {
    assertThat(ByteSize.of(text)).isEqualTo(new ByteSize(bytes));
  }

  @ParameterizedTest
  @CsvSource({"250ms,PT0.25S", "3s,PT3S", "10m,PT10M", "2h,PT2H", "30d,PT720H"})
  void timesHaveUnits(String text, Duration time) {
    assertThat(Times.of(text)).isEqualTo(time);
  }
}
