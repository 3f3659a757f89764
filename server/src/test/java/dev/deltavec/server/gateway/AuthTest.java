package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import dev.deltavec.DeltaFrames;
import dev.deltavec.server.auth.AuthException;
import dev.deltavec.server.auth.TokenOptions;
import dev.deltavec.server.auth.Tokens;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens: who may do what, and which are refused. */
class AuthTest {
  private static final String SECRET = "a secret that only this test and its gateway know";

  @TempDir static Path directory;
  private static RSAKey rsa;
  private static ECKey ec;
  private static Fixture fixture;

  @BeforeAll
  static void start() throws JOSEException, IOException {
    rsa = new RSAKeyGenerator(2048).keyID("r").generate();
    ec = new ECKeyGenerator(Curve.P_256).keyID("e").generate();
    Path keys = directory.resolve("keys.json");
    Files.writeString(keys, new JWKSet(List.of(rsa.toPublicJWK(), ec.toPublicJWK())).toString());
    GatewayConfig.Auth auth =
        new GatewayConfig.Auth(
            false, SECRET, null, keys.toString(), "issuer", "deltavec", 0, false, true, false);
    GatewayConfig.Limits d = GatewayConfig.Limits.DEFAULTS;
    fixture = new Fixture(directory, GatewayConfig.DEFAULTS.withAuth(auth).withLimits(d));
  }

  @AfterAll
  static void stop() {
    fixture.close();
  }

  private static JWTClaimsSet.Builder claims(String scope) {
    return new JWTClaimsSet.Builder()
        .subject("alice" + System.nanoTime()) // limits of one test are not those of another
        .issuer("issuer")
        .audience("deltavec")
        .claim("scope", scope)
        .expirationTime(Date.from(Instant.now().plusSeconds(60)));
  }

  private static String signed(JWTClaimsSet claims, JWSHeader header, JWSSigner signer) {
    try {
      SignedJWT jwt = new SignedJWT(header, claims);
      jwt.sign(signer);
      return jwt.serialize();
    } catch (JOSEException e) {
      throw new AssertionError(e);
    }
  }

  private static String token(JWTClaimsSet claims) {
    try {
      return signed(claims, new JWSHeader(JWSAlgorithm.HS256), new MACSigner(SECRET));
    } catch (JOSEException e) {
      throw new AssertionError(e);
    }
  }

  private static String token(String scope) {
    return token(claims(scope).build());
  }

  private static HttpResponse<byte[]> get(String path, String token) {
    return Fixture.send(fixture.request(path).header("Authorization", "Bearer " + token).build());
  }

  private static HttpResponse<byte[]> post(byte[] frames, String token) {
    return fixture.postFrames(frames, "Authorization", "Bearer " + token);
  }

  @Test
  void goodTokensOfEveryAlgorithmAreTaken() throws JOSEException {
    JWTClaimsSet claims = claims("read").build();
    assertThat(get("/info", token(claims)).statusCode()).isEqualTo(200);
    String byRsa =
        signed(
            claims,
            new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("r").build(),
            new RSASSASigner(rsa));
    assertThat(get("/info", byRsa).statusCode()).isEqualTo(200);
    String byEc =
        signed(
            claims,
            new JWSHeader.Builder(JWSAlgorithm.ES256).keyID("e").type(JOSEObjectType.JWT).build(),
            new ECDSASigner(ec));
    assertThat(get("/info", byEc).statusCode()).isEqualTo(200);
  }

  private static int postJson(JWTClaimsSet claims, String client) {
    String body =
        "{\"vectorId\":\"notes/1\",\"operation\":{\"type\":\"sparse\",\"indices\":[0],\"values\":[1]}}";
    return Fixture.send(
            fixture
                .request("/deltas")
                .header("Authorization", "Bearer " + token(claims))
                .header("Content-Type", "application/json")
                .header("Deltavec-Client", client)
                .header("Deltavec-Sequence", "1")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build())
        .statusCode();
  }

