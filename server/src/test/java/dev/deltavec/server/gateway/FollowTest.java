package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.log.Shards;
import dev.deltavec.server.tail.Cursor;
import dev.deltavec.server.tail.Filter;
import dev.deltavec.server.tail.FollowException;
import dev.deltavec.server.tail.Message;
import dev.deltavec.server.tail.Sink;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Followers, without tokens. */
class FollowTest {
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

  private Follow follow(boolean socket, String query, String... headers) {
    return socket ? Follow.socket(fixture, query, headers) : Follow.events(fixture, query, headers);
  }

  private void awaitFollowers(int n) {
    Fixture.await(() -> fixture.gateway.tail().followers() == n);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatIsThereComesFirstThenWhatIsNew(boolean socket) {
    fixture.append("a", "b", "c");
    fixture.appendBatch(List.of("d", "e", "f", "g"));
    try (Follow follow = follow(socket, "since=" + fixture.zero())) {
      follow.awaitCount(7);
      fixture.append("h");
      follow.awaitCount(8);
      fixture.appendBatch(List.of("i", "j", "k"));
      follow.awaitCount(11);
      assertThat(follow.ids())
          .containsExactlyInAnyOrder("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k");
      Fixture.await(() -> follow.cursor().equals(fixture.now()));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoComesAgainWithTheCursorGetsOnlyTheRest(boolean socket) {
    fixture.append("a", "b", "c");
    String cursor;
    try (Follow follow = follow(socket, "since=" + fixture.zero())) {
      follow.awaitCount(3);
      cursor = follow.cursor();
    }
    fixture.append("d", "e");
    try (Follow follow = follow(socket, "since=" + cursor)) {
      follow.awaitCount(2);
      assertThat(follow.ids()).containsExactlyInAnyOrder("d", "e");
    }
  }

  @Test
  void lastEventIdWinsOverSince() {
    fixture.append("a", "b");
    String middle = fixture.now();
    fixture.append("c");
    try (Follow follow =
        Follow.events(fixture, "since=" + fixture.zero(), "Last-Event-ID", middle)) {
      follow.awaitCount(1);
      assertThat(follow.ids()).containsExactly("c");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void onlyWhatIsAskedForComes(boolean socket) {
    fixture.append("a/1", "b/1", "c/1");
    try (Follow follow = follow(socket, "prefix=a%2F&id=c%2F1&since=" + fixture.zero())) {
      follow.awaitCount(2);
      fixture.append("b/2", "a/2", "c/2", "c/1");
      follow.awaitCount(4);
      assertThat(follow.ids()).containsExactlyInAnyOrder("a/1", "c/1", "a/2", "c/1");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void cursorGoesOnWhereNothingIsAskedFor(boolean socket) {
    try (Follow follow = follow(socket, "id=none&since=" + fixture.zero())) {
      awaitFollowers(1);
      fixture.append("a", "b", "c", "d", "e");
      Fixture.await(() -> follow.cursor().equals(fixture.now()));
      assertThat(follow.ids()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void shardsThatAreNotWantedDoNotCome(boolean socket) {
    String wanted = fixture.idOf(2, "w");
    String other = fixture.idOf(1, "o");
    fixture.append(wanted, other);
    try (Follow follow = follow(socket, "since=" + fixture.log.epoch() + ":,,0,")) {
      follow.awaitCount(1);
      fixture.append(other, wanted, wanted);
      follow.awaitCount(3);
      assertThat(follow.ids()).containsOnly(wanted);
    }
  }

  @Test
  void alikeFollowersAreSentTheSameMessages() {
    List<Follow> all = new ArrayList<>();
    try {
      for (int i = 0; i < 20; i++) {
        all.add(Follow.socket(fixture, "since=" + fixture.now()));
      }
      for (int i = 0; i < 20; i++) {
        fixture.append("x" + i);
      }
      for (Follow follow : all) {
        follow.awaitCount(20);
        assertThat(follow.ids()).hasSize(20).doesNotHaveDuplicates();
      }
    } finally {
      all.forEach(Follow::close);
    }
    awaitFollowers(0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void badCursorsAreRefused(boolean socket) {
    String epoch = fixture.log.epoch();
    record Bad(String cursor, int status, int close, String code) {}
    for (Bad bad :
        List.of(
            new Bad("", 400, 1008, "INVALID_ARGUMENT"),
            new Bad("0,0,0,0", 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":0,0,0", 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":0,0,0,0,0", 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":0,0,0,x", 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":0,0,0,-1", 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":,,,", 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":0,0,0," + "9".repeat(19), 400, 1008, "INVALID_ARGUMENT"),
            new Bad(epoch + ":" + "0,".repeat(5_000), 400, 1008, "INVALID_ARGUMENT"),
            new Bad("other:0,0,0,0", 409, 4009, "EPOCH_CHANGED"),
            new Bad(epoch + ":0,0,0,999999999999999999", 409, 4009, "EPOCH_CHANGED"))) {
      try (Follow follow = follow(socket, "since=" + bad.cursor)) {
        follow.awaitOver();
        assertThat(follow.errorCode()).as(bad.cursor).isEqualTo(bad.code);
        assertThat(follow.code()).isEqualTo(socket ? bad.close : bad.status);
      }
    }
    awaitFollowers(0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoIsTooFarBehindIsTold(boolean socket) {
    GatewayConfig.Follow f = GatewayConfig.Follow.DEFAULTS;
    GatewayConfig config =
        Fixture.open()
            .withFollow(
                new GatewayConfig.Follow(
                    f.maxQueue(), 5, 20, 15_000, 30_000, f.liveBytes(), f.chunkBytes(), 2));
    fixture.append("a", "b", "c", "d", "e", "f");
    try (Fixture small = new Fixture(directory, config, fixture.log);
        Follow follow =
            socket
                ? Follow.socket(small, "since=" + fixture.zero())
                : Follow.events(small, "since=" + fixture.zero())) {
      follow.awaitOver();
      assertThat(follow.errorCode()).isEqualTo("TOO_FAR_BEHIND");
      assertThat(follow.code()).isEqualTo(socket ? 4009 : 409);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void recordsThatAreGoneAreTold(boolean socket) {
    String id = fixture.idOf(3, "g");
    fixture.append(id, id, id);
    fixture.log.dropBefore(3, 2);
    try (Fixture late = new Fixture(directory, Fixture.open(), fixture.log);
        Follow follow =
            socket
                ? Follow.socket(late, "since=" + fixture.zero())
                : Follow.events(late, "since=" + fixture.zero())) {
      follow.awaitOver();
      assertThat(follow.errorCode()).isEqualTo("TOO_FAR_BEHIND");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void drainLetsFollowersGoAndTakesNoNewOnes(boolean socket) {
    try (Follow follow = follow(socket, "since=" + fixture.now())) {
      awaitFollowers(1);
      fixture.gateway.drain();
      follow.awaitOver();
      assertThat(follow.errorCode()).isEqualTo("GOING_AWAY");
      assertThat(follow.code()).isEqualTo(socket ? 1001 : 200);
    }
    try (Follow late = follow(socket, "since=" + fixture.now())) {
      late.awaitOver();
      assertThat(late.errorCode()).isEqualTo("UNAVAILABLE");
    }
    Fixture.assertError(fixture.get("/ready"), 503, "UNAVAILABLE");
    assertThat(fixture.postFrames(fixture.frame("a")).statusCode()).isEqualTo(200);
  }

  @Test
  void messagesOfAFollowerAreRefused() {
    try (Follow.Socket follow = (Follow.Socket) Follow.socket(fixture, "since=" + fixture.now())) {
      follow.socket().sendBinary(ByteBuffer.wrap(new byte[10]), true).join();
      follow.awaitOver();
      assertThat(follow.code()).isEqualTo(1008);
    }
    awaitFollowers(0);
  }

  @Test
  void protocolIsAnsweredIfOffered() {
    try (Follow.Socket follow =
        (Follow.Socket) Follow.socket(fixture, "since=" + fixture.now(), "protocol", "bearer.x")) {
      assertThat(follow.protocol()).isEqualTo("deltavec.v1");
    }
  }

  @Test
  void followNeedsAnEventStreamOrASocket() {
    Fixture.assertError(fixture.get("/follow?since=" + fixture.zero()), 406, "INVALID_ARGUMENT");
  }

  @Test
  void pagesOfOtherOriginsMayNotFollow() {
    var response =
        Fixture.send(
            fixture
                .request("/follow?since=" + fixture.zero())
                .header("Accept", "text/event-stream")
                .header("Origin", "https://evil.example")
                .build());
    Fixture.assertError(response, 403, "FORBIDDEN");
    assertThat(
            org.assertj.core.api.Assertions.catchThrowable(() ->
                Follow.socket(fixture, "since=" + fixture.now(), "Origin", "https://evil.example")))
        .hasMessageContaining("WebSocketHandshakeException");
    try (Follow own =
        Follow.socket(
            fixture,
            "since=" + fixture.now(),
            "Origin",
            "http://127.0.0.1:" + fixture.server.port())) {
      awaitFollowers(1);
    }
  }

  @Test
  void signsOfLifeComeAndAreAnswered() throws InterruptedException {
    GatewayConfig.Follow f = GatewayConfig.Follow.DEFAULTS;
    GatewayConfig config =
        Fixture.open()
            .withFollow(
                new GatewayConfig.Follow(
                    f.maxQueue(), 5, 20, 100, 30_000, f.liveBytes(), f.chunkBytes(), 2));
    try (Fixture quick = new Fixture(directory, config, fixture.log);
        Follow socket = Follow.socket(quick, "since=" + fixture.now());
        Follow events = Follow.events(quick, "since=" + fixture.now())) {
      Thread.sleep(1_000);
      assertThat(socket.over()).isFalse();
      assertThat(events.over()).isFalse();
      assertThat(quick.gateway.tail().followers()).isEqualTo(2);
    }
  }

  @Test
  void olderRecordsAreReadFromTheLogOnceForMany() {
    byte[] frame = fixture.frame(fixture.idOf(1, "c"));
    for (int i = 0; i < 3_500; i++) {
      fixture.log.append(List.of(new DeltaLog.Part(1, frame))).join();
    }
    try (Fixture late = new Fixture(directory, Fixture.open(), fixture.log)) {
      List<Follow> all = new ArrayList<>();
      try {
        for (int i = 0; i < 10; i++) {
          all.add(Follow.socket(late, "since=" + late.zero()));
        }
        all.forEach(follow -> follow.awaitCount(3_500));
        all.forEach(follow -> assertThat(follow.count()).isEqualTo(3_500));
        assertThat(late.gateway.tail().store().loads()).isLessThanOrEqualTo(5);
      } finally {
        all.forEach(Follow::close);
      }
    }
  }

  @Test
  void logThatFailsForAWhileIsReadOn() {
    MemoryDeltaLog log = new MemoryDeltaLog(Fixture.SHARDS);
    FlakyLog flaky = new FlakyLog(log);
    try (dev.deltavec.server.tail.Tail tail =
        new dev.deltavec.server.tail.Tail(
            flaky,
            new dev.deltavec.server.tail.TailOptions(
                1 << 20,
                1_000,
                Duration.ofMillis(20),
                Duration.ofSeconds(15),
                Duration.ofSeconds(30),
                1 << 20,
                1 << 20,
                2),
            fixture.meters)) {
      Fixture.await(tail::ready);
      flaky.failing = true;
      String id = fixture.idOf(0, "f");
      log.append(List.of(new DeltaLog.Part(0, fixture.frame(id)))).join();
      Fixture.await(() -> flaky.failures > 0);
      flaky.failing = false;
      Fixture.await(() -> tail.store().end(0) == 1);
      assertThat(tail.store().read(0, 0, 100).entries()).hasSize(1);
    }
    log.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void followerThatIsGoneAtTheFirstPingIsForgotten(boolean checked) {
    Fixture.await(fixture.gateway.tail()::ready);
    Sink gone =
        new Sink() {
          @Override
          public boolean socket() {
            return true;
          }

          @Override
          public void write(List<Message> messages) {
            throw new AssertionError("it is gone");
          }

          @Override
          public void ping() throws IOException {
            if (checked) {
              throw new IOException("gone");
            }
            throw new UncheckedIOException(new IOException("gone"));
          }

          @Override
          public void end(FollowException why) {
            throw new AssertionError("it is gone");
          }

          @Override
          public boolean connected() {
            return true;
          }

          @Override
          public void kill() {}
        };
    Cursor cursor = Cursor.parse(fixture.zero(), Fixture.SHARDS);
    fixture.gateway.tail().follow(cursor, Filter.ALL, null, gone).run();
    assertThat(fixture.gateway.tail().followers()).isZero();
  }

  /** As a client's reader of the handshake may mix up what comes right behind it. */
  @Test
  void nothingFollowsTheHandshakeUntilAPingIsAnswered() throws IOException {
    fixture.append("a");
    try (RawSocket socket = new RawSocket(fixture, "since=" + fixture.zero(), 0, false)) {
      RawSocket.Frame ping = socket.receive();
      assertThat(ping.opcode()).isEqualTo(9);
      assertThat(socket.silent(200)).isTrue();
      socket.send(10, ping.payload());
      assertThat(socket.receive().opcode()).isEqualTo(2);
    }
  }

  @Test
  void whoAnswersNoPingIsSentDataAfterAWhile() throws IOException {
    fixture.append("a");
    try (RawSocket socket = new RawSocket(fixture, "since=" + fixture.zero(), 0, false)) {
      assertThat(socket.receive(2).payload()).isNotEmpty();
    }
  }

  /** Followers that come at random moments of a storm get every delta, in each shard's order. */
  @ParameterizedTest
  @MethodSource("seeds")
  void nothingIsLostInAStorm(long seed) throws InterruptedException {
    Random random = new Random(seed);
    GatewayConfig.Follow f = GatewayConfig.Follow.DEFAULTS;
    GatewayConfig config =
        Fixture.open()
            .withFollow(
                new GatewayConfig.Follow(
                    f.maxQueue(),
                    f.maxBehind(),
                    random.nextInt(20),
                    15_000,
                    30_000,
                    random.nextBoolean() ? 4_000 : f.liveBytes(),
                    random.nextBoolean() ? 20_000 : f.chunkBytes(),
                    1 + random.nextInt(3)));
    try (Fixture storm = new Fixture(directory, config, fixture.log)) {
      int n = 6_000;
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                Random own = new Random(seed + 100);
                for (int i = 0; i < n; ) {
                  int batch = own.nextInt(10) == 0 ? 1 + own.nextInt(20) : 1;
                  List<String> ids = new ArrayList<>();
                  for (int k = 0; k < batch && i < n; k++) {
                    ids.add((own.nextBoolean() ? "a/" : "b/") + i++);
                  }
                  fixture.appendBatch(ids);
                  if (own.nextInt(200) == 0) {
                    sleep(own.nextInt(10));
                  }
                }
              });
      List<Follow> all = new ArrayList<>();
      List<String> prefixes = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        String prefix = random.nextInt(3) == 0 ? "a/" : "";
        String query = "since=" + storm.zero() + (prefix.isEmpty() ? "" : "&prefix=a%2F");
        all.add(random.nextBoolean() ? Follow.socket(storm, query) : Follow.events(storm, query));
        prefixes.add(prefix);
        sleep(random.nextInt(30));
      }
      writer.join();
      List<String> expected = logged();
      for (int i = 0; i < all.size(); i++) {
        String prefix = prefixes.get(i);
        List<String> wanted = expected.stream().filter(id -> id.startsWith(prefix)).toList();
        Follow follow = all.get(i);
        follow.awaitCount(wanted.size());
        Fixture.await(() -> follow.cursor().equals(fixture.now()));
        assertThat(follow.ids()).as("seed " + seed).hasSameSizeAs(wanted);
        for (int shard = 0; shard < Fixture.SHARDS; shard++) {
          int of = shard;
          assertThat(follow.ids().stream().filter(id -> Shards.of(id, Fixture.SHARDS) == of))
              .as("seed " + seed + ", shard " + shard)
              .containsExactlyElementsOf(
                  wanted.stream().filter(id -> Shards.of(id, Fixture.SHARDS) == of).toList());
        }
      }
      all.forEach(Follow::close);
    }
  }

  /** Returns the ids of all deltas of the log, each shard's in their order. */
  private List<String> logged() {
    List<String> ids = new ArrayList<>();
    Set<Integer> done = new HashSet<>();
    try (DeltaLog.Reader reader = fixture.log.reader()) {
      reader.assign(java.util.Map.of(0, 0L, 1, 0L, 2, 0L, 3, 0L));
      while (done.size() < Fixture.SHARDS) {
        for (DeltaLog.Entry entry : reader.poll(Duration.ofMillis(10))) {
          dev.deltavec.DeltaFrames.ids(entry.frames()).forEach(id -> ids.add("" + id));
        }
        for (int shard = 0; shard < Fixture.SHARDS; shard++) {
          if (reader.position(shard) >= fixture.log.end(shard)) {
            done.add(shard);
          }
        }
      }
    }
    return ids;
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("seeds", 6));
  }

  private static void sleep(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
