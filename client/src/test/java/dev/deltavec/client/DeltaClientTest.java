package dev.deltavec.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.MetadataFilter;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Calls without a database. */
class DeltaClientTest {
  private static final Retry SOON = new Retry(Duration.ofMillis(2), Duration.ofMillis(5));

  private final FakeGateway gateway = new FakeGateway(4);
  private final DeltaClient client =
      DeltaClient.builder(gateway.uri()).retry(SOON).timeout(Duration.ofSeconds(5)).build();

  @AfterEach
  void close() {
    client.close();
    gateway.close();
  }

  private static VectorDelta create(String id, float first) {
    return VectorDelta.create(id, new float[] {first, 1, 0, 0});
  }

  @Test
  void tellsWhatTheServiceIs() {
    assertThat(client.info())
        .isEqualTo(
            new ServiceInfo(4, "first", FakeGateway.DIMENSIONS, 0, "cosine", Duration.ofDays(30)));
  }

  @Test
  void postsDeltasAndTellsWhereTheyAre() {
    Posted posted = client.post(List.of(create("a", 1), VectorDelta.scale("a", 2)));
    assertThat(posted.accepted()).isEqualTo(2);
    assertThat(posted.epoch()).isEqualTo("first");
    assertThat(posted.offsets()).hasSize(1);
    assertThat(gateway.all.getVector("a")).containsExactly(2, 2, 0, 0);
  }

  @Test
  void postsOnceWhatItHasToRepeat() {
    gateway.lostAnswers.set(3);
    client.post(List.of(create("a", 1), VectorDelta.offset("a", 1)));
    client.post(List.of(VectorDelta.offset("a", 1)));
    assertThat(gateway.all.getVector("a")).containsExactly(3, 3, 2, 2);
    assertThat(gateway.posts).hasValue(5);
  }

  @Test
  void postsOnceWhatItsCallerRepeats() {
    client.post(List.of(create("a", 1)));
    gateway.lostAnswers.set(1_000_000);
    try (DeltaClient hasty =
        DeltaClient.builder(gateway.uri()).retry(SOON).timeout(Duration.ofMillis(50)).build()) {
      List<VectorDelta> batch = List.of(VectorDelta.offset("a", 1));
      assertThatThrownBy(() -> hasty.post(batch))
          .isInstanceOfSatisfying(ClientException.class, e -> assertThat(e.retryable()).isTrue());
      gateway.lostAnswers.set(0);
      hasty.post(List.of(VectorDelta.offset("a", 1)));
      hasty.post(List.of(VectorDelta.offset("a", 1)));
    }
    assertThat(gateway.all.getVector("a")).containsExactly(3, 3, 2, 2);
  }

  @Test
  void goesOnWithTheNumbersOfAnEarlierClientOfItsName() {
    long next;
    try (DeltaClient first = DeltaClient.builder(gateway.uri()).client("loader", 1).build()) {
      first.post(List.of(create("a", 1)));
      next = first.nextSequence();
    }
    assertThat(next).isEqualTo(2);
    try (DeltaClient again = DeltaClient.builder(gateway.uri()).client("loader", next).build()) {
      again.post(List.of(VectorDelta.offset("a", 1)));
    }
    assertThat(gateway.all.getVector("a")).containsExactly(2, 2, 1, 1);
  }

  @Test
  void isKnownByTheFirst48BitsOfAHashOfItsName() {
    // printf 'deltavec-client:loader' | sha256sum
    assertThat(Long.toHexString(DeltaClient.replica("loader"))).isEqualTo("dc4104f6ab39");
  }

  @Test
  void tellsWhichDeltaIsBad() {
    assertThatThrownBy(
            () -> client.post(List.of(create("a", 1), VectorDelta.create("b", new float[3]))))
        .isInstanceOfSatisfying(DeltaException.class, e -> assertThat(e.index()).isEqualTo(1));
    assertThat(gateway.posts).hasValue(0);
  }

  @Test
  void tellsWhatTheServiceRefuses() {
    gateway.readOnly = true;
    assertThatThrownBy(() -> client.post(List.of(create("a", 1))))
        .isInstanceOfSatisfying(
            ClientException.class,
            e -> {
              assertThat(e.code()).isEqualTo("FORBIDDEN");
              assertThat(e.status()).isEqualTo(403);
              assertThat(e.retryable()).isFalse();
            })
        .hasMessage("the token does not allow to write");
  }

  @Test
  void tellsThatTheServiceIsNotReached() {
    try (DeltaClient nowhere =
        DeltaClient.builder(URI.create("http://127.0.0.1:9"))
            .retry(SOON)
            .timeout(Duration.ofMillis(50))
            .build()) {
      assertThatThrownBy(nowhere::info)
          .isInstanceOfSatisfying(
              ClientException.class, e -> assertThat(e.code()).isEqualTo("UNAVAILABLE"))
          .hasMessageContaining("http://127.0.0.1:9");
    }
  }

  @Test
  void findsTheClosest() {
    client.post(List.of(create("a", 1), create("b", -5)));
    SearchAnswer answer = client.search(new float[] {1, 1, 0, 0}, 1);
    assertThat(answer.results()).hasSize(1);
    assertThat(answer.results().getFirst().id()).isEqualTo("a");
    assertThat(answer.results().getFirst().score()).isGreaterThan(0.99f);
    assertThat(answer.partial()).isFalse();
    assertThat(answer.missing()).containsExactly(3);
    assertThat(answer.took()).isEqualTo(Duration.ofNanos(1_500_000));
  }

  @Test
  void asksWithAFilter() {
    client.post(List.of(create("a", 1)));
    MetadataFilter filter =
        MetadataFilter.not(
            MetadataFilter.and(
                MetadataFilter.equal("lang", "en"),
                MetadataFilter.in("year", 2025, 2026),
                MetadataFilter.or(
                    MetadataFilter.exists("draft"), MetadataFilter.range("n").gt(1).lte(2.5))));
    assertThat(FilterNode.of(filter))
        .hasToString(
            "{\"not\":{\"and\":[{\"field\":[\"lang\"],\"equals\":\"en\"},"
                + "{\"field\":[\"year\"],\"in\":[2025,2026]},"
                + "{\"or\":[{\"field\":[\"draft\"],\"exists\":true},"
                + "{\"field\":[\"n\"],\"range\":{\"gt\":1,\"lte\":2.5}}]}]}}");
    SearchRequest request = SearchRequest.defaults().withFilter(filter).withEfSearch(7);
    assertThat(client.search(new float[4], 1, request).partial()).isTrue();
  }

  @Test
  void showsItsToken() {
    gateway.token = "secret";
    try (DeltaClient known = DeltaClient.builder(gateway.uri()).token("secret").build()) {
      assertThat(known.info().shards()).isEqualTo(4);
    }
  }

  @Test
  void refusesAnotherKindOfUrl() {
    assertThatThrownBy(() -> DeltaClient.builder(URI.create("ftp://example.com")).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("gateway must be a URL of http or https, not ftp://example.com");
  }
}