  @Test
  void whoMayWritePrefixesOnlyWritesAsTheirOwnClients() {
    JWTClaimsSet claims = claims("write:notes%2F").subject("bob").build();
    assertThat(postJson(claims, "bob")).isEqualTo(200);
    assertThat(postJson(claims, "bob/laptop")).isEqualTo(200);
    assertThat(postJson(claims, "bobby")).isEqualTo(403);
    assertThat(postJson(claims, "carol")).isEqualTo(403);
    assertThat(postJson(claims("write").subject("bob").build(), "carol/2")).isEqualTo(200);
  }

  @Test
  void clientsOfATokenAreAllThatItMayWriteAs() {
    JWTClaimsSet claims = claims("write").subject("dan").claim("clients", List.of("x")).build();
    assertThat(postJson(claims, "x")).isEqualTo(200);
    assertThat(postJson(claims, "dan")).isEqualTo(403);
  }

  @Test
  void replicasOfATokenAreAllWhoseFramesItMayWrite() {
    byte[] frame = fixture.frame("notes/1");
    String other = token(claims("write").claim("replicas", List.of("fffffffffffe")).build());
    Fixture.assertError(post(frame, other), 403, "FORBIDDEN");
    String bad = token(claims("write").claim("replicas", List.of("no")).build());
    Fixture.assertError(post(frame, bad), 401, "UNAUTHENTICATED");
  }

  @Test
  void keysThatCannotBeHadAreNoFaultOfTheToken() throws JOSEException {
    Tokens tokens =
        new Tokens(
            new TokenOptions(null, "http://127.0.0.1:1/keys", null, null, Duration.ofSeconds(0)));
    String token =
        signed(
            claims("read").build(),
            new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("r").build(),
            new RSASSASigner(rsa));
    assertThatThrownBy(() -> tokens.check(token))
        .isInstanceOfSatisfying(
            AuthException.class,
            e -> {
              assertThat(e.unknown()).isTrue();
              assertThat(ApiException.of(e).status()).isEqualTo(503);
            });
    assertThatThrownBy(() -> tokens.check(token + "x.y"))
        .isInstanceOfSatisfying(AuthException.class, e -> assertThat(e.unknown()).isFalse());
  }

