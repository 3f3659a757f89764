package dev.deltavec.server.gateway;

import dev.deltavec.server.auth.Subject;
import dev.deltavec.server.tail.Filter;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/** One request, who makes it, and ways to answer. */
record Call(ServerRequest request, ServerResponse response, Subject subject, boolean open) {
  static final String FRAMES = "application/vnd.deltavec.frames";
  static final HeaderName OFFSET = HeaderNames.create("Deltavec-Offset");
  static final HeaderName EPOCH = HeaderNames.create("Deltavec-Epoch");
  static final HeaderName NEXT = HeaderNames.create("Deltavec-Next");
  static final HeaderName END = HeaderNames.create("Deltavec-End");
  static final HeaderName PREFIX = HeaderNames.create("Deltavec-Prefix");
  static final HeaderName BYTES = HeaderNames.create("Deltavec-Bytes");
  static final HeaderName CLIENT = HeaderNames.create("Deltavec-Client");
  static final HeaderName SEQUENCE = HeaderNames.create("Deltavec-Sequence");

  /** How many bytes are tried to see whether compression is worth its time. */
  static final int SAMPLE_BYTES = 32 << 10;

  /** Room for a body before any of it has come. */
  private static final long FIRST_BYTES = 64 << 10;

  /** Answers with JSON. */
  void json(Object body) {
    response.header(HeaderNames.CONTENT_TYPE, "application/json");
    response.header(HeaderNames.CACHE_CONTROL, "no-store");
    response.send(Json.write(body));
  }

  /** Returns a header of the request, or null. */
  @Nullable String header(HeaderName name) {
    return request.headers().first(name).orElse(null);
  }

  /** Returns a parameter of the query, or null. */
  @Nullable String query(String name) {
    return request.query().first(name).asOptional().orElse(null);
  }

  /** Returns a parameter of the path, a whole number from 0 on. */
  long number(String name) {
    return number(name, request.path().pathParameters().get(name));
  }

  /** Reads a whole number from 0 on, of up to 18 digits. */
  static long number(String name, @Nullable String text) {
    if (text == null || !text.matches("[0-9]{1,18}")) {
      throw ApiException.invalid(name + " must be a whole number");
    }
    return Long.parseLong(text);
  }

  /** Returns the shard of the path. */
  int shard(int shards) {
    long shard = number("shard");
    if (shard >= shards) {
      throw ApiException.notFound("there is no shard " + shard + " of " + shards);
    }
    return (int) shard;
  }

  /** Returns what the query asks for, of what the asker may see. */
  Filter filter(int maxIds) {
    if (!subject.scopes().readPrefixes().isEmpty()) {
      response.header(PREFIX, encoded(subject.scopes().readPrefixes()));
    }
    return filter(
        request.query().all("prefix", List::of),
        request.query().all("id", List::of),
        subject,
        maxIds);
  }

  /** Returns a filter of prefixes and ids, of what somebody may see. */
  static Filter filter(List<String> prefixes, List<String> ids, Subject subject, int maxIds) {
    if (prefixes.size() + ids.size() > maxIds) {
      throw ApiException.invalid("more than " + maxIds + " prefixes and ids");
    }
    return Filter.of(prefixes, ids, subject.scopes().readPrefixes());
  }

  static String encoded(List<String> prefixes) {
    return String.join(
        ",",
        prefixes.stream()
            .map(p -> URLEncoder.encode(p, StandardCharsets.UTF_8).replace("+", "%20"))
            .toList());
  }

  /** Lets who wants keep the answer for good. What depends on the token is kept for that only. */
  void immutable(String etag) {
    response.header(
        HeaderNames.CACHE_CONTROL, (open ? "public" : "private") + ", max-age=31536000, immutable");
    response.header(HeaderNames.ETAG, etag);
    if (!open) {
      response.header(HeaderNames.VARY, "Authorization, Accept-Encoding");
    } else {
      response.header(HeaderNames.VARY, "Accept-Encoding");
    }
  }

