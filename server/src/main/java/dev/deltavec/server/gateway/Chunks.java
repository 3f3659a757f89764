package dev.deltavec.server.gateway;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.server.node.ServiceInfo;
import dev.deltavec.server.tail.Filter;
import dev.deltavec.server.tail.RecordStore;
import dev.deltavec.server.tail.Slice;
import dev.deltavec.server.tail.Tail;
import io.helidon.http.HeaderNames;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;

/** {@code GET /shards/{n}/deltas}. */
final class Chunks {
  /** About the most bytes of an answer, unless one record has more. */
  private static final long MAX_BYTES = 16 << 20;

  private final Tail tail;
  private final ServiceInfo info;
  private final GatewayConfig config;

  Chunks(Tail tail, ServiceInfo info, GatewayConfig config) {
    this.tail = tail;
    this.info = info;
    this.config = config;
  }

  void handle(Call call) throws IOException {
    if (!tail.ready()) {
      throw ApiException.unavailable("the log cannot be read now");
    }
    int shard = call.shard(info.shards());
    long since = Call.number("since", call.query("since"));
    String epoch = call.query("epoch");
    if (epoch != null && !epoch.equals(info.epoch())) {
      throw new ApiException(
          409, "EPOCH_CHANGED", "the log is " + info.epoch(), Map.of("epoch", info.epoch()));
    }
    Filter filter = call.filter(config.limits().maxIds());
    tail.checkEnd(shard, since);
    RecordStore store = tail.store();
    long known = store.end(shard);
    if (known - since > config.follow().maxBehind()) {
      throw new ApiException(
          409,
          "TOO_FAR_BEHIND",
          "offset " + since + " is more than " + config.follow().maxBehind() + " records behind",
          Map.of("begin", store.begin(shard), "end", known));
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    long stop = (since / RecordStore.CHUNK + 1) * RecordStore.CHUNK;
    long next = since;
    boolean atEnd = false;
    while (next < stop && body.size() < MAX_BYTES && !atEnd) {
      Slice slice = store.read(shard, next, MAX_BYTES - body.size());
      for (DeltaLog.Entry entry : slice.entries()) {
        body.writeBytes(filter.cut(entry.frames()));
      }
      atEnd = slice.next() <= next;
      next = Math.max(next, slice.next());
    }
    // Where only its size has ended it, it never changes either.
    boolean closed = !atEnd && next > since && (next >= stop || body.size() >= MAX_BYTES);
    String etag =
        "\""
            + info.epoch()
            + "-"
            + shard
            + "-"
            + since
            + "-"
            + next
            + "-"
            + Integer.toHexString(filter.key().hashCode())
            + "\"";
    call.response()
        .header(Call.NEXT, Long.toString(next))
        // What came while this was read is for the next time: where nothing is, this is the end.
        .header(Call.END, Long.toString(next == since ? next : Math.max(next, store.end(shard))))
        .header(Call.EPOCH, info.epoch());
    if (closed) {
      if (call.notModified(etag)) {
        return;
      }
      call.immutable(etag);
    } else {
      call.response().header(HeaderNames.CACHE_CONTROL, "no-store");
    }
    call.frames(body.toByteArray(), config.gzip());
  }
}
