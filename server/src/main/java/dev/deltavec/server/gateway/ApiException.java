package dev.deltavec.server.gateway;

import dev.deltavec.core.DeltaException;
import dev.deltavec.log.LogException;
import dev.deltavec.server.auth.AuthException;
import dev.deltavec.server.tail.FollowException;
import java.io.Serial;
import java.util.LinkedHashMap;
import java.util.Map;

/** An answer that says why there is no better one: a status, a stable code, a message. */
final class ApiException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  private final int status;
  private final String code;
  private final transient Map<String, Object> fields;

  ApiException(int status, String code, String message, Map<String, Object> fields) {
    super(message, null, false, false); // nobody looks at the stack of what is no fault of ours
    this.status = status;
    this.code = code;
    this.fields = fields;
  }

  ApiException(int status, String code, String message) {
    this(status, code, message, Map.of());
  }

  static ApiException invalid(String message) {
    return new ApiException(400, "INVALID_ARGUMENT", message);
  }

  static ApiException unauthenticated(String message) {
    return new ApiException(401, "UNAUTHENTICATED", message);
  }

  static ApiException forbidden(String message) {
    return new ApiException(403, "FORBIDDEN", message);
  }

  static ApiException notFound(String message) {
    return new ApiException(404, "NOT_FOUND", message);
  }

  static ApiException tooLarge(String message) {
    return new ApiException(413, "TOO_LARGE", message);
  }

  static ApiException mediaType(String message) {
    return new ApiException(415, "UNSUPPORTED_MEDIA_TYPE", message);
  }

  /** Tells to come again after some seconds, 1 at least. */
  static ApiException rateLimited(String message, long seconds) {
    return new ApiException(
        429, "RATE_LIMITED", message, Map.of("retryAfter", Math.max(1, seconds)));
  }

  static ApiException unavailable(String message) {
    return new ApiException(503, "UNAVAILABLE", message, Map.of("retryAfter", 1L));
  }

  static ApiException deadline(String message) {
    return new ApiException(504, "DEADLINE", message);
  }

  /** Returns what to answer where something else was thrown. */
  static ApiException of(Throwable error) {
    return switch (error) {
      case ApiException e -> e;
      case AuthException e ->
          e.unknown()
              ? unavailable(String.valueOf(e.getMessage()))
              : unauthenticated(String.valueOf(e.getMessage()));
      case FollowException e -> follow(e);
      case DeltaException e -> delta(e);
      case LogException e ->
          e.reason() == LogException.Reason.BEHIND
              ? new ApiException(409, "TOO_FAR_BEHIND", "records are gone")
              : unavailable("the log cannot be reached now");
      default -> new ApiException(500, "INTERNAL", "something went wrong here");
    };
  }

  private static ApiException follow(FollowException e) {
    String message = String.valueOf(e.getMessage());
    return switch (e.reason()) {
      case INVALID_ARGUMENT -> invalid(message);
      case TOO_FAR_BEHIND, EPOCH_CHANGED ->
          new ApiException(409, e.reason().name(), message, e.fields());
      case UNAUTHENTICATED -> unauthenticated(message);
      case TOO_SLOW -> new ApiException(503, "TOO_SLOW", message);
      case GOING_AWAY -> new ApiException(503, "GOING_AWAY", message);
      case UNAVAILABLE -> unavailable(message);
    };
  }

  private static ApiException delta(DeltaException e) {
    Map<String, Object> fields = e.index() < 0 ? Map.of() : Map.of("index", e.index());
    String message = String.valueOf(e.getMessage());
    return switch (e.code()) {
      case OUT_OF_MEMORY -> new ApiException(413, "TOO_LARGE", message, fields);
      case CLOSED, INTERRUPTED, STORAGE_FAILED, QUOTA_EXCEEDED ->
          unavailable("the node cannot do this now");
      default -> new ApiException(400, e.code().name(), message, fields);
    };
  }

  int status() {
    return status;
  }

  String code() {
    return code;
  }

  /** Returns the answer's members. */
  Map<String, Object> body() {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("code", code);
    body.put("message", String.valueOf(getMessage()));
    body.putAll(fields);
    return body;
  }

  /** Returns after how many seconds to come again; 0 if nothing is said. */
  long retryAfter() {
    return fields.get("retryAfter") instanceof Long seconds ? seconds : 0;
  }

  /** Returns the code with which a WebSocket is closed. */
  int closeCode() {
    return switch (code) {
      case "UNAUTHENTICATED", "FORBIDDEN" -> 4001;
      case "TOO_FAR_BEHIND", "EPOCH_CHANGED" -> 4009;
      case "TOO_SLOW" -> 4013;
      case "GOING_AWAY" -> 1001;
      case "UNAVAILABLE", "RATE_LIMITED" -> 1013;
      case "INTERNAL" -> 1011;
      default -> 1008;
    };
  }
}
