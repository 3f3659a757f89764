package dev.deltavec.server.gateway;

import com.fasterxml.jackson.core.JsonToken;
import dev.deltavec.SearchResult;
import dev.deltavec.server.node.Answer;
import dev.deltavec.server.node.Query;
import dev.deltavec.server.node.ServiceInfo;
import dev.deltavec.server.node.ShardService;
import io.helidon.http.HeaderNames;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code POST /search}. */
final class Searches {
  private static final int MAX_EF = 10_000;
  private static final int DEFAULT_K = 10;
  private static final int MAX_BODY = 2 << 20;

  private final ShardService service;
  private final ServiceInfo info;
  private final GatewayConfig.Limits limits;

  /** What is asked for, as far as it has been read. */
  private static final class Draft {
    float @Nullable [] vector;
    int k = DEFAULT_K;
    @Nullable Integer efSearch;
    @Nullable String filter;
    int deadline;
  }

  Searches(ShardService service, ServiceInfo info, GatewayConfig.Limits limits) {
    this.service = service;
    this.info = info;
    this.limits = limits;
  }

  void handle(Call call) throws IOException {
    String type = call.header(HeaderNames.CONTENT_TYPE);
    String media = type == null ? "" : type.split(";", 2)[0].trim().toLowerCase(Locale.ROOT);
    Draft draft =
        switch (media) {
          case "application/json" -> json(call.body(MAX_BODY, limits.bodyMs()));
          case "application/octet-stream" -> bytes(call);
          default ->
              throw ApiException.mediaType(
                  "the body must be application/json or application/octet-stream");
        };
    float[] vector = draft.vector;
    if (vector == null) {
      throw ApiException.invalid("there is no vector");
    }
    if (vector.length != info.dimensions()) {
      throw new ApiException(
          400,
          "DIMENSION_MISMATCH",
          "the vector has " + vector.length + " values, not " + info.dimensions());
    }
    for (float value : vector) {
      if (!Float.isFinite(value)) {
        throw new ApiException(400, "NOT_FINITE", "the vector has a value that is not finite");
      }
    }
    Answer answer =
        service.search(
            new Query(
                vector,
                draft.k,
                draft.efSearch,
                draft.filter,
                call.subject().scopes().readPrefixes(),
                Duration.ofMillis(draft.deadline)));
    if (answer.missing().size() == info.shards()) {
      throw ApiException.deadline("no shard has answered in time");
    }
    call.json(answer(answer));
  }

  private static Map<String, Object> answer(Answer answer) {
    List<Map<String, Object>> results = new ArrayList<>();
    for (SearchResult result : answer.results()) {
      results.add(Map.of("id", result.id(), "score", result.score()));
    }
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("results", results);
    body.put("partial", answer.partial());
    body.put("missing", answer.missing());
    body.put("tookMs", answer.took().toNanos() / 1e6);
    return body;
  }

  private Draft json(byte[] body) {
    Draft draft = new Draft();
    draft.deadline = Math.min(limits.searchMs(), limits.maxSearchMs());
    return Json.read(
        body,
        parser -> {
          Json.require(parser, JsonToken.START_OBJECT, "the body", "an object");
          while (parser.nextToken() != JsonToken.END_OBJECT) {
            String member = parser.currentName();
            parser.nextToken();
            switch (member) {
              case "vector" -> draft.vector = Json.reals(parser, "vector");
              case "k" -> draft.k = Json.whole(parser, "k", 1, limits.maxResults());
              case "efSearch" -> draft.efSearch = Json.whole(parser, "efSearch", 1, MAX_EF);
              case "filter" -> draft.filter = Json.raw(parser, body, "filter");
              case "deadlineMs" ->
                  draft.deadline = Json.whole(parser, "deadlineMs", 1, limits.maxSearchMs());
              default -> throw ApiException.invalid("there is an unknown member " + member);
            }
          }
          return draft;
        });
  }

  private Draft bytes(Call call) throws IOException {
    Draft draft = new Draft();
    draft.k = parameter(call, "k", DEFAULT_K, limits.maxResults());
    if (call.query("ef") != null) {
      draft.efSearch = parameter(call, "ef", 1, MAX_EF);
    }
    draft.deadline =
        parameter(
            call,
            "deadline",
            Math.min(limits.searchMs(), limits.maxSearchMs()),
            limits.maxSearchMs());
    byte[] body = call.body(MAX_BODY, limits.bodyMs());
    if (body.length % Float.BYTES != 0) {
      throw ApiException.invalid("the body must be float32, 4 bytes each");
    }
    float[] vector = new float[body.length / Float.BYTES];
    ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(vector);
    draft.vector = vector;
    return draft;
  }

  private static int parameter(Call call, String name, int fallback, int max) {
    String text = call.query(name);
    if (text == null) {
      return fallback;
    }
    long value = Call.number(name, text);
    if (value < 1 || value > max) {
      throw ApiException.invalid(name + " must be from 1 to " + max);
    }
    return (int) value;
  }
}
