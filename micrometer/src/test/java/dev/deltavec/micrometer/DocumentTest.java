package dev.deltavec.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program in docs/metrics.md, as it stands there. */
class DocumentTest {
  private static final Pattern PROGRAM =
      Pattern.compile(
          "^```java run\\n(.*?)^```\\n\\nprints\\n\\n```text\\n(.*?)^```$",
          Pattern.MULTILINE | Pattern.DOTALL);

  @Test
  void theProgramPrintsWhatIsSaid(@TempDir Path directory) throws Exception {
    Matcher program = PROGRAM.matcher(Files.readString(Path.of("..", "docs", "metrics.md")));
    assertThat(program.find()).isTrue();
    Path source = directory.resolve("Meters.java");
    Files.writeString(source, program.group(1));
    Path errors = directory.resolve("errors");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--class-path=" + System.getProperty("java.class.path"),
                source.toString())
            .redirectError(Redirect.to(errors.toFile()))
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
    assertThat(output.replace("\r\n", "\n")).isEqualTo(program.group(2));
  }
}
