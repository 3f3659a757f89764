package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The description and the routes say the same. */
class OpenApiTest {
  @Test
  void everyRouteIsDescribedAndViceVersa(@TempDir Path directory) throws IOException {
    try (Fixture fixture = new Fixture(directory, Fixture.open())) {
      JsonNode api = new YAMLMapper().readTree(fixture.get("/openapi.yaml").body());
      assertThat(api.get("openapi").asText()).startsWith("3.");
      List<String> described = new ArrayList<>();
      List<String> operations = new ArrayList<>();
      api.get("paths")
          .properties()
          .forEach(path ->
              path.getValue()
                  .properties()
                  .forEach(method -> {
                    described.add(method.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey());
                    operations.add(method.getValue().get("operationId").asText());
                    assertThat(method.getValue().get("responses")).isNotEmpty();
                  }));
      assertThat(described).containsExactlyInAnyOrderElementsOf(fixture.gateway.routes());
      assertThat(operations).doesNotHaveDuplicates();
    }
  }

  @Test
  void everyReferenceIsThere() throws IOException {
    JsonNode api =
        new YAMLMapper().readTree(OpenApiTest.class.getResourceAsStream("/openapi.yaml"));
    List<String> references = new ArrayList<>();
    collect(api, references);
    assertThat(references).hasSizeGreaterThan(50);
    for (String reference : references) {
      assertThat(api.at(reference.substring(1)).isMissingNode()).as(reference).isFalse();
    }
  }

  private static void collect(JsonNode node, List<String> references) {
    if (node.has("$ref")) {
      references.add(node.get("$ref").asText());
    }
    node.forEach(child -> collect(child, references));
  }
}
