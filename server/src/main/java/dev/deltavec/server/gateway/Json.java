package dev.deltavec.server.gateway;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Reads the JSON of requests piece by piece, without a tree; writes that of answers. */
final class Json {
  /** No vector has more values. */
  private static final int MAX_VALUES = 65_536;

  private static final int MAX_DEPTH = 200;
  private static final int MAX_NUMBER = 100;

  private static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .disable(JsonFactory.Feature.CHARSET_DETECTION)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxNumberLength(MAX_NUMBER)
                  .maxStringLength(1 << 20)
                  .build())
          .build();
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private Json() {}

  /** Returns a value as JSON in UTF-8. */
  static byte[] write(Object value) {
    try {
      return MAPPER.writeValueAsBytes(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Reads something. */
  interface Reading<T> {
    T read(JsonParser parser) throws IOException;
  }

  /**
   * Reads a body.
   *
   * @throws ApiException 400 {@code CORRUPT_DATA} for what is no JSON
   */
  static <T> T read(byte[] body, Reading<T> reading) {
    try (JsonParser parser = FACTORY.createParser(body)) {
      parser.nextToken();
      T result = reading.read(parser);
      if (parser.nextToken() != null) {
        throw new ApiException(400, "CORRUPT_DATA", "there is something behind the JSON");
      }
      return result;
    } catch (JsonProcessingException e) {
      throw new ApiException(400, "CORRUPT_DATA", "the body is no JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw new ApiException(400, "CORRUPT_DATA", "the body is no JSON");
    }
  }

  /** Refuses a value that is not of a kind. */
  static void require(JsonParser parser, JsonToken token, String name, String kind) {
    if (parser.currentToken() != token) {
      throw ApiException.invalid(name + " must be " + kind);
    }
  }

  /** Returns a text. */
  static String text(JsonParser parser, String name) throws IOException {
    require(parser, JsonToken.VALUE_STRING, name, "a text");
    return parser.getText();
  }

  /** Returns a whole number of a range. */
  static int whole(JsonParser parser, String name, int min, int max) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
      switch (parser.getNumberType()) {
        case INT, LONG -> {
          long value = parser.getLongValue();
          if (value >= min && value <= max) {
            return (int) value;
          }
        }
        default -> {}
      }
    }
    throw ApiException.invalid(name + " must be a whole number from " + min + " to " + max);
  }

  /**
   * Returns a number as a float: rounded once from its decimals' nearest double, as JavaScript
   * does.
   *
   * @throws ApiException 400 {@code NOT_FINITE} if it is none
   */
  static float real(JsonParser parser, String name) throws IOException {
    if (!parser.currentToken().isNumeric()) {
      throw ApiException.invalid(name + " must be a number");
    }
    float value = (float) parser.getDoubleValue();
    if (!Float.isFinite(value)) {
      throw new ApiException(400, "NOT_FINITE", name + " is no finite float32");
    }
    return value;
  }

  /** Returns an array of floats. */
  static float[] reals(JsonParser parser, String name) throws IOException {
    require(parser, JsonToken.START_ARRAY, name, "an array of numbers");
    float[] values = new float[64];
    int n = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      requireRoom(n, name);
      if (n == values.length) {
        values = Arrays.copyOf(values, 2 * n);
      }
      values[n] = real(parser, name);
      n++;
    }
    return Arrays.copyOf(values, n);
  }

  /** Returns an array of whole numbers below 2^31. */
  static int[] wholes(JsonParser parser, String name) throws IOException {
    require(parser, JsonToken.START_ARRAY, name, "an array of numbers");
    int[] values = new int[16];
    int n = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      requireRoom(n, name);
      if (n == values.length) {
        values = Arrays.copyOf(values, 2 * n);
      }
      values[n] = whole(parser, name, 0, Integer.MAX_VALUE);
      n++;
    }
    return Arrays.copyOf(values, n);
  }

  private static void requireRoom(int n, String name) {
    if (n == MAX_VALUES) {
      throw ApiException.invalid(name + " has more numbers than any vector");
    }
  }

  /** Returns the text of an object as it stands in the body, numbers and all. */
  static String raw(JsonParser parser, byte[] body, String name) throws IOException {
    require(parser, JsonToken.START_OBJECT, name, "an object");
    int from = (int) parser.currentTokenLocation().getByteOffset();
    parser.skipChildren();
    int to = (int) parser.currentTokenLocation().getByteOffset() + 1;
    return new String(body, from, to - from, StandardCharsets.UTF_8);
  }
}
