package dev.deltavec.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java in docs/client.md, which needs a service to run: it is compiled. */
class DocumentTest {
  private static final Pattern BLOCK =
      Pattern.compile("^```java\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);

  @Test
  void theBlocksCompile(@TempDir Path directory) throws Exception {
    StringBuilder parts = new StringBuilder();
    int blocks = 0;
    Matcher found = BLOCK.matcher(Files.readString(Path.of("..", "docs", "client.md")));
    while (found.find()) {
      parts
          .append("  void part%d() throws Exception {\n".formatted(blocks++))
          .append(found.group(1))
          .append("  }\n");
    }
    assertThat(blocks).isEqualTo(3);
    Path source = directory.resolve("Parts.java");
    Files.writeString(
        source,
        """
        import dev.deltavec.*;
        import dev.deltavec.client.*;
        import java.net.*;
        import java.nio.file.*;
        import java.time.*;
        import java.util.*;

        class Parts {
          float[] vector = new float[384];
          float[] query = new float[384];

          String token() {
            return "";
          }

        """
            + parts
            + "}\n");
    List<String> arguments =
        List.of(
            "--class-path=" + System.getProperty("java.class.path"),
            "-proc:none",
            "-d",
            directory.toString(),
            source.toString());
    assertThat(
            ToolProvider.findFirst("javac")
                .orElseThrow()
                .run(System.out, System.err, arguments.toArray(String[]::new)))
        .as(parts.toString())
        .isZero();
  }
}
