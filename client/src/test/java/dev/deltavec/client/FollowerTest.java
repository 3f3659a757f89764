package dev.deltavec.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.CompactOptions;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import dev.deltavec.client.FollowStatus.Phase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A database that follows a service. */
class FollowerTest {
  private static final Retry SOON = new Retry(Duration.ofMillis(5), Duration.ofMillis(50));
  private static final FollowOptions OPTIONS = FollowOptions.all().withRetry(SOON);

  private final FakeGateway gateway = new FakeGateway(4);
  private final List<AutoCloseable> open = new ArrayList<>(List.of(gateway));

  @TempDir private Path directory;

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable one : open.reversed()) {
      one.close();
    }
  }

  private DeltaVectorDB database() {
    DeltaVectorDB db = DeltaVectorDB.builder().dimensions(FakeGateway.DIMENSIONS).build();
    open.add(db);
    return db;
  }

  private Following follow(DeltaVectorDB db, FollowOptions options) {
    Following following = Follower.follow(db, gateway.uri(), options);
    open.add(following);
    return following;
  }

  private Following followReady(DeltaVectorDB db, FollowOptions options) throws Exception {
    Following following = follow(db, options);
    following.ready().get(10, TimeUnit.SECONDS);
    return following;
  }

  private static VectorDelta create(String id, float first) {
    return VectorDelta.create(id, new float[] {first, 1, 0, 0});
  }

  /** Lets somebody else change the service. */
  private void elsewhere(VectorDelta... deltas) {
    try (DeltaClient client = DeltaClient.builder(gateway.uri()).build()) {
      client.post(List.of(deltas));
    }
  }

  private static void flush(Following following) throws Exception {
    following.flush().get(10, TimeUnit.SECONDS);
  }

  private static void eventually(BooleanSupplier condition) throws InterruptedException {
    for (long end = System.nanoTime() + 10_000_000_000L; !condition.getAsBoolean(); ) {
      assertThat(System.nanoTime()).as("in time").isLessThan(end);
      Thread.sleep(2);
    }
  }

  private void expectSame(DeltaVectorDB db) throws InterruptedException {
    eventually(() -> db.stateDigest().equals(gateway.all.stateDigest()));
  }

  // ---------------------------------------------------------------- coming in

  @Test
  void bringsADatabaseUpToDateBeforeItIsReady() throws Exception {
    elsewhere(create("a", 1), create("b", 2), create("c", 3));
    elsewhere(VectorDelta.scale("a", 2), VectorDelta.delete("b"));
    DeltaVectorDB db = database();
    followReady(db, OPTIONS);
    assertThat(db.stateDigest()).isEqualTo(gateway.all.stateDigest());
    assertThat(db.size()).isEqualTo(2);
  }

  @Test
  void tellsEachDeltaAsItComes() throws Exception {
    DeltaVectorDB db = database();
    followReady(db, OPTIONS);
    elsewhere(create("a", 1));
    eventually(() -> db.has("a"));
  }

  @Test
  void readsManyChunksOfAShard() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    String cursor = following.cursor();
    following.close();
    try (DeltaClient client = DeltaClient.builder(gateway.uri()).build()) {
      client.post(List.of(create("a", 0)));
      for (int i = 0; i < 1_200; i++) { // a record each, all in one shard
        synchronized (gateway) {
          gateway.take(
              List.of(
                  gateway.frames.encode(
                      VectorDelta.offset("a", 1), System.currentTimeMillis(), i + 1, 77)));
        }
      }
    }
    followReady(db, OPTIONS.withSince(cursor));
    assertThat(db.stateDigest()).isEqualTo(gateway.all.stateDigest());
    assertThat(gateway.snapshots).hasValue(4);
  }

  @Test
  void isReadyOnlyBehindAllChunksHoweverShortTheyAre() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    String cursor = following.cursor();
    following.close();
    gateway.chunk = 7;
    for (int i = 0; i < 40; i++) { // a record each, all in one shard
      synchronized (gateway) {
        gateway.take(
            List.of(gateway.frames.encode(create("a", i), System.currentTimeMillis(), i + 1, 77)));
      }
    }
    List<Long> behind = new CopyOnWriteArrayList<>();
    followReady(
        db,
        OPTIONS
            .withSince(cursor)
            .withListener(status -> {
              if (status.phase() == Phase.LIVE) {
                behind.add(db.position());
              }
            }));
    assertThat(behind.getFirst()).isEqualTo(40);
    assertThat(db.stateDigest()).isEqualTo(gateway.all.stateDigest());
  }

  @Test
  void followsOnlyTheVectorsUnderAPrefix() throws Exception {
    elsewhere(create("notes/a", 1), create("tasks/a", 1));
    DeltaVectorDB db = database();
    followReady(db, OPTIONS.withPrefixes(List.of("notes/")));
    elsewhere(create("tasks/b", 1), create("notes/b", 1));
    eventually(() -> db.has("notes/b"));
    assertThat(db.ids()).containsExactlyInAnyOrder("notes/a", "notes/b");
  }

  @Test
  void asksOnlyTheShardsOfSomeIds() throws Exception {
    elsewhere(create("a", 1), create("b", 1), create("c", 1));
    DeltaVectorDB db = database();
    followReady(db, OPTIONS.withIds(List.of("a")));
    assertThat(db.ids()).containsExactly("a");
    assertThat(gateway.snapshots).hasValue(1);
  }

  @Test
  void picksOutItselfWhereIdsAreTooManyForAQuery() throws Exception {
    elsewhere(create("a", 1), create("b", 1));
    List<String> ids = new ArrayList<>(List.of("a"));
    for (int i = 0; i < 1_000; i++) {
      ids.add("long-name-of-a-vector-" + i);
    }
    DeltaVectorDB db = database();
    followReady(db, OPTIONS.withIds(ids));
    elsewhere(create("b2", 1), create("long-name-of-a-vector-7", 1));
    eventually(() -> db.has("long-name-of-a-vector-7"));
    assertThat(db.ids()).containsExactlyInAnyOrder("a", "long-name-of-a-vector-7");
  }

  @Test
  void passesOverFramesThatNoDatabaseTakes() throws Exception {
    elsewhere(create("a", 1));
    byte[] bad;
    synchronized (gateway) {
      bad = gateway.frames.encode(create("b", 1), 1_000, 1, 5).frame();
    }
    bad[bad.length - 1] ^= 1;
    gateway
        .log
        .append(
            List.of(new dev.deltavec.log.DeltaLog.Part(dev.deltavec.log.Shards.of("b", 4), bad)))
        .join();
    DeltaVectorDB db = database();
    Following following = follow(db, OPTIONS.withSince(null));
    following.ready().get(10, TimeUnit.SECONDS);
    gateway
        .log
        .append(
            List.of(new dev.deltavec.log.DeltaLog.Part(dev.deltavec.log.Shards.of("b", 4), bad)))
        .join();
    elsewhere(create("c", 1));
    eventually(() -> db.has("c"));
    eventually(() -> following.status().skipped() == 1);
    assertThat(db.has("b")).isFalse();
  }

  // ---------------------------------------------------------------- going out

  @Test
  void sendsEditsUnderTheirOwnIds() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    String id = db.applyDelta(create("a", 1).withMetadata("{\"x\":1}"));
    flush(following);
    assertThat(gateway.all.getDeltaChain("a").deltas().getFirst().deltaId()).isEqualTo(id);
    assertThat(gateway.all.getMetadata("a")).isEqualTo("{\"x\":1}");
    assertThat(following.status().sent()).isEqualTo(1);
  }

  @Test
  void sendsABatchInOneRequest() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    flush(following);
    int before = gateway.posts.get();
    List<VectorDelta> batch = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      batch.add(create("v" + i, i));
    }
    db.applyDeltas(batch);
    flush(following);
    assertThat(gateway.posts.get() - before).isEqualTo(1);
    assertThat(gateway.all.size()).isEqualTo(100);
  }

  @Test
  void sendsWhatWasThereBeforeItFollowed() throws Exception {
    DeltaVectorDB db = database();
    db.applyDelta(create("mine", 1));
    elsewhere(create("theirs", 1));
    Following following = followReady(db, OPTIONS);
    flush(following);
    assertThat(gateway.all.ids()).containsExactlyInAnyOrder("mine", "theirs");
    assertThat(db.stateDigest()).isEqualTo(gateway.all.stateDigest());
  }

  @Test
  void sendsNothingThatTheServiceHas() throws Exception {
    elsewhere(create("a", 1), VectorDelta.scale("a", 3));
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    int before = gateway.posts.get();
    flush(following);
    assertThat(gateway.posts.get()).isEqualTo(before);
  }

  @Test
  void sendsEditsWhateverIsFollowed() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS.withPrefixes(List.of("notes/")));
    db.applyDelta(create("tasks/a", 1));
    flush(following);
    assertThat(gateway.all.ids()).containsExactly("tasks/a");
  }

  @Test
  void sendsAgainWhatWasNotAnswered() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    gateway.lostAnswers.set(2);
    gateway.busy.set(2);
    db.applyDelta(create("a", 1));
    db.applyDelta(VectorDelta.offset("a", 1));
    flush(following);
    assertThat(gateway.all.getVector("a")).containsExactly(2, 2, 1, 1);
    expectSame(db);
  }

  @Test
  void sendsManyPagesInOrder() throws Exception {
    DeltaVectorDB db = database();
    db.applyDelta(create("a", 0));
    for (int i = 0; i < 10; i++) {
      List<VectorDelta> batch = new ArrayList<>();
      for (int j = 0; j < 1_000; j++) {
        batch.add(VectorDelta.offset("a", 1));
      }
      db.applyDeltas(batch);
    }
    Following following = followReady(db, OPTIONS);
    flush(following);
    assertThat(gateway.posts).hasValue(3);
    assertThat(gateway.all.stateDigest()).isEqualTo(db.stateDigest());
  }

  @Test
  void keepsEditsUntilThereIsAConnection() throws Exception {
    try (CutProxy proxy = new CutProxy(gateway.port())) {
      proxy.refuse(true);
      DeltaVectorDB db = database();
      try (Following following = Follower.follow(db, proxy.uri(), OPTIONS)) {
        eventually(() -> following.status().phase() == Phase.OFFLINE);
        db.applyDelta(create("a", 1));
        assertThat(following.ready()).isNotDone();
        proxy.refuse(false);
        flush(following);
        assertThat(gateway.all.has("a")).isTrue();
      }
    }
  }

  @Test
  void goesOnReceivingWhereItMayNotWrite() throws Exception {
    gateway.readOnly = true;
    DeltaVectorDB db = database();
    db.applyDelta(create("mine", 1));
    Following following = followReady(db, OPTIONS);
    assertThatThrownBy(() -> following.flush().get(10, TimeUnit.SECONDS))
        .hasRootCauseInstanceOf(ClientException.class)
        .hasMessageContaining("does not allow to write");
    synchronized (gateway) {
      gateway.take(List.of(gateway.frames.encode(create("a", 1), 1_000, 1, 5)));
    }
    eventually(() -> db.has("a"));
    gateway.readOnly = false;
    flush(following);
    assertThat(gateway.all.has("mine")).isTrue();
  }

  @Test
  void renewsWhatIsTooOldForTheService() throws Exception {
    DeltaVectorDB db = database();
    Instant old = Instant.now().minus(Duration.ofDays(40));
    db.applyDelta(create("a", 1).withMetadata("{\"x\":1}").withTimestamp(old));
    db.applyDelta(create("gone", 1).withTimestamp(old));
    db.applyDelta(VectorDelta.delete("gone").withTimestamp(old));
    db.applyDelta(create("b", 2));
    gateway.oldest = Instant.now().minus(Duration.ofDays(30)).toEpochMilli();
    Following following = followReady(db, OPTIONS);
    flush(following);
    assertThat(gateway.all.ids()).containsExactlyInAnyOrder("a", "b");
    assertThat(gateway.all.getMetadata("a")).isEqualTo("{\"x\":1}");
    assertThat(gateway.all.stateDigest()).isEqualTo(db.stateDigest());
  }

  /** Edits a vector that the service has, offline and long ago, while somebody else edits it. */
  private Following offlineForLong(DeltaVectorDB db, boolean attempted) throws Exception {
    Path state = directory.resolve("state");
    elsewhere(create("a", 1));
    try (Following first = followReady(db, OPTIONS.withState(state))) {
      flush(first);
    }
    db.applyDelta(VectorDelta.offset("a", 10));
    Thread.sleep(3); // so that the service does not take what is as old as that
    elsewhere(create("a", 5).withMetadata("{\"theirs\":1}"));
    gateway.oldest = System.currentTimeMillis();
    if (attempted) {
      Files.writeString(
          state,
          Files.readString(state)
              .replaceAll("\"tried\":\\{[^}]*}", "\"old\":0")); // of a release without
    }
    return followReady(db, OPTIONS.withState(state));
  }

  @Test
  void makesOldEditsThatWereNeverSentAgainOnWhatTheServiceHas() throws Exception {
    DeltaVectorDB db = database();
    Following following = offlineForLong(db, false);
    flush(following);
    assertThat(gateway.all.getVector("a")).containsExactly(15, 11, 10, 10);
    assertThat(gateway.all.getMetadata("a")).isEqualTo("{\"theirs\":1}");
    assertThat(following.conflicts()).isEmpty();
    expectSame(db);
  }

  @Test
  void tellsOldEditsThatMayHaveBeenSentAsConflicts() throws Exception {
    DeltaVectorDB db = database();
    Following following = offlineForLong(db, true);
    flush(following);
    assertThat(gateway.all.getVector("a")).containsExactly(5, 1, 0, 0);
    assertThat(following.conflicts())
        .singleElement()
        .satisfies(conflict -> {
          assertThat(conflict.reason()).isEqualTo("TOO_OLD");
          assertThat(conflict.vectorId()).isEqualTo("a");
        });
    expectSame(db);
  }

  @Test
  void letsOldEditsOfVectorsThatAreNotFollowedBe() throws Exception {
    DeltaVectorDB db = database();
    Instant old = Instant.now().minus(Duration.ofDays(40));
    db.applyDelta(create("other", 1).withTimestamp(old));
    db.applyDelta(create("notes/a", 1));
    gateway.oldest = Instant.now().minus(Duration.ofDays(30)).toEpochMilli();
    Following following = followReady(db, OPTIONS.withPrefixes(List.of("notes/")));
    flush(following);
    assertThat(gateway.all.ids()).containsExactly("notes/a");
    assertThat(db.has("other")).isTrue();
    assertThat(following.conflicts()).extracting(FollowConflict::vectorId).containsExactly("other");
  }

  @Test
  void goesOnBehindAnEditThatIsRefused() throws Exception {
    gateway.forbidden = "b";
    DeltaVectorDB db = database();
    List<Exception> told = new CopyOnWriteArrayList<>();
    Following following =
        followReady(
            db,
            OPTIONS.withListener(status -> {
              if (status.problem() != null) {
                told.add(status.problem());
              }
            }));
    db.applyDeltas(List.of(create("a", 1), create("b", 1), create("c", 1)));
    flush(following);
    assertThat(gateway.all.ids()).containsExactlyInAnyOrder("a", "c");
    assertThat(following.status().conflicts()).isEqualTo(1);
    assertThat(told).anySatisfy(problem -> assertThat(problem).hasMessageContaining("this vector"));
    String id = db.getDeltaChain("b").deltas().getFirst().deltaId();
    assertThat(following.conflicts())
        .extracting(FollowConflict::reason, FollowConflict::vectorId, FollowConflict::deltaId)
        .containsExactly(org.assertj.core.api.Assertions.tuple("FORBIDDEN", "b", id));
  }

  @Test
  void countsAsSentWhatMayHaveArrivedOnly() throws Exception {
    Path state = directory.resolve("state");
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS.withState(state));
    flush(following);
    gateway.busy.set(Integer.MAX_VALUE);
    db.applyDelta(create("a", 1));
    int before = gateway.posts.get();
    eventually(() -> gateway.posts.get() > before + 1);
    following.close();
    assertThat(Files.readString(state)).containsPattern("\"tried\":\\{\"[0-9a-f]{12}\":0}");
    gateway.busy.set(0);
    gateway.lostAnswers.set(Integer.MAX_VALUE);
    Following again = follow(db, OPTIONS.withState(state));
    eventually(() -> gateway.all.has("a"));
    again.close();
    assertThat(Files.readString(state)).containsPattern("\"tried\":\\{\"[0-9a-f]{12}\":1}");
  }

  @Test
  void sendsWhatWasCompactedBeforeItWasSent() throws Exception {
    DeltaVectorDB db = database();
    db.applyDelta(create("a", 1));
    db.applyDelta(VectorDelta.offset("a", 1));
    db.compact(CompactOptions.all());
    Following following = followReady(db, OPTIONS);
    flush(following);
    assertThat(gateway.all.stateDigest()).isEqualTo(db.stateDigest());
    assertThat(gateway.all.size()).isEqualTo(1);
  }

  // ---------------------------------------------------------------- again

  @Test
  void connectsAgainAfterACut() throws Exception {
    DeltaVectorDB db = database();
    followReady(db, OPTIONS);
    gateway.cut();
    elsewhere(create("a", 1));
    eventually(() -> db.has("a"));
    assertThat(gateway.snapshots).hasValue(4);
  }

  @Test
  void goesOnFromItsFileAfterARestart() throws Exception {
    Path state = directory.resolve("state");
    elsewhere(create("a", 1));
    try (DeltaVectorDB db =
            DeltaVectorDB.builder()
                .dimensions(FakeGateway.DIMENSIONS)
                .open(directory.resolve("db"));
        Following following = Follower.follow(db, gateway.uri(), OPTIONS.withState(state))) {
      following.ready().get(10, TimeUnit.SECONDS);
      gateway.readOnly = true;
      db.applyDelta(create("offline", 1));
    }
    gateway.readOnly = false;
    elsewhere(create("b", 1));
    try (DeltaVectorDB db = DeltaVectorDB.open(directory.resolve("db"));
        Following following = Follower.follow(db, gateway.uri(), OPTIONS.withState(state))) {
      following.ready().get(10, TimeUnit.SECONDS);
      flush(following);
      assertThat(db.stateDigest()).isEqualTo(gateway.all.stateDigest());
      assertThat(db.size()).isEqualTo(3);
      assertThat(gateway.snapshots).hasValue(4);
    }
  }

  @Test
  void doesNotTrustTheFileOfADatabaseThatHasLessThanItSays() throws Exception {
    Path state = directory.resolve("state");
    elsewhere(create("a", 1));
    Following first = followReady(database(), OPTIONS.withState(state));
    first.close();
    assertThat(Files.readString(state)).contains("\"epoch\":\"first\"");
    DeltaVectorDB other = database();
    followReady(other, OPTIONS.withState(state));
    assertThat(other.has("a")).isTrue();
  }

  @Test
  void refusesADamagedFile() throws Exception {
    Path state = Files.writeString(directory.resolve("state"), "{\"version\":7}");
    assertThatThrownBy(() -> follow(database(), OPTIONS.withState(state)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("damaged");
  }

  @Test
  void beginsAnewWhereItIsTooFarBehindAndKeepsItsEdits() throws Exception {
    DeltaVectorDB db = database();
    elsewhere(create("kept", 1).withMetadata("{\"old\":true}"), create("dropped", 1));
    Following before = followReady(db, OPTIONS);
    String cursor = before.cursor();
    before.close();
    elsewhere(
        VectorDelta.delete("dropped"),
        VectorDelta.scale("kept", 2).withMetadata("{\"old\":null,\"new\":1}"));
    synchronized (gateway) {
      gateway.all.compact(CompactOptions.all());
    }
    for (int shard = 0; shard < 4; shard++) {
      gateway.log.dropBefore(shard, gateway.log.end(shard));
    }
    db.applyDelta(create("mine", 1));
    Following following = followReady(db, OPTIONS.withSince(cursor));
    flush(following);
    assertThat(db.ids()).containsExactlyInAnyOrder("kept", "mine");
    assertThat(db.getMetadata("kept")).isEqualTo("{\"new\":1}");
    assertThat(gateway.all.stateDigest()).isEqualTo(db.stateDigest());
  }

  @Test
  void beginsAnewWithAServiceThatBeganAnewAndKeepsItsEdits() throws Exception {
    DeltaVectorDB db = database();
    elsewhere(create("theirs", 1));
    Following following = followReady(db, OPTIONS);
    gateway.readOnly = true;
    db.applyDelta(create("mine", 1));
    gateway.beginAnew("second");
    eventually(() -> !db.has("theirs"));
    gateway.readOnly = false;
    flush(following);
    elsewhere(create("next", 1));
    eventually(() -> db.has("next"));
    assertThat(gateway.all.ids()).containsExactlyInAnyOrder("mine", "next");
    expectSame(db);
  }

  @Test
  void beginsWithSnapshotsWhereTheTokenLetsItReadOtherVectors() throws Exception {
    gateway.readable = "notes%2F";
    DeltaVectorDB db = database();
    Following first = followReady(db, OPTIONS);
    String cursor = first.cursor();
    first.close();
    followReady(db, OPTIONS.withSince(cursor)).close();
    assertThat(gateway.snapshots).hasValue(4);
    gateway.readable = "";
    followReady(db, OPTIONS.withSince(cursor));
    assertThat(gateway.snapshots).hasValue(8);
  }

  @Test
  void leavesVectorsAloneThatItDoesNotFollowWhenItBeginsAnew() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS.withPrefixes(List.of("shared/")));
    db.applyDelta(create("other/a", 1).withMetadata("{\"x\":1}"));
    flush(following);
    gateway.beginAnew("second");
    elsewhere(create("shared/a", 1));
    eventually(() -> db.has("shared/a"));
    assertThat(db.getMetadata("other/a")).isEqualTo("{\"x\":1}");
  }

  // ---------------------------------------------------------------- refusals and the end

  @Test
  void asksForAFreshTokenWhenOneHasRunOut() throws Exception {
    gateway.token = "one";
    DeltaVectorDB db = database();
    followReady(db, OPTIONS.withToken(() -> String.valueOf(gateway.token)));
    gateway.token = "two";
    gateway.cut();
    synchronized (gateway) {
      gateway.take(List.of(gateway.frames.encode(create("a", 1), 1_000, 1, 5)));
    }
    eventually(() -> db.has("a"));
  }

  @Test
  void asksAgainForATokenWhereThatFails() throws Exception {
    java.util.concurrent.atomic.AtomicInteger asked =
        new java.util.concurrent.atomic.AtomicInteger();
    gateway.token = "good";
    followReady(
        database(),
        OPTIONS.withToken(() -> {
          if (asked.getAndIncrement() < 3) {
            throw new IllegalStateException("the place of tokens is closed");
          }
          return " good\n";
        }));
    assertThat(asked.get()).isGreaterThan(3);
  }

  @Test
  void neverQuotesAToken() {
    Following following = follow(database(), OPTIONS.withToken("secret\nsecret"));
    assertThatThrownBy(() -> following.ready().join())
        .hasMessageContaining("the token has characters")
        .hasMessageNotContaining("secret");
  }

  @Test
  void failsWithABadToken() {
    gateway.token = "good";
    Following following = follow(database(), OPTIONS.withToken("bad"));
    assertThatThrownBy(() -> following.ready().join())
        .isInstanceOf(CompletionException.class)
        .cause()
        .isInstanceOfSatisfying(
            ClientException.class, e -> assertThat(e.code()).isEqualTo("UNAUTHENTICATED"));
    assertThat(following.status().phase()).isEqualTo(Phase.FAILED);
  }

  @Test
  void failsForADatabaseOfOtherDimensions() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(5).build();
        Following following = Follower.follow(db, gateway.uri(), OPTIONS)) {
      assertThatThrownBy(() -> following.ready().join())
          .hasMessageContaining("the service has 4 dimensions, the database 5");
    }
  }

  @Test
  void failsForADatabaseOfAnotherMetric() {
    try (DeltaVectorDB db =
            DeltaVectorDB.builder().dimensions(4).metric(dev.deltavec.core.Metric.DOT).build();
        Following following = Follower.follow(db, gateway.uri(), OPTIONS)) {
      assertThatThrownBy(() -> following.ready().join())
          .hasMessageContaining("the service has the metric cosine, the database dot");
    }
  }

  @Test
  void refusesADatabaseWithoutHistory() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(4).history(false).build()) {
      assertThatThrownBy(() -> Follower.follow(db, gateway.uri(), OPTIONS))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("history");
    }
  }

  @Test
  void endsWithItsDatabase() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    db.close();
    gateway.cut();
    synchronized (gateway) {
      gateway.take(List.of(gateway.frames.encode(create("a", 1), 1_000, 1, 5)));
    }
    eventually(() -> following.status().phase() == Phase.CLOSED);
  }

  @Test
  void letsTheDatabaseBeWhenItIsClosed() throws Exception {
    DeltaVectorDB db = database();
    Following following = followReady(db, OPTIONS);
    following.close();
    following.close();
    elsewhere(create("a", 1));
    db.applyDelta(create("b", 1));
    assertThat(following.status().phase()).isEqualTo(Phase.CLOSED);
    assertThat(following.flush()).isCompletedExceptionally();
    assertThat(db.ids()).containsExactly("b");
    assertThat(gateway.all.ids()).containsExactly("a");
  }

  @Test
  void tellsItsPhases() throws Exception {
    elsewhere(create("a", 1));
    List<Phase> phases = new CopyOnWriteArrayList<>();
    Following following =
        followReady(
            database(),
            OPTIONS.withListener(status -> {
              if (phases.isEmpty() || phases.getLast() != status.phase()) {
                phases.add(status.phase());
              }
            }));
    assertThat(phases)
        .containsExactly(Phase.CONNECTING, Phase.SNAPSHOT, Phase.CATCHING_UP, Phase.LIVE);
    FollowStatus status = following.status();
    assertThat(status.shards()).isEqualTo(4);
    assertThat(status.restored()).isEqualTo(4);
    assertThat(status.received()).isEqualTo(1);
    assertThat(status.behind()).isZero();
  }
}
