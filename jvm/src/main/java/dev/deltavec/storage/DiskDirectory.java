package dev.deltavec.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** A directory of the file system, locked for one database. */
public final class DiskDirectory implements StorageDirectory {
  private final Path path;
  private final DirectoryLock lock;

  private DiskDirectory(Path path, DirectoryLock lock) {
    this.path = path;
    this.lock = lock;
  }

  /**
   * Opens a directory, which is made if it is not there.
   *
   * @throws dev.deltavec.core.DeltaException {@code LOCKED} if a database has it, {@code
   *     STORAGE_FAILED}
   */
  public static DiskDirectory open(Path path) {
    try {
      Files.createDirectories(path);
      Path real = path.toRealPath();
      return new DiskDirectory(real, DirectoryLock.take(real));
    } catch (IOException e) {
      throw Failures.of("open " + path, e);
    }
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public List<String> list() throws IOException {
    try (Stream<Path> files = Files.list(path)) {
      return files.map(file -> file.getFileName().toString()).toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  @Override
  public StorageFile open(String file) throws IOException {
    return new DiskFile(
        FileChannel.open(
            path.resolve(file),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE));
  }

  @Override
  public void remove(String file) throws IOException {
    Files.deleteIfExists(path.resolve(file));
  }

  @Override
  public void rename(String from, String to) throws IOException {
    Files.move(path.resolve(from), path.resolve(to), StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void force() throws IOException {
    if (System.getProperty("os.name", "").startsWith("Windows")) {
      return; // directories cannot be opened there, and need it not
    }
    try (FileChannel directory = FileChannel.open(path, StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  @Override
  public void close() throws IOException {
    lock.release();
  }

  private record DiskFile(FileChannel channel) implements StorageFile {
    @Override
    public long size() throws IOException {
      return channel.size();
    }

    @Override
    public MemorySegment contents(Arena arena) throws IOException {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }

    @Override
    public void write(long at, ByteBuffer bytes) throws IOException {
      for (long to = at; bytes.hasRemaining(); ) {
        to += channel.write(bytes, to);
      }
    }

    @Override
    public void truncate(long size) throws IOException {
      channel.truncate(size);
    }

    @Override
    public void force() throws IOException {
      channel.force(false);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
