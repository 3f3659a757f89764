package dev.deltavec.server.gateway;

import dev.deltavec.server.auth.Subject;
import dev.deltavec.server.tail.Cursor;
import dev.deltavec.server.tail.Filter;
import dev.deltavec.server.tail.FollowException;
import dev.deltavec.server.tail.Follower;
import io.helidon.common.buffers.BufferData;
import io.helidon.common.uri.UriQuery;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.http.WritableHeaders;
import io.helidon.websocket.WsListener;
import io.helidon.websocket.WsSession;
import io.helidon.websocket.WsUpgradeException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** {@code GET /follow} as a WebSocket. */
final class FollowSocket implements WsListener {
  private static final String PROTOCOL = "deltavec.v1";
  private static final String BEARER = "bearer.";
  private static final int MAX_PONG = 125;

  private final Gateway gateway;
  private @Nullable UriQuery query;
  private @Nullable String token;
  private @Nullable String forwarded;
  private volatile @Nullable Follower follower;
  private volatile @Nullable SocketSink sink;
  private volatile @Nullable Thread serving;

  FollowSocket(Gateway gateway) {
    this.gateway = gateway;
  }

  @Override
  public Optional<Headers> onHttpUpgrade(HttpPrologue prologue, Headers headers)
      throws WsUpgradeException {
    if (!gateway.originAllowed(headers)) {
      throw new WsUpgradeException("the page's origin is not allowed"); // answered as by HTTP
    }
    query = prologue.query();
    token = Gateway.bearer(headers.first(HeaderNames.AUTHORIZATION).orElse(null));
    forwarded = headers.first(HeaderNames.X_FORWARDED_FOR).orElse(null);
    boolean offered = false;
    for (String list : headers.all(HeaderNames.create("Sec-WebSocket-Protocol"), List::of)) {
      for (String protocol : list.split(",", -1)) {
        String name = protocol.trim();
        offered |= name.equals(PROTOCOL);
        if (name.startsWith(BEARER)) {
          token = name.substring(BEARER.length());
        }
      }
    }
    WritableHeaders<?> answer = WritableHeaders.create();
    if (offered) {
      answer.set(HeaderNames.create("Sec-WebSocket-Protocol"), PROTOCOL);
    }
    return Optional.of(answer);
  }

  @Override
  public void onOpen(WsSession session) {
    try {
      open(session);
    } catch (RuntimeException e) {
      ApiException why = gateway.refused(e, "/follow");
      SocketSink.close(session, why);
    }
  }

  private void open(WsSession session) {
    UriQuery asked = query;
    if (asked == null) {
      throw new IllegalStateException("the session was not upgraded");
    }
    Subject subject =
        gateway.subject(token, session.socketContext().remotePeer().host(), forwarded);
    token = null;
    if (!subject.scopes().read()) {
      throw ApiException.forbidden("the token does not allow to read");
    }
    Filter filter =
        Call.filter(
            asked.all("prefix", List::of),
            asked.all("id", List::of),
            subject,
            gateway.config().limits().maxIds());
    Cursor cursor = gateway.cursor(asked.first("since").asOptional().orElse(null));
    SocketSink to = new SocketSink(session);
    gateway.rates().follow(subject.name());
    Follower one;
    try {
      one = gateway.tail().follow(cursor, filter, gateway.expiry(subject), to);
    } catch (RuntimeException e) {
      gateway.rates().unfollow(subject.name());
      throw e;
    }
    sink = to;
    follower = one;
    serving =
        Thread.ofVirtual()
            .name("deltavec-follower")
            .start(() -> {
              try {
                one.run();
              } finally {
                gateway.rates().unfollow(subject.name());
              }
            });
  }

  @Override
  public void onMessage(WsSession session, String text, boolean last) {
    refuse();
  }

  @Override
  public void onMessage(WsSession session, BufferData buffer, boolean last) {
    refuse();
  }

  private void refuse() {
    Follower one = follower;
    if (one != null) {
      one.finish(
          new FollowException(
              FollowException.Reason.INVALID_ARGUMENT, "a follower sends no messages"));
    }
  }

  @Override
  public void onPing(WsSession session, BufferData buffer) {
    Follower one = follower;
    if (one != null && buffer.available() <= MAX_PONG) {
      byte[] payload = buffer.readBytes();
      one.act(() -> session.pong(BufferData.create(payload)));
    }
  }

  @Override
  public void onPong(WsSession session, BufferData buffer) {
    SocketSink to = sink;
    if (to != null) {
      to.ponged();
    }
  }

  @Override
  public void onClose(WsSession session, int status, String reason) {
    SocketSink to = sink;
    Follower one = follower;
    Thread thread = serving;
    if (to != null && one != null && thread != null) {
      to.peerClosed();
      one.finish(new FollowException(FollowException.Reason.GOING_AWAY, "the follower has gone"));
      try {
        thread.join(Duration.ofSeconds(1)); // so that the answer does not fall into a frame
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void onError(WsSession session, Throwable error) {
    Follower one = follower;
    SocketSink to = sink;
    if (to != null) {
      to.ponged();
    }
    if (one != null) {
      one.gone();
    }
  }
}
