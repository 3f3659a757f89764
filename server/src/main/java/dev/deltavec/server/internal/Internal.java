package dev.deltavec.server.internal;

import dev.deltavec.core.DeltaException;
import dev.deltavec.server.search.LocalSearch;
import dev.deltavec.server.search.SearchRequest;
import dev.deltavec.server.shard.FollowerSnapshots;
import dev.deltavec.server.shard.ShardRunner;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.HttpRules;
import io.helidon.webserver.http.HttpService;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.util.Optional;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a node answers to other nodes, under {@code /internal}: searches of its shards, their
 * snapshots and digests. Whoever does not know the secret gets 404, as if there was nothing.
 */
public final class Internal implements HttpService {
  /** The header that tells a snapshot's offset. */
  static final String OFFSET = "Deltavec-Offset";

  private final Secret secret;
  private final int shards;
  private final LocalSearch search;
  private final IntFunction<? extends @Nullable ShardRunner> ready;
  private final FollowerSnapshots snapshots;

  /**
   * The routes of a node.
   *
   * @param ready gives a shard that is here and ready, else null
   */
  public Internal(
      Secret secret,
      int shards,
      LocalSearch search,
      IntFunction<? extends @Nullable ShardRunner> ready,
      FollowerSnapshots snapshots) {
    this.secret = secret;
    this.shards = shards;
    this.search = search;
    this.ready = ready;
    this.snapshots = snapshots;
  }

  @Override
  public void routing(HttpRules rules) {
    rules
        .any(this::authenticate)
        .post("/search", this::search)
        .get("/shards/{shard}/digest", this::digest)
        .get("/shards/{shard}/snapshot", this::snapshot);
  }

  private void authenticate(ServerRequest request, ServerResponse response) {
    Optional<String> given = request.headers().value(HeaderNames.create(Secret.HEADER));
    if (secret.matches(given.orElse(null))) {
      response.next();
    } else {
      response.status(Status.NOT_FOUND_404).send();
    }
  }

  private void search(ServerRequest request, ServerResponse response) {
    try {
      SearchRequest asked = SearchRequest.decode(request.content().as(byte[].class));
      response
          .header(HeaderValues.CONTENT_TYPE_OCTET_STREAM)
          .send(search.search(asked.query(), asked.shards()).encode());
    } catch (IOException | DeltaException e) {
      response.status(Status.BAD_REQUEST_400).send(String.valueOf(e.getMessage()));
    }
  }

  /** Returns the shard that is asked for if it is here, or answers that it is not. */
  private @Nullable ShardRunner shard(ServerRequest request, ServerResponse response) {
    int shard;
    try {
      shard = Integer.parseInt(request.path().pathParameters().get("shard"));
    } catch (NumberFormatException e) {
      shard = -1;
    }
    if (shard < 0 || shard >= shards) {
      response.status(Status.NOT_FOUND_404).send();
      return null;
    }
    ShardRunner runner = ready.apply(shard);
    if (runner == null) {
      response.status(Status.SERVICE_UNAVAILABLE_503).send();
    }
    return runner;
  }

  private void digest(ServerRequest request, ServerResponse response) {
    ShardRunner runner = shard(request, response);
    if (runner == null) {
      return;
    }
    try {
      ShardRunner.Digest digest = runner.digest();
      response
          .header(HeaderValues.CONTENT_TYPE_JSON)
          .send(
              "{\"shard\":%d,\"offset\":%d,\"digest\":\"%s\",\"size\":%d}"
                  .formatted(runner.shard(), digest.offset(), digest.digest(), runner.db().size()));
    } catch (DeltaException | IllegalStateException e) {
      response.status(Status.SERVICE_UNAVAILABLE_503).send();
    }
  }

  private void snapshot(ServerRequest request, ServerResponse response) {
    long offset = request.query().first("offset").map(Long::parseLong).orElse(-1L);
    ShardRunner runner = shard(request, response);
    if (runner == null) {
      return;
    }
    try {
      FollowerSnapshots.Snapshot found =
          offset < 0 ? snapshots.of(runner) : snapshots.at(runner.shard(), offset);
      if (found == null) {
        response.status(Status.NOT_FOUND_404).send();
        return;
      }
      response
          .header(HeaderNames.create(OFFSET), Long.toString(found.offset()))
          .header(HeaderValues.CONTENT_TYPE_OCTET_STREAM)
          .header(HeaderNames.CONTENT_LENGTH, Long.toString(Files.size(found.file())));
      try (OutputStream out = response.outputStream()) {
        Files.copy(found.file(), out);
      }
    } catch (IOException e) {
      if (!response.isSent()) {
        response.status(Status.SERVICE_UNAVAILABLE_503).send();
      }
    }
  }
}
