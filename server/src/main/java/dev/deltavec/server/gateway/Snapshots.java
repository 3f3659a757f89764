package dev.deltavec.server.gateway;

import dev.deltavec.server.node.ServiceInfo;
import dev.deltavec.server.node.ShardService;
import dev.deltavec.server.node.SnapshotRef;
import dev.deltavec.server.tail.Filter;
import dev.deltavec.server.tail.FrameCutter;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/** {@code GET /shards/{n}/snapshot}. */
final class Snapshots {
  private static final int BUFFER_BYTES = 128 << 10;

  private final ShardService service;
  private final ServiceInfo info;
  private final GatewayConfig config;

  Snapshots(ShardService service, ServiceInfo info, GatewayConfig config) {
    this.service = service;
    this.info = info;
    this.config = config;
  }

  /** Sends to where the newest snapshot is. */
  void newest(Call call) {
    int shard = call.shard(info.shards());
    call.filter(config.limits().maxIds());
    SnapshotRef snapshot;
    try {
      snapshot = service.snapshot(shard);
    } catch (IOException e) {
      throw ApiException.unavailable("no snapshot of shard " + shard + " can be had now");
    }
    String query = call.request().query().rawValue();
    call.response()
        .status(Status.TEMPORARY_REDIRECT_307)
        .header(
            HeaderNames.LOCATION,
            "snapshot/"
                + info.epoch()
                + "/"
                + snapshot.offset()
                + (query.isEmpty() ? "" : "?" + query))
        .header(HeaderNames.CACHE_CONTROL, "no-cache")
        .header(Call.OFFSET, Long.toString(snapshot.offset()))
        .header(Call.EPOCH, info.epoch())
        .send();
  }

  /** Sends a snapshot, or the part of it that is asked for. */
  void at(Call call) throws IOException {
    int shard = call.shard(info.shards());
    String epoch = call.request().path().pathParameters().get("epoch");
    if (!epoch.equals(info.epoch())) {
      throw new ApiException(
          409,
          "EPOCH_CHANGED",
          "the log is " + info.epoch() + ", not another",
          Map.of("epoch", info.epoch()));
    }
    long offset = call.number("offset");
    Filter filter = call.filter(config.limits().maxIds());
    String etag =
        "\""
            + epoch
            + "-"
            + shard
            + "-"
            + offset
            + "-"
            + Integer.toHexString(filter.key().hashCode())
            + "\"";
    if (call.notModified(etag)) {
      return;
    }
    try (FileChannel file = open(shard, offset)) {
      send(call, file, filter, etag, offset);
    }
  }

  private FileChannel open(int shard, long offset) {
    SnapshotRef snapshot;
    try {
      snapshot = service.snapshotAt(shard, offset);
    } catch (IOException e) {
      throw ApiException.unavailable("no snapshot of shard " + shard + " can be had now");
    }
    if (snapshot != null) {
      try {
        return FileChannel.open(snapshot.file(), StandardOpenOption.READ);
      } catch (NoSuchFileException e) {
        // It was removed just now.
      } catch (IOException e) {
        throw ApiException.unavailable("the snapshot cannot be read now");
      }
    }
    throw ApiException.notFound("there is no snapshot of shard " + shard + " at " + offset);
  }

  private void send(Call call, FileChannel file, Filter filter, String etag, long offset)
      throws IOException {
    // Frames are cut by their headers twice: once for the length, once for the bytes.
    long length = filter.all() ? file.size() : FrameCutter.length(input(file), filter);
    byte[] sample = new byte[0];
    if (config.gzip()) {
      sample = input(file).readNBytes(Call.SAMPLE_BYTES);
    }
    boolean compressed = length > 0 && call.compresses(sample, sample.length);
    call.immutable(etag);
    call.response().header(Call.OFFSET, Long.toString(offset)).header(Call.EPOCH, info.epoch());
    if (length == 0) {
      call.frames(new byte[0], false);
      return;
    }
    try (OutputStream out = call.frames(length, compressed)) {
      if (filter.all()) {
        copy(input(file), length, out);
      } else {
        FrameCutter.copy(input(file), filter, out);
      }
    }
  }

  /** Returns a stream from the file's first byte on. */
  private static InputStream input(FileChannel file) {
    return new FileInput(file);
  }

  private static void copy(InputStream in, long length, OutputStream out) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    long left = length;
    while (left > 0) {
      int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
      if (n < 0) {
        throw new IOException("the snapshot has become shorter");
      }
      out.write(buffer, 0, n);
      left -= n;
    }
  }

  /** Reads a file at places of its own, so that one channel serves several passes. */
  private static final class FileInput extends InputStream {
    private final FileChannel file;
    private long position;

    FileInput(FileChannel file) {
      this.file = file;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      int n = file.read(ByteBuffer.wrap(bytes, from, length), position);
      position += Math.max(0, n);
      return n;
    }
  }
}
