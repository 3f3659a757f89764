package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.log.Shards;
import dev.deltavec.server.node.Answer;
import dev.deltavec.server.node.Query;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every endpoint but the live ones, without tokens. */
class GatewayTest {
  @TempDir Path directory;
  private Fixture fixture;

  @BeforeEach
  void start() {
    fixture = new Fixture(directory, Fixture.open());
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  private static String header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  private HttpResponse<byte[]> postJson(String body, String client, int sequence) {
    return fixture.post(
        "/deltas",
        "application/json",
        body.getBytes(StandardCharsets.UTF_8),
        "Deltavec-Client",
        client,
        "Deltavec-Sequence",
        Integer.toString(sequence));
  }

  @Test
  void infoTellsWhatTheServiceHolds() {
    JsonNode info = Fixture.json(fixture.get("/info"));
    assertThat(info.get("shards").asInt()).isEqualTo(Fixture.SHARDS);
    assertThat(info.get("epoch").asText()).isEqualTo(fixture.log.epoch());
    assertThat(info.get("dimensions").asInt()).isEqualTo(FakeService.DIMENSIONS);
    assertThat(info.get("grid").asInt()).isZero();
    assertThat(info.get("metric").asText()).isEqualTo("cosine");
    assertThat(info.get("retentionMs").asLong()).isEqualTo(Duration.ofDays(30).toMillis());
    assertThat(info.get("version").asInt()).isEqualTo(1);
  }

  @Test
  void healthAndReadyAreTold() {
    assertThat(fixture.get("/health").statusCode()).isEqualTo(200);
    assertThat(fixture.get("/ready").statusCode()).isEqualTo(200);
    fixture.service.ready = false;
    Fixture.assertError(fixture.get("/ready"), 503, "UNAVAILABLE");
    fixture.service.ready = true;
    fixture.service.draining = true;
    Fixture.assertError(fixture.get("/ready"), 503, "UNAVAILABLE");
    assertThat(fixture.get("/health").statusCode()).isEqualTo(200);
  }

  @Test
  void metricsAreThoseOfPrometheus() {
    fixture.get("/info");
    HttpResponse<byte[]> response = fixture.get("/metrics");
    assertThat(header(response, "Content-Type")).startsWith("text/plain");
    assertThat(new String(response.body(), StandardCharsets.UTF_8))
        .contains("deltavec_gateway_requests_seconds_count{route=\"/info\",status=\"200\"}")
        .contains("deltavec_gateway_followers");
  }

  @Test
  void whatIsNotThereIsNotFound() {
    Fixture.assertError(fixture.get("/nothing"), 404, "NOT_FOUND");
    Fixture.assertError(fixture.get("/shards/4/deltas?since=0"), 404, "NOT_FOUND");
    Fixture.assertError(fixture.get("/shards/4/snapshot"), 404, "NOT_FOUND");
  }

  // ---------------------------------------------------------------- writing

  @Test
  void framesAreAppendedToTheShardsOfTheirVectors() {
    List<byte[]> frames = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      frames.add(fixture.frame("v" + i));
    }
    HttpResponse<byte[]> response = fixture.postFrames(Fixture.join(frames));
    JsonNode body = Fixture.json(response);
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(body.get("accepted").asInt()).isEqualTo(40);
    assertThat(body.get("epoch").asText()).isEqualTo(fixture.log.epoch());
    assertThat(body.get("offsets")).hasSize(Fixture.SHARDS);
    try (DeltaLog.Reader reader = fixture.log.reader()) {
      reader.assign(java.util.Map.of(0, 0L, 1, 0L, 2, 0L, 3, 0L));
      List<DeltaLog.Entry> entries = reader.poll(Duration.ofSeconds(1));
      assertThat(entries).hasSize(Fixture.SHARDS);
      List<String> ids = new ArrayList<>();
      for (DeltaLog.Entry entry : entries) {
        assertThat(body.get("offsets").get("" + entry.shard()).asLong()).isEqualTo(entry.offset());
        for (String id : DeltaFrames.ids(entry.frames())) {
          assertThat(Shards.of(String.valueOf(id), Fixture.SHARDS)).isEqualTo(entry.shard());
          ids.add(String.valueOf(id));
        }
      }
      assertThat(ids).hasSize(40).doesNotHaveDuplicates();
    }
  }

