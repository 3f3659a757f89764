package dev.deltavec.server.gateway;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.deltavec.DeltaOperation;
import dev.deltavec.VectorDelta;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Deltas as {@code deltaToJson} of the TypeScript package writes them. */
final class DeltaJson {
  private DeltaJson() {}

  /**
   * Reads one delta, or an array of them.
   *
   * @throws ApiException 400; with the {@code index} of the offending delta in an array
   */
  static List<VectorDelta> read(byte[] body) {
    return Json.read(
        body,
        parser -> {
          if (parser.currentToken() != JsonToken.START_ARRAY) {
            return List.of(delta(parser, body, "delta"));
          }
          List<VectorDelta> deltas = new ArrayList<>();
          while (parser.nextToken() != JsonToken.END_ARRAY) {
            int index = deltas.size();
            try {
              deltas.add(delta(parser, body, "delta[" + index + "]"));
            } catch (ApiException e) {
              throw at(e, index);
            }
          }
          return deltas;
        });
  }

  private static ApiException at(ApiException e, int index) {
    return new ApiException(
        e.status(), e.code(), String.valueOf(e.getMessage()), Map.of("index", index));
  }

  private static VectorDelta delta(JsonParser parser, byte[] body, String name) throws IOException {
    Json.require(parser, JsonToken.START_OBJECT, name, "an object");
    String id = null;
    DeltaOperation operation = null;
    String metadata = null;
    Instant timestamp = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String member = parser.currentName();
      parser.nextToken();
      switch (member) {
        case "vectorId" -> id = Json.text(parser, name + ".vectorId");
        case "operation" -> operation = operation(parser, name + ".operation");
        case "metadata" -> metadata = Json.raw(parser, body, name + ".metadata");
        case "timestamp" -> timestamp = time(parser, name + ".timestamp");
        case "deltaId", "origin", "position" -> parser.skipChildren(); // an event's: say nothing
        default -> throw ApiException.invalid(name + " has an unknown member " + member);
      }
    }
    if (id == null || operation == null) {
      throw ApiException.invalid(name + " must have a vectorId and an operation");
    }
    return new VectorDelta(id, operation, metadata, timestamp);
  }

  private static DeltaOperation operation(JsonParser parser, String name) throws IOException {
    Json.require(parser, JsonToken.START_OBJECT, name, "an object");
    String type = null;
    float[] vector = null;
    int[] indices = null;
    float[] values = null;
    Float factor = null;
    Float amount = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String member = parser.currentName();
      parser.nextToken();
      switch (member) {
        case "type" -> type = Json.text(parser, name + ".type");
        case "vector" -> vector = Json.reals(parser, name + ".vector");
        case "indices" -> indices = Json.wholes(parser, name + ".indices");
        case "values" -> values = Json.reals(parser, name + ".values");
        case "factor" -> factor = Json.real(parser, name + ".factor");
        case "amount" -> amount = Json.real(parser, name + ".amount");
        default -> throw ApiException.invalid(name + " has an unknown member " + member);
      }
    }
    boolean exact =
        (vector != null) == ("create".equals(type) || "dense".equals(type))
            && (indices != null) == "sparse".equals(type)
            && (values != null) == "sparse".equals(type)
            && (factor != null) == "scale".equals(type)
            && (amount != null) == "offset".equals(type);
    DeltaOperation operation = exact ? make(type, vector, indices, values, factor, amount) : null;
    if (operation == null) {
      throw ApiException.invalid(
          name
              + " must be create or dense with vector, sparse with indices and values, scale with"
              + " factor, offset with amount, or delete");
    }
    return operation;
  }

  private static @Nullable DeltaOperation make(
      @Nullable String type,
      float @Nullable [] vector,
      int @Nullable [] indices,
      float @Nullable [] values,
      @Nullable Float factor,
      @Nullable Float amount) {
    if (vector != null) {
      return "create".equals(type)
          ? new DeltaOperation.Create(vector)
          : new DeltaOperation.Dense(vector);
    }
    if (indices != null && values != null) {
      return new DeltaOperation.Sparse(indices, values);
    }
    if (factor != null) {
      return new DeltaOperation.Scale(factor);
    }
    if (amount != null) {
      return new DeltaOperation.Offset(amount);
    }
    return "delete".equals(type) ? new DeltaOperation.Delete() : null;
  }

  private static Instant time(JsonParser parser, String name) throws IOException {
    try {
      if (parser.currentToken() == JsonToken.VALUE_STRING) {
        return OffsetDateTime.parse(parser.getText()).toInstant();
      }
      if (parser.currentToken().isNumeric()) {
        double millis = parser.getDoubleValue();
        if (Math.abs(millis) < 1e15) {
          return Instant.ofEpochMilli((long) millis);
        }
      }
    } catch (DateTimeException e) {
      // as any other text
    }
    throw ApiException.invalid(
        name + " must be a time in ISO 8601 with its zone, or Unix milliseconds");
  }
}
