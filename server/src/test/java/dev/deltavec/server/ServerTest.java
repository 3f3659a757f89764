package dev.deltavec.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import dev.deltavec.broker.EmbeddedBroker;
import dev.deltavec.kafka.KafkaDeltaLog;
import dev.deltavec.kafka.ShardGroup;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.Shards;
import dev.deltavec.server.config.ConfigFile;
import dev.deltavec.server.config.ServerConfig;
import dev.deltavec.server.node.Answer;
import dev.deltavec.server.node.Query;
import dev.deltavec.server.node.SnapshotRef;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes in this process, on a broker in this process. */
class ServerTest {
  private static final int SHARDS = 4;
  private static final int DIMENSIONS = 8;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static int run;

  @TempDir private static Path base;
  private static EmbeddedBroker broker;

  private final List<Server> servers = new ArrayList<>();
  private final String prefix = "t" + run++ + ".";
  private final HttpClient http = HttpClient.newHttpClient();
  private int written;

  @BeforeAll
  static void startBroker() {
    broker = EmbeddedBroker.start(base.resolve("broker"), EmbeddedBroker.Options.DEFAULT);
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  @AfterEach
  void closeAll() {
    servers.forEach(Server::close);
    http.close();
  }

  private ServerConfig config(String id, int standbys) {
    return ServerConfig.of(
        ConfigFile.defaults()
            .with("node.id", id)
            .with("node.port", "0")
            .with("node.data", base.resolve(prefix + id).toString())
            .with("node.secret", "the nodes' own")
            .with("kafka.bootstrap", broker.bootstrap())
            .with("kafka.prefix", prefix)
            .with("kafka.shards", Integer.toString(SHARDS))
            .with("database.dimensions", Integer.toString(DIMENSIONS))
            .with("shards.standbys", Integer.toString(standbys))
            .with("shards.linger", "0s")
            .with("gateway.auth.off", "true"));
  }

  private Server start(String id, int standbys) {
    Server server = Server.start(config(id, standbys));
    servers.add(server);
    return server;
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(until);
      Thread.sleep(20);
    }
  }

  private static Query query(float[] vector, int k) {
    return new Query(vector, k, null, null, List.of(), Duration.ofSeconds(10));
  }