  @Test
  void whatADatabaseHasToSendIsTaken() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(FakeService.DIMENSIONS).build()) {
      for (int i = 0; i < 20; i++) {
        db.applyDelta(dev.deltavec.VectorDelta.create("d" + i, new float[] {1, 0, 0, i}));
      }
      HttpResponse<byte[]> response = fixture.postFrames(db.deltasSince(new byte[0]));
      assertThat(Fixture.json(response).get("accepted").asInt()).isEqualTo(20);
      assertThat(merged().stateDigest()).isEqualTo(db.stateDigest());
    }
  }

  /** Returns a database of all that the log holds. */
  private DeltaVectorDB merged() {
    DeltaVectorDB all = DeltaVectorDB.builder().dimensions(FakeService.DIMENSIONS).build();
    for (int shard = 0; shard < Fixture.SHARDS; shard++) {
      HttpResponse<byte[]> chunk = fixture.get("/shards/" + shard + "/deltas?since=0");
      all.merge(chunk.body());
    }
    return all;
  }

  @Test
  void jsonIsTakenAndARepeatIsNotAppliedTwice() {
    String body =
        """
        [{"vectorId": "a", "operation": {"type": "create", "vector": [1, 0, 0, 0.5]},
          "metadata": {"n": 1.10, "deep": {"x": [1, "}"]}}},
         {"vectorId": "a", "operation": {"values": [2], "type": "sparse", "indices": [3]}},
         {"vectorId": "a", "operation": {"type": "offset", "amount": 1}},
         {"vectorId": "a", "operation": {"type": "scale", "factor": 2}},
         {"vectorId": "b", "operation": {"type": "create", "vector": [1, 0, 0, 0]}},
         {"vectorId": "b", "operation": {"type": "delete"}}]
        """;
    assertThat(Fixture.json(postJson(body, "phone", 1)).get("accepted").asInt()).isEqualTo(6);
    assertThat(postJson(body, "phone", 1).statusCode()).isEqualTo(200);
    try (DeltaVectorDB all = merged()) {
      assertThat(all.getVector("a")).containsExactly(4, 2, 2, 6);
      assertThat(all.getMetadata("a")).contains("1.10").contains("}");
      assertThat(all.getVector("b")).isNull();
    }
    assertThat(postJson(body, "phone", 7).statusCode()).isEqualTo(200);
  }

  @Test
  void oneDeltaInJsonNeedsNoArray() {
    String body =
        "{\"vectorId\":\"a\",\"operation\":{\"type\":\"dense\",\"vector\":[1,2,3,4]},"
            + "\"timestamp\":\""
            + Instant.now()
            + "\"}";
    assertThat(Fixture.json(postJson(body, "x", 1)).get("accepted").asInt()).isEqualTo(1);
  }

  @Test
  void localFramesGetTheIdentityOfTheirClient() throws IOException {
    try (DeltaFrames frames = new DeltaFrames(FakeService.DIMENSIONS, 0)) {
      byte[] local = LocalFrames.delete("gone");
      HttpResponse<byte[]> first =
          fixture.postFrames(local, "Deltavec-Client", "me", "Deltavec-Sequence", "5");
      assertThat(Fixture.json(first).get("accepted").asInt()).isEqualTo(1);
      int shard = Shards.of("gone", Fixture.SHARDS);
      byte[] stored = fixture.get("/shards/" + shard + "/deltas?since=0").body();
      DeltaFrames.Shared shared = frames.split(stored, Instant.now()).getFirst();
      assertThat(shared.sequence()).isEqualTo(5);
      assertThat(shared.replica()).isEqualTo(Appends.replica("me"));
    }
  }

  @Test
  void clientsReplicaIsTheFirstBitsOfItsNamesDigest() {
    assertThat(Long.toHexString(Appends.replica("me"))).isEqualTo("22f39b94f95f");
  }

  @Test
  void jsonWithoutItsHeadersIsRefused() {
    byte[] body = "[]".getBytes(StandardCharsets.UTF_8);
    Fixture.assertError(fixture.post("/deltas", "application/json", body), 400, "INVALID_ARGUMENT");
    Fixture.assertError(
        fixture.post("/deltas", "application/json", body, "Deltavec-Client", "x"),
        400,
        "INVALID_ARGUMENT");
    Fixture.assertError(postJson("[]", "x", 0), 400, "INVALID_ARGUMENT");
    Fixture.assertError(postJson("[]", "x".repeat(201), 1), 400, "INVALID_ARGUMENT");
  }

  @Test
  void wrongJsonIsRefusedWithTheDeltasIndex() {
    String good = "{\"vectorId\":\"a\",\"operation\":{\"type\":\"delete\"}}";
    for (String bad :
        List.of(
            "{}",
            "7",
            "null",
            "{\"vectorId\":\"a\"}",
            "{\"vectorId\":5,\"operation\":{\"type\":\"delete\"}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"explode\"}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"delete\",\"vector\":[1]}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"create\"}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"create\",\"vector\":[\"1\"]}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"scale\",\"factor\":null}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"sparse\",\"indices\":[-1],\"values\":[1]}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"sparse\",\"indices\":[4],\"values\":[1]}}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"delete\"},\"extra\":1}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"delete\"},\"timestamp\":\"noon\"}",
            "{\"vectorId\":\"a\",\"operation\":{\"type\":\"delete\"},\"metadata\":[]}",
            "{\"vectorId\":\"\",\"operation\":{\"type\":\"delete\"}}")) {
      HttpResponse<byte[]> response = postJson("[" + good + "," + bad + "]", "x", 1);
      Fixture.assertError(response, 400, "INVALID_ARGUMENT");
      assertThat(Fixture.json(response).get("index").asInt()).as(bad).isEqualTo(1);
    }
    assertThat(fixture.log.end(Shards.of("a", Fixture.SHARDS))).isZero();
  }

  @Test
  void wrongNumbersAndDimensionsHaveTheirOwnCodes() {
    String vector = "[{\"vectorId\":\"a\",\"operation\":{\"type\":\"create\",\"vector\":%s}}]";
    Fixture.assertError(postJson(vector.formatted("[1,2,3]"), "x", 1), 400, "DIMENSION_MISMATCH");
    Fixture.assertError(postJson(vector.formatted("[1,2,3,1e39]"), "x", 1), 400, "NOT_FINITE");
    Fixture.assertError(postJson("[{", "x", 1), 400, "CORRUPT_DATA");
    Fixture.assertError(postJson("[] []", "x", 1), 400, "CORRUPT_DATA");
    Fixture.assertError(postJson("[".repeat(5_000), "x", 1), 400, "INVALID_ARGUMENT");
  }

  @Test
  void otherMediaTypesAreRefused() {
    Fixture.assertError(
        fixture.post("/deltas", "text/plain", new byte[1]), 415, "UNSUPPORTED_MEDIA_TYPE");
    Fixture.assertError(
        fixture.postFrames(fixture.frame("a"), "Content-Encoding", "gzip"),
        415,
        "UNSUPPORTED_MEDIA_TYPE");
  }

  @Test
  void deltasThatAreTooOldAreRefusedByTheDoor() {
    long now = System.currentTimeMillis();
    byte[] old = fixture.frame("old", now - Duration.ofDays(28).toMillis());
    byte[] body = Fixture.join(List.of(fixture.frame("new"), old));
    HttpResponse<byte[]> response = fixture.postFrames(body);
    Fixture.assertError(response, 409, "TOO_OLD");
    assertThat(Fixture.json(response).get("index").asInt()).isEqualTo(1);
    assertThat(Fixture.json(response).get("vectorId").asText()).isEqualTo("old");
    assertThat(fixture.log.end(Shards.of("new", Fixture.SHARDS))).isZero();
    byte[] young = fixture.frame("young", now - Duration.ofDays(26).toMillis());
    assertThat(fixture.postFrames(young).statusCode()).isEqualTo(200);
  }

  @Test
  void deltasOfTheFutureAreRefusedByTheDoor() {
    long now = System.currentTimeMillis();
    byte[] late = fixture.frame("x", now + Duration.ofDays(2).toMillis());
    Fixture.assertError(fixture.postFrames(late), 400, "INVALID_ARGUMENT");
    String json =
        "[{\"vectorId\":\"a\",\"operation\":{\"type\":\"delete\"},\"timestamp\":"
            + (now + Duration.ofDays(2).toMillis())
            + "}]";
    Fixture.assertError(postJson(json, "x", 1), 400, "INVALID_ARGUMENT");
  }

  @Test
  void emptyBodyAppendsNothing() {
    JsonNode body = Fixture.json(fixture.postFrames(new byte[0]));
    assertThat(body.get("accepted").asInt()).isZero();
    assertThat(body.get("offsets")).isEmpty();
  }

  @Test
  void logThatFailsIsToldAsUnavailable() {
    fixture.log.faults(
        new MemoryDeltaLog.Faults() {
          @Override
          public MemoryDeltaLog.Fault append(List<DeltaLog.Part> parts) {
            return MemoryDeltaLog.Fault.AFTER;
          }
        });
    HttpResponse<byte[]> response = fixture.postFrames(fixture.frame("a"));
    Fixture.assertError(response, 503, "UNAVAILABLE");
    assertThat(Fixture.json(response.body()).get("outcome").asText()).isEqualTo("unknown");
    assertThat(response.headers().firstValue("Retry-After")).isEmpty();
  }

  // ---------------------------------------------------------------- chunks

  @Test
  void chunkHoldsTheRecordsUpToTheEnd() {
    String id = fixture.idOf(2, "c");
    fixture.append(id, id, id);
    Fixture.await(() -> fixture.gateway.tail().store().end(2) == 3);
    HttpResponse<byte[]> chunk = fixture.get("/shards/2/deltas?since=1");
    assertThat(DeltaFrames.ids(chunk.body())).containsExactly(id, id);
    assertThat(header(chunk, "Deltavec-Next")).isEqualTo("3");
    assertThat(header(chunk, "Deltavec-End")).isEqualTo("3");
    assertThat(header(chunk, "Deltavec-Epoch")).isEqualTo(fixture.log.epoch());
    assertThat(header(chunk, "Cache-Control")).isEqualTo("no-store");
    assertThat(header(chunk, "Content-Type")).isEqualTo("application/vnd.deltavec.frames");
    assertThat(header(chunk, "Content-Length")).isEqualTo("" + chunk.body().length);
    HttpResponse<byte[]> end = fixture.get("/shards/2/deltas?since=3");
    assertThat(end.body()).isEmpty();
    assertThat(header(end, "Deltavec-Next")).isEqualTo("3");
    assertThat(header(end, "Deltavec-End")).isEqualTo("3");
  }

  @Test
  void closedChunksNeverChangeAndMayBeCached() {
    String id = fixture.idOf(1, "c");
    byte[] frame = fixture.frame(id);
    for (int i = 0; i < 1_500; i++) {
      fixture.log.append(List.of(new DeltaLog.Part(1, frame))).join();
    }
    Fixture.await(() -> fixture.gateway.tail().store().end(1) == 1_500);
    HttpResponse<byte[]> chunk = fixture.get("/shards/1/deltas?since=600");
    assertThat(header(chunk, "Deltavec-Next")).isEqualTo("1000");
    assertThat(header(chunk, "Cache-Control")).isEqualTo("public, max-age=31536000, immutable");
    assertThat(DeltaFrames.ids(chunk.body())).hasSize(400);
    HttpResponse<byte[]> again =
        Fixture.send(
            fixture
                .request("/shards/1/deltas?since=600")
                .header("If-None-Match", header(chunk, "ETag"))
                .build());
    assertThat(again.statusCode()).isEqualTo(304);
    HttpResponse<byte[]> open = fixture.get("/shards/1/deltas?since=1000");
    assertThat(DeltaFrames.ids(open.body())).hasSize(500);
    assertThat(header(open, "Cache-Control")).isEqualTo("no-store");
  }

  @Test
  void chunkIsCutToWhatIsAskedFor() {
    String one = fixture.idOf(0, "one/");
    String two = fixture.idOf(0, "two/");
    String three = fixture.idOf(0, "three/");
    fixture.appendBatch(List.of(one, two, three));
    Fixture.await(() -> fixture.gateway.tail().store().end(0) == 1);
    String path = "/shards/0/deltas?since=0";
    assertThat(DeltaFrames.ids(fixture.get(path + "&prefix=t").body())).containsExactly(two, three);
    assertThat(DeltaFrames.ids(fixture.get(path + "&id=" + one + "&prefix=two%2F").body()))
        .containsExactly(one, two);
    assertThat(fixture.get(path + "&id=none").body()).isEmpty();
  }

  @Test
  void chunkThatIsGoneOrOfAnotherLogIsAConflict() {
    String id = fixture.idOf(3, "c");
    fixture.append(id, id, id);
    fixture.log.dropBefore(3, 2);
    try (Fixture late = new Fixture(directory, Fixture.open(), fixture.log)) {
      HttpResponse<byte[]> gone = late.get("/shards/3/deltas?since=0");
      Fixture.assertError(gone, 409, "TOO_FAR_BEHIND");
      assertThat(Fixture.json(gone).get("begin").asLong()).isEqualTo(2);
      assertThat(Fixture.json(gone).get("end").asLong()).isEqualTo(3);
      assertThat(late.get("/shards/3/deltas?since=2").statusCode()).isEqualTo(200);
      Fixture.assertError(late.get("/shards/3/deltas?since=0&epoch=other"), 409, "EPOCH_CHANGED");
      Fixture.assertError(late.get("/shards/3/deltas?since=4"), 409, "EPOCH_CHANGED");
    }
  }

  @Test
  void chunkNeedsAnOffset() {
    Fixture.assertError(fixture.get("/shards/0/deltas"), 400, "INVALID_ARGUMENT");
    Fixture.assertError(fixture.get("/shards/0/deltas?since=-1"), 400, "INVALID_ARGUMENT");
    Fixture.assertError(fixture.get("/shards/x/deltas?since=0"), 400, "INVALID_ARGUMENT");
    Fixture.assertError(
        fixture.get("/shards/0/deltas?since=9999999999999999999"), 400, "INVALID_ARGUMENT");
  }

  @Test
  void framesAreCompressedWhereThatSaves() throws IOException {
    String id = fixture.idOf(1, "c");
    byte[] frame = fixture.frame(id);
    for (int i = 0; i < 100; i++) {
      fixture.log.append(List.of(new DeltaLog.Part(1, frame))).join();
    }
    Fixture.await(() -> fixture.gateway.tail().store().end(1) == 100);
    HttpResponse<byte[]> packed =
        Fixture.send(
            fixture.request("/shards/1/deltas?since=0").header("Accept-Encoding", "gzip").build());
    assertThat(header(packed, "Content-Encoding")).isEqualTo("gzip");
    byte[] body = new GZIPInputStream(new ByteArrayInputStream(packed.body())).readAllBytes();
    assertThat(body).isEqualTo(fixture.get("/shards/1/deltas?since=0").body());
    assertThat(header(packed, "Deltavec-Bytes")).isEqualTo("" + body.length);
    assertThat(packed.body().length).isLessThan(body.length / 4);
  }

  // ---------------------------------------------------------------- snapshots

  @Test
  void snapshotIsWhereTheNewestOneIs() throws IOException {
    byte[] frames = Fixture.join(List.of(fixture.frame("a/1"), fixture.frame("b/1")));
    fixture.service.snapshot(1, 42, frames);
    HttpResponse<byte[]> response = fixture.get("/shards/1/snapshot?prefix=");
    assertThat(response.uri().getPath())
        .isEqualTo("/shards/1/snapshot/" + fixture.log.epoch() + "/42");
    assertThat(header(response.previousResponse().orElseThrow(), "Cache-Control"))
        .isEqualTo("no-cache");
    assertThat(response.previousResponse().orElseThrow().statusCode()).isEqualTo(307);
    assertThat(response.body()).isEqualTo(frames);
    assertThat(header(response, "Deltavec-Offset")).isEqualTo("42");
    assertThat(header(response, "Deltavec-Epoch")).isEqualTo(fixture.log.epoch());
    assertThat(header(response, "Content-Length")).isEqualTo("" + frames.length);
    assertThat(header(response, "Cache-Control")).contains("public").contains("immutable");
    HttpResponse<byte[]> again =
        Fixture.send(
            fixture
                .request("/shards/1/snapshot/" + fixture.log.epoch() + "/42")
                .header("If-None-Match", header(response, "ETag"))
                .build());
    assertThat(again.statusCode()).isEqualTo(304);
  }

  @Test
  void snapshotIsCutToWhatIsAskedFor() throws IOException {
    List<byte[]> all = new ArrayList<>();
    List<String> wanted = new ArrayList<>();
    for (int i = 0; i < 5_000; i++) { // more than one buffer
      String id = (i % 3 == 0 ? "a/" : "b/") + i;
      all.add(fixture.frame(id));
      if (i % 3 == 0) {
        wanted.add(id);
      }
    }
    fixture.service.snapshot(2, 7, Fixture.join(all));
    HttpResponse<byte[]> response = fixture.get("/shards/2/snapshot?prefix=a%2F");
    assertThat(DeltaFrames.ids(response.body())).isEqualTo(wanted);
    assertThat(header(response, "Content-Length")).isEqualTo("" + response.body().length);
    HttpResponse<byte[]> one = fixture.get("/shards/2/snapshot?id=b%2F7");
    assertThat(DeltaFrames.ids(one.body())).containsExactly("b/7");
    assertThat(fixture.get("/shards/2/snapshot?id=none").body()).isEmpty();
  }

  @Test
  void snapshotThatIsNotThereIsToldSo() throws IOException {
    Fixture.assertError(fixture.get("/shards/0/snapshot"), 503, "UNAVAILABLE");
    fixture.service.snapshot(0, 5, new byte[0]);
    String base = "/shards/0/snapshot/";
    Fixture.assertError(fixture.get(base + fixture.log.epoch() + "/4"), 404, "NOT_FOUND");
    Fixture.assertError(fixture.get(base + "other/5"), 409, "EPOCH_CHANGED");
    assertThat(fixture.get(base + fixture.log.epoch() + "/5").statusCode()).isEqualTo(200);
  }

  // ---------------------------------------------------------------- search

  @Test
  void searchInJsonIsAsked() {
    String body =
        "{\"vector\":[1,2,3,4.5],\"k\":3,\"efSearch\":50,\"deadlineMs\":200,"
            + "\"filter\":{\"equals\":[[\"n\"],1.50]}}";
    HttpResponse<byte[]> response =
        fixture.post("/search", "application/json", body.getBytes(StandardCharsets.UTF_8));
    JsonNode answer = Fixture.json(response);
    assertThat(answer.get("results").get(0).get("id").asText()).isEqualTo("a");
    assertThat(answer.get("results").get(0).get("score").asDouble()).isEqualTo(0.5);
    assertThat(answer.get("partial").asBoolean()).isFalse();
    assertThat(answer.get("missing")).isEmpty();
    assertThat(answer.get("tookMs").asDouble()).isEqualTo(3);
    Query query = fixture.service.lastAsked();
    assertThat(query.vector()).containsExactly(1, 2, 3, 4.5f);
    assertThat(query.k()).isEqualTo(3);
    assertThat(query.efSearch()).isEqualTo(50);
    assertThat(query.filterJson()).isEqualTo("{\"equals\":[[\"n\"],1.50]}");
    assertThat(query.deadline()).isEqualTo(Duration.ofMillis(200));
    assertThat(query.prefixes()).isEmpty();
  }

  @Test
  void searchInFloatsIsAsked() {
    ByteBuffer body = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    body.putFloat(1).putFloat(2).putFloat(3).putFloat(4);
    HttpResponse<byte[]> response =
        fixture.post("/search?k=5&ef=70&deadline=90", "application/octet-stream", body.array());
    assertThat(response.statusCode()).isEqualTo(200);
    Query query = fixture.service.lastAsked();
    assertThat(query.vector()).containsExactly(1, 2, 3, 4);
    assertThat(query.k()).isEqualTo(5);
    assertThat(query.efSearch()).isEqualTo(70);
    assertThat(query.deadline()).isEqualTo(Duration.ofMillis(90));
  }

  @Test
  void partialAnswersSayWhatIsMissing() {
    fixture.service.answers =
        query ->
            new Answer(List.of(new SearchResult("x", 1)), List.of(1, 3), Duration.ofMillis(100));
    JsonNode answer =
        Fixture.json(
            fixture.post(
                "/search",
                "application/json",
                "{\"vector\":[1,2,3,4]}".getBytes(StandardCharsets.UTF_8)));
    assertThat(answer.get("partial").asBoolean()).isTrue();
    assertThat(answer.get("missing").get(1).asInt()).isEqualTo(3);
    fixture.service.answers =
        query -> new Answer(List.of(), List.of(0, 1, 2, 3), Duration.ofMillis(100));
    Fixture.assertError(
        fixture.post(
            "/search",
            "application/json",
            "{\"vector\":[1,2,3,4]}".getBytes(StandardCharsets.UTF_8)),
        504,
        "DEADLINE");
  }

  @Test
  void wrongSearchesAreRefused() {
    record Wrong(String body, String code) {}
    for (Wrong wrong :
        List.of(
            new Wrong("{}", "INVALID_ARGUMENT"),
            new Wrong("[]", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1]}", "DIMENSION_MISMATCH"),
            new Wrong("{\"vector\":[1,2,3,4],\"k\":0}", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1,2,3,4],\"k\":1001}", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1,2,3,4],\"k\":1.5}", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1,2,3,4],\"efSearch\":10001}", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1,2,3,4],\"filter\":[]}", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1,2,3,4],\"other\":1}", "INVALID_ARGUMENT"),
            new Wrong("{\"vector\":[1,2,3,1e99]}", "NOT_FINITE"),
            new Wrong("{\"vector\":[1,2,3,4]", "CORRUPT_DATA"))) {
      Fixture.assertError(
          fixture.post("/search", "application/json", wrong.body.getBytes(StandardCharsets.UTF_8)),
          400,
          wrong.code);
    }
    Fixture.assertError(
        fixture.post("/search", "application/octet-stream", new byte[15]), 400, "INVALID_ARGUMENT");
    byte[] nan = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putFloat(Float.NaN).array();
    Fixture.assertError(
        fixture.post("/search", "application/octet-stream", nan), 400, "NOT_FINITE");
    Fixture.assertError(
        fixture.post("/search", "text/plain", new byte[16]), 415, "UNSUPPORTED_MEDIA_TYPE");
  }
}
