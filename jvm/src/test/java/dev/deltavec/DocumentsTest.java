package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The Java in README and documents, as it stands there. A block marked {@code java run} is a
 * program, and prints what the block behind it says. One that is only marked {@code java} is a part
 * of a program that has a database {@code db} of 384 dimensions, a {@code query} and a {@code
 * vector}.
 */
@Tag("vector-api") // starts Java itself, so once is enough
class DocumentsTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  /** What needs more than this module is run where that is. */
  private static final List<String> ELSEWHERE = List.of("client.md", "metrics.md");

  private static final Pattern BLOCK =
      Pattern.compile(
          "^```java( run)?\\n(.*?)^```$(?:\\n\\nprints\\n\\n```text\\n(.*?)^```$)?",
          Pattern.MULTILINE | Pattern.DOTALL);

  private static final Pattern IMPORT = Pattern.compile("^import .*;$", Pattern.MULTILINE);

  private static final Pattern MAIN_CLASS = Pattern.compile("public class (\\w+)");

  @TempDir private Path directory;

  /** A block: where it is, its text, and what it prints, null for a part of a program. */
  record Block(String name, String text, @Nullable String output) {
    @Override
    public String toString() {
      return name;
    }
  }

  static List<Block> blocks() throws IOException {
    List<Path> documents = new ArrayList<>(List.of(ROOT.resolve("README.md")));
    try (Stream<Path> files = Files.list(ROOT.resolve("docs"))) {
      files
          .filter(file -> file.toString().endsWith(".md"))
          .filter(file -> !ELSEWHERE.contains(file.getFileName().toString()))
          .sorted()
          .forEach(documents::add);
    }
    List<Block> blocks = new ArrayList<>();
    for (Path document : documents) {
      String text = Files.readString(document);
      for (Matcher found = BLOCK.matcher(text); found.find(); ) {
        long line = text.substring(0, found.start()).lines().count() + 1;
        String output = found.group(1) == null ? null : String.valueOf(found.group(3));
        blocks.add(new Block(document.getFileName() + ":" + line, found.group(2), output));
      }
    }
    return blocks;
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void everyBlockRuns(Block block) throws Exception {
    String output = block.output;
    if (output == null) {
      run("Part", part(block.text));
    } else {
      Matcher main = MAIN_CLASS.matcher(block.text);
      assertThat(main.find()).as("a public class").isTrue();
      assertThat(run(main.group(1), block.text)).isEqualTo(output);
    }
  }

  /** Makes a program of a part of one. */
  private static String part(String text) {
    String imports =
        IMPORT
            .matcher(text)
            .results()
            .map(found -> found.group())
            .collect(Collectors.joining("\n"));
    return """
    import dev.deltavec.*;
    import dev.deltavec.core.*;
    import java.io.*;
    import java.nio.file.*;
    import java.time.*;
    import java.util.*;
    import java.util.concurrent.*;
    %s

    public class Part {
      static float[] vector = new float[384];
      static float[] query = new float[384];
      static DeltaVectorDB db = DeltaVectorDB.builder().dimensions(384).build();

      public static void main(String[] args) throws Exception {
        vector[0] = 1;
        query[0] = 1;
        db.applyDelta(VectorDelta.create("tide", vector).withMetadata("{\\"lang\\": \\"en\\"}"));
        part();
      }

      static void part() throws Exception {
    %s
      }
    }
    """
        .formatted(imports, IMPORT.matcher(text).replaceAll(""));
  }

  /** Compiles and runs a program; returns what it prints. */
  private String run(String main, String text) throws Exception {
    Path source = directory.resolve(main + ".java");
    Files.writeString(source, text);
    String classPath = System.getProperty("java.class.path");
    int compiled =
        ToolProvider.findFirst("javac")
            .orElseThrow()
            .run(
                System.out,
                System.err,
                "--class-path=" + classPath,
                "-proc:none",
                "-d",
                directory.resolve("classes").toString(),
                source.toString());
    assertThat(compiled).as(text).isZero();
    Path output = directory.resolve("output");
    Path errors = directory.resolve("errors");
    int status =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-XX:TieredStopAtLevel=1",
                "--class-path="
                    + directory.resolve("classes")
                    + java.io.File.pathSeparator
                    + classPath,
                main)
            .directory(directory.toFile())
            .redirectOutput(Redirect.to(output.toFile()))
            .redirectError(Redirect.to(errors.toFile()))
            .start()
            .waitFor();
    assertThat(status).as(Files.readString(errors)).isZero();
    return Files.readString(output).replace("\r\n", "\n");
  }
}
