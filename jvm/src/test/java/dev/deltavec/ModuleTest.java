package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.Database;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An application of its own module, as users write it: compiled and run on the module path. */
@Tag("vector-api") // starts Java itself, so once is enough
class ModuleTest {
  @TempDir private static Path folder;

  @BeforeAll
  static void compile() throws IOException {
    Path source = folder.resolve("src");
    Files.createDirectories(source.resolve("app"));
    Files.writeString(source.resolve("module-info.java"), "module app { requires dev.deltavec; }");
    Files.writeString(
        source.resolve("app/Main.java"),
        """
        package app;

        import dev.deltavec.DeltaVectorDB;
        import dev.deltavec.VectorDelta;
        import dev.deltavec.core.DeltaException;

        class Main {
          public static void main(String[] args) {
            try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(2).build()) {
              db.applyDelta(VectorDelta.create("a", new float[] {1, 0}));
              System.out.println(db.search(new float[] {2, 0}, 1));
              db.applyDelta(VectorDelta.delete("b"));
            } catch (DeltaException e) {
              System.out.println(e.code());
            }
          }
        }
        """);
    int result =
        ToolProvider.findFirst("javac")
            .orElseThrow()
            .run(
                System.out,
                System.err,
                "--module-path",
                modules(),
                "-d",
                folder.resolve("classes").toString(),
                source.resolve("module-info.java").toString(),
                source.resolve("app/Main.java").toString());
    assertThat(result).isZero();
  }

  private static String modules() {
    return location(DeltaVectorDB.class)
        + System.getProperty("path.separator")
        + location(Database.class);
  }

  private static Path location(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String run(String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Duser.language=en");
    command.addAll(List.of(options));
    command.add("--module-path");
    command.add(modules() + System.getProperty("path.separator") + folder.resolve("classes"));
    command.addAll(List.of("--module", "app/app.Main"));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  @Test
  void withTheVectorApiItRunsAndOnlyJavaWarnsOfIt() throws IOException, InterruptedException {
    assertThat(run("--add-modules", "jdk.incubator.vector"))
        .contains("[SearchResult[id=a, score=1.0]]", "VECTOR_NOT_FOUND")
        .contains("WARNING: Using incubator modules: jdk.incubator.vector")
        .containsOnlyOnce("WARNING");
  }

  @Test
  void withoutTheVectorApiItRunsAndSaysHowToBeFaster() throws IOException, InterruptedException {
    assertThat(run())
        .contains("[SearchResult[id=a, score=1.0]]", "VECTOR_NOT_FOUND")
        .contains("--add-modules jdk.incubator.vector")
        .containsOnlyOnce("WARNING");
  }
}
