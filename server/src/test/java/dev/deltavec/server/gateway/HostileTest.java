package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What clients may send that mean no good: it is refused, and the gateway goes on. */
class HostileTest {
  private static final int CLOSE = 8;
  private static final int PING = 9;
  private static final int PONG = 10;
  private static final int TEXT = 1;
  private static final int BINARY = 2;

  @TempDir Path directory;
  private Fixture fixture;

  @BeforeEach
  void start() {
    GatewayConfig.Limits d = GatewayConfig.Limits.DEFAULTS;
    GatewayConfig.Limits limits =
        new GatewayConfig.Limits(
            20_000, // body
            d.maxBodies(),
            2_048, // url
            4_096, // headers
            5, // ids
            100_000,
            d.deltasPerSecond(),
            d.bytesPerSecond(),
            3_000,
            2_500,
            2_500,
            d.maxResults(),
            d.searchMs(),
            d.maxSearchMs(),
            d.appendMs(),
            d.maxClockAheadMs(),
            d.readMs(),
            700, // headers
            700, // body
            false);
    GatewayConfig.Follow f = GatewayConfig.Follow.DEFAULTS;
    GatewayConfig.Follow follow =
        new GatewayConfig.Follow(
            1 << 20, f.maxBehind(), 20, 15_000, 500, f.liveBytes(), f.chunkBytes(), 2);
    fixture = new Fixture(directory, Fixture.open().withLimits(limits).withFollow(follow));
  }

  @AfterEach
  void stop() {
    assertThat(fixture.get("/info").statusCode()).as("it goes on").isEqualTo(200);
    fixture.close();
  }

  private void awaitFollowers(int n) {
    Fixture.await(() -> fixture.gateway.tail().followers() == n);
  }

  private String raw(String text) throws IOException {
    try (Socket socket = fixture.connect()) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (SocketException e) {
      return "";
    }
  }

  // ---------------------------------------------------------------- bodies

  @Test
  void bodyThatIsTooLargeIsRefusedBeforeItIsRead() {
    Fixture.assertError(fixture.postFrames(new byte[20_001]), 413, "TOO_LARGE");
    HttpResponse<byte[]> huge = fixture.postFrames(new byte[3 << 20]);
    Fixture.assertError(huge, 413, "TOO_LARGE");
  }

  @Test
  void bodyThatDoesNotSayItsSizeIsReadNoFurtherThanAllowed() {
    HttpRequest request =
        fixture
            .request("/deltas")
            .header("Content-Type", Call.FRAMES)
            .POST(
                HttpRequest.BodyPublishers.fromPublisher(
                    HttpRequest.BodyPublishers.ofByteArray(new byte[100_000])))
            .build();
    Fixture.assertError(Fixture.send(request), 413, "TOO_LARGE");
  }

  @Test
  void everyTruncationOfGoodFramesIsRefused() {
    byte[] good = Fixture.join(List.of(fixture.frame("a"), fixture.frame("bb")));
    int first = good[0] & 0xff;
    for (int n = 1; n < good.length; n++) {
      HttpResponse<byte[]> response = fixture.postFrames(Arrays.copyOf(good, n));
      if (n == first) {
        assertThat(response.statusCode()).isEqualTo(200);
      } else {
        Fixture.assertError(response, 400, "CORRUPT_DATA");
      }
    }
  }

