package dev.deltavec.bench.engine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The calls that the engine knows. */
final class Calls {
  private @Nullable Operations operations;

  /**
   * Does a call.
   *
   * @param emit gets what the call reports on its way
   * @return the result
   * @throws IOException if data cannot be read
   */
  Object call(String method, JsonNode params, Consumer<Object> emit) throws IOException {
    return switch (method) {
      case "demo" -> {
        Path data = Path.of(params.path("data").asString());
        new Demo(CarriedData.read(data), params.path("events").asInt(), emit).run();
        yield Map.of();
      }
      case "init" -> Map.of("us", Operations.init());
      case "open" -> {
        Path data = Path.of(params.path("data").asString());
        operations =
            new Operations(data, params.path("n").asInt(), params.path("history").asBoolean());
        yield Map.of("runtime", runtime());
      }
      case "run" ->
          opened()
              .run(
                  params.path("operation").asString(),
                  params.path("calls").asInt(),
                  params.path("block").asInt(),
                  params.path("seed").asInt());
      case "memory" -> opened().memory();
      case "churn" -> Map.of("runtime", runtime(), "figures", churn(params, emit));
      case "storage" -> Map.of("runtime", runtime(), "figures", storage(params, emit));
      case "scale" -> Map.of("runtime", runtime(), "figures", scale(params, emit));
      default -> throw new IllegalArgumentException("unknown call " + method);
    };
  }

  private static Map<String, Object> churn(JsonNode params, Consumer<Object> emit)
      throws IOException {
    ChurnData data = new ChurnData(Path.of(params.path("data").asString()));
    int n = params.path("n").asInt();
    int rounds = params.path("rounds").asInt();
    Consumer<String> tell = doing -> emit.accept(Map.of("doing", doing));
    String part = params.path("part").asString();
    return switch (part) {
      case "updates" -> new ChurnUpdates(data, n, rounds, tell).measure();
      case "turnover" -> ChurnTurnover.measure(data, n, tell);
      case "filter" -> ChurnFilters.measure(data, n, rounds, tell);
      case "search" -> new ChurnSearch(data, n, rounds, tell).search();
      case "scale" -> new ChurnSearch(data, n, rounds, tell).scale();
      default -> throw new IllegalArgumentException("unknown part " + part);
    };
  }

  private static Map<String, Object> storage(JsonNode params, Consumer<Object> emit)
      throws IOException {
    String part = params.path("part").asString();
    if (!part.equals("open")) {
      throw new IllegalArgumentException("unknown part " + part);
    }
    Path data = Path.of(params.path("data").asString());
    Path folder = Path.of(params.path("folder").asString());
    int n = params.path("n").asInt();
    int rounds = params.path("rounds").asInt();
    Consumer<String> tell = doing -> emit.accept(Map.of("doing", doing));
    return new StorageOpen(data, folder, n, rounds, tell).measure();
  }

  private static Map<String, Object> scale(JsonNode params, Consumer<Object> emit)
      throws IOException {
    String part = params.path("part").asString();
    return switch (part) {
      case "shards" -> {
        ChurnData data = new ChurnData(Path.of(params.path("data").asString()));
        try {
          yield ScaleParts.shards(
              data,
              params.path("n").asInt(),
              params.path("rounds").asInt(),
              doing -> emit.accept(Map.of("doing", doing)));
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        }
      }
      case "direct" ->
          ScaleParts.direct(
              Path.of(params.path("file").asString()),
              Path.of(params.path("folder").asString()),
              params.path("warm_up").asInt());
      default -> throw new IllegalArgumentException("unknown part " + part);
    };
  }

  /** Name and version of what runs here. */
  static String runtime() {
    boolean vectors = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    return "Java "
        + Runtime.version().feature()
        + (vectors ? " with the Vector API" : " without the Vector API");
  }

  private Operations opened() {
    if (operations == null) {
      throw new IllegalStateException("open comes first");
    }
    return operations;
  }
}
