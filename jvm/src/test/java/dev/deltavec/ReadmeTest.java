package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java example of the README, as it stands there. */
class ReadmeTest {
  private static final Pattern EXAMPLE =
      Pattern.compile(
          "^```java run\\n(.*?)^```\\n\\nprints\\n\\n```text\\n(.*?)^```$",
          Pattern.MULTILINE | Pattern.DOTALL);

  @Test
  void javaExamplePrintsWhatIsSaid(@TempDir Path directory) throws Exception {
    Matcher example = EXAMPLE.matcher(Files.readString(Path.of("..", "README.md")));
    assertThat(example.find()).as("an example in the README").isTrue();
    Path source = directory.resolve("QuickStart.java");
    Files.writeString(source, example.group(1));
    Path output = directory.resolve("output");
    Path errors = directory.resolve("errors");

    // Java compiles a source file that it is given.
    int status =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--add-modules=jdk.incubator.vector",
                    "--class-path=" + System.getProperty("java.class.path"),
                    source.toString()))
            .redirectOutput(Redirect.to(output.toFile()))
            .redirectError(Redirect.to(errors.toFile()))
            .start()
            .waitFor();

    assertThat(status).as(Files.readString(errors)).isZero();
    assertThat(Files.readString(output).replace("\r\n", "\n")).isEqualTo(example.group(2));
  }
}