  @Test
  void framesWithAnyBytesChangedAreRefused() {
    byte[] good = fixture.frame("victim");
    Random random = new Random(5);
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= (byte) (1 << random.nextInt(8));
      HttpResponse<byte[]> response = fixture.postFrames(bad);
      assertThat(response.statusCode()).as("byte " + i).isEqualTo(400);
    }
    for (int i = 0; i < 50; i++) {
      byte[] noise = new byte[random.nextInt(300) + 1];
      random.nextBytes(noise);
      assertThat(fixture.postFrames(noise).statusCode()).isEqualTo(400);
    }
    for (int shard = 0; shard < Fixture.SHARDS; shard++) {
      assertThat(fixture.log.end(shard)).isZero();
    }
  }

  @Test
  void bodyThatDoesNotComeIsNotWaitedFor() throws IOException {
    try (Socket socket = fixture.connect()) {
      socket.setSoTimeout(10_000);
      socket
          .getOutputStream()
          .write(
              ("POST /deltas HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\nContent-Type: "
                      + Call.FRAMES
                      + "\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      long begin = System.nanoTime();
      try {
        while (System.nanoTime() - begin < 8_000_000_000L) {
          socket.getOutputStream().write(1);
          Thread.sleep(100);
          if (socket.getInputStream().available() > 0) {
            break;
          }
        }
      } catch (SocketException e) {
        return; // it was closed
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      byte[] answer = new byte[12];
      assertThat(socket.getInputStream().read(answer)).isEqualTo(12);
      assertThat(new String(answer, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 408");
    }
  }

  // ---------------------------------------------------------------- requests

  @Test
  void requestsThatAreTooLongAreRefused() throws IOException {
    String line = raw("GET /info?" + "x".repeat(3_000) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    assertThat(line).startsWith("HTTP/1.1 4").contains("\"code\":");
    String headers =
        raw("GET /info HTTP/1.1\r\nHost: x\r\nX-Big: " + "x".repeat(6_000) + "\r\n\r\n");
    assertThat(headers).startsWith("HTTP/1.1 4").contains("\"code\":");
  }

  @Test
  void nonsenseIsAnsweredOrClosed() throws IOException {
    Random random = new Random(9);
    for (int i = 0; i < 30; i++) {
      byte[] noise = new byte[random.nextInt(200) + 1];
      random.nextBytes(noise);
      assertThat(raw(new String(noise, StandardCharsets.ISO_8859_1) + "\r\n\r\n\r\n"))
          .doesNotStartWith("HTTP/1.1 2");
    }
  }

  @Test
  void headersThatComeByteByByteAreNotWaitedFor() throws IOException {
    try (Socket socket = fixture.connect()) {
      socket.setSoTimeout(10_000);
      socket
          .getOutputStream()
          .write("GET /info HTTP/1.1\r\nHost: x\r\nX: ".getBytes(StandardCharsets.US_ASCII));
      boolean closed = false;
      for (int i = 0; i < 100 && !closed; i++) {
        try {
          socket.getOutputStream().write('x');
          Thread.sleep(50);
          closed = socket.getInputStream().available() > 0;
        } catch (SocketException e) {
          closed = true;
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
      assertThat(closed).isTrue();
    }
  }

  @Test
  void tooManyIdsAreRefused() {
    String query = "&id=a&id=b&id=c&prefix=d&prefix=e&prefix=f";
    Fixture.assertError(fixture.get("/shards/0/deltas?since=0" + query), 400, "INVALID_ARGUMENT");
    try (Follow follow = Follow.socket(fixture, "since=" + fixture.zero() + query)) {
      follow.awaitOver();
      assertThat(follow.errorCode()).isEqualTo("INVALID_ARGUMENT");
    }
  }

  // ---------------------------------------------------------------- followers

  @Test
  void slowReaderIsLetGoAndOthersAreNot() throws IOException {
    try (RawSocket slow = new RawSocket(fixture, "since=" + fixture.now(), 4_096);
        Follow quick = Follow.socket(fixture, "since=" + fixture.now())) {
      awaitFollowers(2);
      byte[] frame = fixture.frame("x");
      byte[] record = new byte[frame.length * (40_000 / frame.length)];
      for (int at = 0; at < record.length; at += frame.length) {
        System.arraycopy(frame, 0, record, at, frame.length);
      }
      int records = 400; // 16 MB
      for (int i = 0; i < records; i++) {
        fixture.log.append(List.of(new DeltaLog.Part(1, record))).join();
        int n = (i + 1) * (record.length / frame.length);
        if (i % 10 == 9) {
          quick.awaitCount(n);
        }
      }
      awaitFollowers(1);
      assertThat(quick.over()).isFalse();
      Fixture.await(() -> {
        var ended =
            fixture.meters.find("deltavec.gateway.ended").tag("reason", "TOO_SLOW").counter();
        return ended != null && ended.count() == 1;
      });
    }
  }

  @Test
  void readerThatWasSlowAndReadsOnIsToldWhy() throws IOException {
    GatewayConfig.Follow f = GatewayConfig.Follow.DEFAULTS;
    GatewayConfig config =
        Fixture.open()
            .withFollow(
                new GatewayConfig.Follow(
                    1 << 20, f.maxBehind(), 20, 15_000, 30_000, f.liveBytes(), f.chunkBytes(), 2));
    try (Fixture patient = new Fixture(directory, config, fixture.log);
        RawSocket slow = new RawSocket(patient, "since=" + fixture.now(), 4_096)) {
      Fixture.await(() -> patient.gateway.tail().followers() == 1);
      byte[] frame = fixture.frame("x");
      byte[] record = new byte[frame.length * (100_000 / frame.length)];
      for (int at = 0; at < record.length; at += frame.length) {
        System.arraycopy(frame, 0, record, at, frame.length);
      }
      for (int i = 0; i < 150; i++) {
        fixture.log.append(List.of(new DeltaLog.Part(1, record))).join();
      }
      Fixture.await(() -> patient.gateway.tail().store().end(1) == 150);
      RawSocket.Frame why = slow.receive(TEXT);
      assertThat(Fixture.json(why.payload()).get("code").asText()).isEqualTo("TOO_SLOW");
      assertThat(slow.receive(CLOSE).closeCode()).isEqualTo(4013);
    }
  }

  @Test
  void closeIsAnswered() throws IOException {
    try (RawSocket socket = new RawSocket(fixture, "since=" + fixture.now(), 0)) {
      awaitFollowers(1);
      socket.send(CLOSE, new byte[] {3, (byte) 0xe8});
      assertThat(socket.receive(CLOSE).closeCode()).isEqualTo(1000);
      assertThat(socket.ended()).isTrue();
    }
    awaitFollowers(0);
  }

  @Test
  void pingIsAnswered() throws IOException {
    try (RawSocket socket = new RawSocket(fixture, "since=" + fixture.now(), 0)) {
      awaitFollowers(1);
      socket.send(PING, new byte[] {1, 2, 3});
      assertThat(socket.receive(PONG).payload()).containsExactly(1, 2, 3);
    }
  }

  @Test
  void framesThatAreNotAllowedEndTheConnection() throws IOException {
    for (byte[] bad :
        List.of(
            new byte[] {(byte) 0x82, 3, 1, 2, 3}, // not masked
            new byte[] {(byte) 0x82, (byte) 0xff, 0x7f, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, // huge
            new byte[] {(byte) 0x82, (byte) 0xff, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0},
            new byte[] {(byte) 0x85, (byte) 0x80, 0, 0, 0, 0}, // unknown opcode
            new byte[] {(byte) 0x80, (byte) 0x80, 0, 0, 0, 0})) { // continues nothing
      try (RawSocket socket = new RawSocket(fixture, "since=" + fixture.now(), 0)) {
        socket.raw(bad);
        try {
          while (socket.receive().opcode() != CLOSE) {
            // until it ends
          }
        } catch (IOException e) {
          // closed without a word
        }
      }
    }
    awaitFollowers(0);
  }

  @Test
  void socketsThatAreCutAreForgotten() throws IOException {
    List<RawSocket> all = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      all.add(new RawSocket(fixture, "since=" + fixture.now(), 0));
    }
    awaitFollowers(50);
    for (RawSocket socket : all) {
      socket.close();
    }
    awaitFollowers(0);
  }

  @Test
  void thousandsOfFollowersComeAndGo() throws IOException {
    int n = 1_500;
    List<RawSocket> all = new ArrayList<>();
    try {
      for (int i = 0; i < n; i++) {
        all.add(new RawSocket(fixture, "since=" + fixture.now(), 0));
      }
      awaitFollowers(n);
      fixture.append("everywhere");
      for (RawSocket socket : all) {
        assertThat(socket.receive(BINARY).payload().length).isGreaterThan(40);
      }
    } finally {
      for (RawSocket socket : all) {
        socket.close();
      }
    }
    awaitFollowers(0);
  }

  @Test
  void moreFollowersThanAllowedAreRefused() throws IOException {
    GatewayConfig.Limits d = GatewayConfig.Limits.DEFAULTS;
    GatewayConfig config =
        Fixture.open()
            .withLimits(
                new GatewayConfig.Limits(
                    d.maxBody(),
                    d.maxBodies(),
                    d.maxUrl(),
                    d.maxHeaders(),
                    d.maxIds(),
                    5, // requests each second
                    0,
                    0,
                    d.maxConnections(),
                    10,
                    2, // followers of one
                    d.maxResults(),
                    d.searchMs(),
                    d.maxSearchMs(),
                    d.appendMs(),
                    d.maxClockAheadMs(),
                    d.readMs(),
                    d.headerMs(),
                    d.bodyMs(),
                    false));
    try (Fixture small = new Fixture(directory, config, new MemoryDeltaLog(Fixture.SHARDS));
        Follow one = Follow.socket(small, "since=" + small.now());
        Follow two = Follow.events(small, "since=" + small.now());
        Follow three = Follow.socket(small, "since=" + small.now())) {
      three.awaitOver();
      assertThat(three.errorCode()).isEqualTo("RATE_LIMITED");
      assertThat(three.code()).isEqualTo(1013);
      assertThat(one.over()).isFalse();
      assertThat(two.over()).isFalse();
      HttpResponse<byte[]> last = small.get("/info");
      for (int i = 0; i < 20; i++) {
        last = small.get("/info");
      }
      Fixture.assertError(last, 429, "RATE_LIMITED");
      assertThat(last.headers().firstValue("Retry-After")).hasValue("1");
    }
  }
}
