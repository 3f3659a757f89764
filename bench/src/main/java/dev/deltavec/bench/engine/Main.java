package dev.deltavec.bench.engine;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The JVM engine: calls on standard input, replies on standard output, a line of JSON each.
 *
 * <p>A call is {@code {"id", "method", "params"}}; a reply repeats the id and has {@code event}
 * (any number of times), then {@code result} or {@code error}. Methods: {@code demo}, {@code init},
 * {@code open}, {@code run}, {@code memory}, {@code churn}, {@code storage}, as in {@code
 * packages/cli/src/engine}.
 */
public final class Main {
  private static final JsonMapper JSON = JsonMapper.shared();

  private Main() {}

  /**
   * Serves until standard input ends.
   *
   * @param args none
   * @throws IOException if standard input cannot be read
   */
  public static void main(String[] args) throws IOException {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Calls calls = new Calls();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode request = JSON.readTree(line);
      int id = request.path("id").asInt();
      try {
        Object result =
            calls.call(
                request.path("method").asString(),
                request.path("params"),
                event -> reply(out, id, "event", event));
        reply(out, id, "result", result);
      } catch (IOException | RuntimeException e) {
        reply(out, id, "error", e.toString());
      }
    }
  }

  private static void reply(PrintStream out, int id, String key, Object value) {
    // The reader tells replies by how they begin.
    out.println("{\"id\":" + id + "," + JSON.writeValueAsString(Map.of(key, value)).substring(1));
    out.flush();
  }
}