  @Test
  void badTokensAreRefused() throws JOSEException {
    String good = token("read");
    String[] parts = good.split("\\.", -1);
    Instant past = Instant.now().minusSeconds(5);
    Instant future = Instant.now().plusSeconds(60);
    for (Map.Entry<String, String> bad :
        Map.ofEntries(
                Map.entry("empty", ""),
                Map.entry("noise", "x.y.z"),
                Map.entry("no signature", parts[0] + "." + parts[1] + "."),
                Map.entry("changed", parts[0] + "." + parts[1] + "x." + parts[2]),
                Map.entry("none", new PlainJWT(claims("read").build()).serialize()),
                Map.entry(
                    "other secret",
                    signed(
                        claims("read").build(),
                        new JWSHeader(JWSAlgorithm.HS256),
                        new MACSigner("another secret that is as long as the one"))),
                Map.entry(
                    "HS512",
                    signed(
                        claims("read").build(),
                        new JWSHeader(JWSAlgorithm.HS512),
                        new MACSigner(SECRET + SECRET))),
                Map.entry(
                    "public key as secret",
                    signed(
                        claims("read").build(),
                        new JWSHeader.Builder(JWSAlgorithm.HS256).keyID("r").build(),
                        new MACSigner(rsa.toRSAPublicKey().getEncoded()))),
                Map.entry(
                    "key of another",
                    signed(
                        claims("read").build(),
                        new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("r").build(),
                        new RSASSASigner(new RSAKeyGenerator(2048).keyID("r").generate()))),
                Map.entry("expired", token(claims("read").expirationTime(Date.from(past)).build())),
                Map.entry(
                    "not yet", token(claims("read").notBeforeTime(Date.from(future)).build())),
                Map.entry("for ever", token(claims("read").expirationTime(null).build())),
                Map.entry("no subject", token(claims("read").subject(null).build())),
                Map.entry("issuer", token(claims("read").issuer("other").build())),
                Map.entry("audience", token(claims("read").audience("other").build())),
                Map.entry("scope", token(claims("read").claim("scope", List.of("read")).build())),
                Map.entry("percent", token("read:%zz")),
                Map.entry("everything by mistake", token("read:")))
            .entrySet()) {
      Fixture.assertError(get("/info", bad.getValue()), 401, "UNAUTHENTICATED");
      fixture.gateway.rates().forget(); // of bad tokens
    }
    HttpResponse<byte[]> none = fixture.get("/info");
    Fixture.assertError(none, 401, "UNAUTHENTICATED");
    assertThat(none.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
    fixture.gateway.rates().forget();
  }

  @Test
  void tooManyBadTokensOfOneAddressAreNotEvenLookedAt() {
    HttpResponse<byte[]> last = fixture.get("/info");
    for (int i = 0; i < 80 && last.statusCode() == 401; i++) {
      last = fixture.get("/info");
    }
    Fixture.assertError(last, 429, "RATE_LIMITED");
    fixture.gateway.rates().forget();
  }

  @Test
  void openPathsNeedNoToken() {
    assertThat(fixture.get("/health").statusCode()).isEqualTo(200);
    assertThat(fixture.get("/ready").statusCode()).isEqualTo(200);
    assertThat(fixture.get("/openapi.yaml").statusCode()).isEqualTo(200);
  }

  @Test
  void metricsNeedTheirScope() {
    Fixture.assertError(get("/metrics", token("read write")), 403, "FORBIDDEN");
    assertThat(get("/metrics", token("metrics")).statusCode()).isEqualTo(200);
  }

  @Test
  void readingAndWritingAreTwoRights() {
    byte[] frame = fixture.frame("x");
    Fixture.assertError(post(frame, token("read")), 403, "FORBIDDEN");
    Fixture.assertError(get("/info", token("write")), 403, "FORBIDDEN");
    Fixture.assertError(get("/info", token("admin")), 403, "FORBIDDEN");
    assertThat(post(frame, token("write")).statusCode()).isEqualTo(200);
  }

  @Test
  void writerOfAPrefixWritesNothingElse() {
    String token = token("write:mine%2F write:ours+%20");
    assertThat(post(fixture.frame("mine/1"), token).statusCode()).isEqualTo(200);
    assertThat(post(fixture.frame("ours+ 1"), token).statusCode()).isEqualTo(200);
    byte[] both = Fixture.join(List.of(fixture.frame("mine/2"), fixture.frame("yours/1")));
    HttpResponse<byte[]> refused = post(both, token);
    Fixture.assertError(refused, 403, "FORBIDDEN");
    assertThat(Fixture.json(refused).get("vectorId").asText()).isEqualTo("yours/1");
    assertThat(Fixture.json(refused).get("index").asInt()).isEqualTo(1);
  }

  @Test
  void readerOfAPrefixSeesNothingElse() throws IOException {
    String mine = fixture.idOf(3, "p/");
    String other = fixture.idOf(3, "q/");
    String token = token("read:p%2F");
    long from = fixture.log.end(3);
    fixture.append(mine, other);
    Fixture.await(() -> fixture.gateway.tail().store().end(3) >= from + 2);
    HttpResponse<byte[]> chunk = get("/shards/3/deltas?since=" + from, token);
    assertThat(DeltaFrames.ids(chunk.body())).containsExactly(mine);
    assertThat(chunk.headers().firstValue("Deltavec-Prefix")).hasValue("p%2F");
    String wider = "/shards/3/deltas?prefix=q&id=" + other + "&since=" + from;
    assertThat(get(wider, token).body()).isEmpty();
    fixture.service.snapshot(
        3, 1, Fixture.join(List.of(fixture.frame(mine), fixture.frame(other))));
    HttpResponse<byte[]> snapshot = get("/shards/3/snapshot/" + fixture.log.epoch() + "/1", token);
    assertThat(DeltaFrames.ids(snapshot.body())).containsExactly(mine);
    assertThat(snapshot.headers().firstValue("Cache-Control").orElse("")).contains("private");
    assertThat(snapshot.headers().firstValue("Vary").orElse("")).contains("Authorization");
    fixture.post(
        "/search",
        "application/json",
        "{\"vector\":[1,2,3,4]}".getBytes(StandardCharsets.UTF_8),
        "Authorization",
        "Bearer " + token);
    assertThat(fixture.service.lastAsked().prefixes()).containsExactly("p/");
    String since = "since=" + fixture.now();
    try (Follow socket = Follow.socket(fixture, since, "protocol", "bearer." + token);
        Follow events = Follow.events(fixture, since, "Authorization", "Bearer " + token)) {
      Fixture.await(() -> fixture.gateway.tail().followers() == 2);
      fixture.append(other, mine, other);
      socket.awaitCount(1);
      events.awaitCount(1);
      Fixture.await(() -> socket.cursor().equals(fixture.now()));
      assertThat(socket.ids()).containsExactly(mine);
      assertThat(events.ids()).containsExactly(mine);
    }
  }

  @Test
  void followersWithoutAGoodTokenAreToldWhy() {
    for (String bad : List.of("x", token("write"))) {
      try (Follow socket =
              Follow.socket(fixture, "since=" + fixture.now(), "protocol", "bearer." + bad);
          Follow events =
              Follow.events(fixture, "since=" + fixture.now(), "Authorization", "Bearer " + bad)) {
        socket.awaitOver();
        assertThat(socket.code()).isEqualTo(4001);
        assertThat(events.code()).isIn(401, 403);
      }
    }
    fixture.gateway.rates().forget();
  }

  @Test
  void followersEndWithTheirTokens() {
    String token =
        token(claims("read").expirationTime(Date.from(Instant.now().plusMillis(1_500))).build());
    String since = "since=" + fixture.now();
    try (Follow socket = Follow.socket(fixture, since, "Authorization", "Bearer " + token);
        Follow events = Follow.events(fixture, since, "Authorization", "Bearer " + token)) {
      Fixture.await(() -> fixture.gateway.tail().followers() == 2);
      socket.awaitOver();
      events.awaitOver();
      assertThat(socket.code()).isEqualTo(4001);
      assertThat(socket.errorCode()).isEqualTo("UNAUTHENTICATED");
      assertThat(events.errorCode()).isEqualTo("UNAUTHENTICATED");
    }
  }

  @Test
  void gatewayWithoutKeysDoesNotBegin() {
    assertThatThrownBy(() -> new Fixture(directory, GatewayConfig.DEFAULTS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("auth: {off: true}");
    assertThatThrownBy(() ->
            new Fixture(
                directory,
                GatewayConfig.DEFAULTS.withAuth(GatewayConfig.Auth.DEFAULTS.withSecret("short"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("32 bytes");
  }

  @Test
  void pagesOfOtherOriginsAreAnsweredOnlyIfConfigured() {
    HttpRequest.Builder preflight =
        fixture
            .request("/deltas")
            .header("Origin", "https://app.example")
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type")
            .method("OPTIONS", HttpRequest.BodyPublishers.noBody());
    assertThat(Fixture.send(preflight.build()).headers().map())
        .doesNotContainKey("access-control-allow-origin");
    GatewayConfig config =
        Fixture.open().withCors(new GatewayConfig.Cors(List.of("https://app.example"), 60));
    try (Fixture cors = new Fixture(directory, config)) {
      HttpResponse<byte[]> allowed =
          Fixture.send(
              cors.request("/deltas")
                  .header("Origin", "https://app.example")
                  .header("Access-Control-Request-Method", "POST")
                  .header("Access-Control-Request-Headers", "authorization,content-type")
                  .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                  .build());
      assertThat(allowed.headers().firstValue("access-control-allow-origin"))
          .hasValue("https://app.example");
      HttpResponse<byte[]> error =
          Fixture.send(
              cors.request("/shards/9/deltas?since=0")
                  .header("Origin", "https://app.example")
                  .build());
      Fixture.assertError(error, 404, "NOT_FOUND");
      assertThat(error.headers().firstValue("access-control-allow-origin"))
          .hasValue("https://app.example");
      assertThat(error.headers().firstValue("access-control-expose-headers").orElse(""))
          .contains("Deltavec-Next");
      try (Follow follow =
          Follow.socket(cors, "since=" + cors.now(), "Origin", "https://app.example")) {
        Fixture.await(() -> cors.gateway.tail().followers() == 1);
        assertThat(follow.over()).isFalse();
      }
    }
  }
}
