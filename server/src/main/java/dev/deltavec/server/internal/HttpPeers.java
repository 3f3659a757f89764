package dev.deltavec.server.internal;

import dev.deltavec.server.search.PartialAnswer;
import dev.deltavec.server.search.Peers;
import dev.deltavec.server.search.SearchRequest;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** Asks other nodes over HTTP/1.1; connections are kept. */
public final class HttpPeers implements Peers, AutoCloseable {
  private static final Duration CONNECT = Duration.ofSeconds(2);
  private static final Duration SNAPSHOT = Duration.ofMinutes(5);

  private final HttpClient client;
  private final Secret secret;

  /** A client that is known by a secret. */
  public HttpPeers(Secret secret) {
    this.secret = secret;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  private HttpRequest.Builder request(String url, String path) throws IOException {
    try {
      return HttpRequest.newBuilder(URI.create(url + path)).header(Secret.HEADER, secret.text());
    } catch (IllegalArgumentException e) {
      throw new IOException("the node's url is none: " + url, e);
    }
  }

  @Override
  public PartialAnswer search(String url, SearchRequest request, Duration timeout)
      throws IOException, InterruptedException {
    HttpResponse<byte[]> response =
        client.send(
            request(url, "/internal/search")
                .timeout(timeout)
                .header("Content-Type", "application/octet-stream")
                .POST(HttpRequest.BodyPublishers.ofByteArray(request.encode()))
                .build(),
            HttpResponse.BodyHandlers.ofByteArray());
    if (response.statusCode() != 200) {
      throw new IOException(url + " answers " + response.statusCode());
    }
    return PartialAnswer.decode(response.body());
  }

  @Override
  public @Nullable Download snapshot(String url, int shard, long offset)
      throws IOException, InterruptedException {
    String which = offset < 0 ? "" : "?offset=" + offset;
    HttpResponse<InputStream> response =
        client.send(
            request(url, "/internal/shards/" + shard + "/snapshot" + which)
                .timeout(SNAPSHOT)
                .GET()
                .build(),
            HttpResponse.BodyHandlers.ofInputStream());
    InputStream body = response.body();
    if (response.statusCode() == 200) {
      long at = response.headers().firstValueAsLong(Internal.OFFSET).orElse(-1);
      if (at >= 0) {
        return new Download(at, body);
      }
    }
    body.close();
    if (response.statusCode() == 404 || response.statusCode() == 503) {
      return null;
    }
    throw new IOException(url + " answers " + response.statusCode());
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
