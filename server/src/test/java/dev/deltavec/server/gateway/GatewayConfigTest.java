package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** The configuration's section, as a file has it. */
class GatewayConfigTest {
  private static GatewayConfig read(String yaml) throws IOException {
    return new YAMLMapper().readValue(yaml, GatewayConfig.class);
  }

  @Test
  void whatIsLeftOutHasItsDefault() throws IOException {
    assertThat(read("{}")).isEqualTo(GatewayConfig.DEFAULTS);
    assertThat(read("{auth: {}, limits: {}, cors: {}, follow: {}}"))
        .isEqualTo(GatewayConfig.DEFAULTS);
    assertThat(GatewayConfig.DEFAULTS.auth().off()).isFalse();
    assertThat(GatewayConfig.DEFAULTS.cors().origins()).isEmpty();
  }

  @Test
  void whatIsSaidCounts() throws IOException {
    GatewayConfig config =
        read(
            """
            auth:
              secret: 0123456789abcdef0123456789abcdef
              issuer: me
            limits:
              maxBody: 1048576
              trustForwarded: true
            cors:
              origins: ["https://a.example"]
            follow:
              maxQueue: 4096
            gzip: false
            """);
    assertThat(config.auth().issuer()).isEqualTo("me");
    assertThat(config.auth().off()).isFalse();
    assertThat(config.limits().maxBody()).isEqualTo(1 << 20);
    assertThat(config.limits().trustForwarded()).isTrue();
    assertThat(config.limits().readMs()).isEqualTo(GatewayConfig.Limits.DEFAULTS.readMs());
    assertThat(config.cors().origins()).containsExactly("https://a.example");
    assertThat(config.follow().maxQueue()).isEqualTo(4096);
    assertThat(config.gzip()).isFalse();
  }

  @Test
  void whatIsWrongIsNamed() {
    assertThatThrownBy(() -> read("{limits: {maxBody: 3}}"))
        .hasMessageContaining("limits.maxBody must be at least 1024");
    assertThatThrownBy(() -> read("{limits: {maxBody: 99999999}}"))
        .hasMessageContaining("limits.maxBody must be at most");
    assertThatThrownBy(() -> read("{auth: {leewaySeconds: 301}}"))
        .hasMessageContaining("leewaySeconds");
    assertThatThrownBy(() -> read("{auth: {of: true}}")).hasMessageContaining("of");
  }

  @Test
  void secretsAreNotShown() {
    assertThat(GatewayConfig.Auth.DEFAULTS.withSecret("hush-hush").toString())
        .doesNotContain("hush");
  }
}