  /** Tells whether the asker has the answer with this tag, and if so says no more. */
  boolean notModified(String etag) {
    String known = header(HeaderNames.IF_NONE_MATCH);
    if (known == null || !known.contains(etag)) {
      return false;
    }
    response.status(Status.NOT_MODIFIED_304).send();
    return true;
  }

  /** Tells whether to compress, by what that does to a sample. */
  boolean compresses(byte[] sample, int length) {
    String accepted = header(HeaderNames.ACCEPT_ENCODING);
    if (accepted == null || length < 1_024) {
      return false;
    }
    boolean gzip = false;
    for (String coding : accepted.toLowerCase(Locale.ROOT).split(",", -1)) {
      String[] parts = coding.trim().split(";", -1);
      gzip |=
          parts[0].trim().equals("gzip")
              && (parts.length == 1 || !parts[1].trim().matches("q=0(\\.0*)?"));
    }
    if (!gzip) {
      return false;
    }
    Deflater deflater = new Deflater(Deflater.BEST_SPEED, true);
    try {
      deflater.setInput(sample, 0, length);
      deflater.finish();
      int bytes = 0;
      byte[] buffer = new byte[8 << 10];
      while (!deflater.finished()) {
        bytes += deflater.deflate(buffer);
      }
      return bytes < length / 5 * 4;
    } finally {
      deflater.end();
    }
  }

  /** Returns where to write a body of frames. */
  OutputStream frames(long length, boolean compressed) throws IOException {
    response.header(HeaderNames.CONTENT_TYPE, FRAMES);
    response.header(BYTES, Long.toString(length));
    if (!compressed) {
      response.headers().contentLength(length);
      return response.outputStream();
    }
    response.header(HeaderNames.CONTENT_ENCODING, "gzip");
    return new GZIPOutputStream(response.outputStream(), 32 << 10) {
      {
        def.setLevel(Deflater.BEST_SPEED);
      }
    };
  }

  /** Answers with frames. */
  void frames(byte[] body, boolean gzip) throws IOException {
    boolean compressed = gzip && compresses(body, Math.min(body.length, SAMPLE_BYTES));
    if (!compressed) {
      response.header(HeaderNames.CONTENT_TYPE, FRAMES);
      response.header(BYTES, Integer.toString(body.length));
      response.send(body);
      return;
    }
    try (OutputStream out = frames(body.length, true)) {
      out.write(body);
    }
  }

  /**
   * Reads the body.
   *
   * @param most bytes that it may have
   * @param millis how long it may take
   * @throws ApiException 413; 408 as {@code DEADLINE}
   */
  byte[] body(int most, int millis) throws IOException {
    return body(most, millis, size -> {});
  }

  /** Reads the body; the room for it, which is told, grows as its bytes come. */
  byte[] body(int most, int millis, LongConsumer room) throws IOException {
    long declared = request.headers().contentLength().orElse(-1);
    if (declared > most) {
      throw ApiException.tooLarge("the body has " + declared + " bytes, more than " + most);
    }
    if (header(HeaderNames.CONTENT_ENCODING) instanceof String coding
        && !coding.equals("identity")) {
      throw ApiException.mediaType("the body must not be encoded, as " + coding);
    }
    if (!request.content().hasEntity()) {
      return new byte[0];
    }
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    var in = request.content().inputStream();
    long end = declared >= 0 ? declared + 1 : most + 1L;
    byte[] bytes = new byte[(int) Math.min(end, FIRST_BYTES)];
    room.accept(bytes.length);
    int n = 0;
    for (int read = in.read(bytes, 0, bytes.length); read >= 0; ) {
      n += read;
      if (n > most) {
        throw ApiException.tooLarge("the body has more than " + most + " bytes");
      }
      if (System.nanoTime() > deadline) {
        throw new ApiException(408, "DEADLINE", "the body has not come in time");
      }
      if (n == bytes.length) {
        long size = n < end ? Math.min(2L * n, end) : Math.min(2L * n, most + 1L);
        room.accept(size);
        bytes = Arrays.copyOf(bytes, (int) size);
      }
      read = in.read(bytes, n, bytes.length - n);
    }
    return n == bytes.length ? bytes : Arrays.copyOf(bytes, n);
  }
}
