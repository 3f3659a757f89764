package dev.deltavec.server;

import dev.deltavec.broker.EmbeddedBroker;
import dev.deltavec.log.LogException;
import dev.deltavec.server.config.ConfigException;
import dev.deltavec.server.config.ConfigFile;
import dev.deltavec.server.config.ServerConfig;
import java.io.PrintStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import sun.misc.Signal;

/** Runs a node: {@code --config FILE}, or {@code --dev} for trying it out. */
public final class Main {
  /** It ended as it was told to. */
  static final int OK = 0;

  /** It could not start: the log or the port is not to be had, or the disk fails. */
  static final int FAILED = 1;

  /** The command or the configuration is wrong. */
  static final int WRONG = 2;

  /** Another process has joined the group with this node's id. */
  static final int EXPELLED = 3;

  private static final String FORMAT = "java.util.logging.SimpleFormatter.format";
  private static final String USAGE =
      """
      Runs a node of a deltavec service.

        --config FILE     as the file says
        --print-config    print every option with its default, documented
        --dev             broker and node in this process, without tokens, on 127.0.0.1:
          --port N          where it listens (8080; 0 for any)
          --data DIR        where it keeps its files (deltavec-dev)
          --dimensions N    values of every vector (384)
          --shards N        number of shards (4)

      Ends on SIGTERM or Ctrl-C, gracefully. Exit codes: 0 ended, 1 could not start, 2 wrong use,
      3 another process has joined with its node.id.
      """;

  private Main() {}

  /** Runs a node until the process is told to end. */
  public static void main(String[] arguments) {
    if (System.getProperty(FORMAT) == null) {
      System.setProperty(FORMAT, "%1$tFT%1$tT.%1$tL%1$tz %4$s %5$s%6$s%n");
    }
    int code = run(List.of(arguments), System.out, System.err);
    System.exit(code);
  }

  /** What the command says. */
  private record Command(
      @Nullable Path config, boolean dev, boolean print, boolean help, List<String[]> options) {}

  private static Command parse(List<String> arguments) {
    Path config = null;
    boolean dev = false;
    boolean print = false;
    boolean help = false;
    List<String[]> options = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      String argument = arguments.get(i);
      switch (argument) {
        case "--dev" -> dev = true;
        case "--print-config" -> print = true;
        case "--help", "-h" -> help = true;
        case "--config", "--port", "--data", "--dimensions", "--shards" -> {
          if (i + 1 == arguments.size()) {
            throw new ConfigException(argument + " needs a value");
          }
          i++;
          if (argument.equals("--config")) {
            config = Path.of(arguments.get(i));
          } else {
            options.add(new String[] {argument, arguments.get(i)});
          }
        }
        default -> throw new ConfigException("there is no option " + argument);
      }
    }
    if (!print && !help && dev == (config != null)) {
      throw new ConfigException("say either --config FILE or --dev");
    }
    if (!dev && !options.isEmpty()) {
      throw new ConfigException(options.getFirst()[0] + " goes with --dev only");
    }
    return new Command(config, dev, print, help, options);
  }

  static int run(List<String> arguments, PrintStream out, PrintStream err) {
    try {
      Command command = parse(arguments);
      if (command.help) {
        out.print(USAGE);
        return OK;
      }
      if (command.print) {
        out.print(ConfigFile.documented());
        return OK;
      }
      if (command.dev) {
        return develop(command.options, out);
      } else {
        Path file = command.config;
        if (file != null) {
          return serve(ServerConfig.of(ConfigFile.read(file)), out, "", () -> {});
        }
      }
      return OK;
    } catch (ConfigException e) {
      err.println("deltavec server: " + e.getMessage());
      return WRONG;
    } catch (LogException e) {
      err.println("deltavec server: the log: " + e.getMessage());
      return FAILED;
    } catch (RuntimeException e) {
      err.println("deltavec server: " + e);
      System.getLogger("dev.deltavec.server").log(Level.DEBUG, "could not start", e);
      return FAILED;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return FAILED;
    }
  }

  private static int develop(List<String[]> options, PrintStream out) throws InterruptedException {
    byte[] secret = new byte[16];
    new SecureRandom().nextBytes(secret);
    ConfigFile file =
        ConfigFile.defaults()
            .with("node.id", "dev")
            .with("node.data", "deltavec-dev")
            .with("node.secret", HexFormat.of().formatHex(secret))
            .with("kafka.shards", "4")
            .with("gateway.auth.off", "true")
            .with("gateway.auth.openMetrics", "true");
    for (String[] option : options) {
      file =
          switch (option[0]) {
            case "--port" -> file.with("node.port", option[1]);
            case "--data" -> file.with("node.data", option[1]);
            case "--dimensions" -> file.with("database.dimensions", option[1]);
            default -> file.with("kafka.shards", option[1]);
          };
    }
    Path data = ServerConfig.of(file).node().data();
    EmbeddedBroker broker =
        EmbeddedBroker.start(data.resolve("broker"), EmbeddedBroker.Options.DEFAULT);
    try {
      ServerConfig config =
          ServerConfig.of(
              file.with("kafka.bootstrap", broker.bootstrap())
                  .with("node.data", data.resolve("node").toString()));
      return serve(
          config, out, " (for trying out: no tokens; files in " + data + ")", broker::close);
    } catch (RuntimeException | Error e) {
      broker.close();
      throw e;
    }
  }

  /** Serves until the process is told to end, or is put out of the group; returns the exit code. */
  private static int serve(ServerConfig config, PrintStream out, String note, Runnable last)
      throws InterruptedException {
    Logger log = System.getLogger("dev.deltavec.server");
    Server server = Server.start(config);
    CountDownLatch told = new CountDownLatch(1);
    // Not a shutdown hook: those run all at once, and one of them ends the logging.
    for (String name : List.of("TERM", "INT")) {
      Signal.handle(new Signal(name), signal -> told.countDown());
    }
    boolean early = false;
    while (!server.node().ready() && server.node().expelled() == null && !early) {
      early = told.await(20, TimeUnit.MILLISECONDS);
    }
    if (!early && server.node().expelled() == null) {
      out.println(
          "deltavec is ready at http://" + config.node().host() + ":" + server.port() + note);
      out.flush();
    }
    while (!early && server.node().expelled() == null) {
      early = told.await(500, TimeUnit.MILLISECONDS);
    }
    boolean expelled = server.node().expelled() != null;
    server.drain();
    last.run();
    log.log(Level.INFO, "ended");
    return expelled ? EXPELLED : OK;
  }
}
