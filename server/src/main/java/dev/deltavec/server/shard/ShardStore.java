package dev.deltavec.server.shard;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.Durability;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The files of one shard: its database, and beside it a note which log that was fed from and how it
 * was made. Files that do not fit are set aside: everything is in the log. For use by one thread.
 */
final class ShardStore implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String NOTE = "shard.json";

  private final Path directory;
  private final ObjectNode note;
  private final DeltaVectorDB db;

  private ShardStore(Path directory, ObjectNode note, DeltaVectorDB db) {
    this.directory = directory;
    this.note = note;
    this.db = db;
  }

  /**
   * Opens the files of a shard; new ones if there are none, or those that are there do not fit or
   * are damaged.
   *
   * @throws DeltaException {@code LOCKED} if another process has them; {@code STORAGE_FAILED},
   *     {@code QUOTA_EXCEEDED}, {@code OUT_OF_MEMORY}
   * @throws UncheckedIOException if the disk fails
   */
  static ShardStore open(int shard, ShardSettings settings) {
    try {
      return tryOpen(shard, settings);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ShardStore tryOpen(int shard, ShardSettings settings) throws IOException {
    Path directory = settings.shardDirectory(shard);
    ObjectNode wanted = describe(shard, settings);
    ObjectNode found = read(directory.resolve(NOTE));
    if (found == null || !fits(found, wanted)) {
      if (Files.exists(directory)) {
        LOG.log(Level.WARNING, "{0} does not fit this log and these options", directory);
        setAside(directory);
      }
      found = wanted;
    }
    DeltaVectorDB.Builder builder = builder(settings.database());
    try {
      return create(directory, found, builder);
    } catch (DeltaException e) {
      if (e.code() != ErrorCode.CORRUPT_DATA && e.code() != ErrorCode.UNSUPPORTED_VERSION) {
        throw e;
      }
      LOG.log(Level.WARNING, directory + " cannot be read: " + e.getMessage());
      setAside(directory);
      return create(directory, wanted, builder);
    }
  }

  private static ShardStore create(Path directory, ObjectNode note, DeltaVectorDB.Builder builder)
      throws IOException {
    Path database = directory.resolve("db");
    Files.createDirectories(database);
    DeltaVectorDB db = builder.open(database);
    ShardStore store = new ShardStore(directory, note, db);
    try {
      store.write();
      return store;
    } catch (IOException | RuntimeException e) {
      db.close();
      throw e;
    }
  }

  /** Returns a builder of databases with these settings. */
  static DeltaVectorDB.Builder builder(ShardSettings.DatabaseSettings settings) {
    return DeltaVectorDB.builder()
        .dimensions(settings.dimensions())
        .metric(settings.metric())
        .grid(settings.grid())
        .quantization(settings.quantization())
        .hnswM(settings.hnswM())
        .hnswEfConstruction(settings.hnswEfConstruction())
        .hnswEfSearch(settings.hnswEfSearch())
        .checkpointInterval(settings.checkpointInterval())
        .maxVectors(settings.maxVectors())
        .memoryLimit(settings.memory())
        .durability(Durability.RELAXED)
        .flushInterval(settings.flushInterval())
        // The door has looked at the clock; whoever applies must come to the same end, whenever.
        .maxClockAhead(Duration.ofMillis(Long.MAX_VALUE));
  }

  private static ObjectNode describe(int shard, ShardSettings settings) {
    ShardSettings.DatabaseSettings database = settings.database();
    return JSON.createObjectNode()
        .put("version", 1)
        .put("epoch", settings.epoch())
        .put("shards", settings.shards())
        .put("shard", shard)
        .put("dimensions", database.dimensions())
        .put("metric", database.metric().name())
        .put("grid", database.grid())
        .put("quantization", database.quantization().name())
        .put("hnswM", database.hnswM());
  }

  private static boolean fits(ObjectNode found, ObjectNode wanted) {
    return wanted.properties().stream()
        .allMatch(each -> each.getValue().equals(found.get(each.getKey())));
  }

  private static @Nullable ObjectNode read(Path file) {
    try {
      return JSON.readTree(file.toFile()) instanceof ObjectNode object ? object : null;
    } catch (IOException e) {
      return null; // not there, or not finished
    }
  }

  private void write() throws IOException {
    Path file = directory.resolve(NOTE);
    Path fresh = directory.resolve(NOTE + ".new");
    Files.write(fresh, JSON.writeValueAsBytes(note));
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Returns the database. */
  DeltaVectorDB db() {
    return db;
  }

  /** Returns an offset for which states of the shard are known to be in the log; -1 if none is. */
  long stateOffset() {
    JsonNode offset = note.get("stateOffset");
    return offset == null ? -1 : offset.asLong(-1);
  }

  /**
   * Notes that states of the shard are in the log, for the next time the files are opened.
   *
   * @throws UncheckedIOException if the disk fails
   */
  void stateOffset(long offset) {
    note.put("stateOffset", offset);
    try {
      write();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Closes the database and removes all files, as they are no good. */
  void discard() {
    db.close();
    try {
      remove(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    db.close();
  }

  private static void setAside(Path directory) throws IOException {
    Path aside = directory.resolveSibling(directory.getFileName() + ".aside-1");
    remove(aside); // one is enough to look at, and more would fill the disk
    Files.move(directory, aside);
    LOG.log(Level.WARNING, "set aside as {0}; the shard is made anew from the log", aside);
  }

  /** Removes a directory and all that is in it; does nothing if it is not there. */
  static void remove(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failed)
              throws IOException {
            if (failed != null) {
              throw failed;
            }
            Files.delete(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
