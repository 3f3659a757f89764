package dev.deltavec.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.deltavec.DeltaVectorDB;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How far a following has come: by shard the offset to go on with; and which deltas of the
 * database's own replicas the service has. Safe for use by several threads.
 */
final class Book {
  private static final int VERSION = 1;
  private static final int REPLICA_DIGITS = 12;

  private final String filter;
  private String epoch = "";

  /** What the token lets one read; all if empty. */
  private String prefix = "";

  private long[] offsets = new long[0];

  /** By replica that may have deltas which the service lacks: those that it has. */
  private final Map<Long, Intervals> had = new TreeMap<>();

  /** By own replica: up to which of its deltas some may have reached the service. */
  private final Map<Long, Long> tried = new TreeMap<>();

  /** What was taken out of the database while it is filled anew; none mostly. */
  private byte[] carried = new byte[0];

  /** Counts changes. */
  private long version;

  Book(Filter filter) {
    this.filter = filter.text();
  }

  // ---------------------------------------------------------------- offsets

  synchronized String epoch() {
    return epoch;
  }

  synchronized int shards() {
    return offsets.length;
  }

  /** Returns which prefixes the service had let the token read, as it told. */
  synchronized String prefix() {
    return prefix;
  }

  /** Begins with nothing. */
  synchronized void begin(String newEpoch, int shards, String readable) {
    epoch = newEpoch;
    prefix = readable;
    offsets = new long[shards];
    Arrays.fill(offsets, -1);
    version++;
  }

  synchronized long offset(int shard) {
    return offsets[shard];
  }

  synchronized void reached(int shard, long offset) {
    if (offset > offsets[shard]) {
      offsets[shard] = offset;
      version++;
    }
  }

  /** Returns the cursor that the service takes; shards without an offset are left out. */
  synchronized String cursor() {
    StringBuilder text = new StringBuilder(epoch).append(':');
    for (int i = 0; i < offsets.length; i++) {
      text.append(i == 0 ? "" : ",");
      if (offsets[i] >= 0) {
        text.append(offsets[i]);
      }
    }
    return text.toString();
  }

  // ---------------------------------------------------------------- own deltas

  /** Forgets all offsets and replicas: the database was emptied. */
  synchronized void restart(String newEpoch, int shards, String readable) {
    begin(newEpoch, shards, readable);
    had.clear();
  }

  /** Counts a replica's deltas among those that the service may lack. */
  synchronized void own(long replica) {
    if (!had.containsKey(replica)) {
      had.put(replica, new Intervals());
      version++;
    }
  }

  /** Returns the last of a replica's deltas that may have reached the service, or 0. */
  synchronized long tried(long replica) {
    return tried.getOrDefault(replica, 0L);
  }

  /** Notes that deltas up to this one may have reached the service, or that later ones have not. */
  synchronized void tried(long replica, long sequence) {
    if (tried(replica) != sequence) {
      tried.put(replica, sequence);
      version++;
    }
  }

  /** Notes that nothing is known of what was sent: all may have reached the service. */
  synchronized void triedAll(Map<Long, Intervals> seen) {
    seen.forEach(
        (replica, known) -> known.forEach((first, last) -> tried.merge(replica, last, Math::max)));
    version++;
  }

  /** Notes that the service has a delta, if that is of interest. */
  synchronized void has(long replica, long sequence) {
    Intervals known = had.get(replica);
    if (known != null && !known.contains(sequence)) {
      known.add(sequence);
      version++;
    }
  }

  /** Returns which deltas of own replicas the service has. */
  synchronized Map<Long, Intervals> had() {
    Map<Long, Intervals> copy = new TreeMap<>();
    had.forEach((replica, known) -> copy.put(replica, known.copy()));
    return copy;
  }

  // ---------------------------------------------------------------- what is carried

  synchronized byte[] carried() {
    return carried;
  }

  synchronized void carry(byte[] frames) {
    carried = frames;
    version++;
  }

