package dev.deltavec.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Measures databases of the JVM: calls on standard input, replies on standard output. */
public final class Main {
  private static final JsonMapper JSON = JsonMapper.shared();

  private Main() {}

  /**
   * Serves until standard input ends. A call is a line of JSON, {@code {"id", "params": {"name",
   * "data"}}}; a reply repeats the id and has {@code event} (any number of times), then {@code
   * result} or {@code error}.
   *
   * @param args none
   * @throws IOException if standard input cannot be read
   */
  public static void main(String[] args) throws IOException {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    // Libraries may print what they like: replies alone are read.
    System.setOut(System.err);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode request = JSON.readTree(line);
      int id = request.path("id").asInt();
      JsonNode params = request.path("params");
      Consumer<String> tell = doing -> reply(out, id, "event", doing);
      String name = params.path("name").asString();
      try (Peer<?, ?, ?> peer = Peer.of(name)) {
        PeerData data = PeerData.read(Path.of(params.path("data").asString()));
        reply(out, id, "result", new PeerRun<>(name, peer, data, tell).measure());
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