  private static float[] vector(int seed) {
    Random random = new Random(seed);
    float[] values = new float[DIMENSIONS];
    for (int i = 0; i < DIMENSIONS; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  /** Appends vectors to the log, and gives a database that has them all. */
  private void write(int count, DeltaVectorDB reference) throws Exception {
    try (DeltaLog log = KafkaDeltaLog.open(config("writer", 0).logOptions());
        DeltaFrames frames = new DeltaFrames(DIMENSIONS, 0)) {
      for (int i = 0; i < count; i++) {
        written++;
        String id = "v" + written;
        DeltaFrames.Shared delta =
            frames.encode(
                VectorDelta.create(id, vector(written)), System.currentTimeMillis(), written, 0x77);
        log.append(List.of(new DeltaLog.Part(Shards.of(id, SHARDS), delta.frame()))).get();
        reference.merge(delta.frame());
      }
    }
  }

  private boolean hasAll(List<Server> nodes, DeltaVectorDB reference) {
    return nodes.stream()
        .allMatch(server -> {
          Answer answer = server.node().search(query(vector(1), 1000));
          return !answer.partial() && answer.results().size() == reference.size();
        });
  }

  private JsonNode digest(Server server, int shard) {
    try {
      HttpResponse<String> response =
          http.send(
              HttpRequest.newBuilder(
                      URI.create(
                          "http://127.0.0.1:"
                              + server.port()
                              + "/internal/shards/"
                              + shard
                              + "/digest"))
                  .header("Deltavec-Secret", "the nodes' own")
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      return JSON.readTree(response.statusCode() == 200 ? response.body() : "{}");
    } catch (java.io.IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static DeltaVectorDB reference() {
    return DeltaVectorDB.builder().dimensions(DIMENSIONS).build();
  }

  private static List<String> ids(Answer answer) {
    return answer.results().stream().map(SearchResult::id).toList();
  }

  @Test
  void anotherNodeTakesOverFromOneThatEnds() throws Exception {
    try (DeltaVectorDB reference = reference()) {
      Server first = start("a", 0);
      Server second = start("b", 0);
      await("both own shards", () -> shared(first, second));
      write(60, reference);
      await("all is there", () -> hasAll(List.of(first, second), reference));
      float[] wanted = vector(1000);
      List<String> expected = reference.search(wanted, 5).stream().map(SearchResult::id).toList();
      assertThat(ids(first.node().search(query(wanted, 5)))).isEqualTo(expected);
      assertThat(ids(second.node().search(query(wanted, 5)))).isEqualTo(expected);

      List<Integer> gone = Objects.requireNonNull(second.node().host().view()).owned();
      second.fallSilent();
      Answer partial = first.node().search(query(wanted, 5));
      assertThat(partial.missing()).isEqualTo(gone);

      second.close();
      write(20, reference);
      await("the other has all", () -> hasAll(List.of(first), reference));
      assertThat(ids(first.node().search(query(wanted, 5))))
          .isEqualTo(reference.search(wanted, 5).stream().map(SearchResult::id).toList());
    }
  }

  private static boolean shared(Server first, Server second) {
    return List.of(first, second).stream()
        .allMatch(server -> {
          var view = server.node().host().view();
          return view != null
              && view.members().size() == 2
              && !view.owned().isEmpty()
              && server.node().ready();
        });
  }

  @Test
  void copiesOfAShardHaveTheSameDigest() throws Exception {
    try (DeltaVectorDB reference = reference()) {
      Server first = start("a", 1);
      Server second = start("b", 1);
      write(60, reference);
      await("all is there", () -> hasAll(List.of(first, second), reference));
      List<Integer> all = IntStream.range(0, SHARDS).boxed().toList();
      await(
          "each has a copy of each",
          () ->
              all.stream()
                  .allMatch(shard ->
                      digest(first, shard).has("digest")
                          && digest(first, shard).equals(digest(second, shard))));
      assertThat(all.stream().mapToInt(shard -> digest(first, shard).get("size").asInt()).sum())
          .isEqualTo(60);
    }
  }

  @Test
  void aNodeWhoseIdIsUsedAgainIsNoLongerReady() throws Exception {
    Server first = start("a", 0);
    await("ready", () -> first.node().ready());
    assertThat(first.node().expelled()).isNull();
    ServerConfig config = config("a", 0);
    try (ShardGroup again =
        ShardGroup.join(
            config.logOptions(), config.kafka().group(), config.member(1), 0, view -> {})) {
      await("put out", () -> first.node().expelled() != null);
      assertThat(first.node().ready()).isFalse();
      assertThat(again.failure()).isEmpty();
    }
  }

  @Test
  void aDrainedNodeLeavesStatesToBeginWith() throws Exception {
    try (DeltaVectorDB reference = reference()) {
      Server first = start("a", 0);
      await("ready", () -> first.node().ready());
      write(40, reference);
      await("all is there", () -> hasAll(List.of(first), reference));
      first.drain();
      try (DeltaLog log = KafkaDeltaLog.open(config("reader", 0).logOptions())) {
        for (int shard = 0; shard < SHARDS; shard++) {
          List<String> states = new ArrayList<>();
          assertThat(log.readStates(shard, (id, frames) -> states.add(id)).isPresent())
              .isEqualTo(log.end(shard) > 0);
          int number = shard;
          assertThat(states)
              .hasSize(
                  (int)
                      reference.ids().stream()
                          .filter(id -> Shards.of(id, SHARDS) == number)
                          .count());
        }
      }
      Server second = start("c", 0);
      await("all is there again", () -> hasAll(List.of(second), reference));
    }
  }

  @Test
  void aGatewayAloneHasSnapshotsFromTheOwners() throws Exception {
    try (DeltaVectorDB reference = reference();
        DeltaVectorDB follower = reference()) {
      Server owner = start("a", 0);
      await("ready", () -> owner.node().ready());
      write(30, reference);
      await("all is there", () -> hasAll(List.of(owner), reference));
      ServerConfig config =
          ServerConfig.of(
              ConfigFile.defaults()
                  .with("node.id", "gateway")
                  .with("node.capacity", "0")
                  .with("node.port", "0")
                  .with("node.data", base.resolve(prefix + "gateway").toString())
                  .with("node.secret", "the nodes' own")
                  .with("kafka.bootstrap", broker.bootstrap())
                  .with("kafka.prefix", prefix)
                  .with("kafka.shards", Integer.toString(SHARDS))
                  .with("database.dimensions", Integer.toString(DIMENSIONS))
                  .with("gateway.auth.off", "true"));
      Server gateway = Server.start(config);
      servers.add(gateway);
      await("it knows the owner", () -> gateway.node().ready());
      for (int shard = 0; shard < SHARDS; shard++) {
        SnapshotRef snapshot = gateway.node().snapshot(shard);
        follower.merge(Files.readAllBytes(snapshot.file()));
        assertThat(gateway.node().snapshotAt(shard, snapshot.offset())).isEqualTo(snapshot);
      }
      assertThat(follower.stateDigest()).isEqualTo(reference.stateDigest());
      assertThat(gateway.node().search(query(vector(1), 1000)).results()).hasSize(30);
    }
  }

  @Test
  void whoDoesNotKnowTheSecretFindsNothing() throws Exception {
    Server server = start("a", 0);
    await("ready", () -> server.node().ready());
    HttpResponse<String> response =
        http.send(
            HttpRequest.newBuilder(
                    URI.create("http://127.0.0.1:" + server.port() + "/internal/shards/0/digest"))
                .header("Deltavec-Secret", "guessed")
                .build(),
            HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).isEqualTo(404);
  }
}