  // ---------------------------------------------------------------- as text

  synchronized long version() {
    return version;
  }

  /** Writes everything, with the position that the database has at least. */
  synchronized String write(long position) {
    ObjectNode all = Gateway.MAPPER.createObjectNode();
    all.put("version", VERSION);
    all.put("filter", filter);
    all.put("epoch", epoch);
    all.put("prefix", prefix);
    all.put("position", position);
    ArrayNode places = all.putArray("offsets");
    for (long offset : offsets) {
      places.add(offset);
    }
    ObjectNode own = all.putObject("own");
    had.forEach((replica, known) -> {
      ArrayNode intervals = own.putArray(HexFormat.of().toHexDigits(replica, REPLICA_DIGITS));
      known.forEach((first, last) -> intervals.addArray().add(first).add(last));
    });
    ObjectNode sent = all.putObject("tried");
    tried.forEach(
        (replica, last) -> sent.put(HexFormat.of().toHexDigits(replica, REPLICA_DIGITS), last));
    if (carried.length > 0) {
      all.put("carried", carried);
    }
    return all.toString();
  }

  /**
   * Reads what {@link #write} gave, if it is of this database and filter; else leaves all as it is.
   *
   * @return whether it was taken
   * @throws IllegalArgumentException for a text that is none of these
   */
  synchronized boolean read(String text, DeltaVectorDB db) {
    JsonNode all;
    byte[] taken;
    try {
      all = Gateway.MAPPER.readTree(text);
      taken = all.hasNonNull("carried") ? all.get("carried").binaryValue() : new byte[0];
    } catch (IOException e) {
      throw new IllegalArgumentException("the state of a following is damaged", e);
    }
    if (all.path("version").asInt() != VERSION || !all.path("offsets").isArray()) {
      throw new IllegalArgumentException(
          "the state of a following is damaged, or of a new release");
    }
    Map<Long, Intervals> known = new TreeMap<>();
    all.path("own")
        .properties()
        .forEach(replica -> {
          Intervals intervals = new Intervals();
          replica
              .getValue()
              .forEach(pair -> intervals.add(pair.path(0).asLong(), pair.path(1).asLong()));
          known.put(HexFormat.fromHexDigitsToLong(replica.getKey()), intervals);
        });
    Map<Long, Intervals> seen = Seen.read(db.cursor());
    boolean fits =
        taken.length > 0 // it may have been emptied
            || db.position() >= all.path("position").asLong()
                && known.entrySet().stream()
                    .allMatch(entry ->
                        entry.getValue().isEmpty()
                            || seen.getOrDefault(entry.getKey(), new Intervals())
                                .containsAll(entry.getValue()));
    if (!fits || !all.path("filter").asText().equals(filter)) {
      return false;
    }
    epoch = all.path("epoch").asText();
    prefix = all.path("prefix").asText();
    offsets = new long[all.path("offsets").size()];
    Arrays.setAll(offsets, i -> all.path("offsets").path(i).asLong(-1));
    had.clear();
    had.putAll(known);
    carried = taken;
    tried.clear();
    if (all.has("tried")) {
      all.get("tried")
          .properties()
          .forEach(entry ->
              tried.put(HexFormat.fromHexDigitsToLong(entry.getKey()), entry.getValue().asLong()));
    } else {
      triedAll(seen);
    }
    return true;
  }

  // ---------------------------------------------------------------- as a file

  /** Returns what a file holds, or null if there is none. */
  static @Nullable String load(Path file) throws IOException {
    return Files.exists(file) ? Files.readString(file) : null;
  }

  /** Replaces a file by one with this text: there is the old or the new one, whatever happens. */
  static void save(Path file, String text) throws IOException {
    Path absolute = file.toAbsolutePath();
    Path fresh = absolute.resolveSibling(absolute.getFileName() + ".new");
    try (FileChannel out =
        FileChannel.open(
            fresh,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      out.force(true);
    }
    Files.move(
        fresh, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
