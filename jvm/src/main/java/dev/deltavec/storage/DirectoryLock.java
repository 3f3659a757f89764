package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The lock of a directory, which holds against other processes, also such that do not run Java:
 * {@code docs/format.md} has the protocol and says why it is safe. Locks of the operating system
 * would not do: Node.js has none.
 */
final class DirectoryLock {
  private static final String LOCK = "LOCK";
  private static final String CLAIM = "LOCK-";
  private static final int TRIES = 6;
  private static final Duration OLD = Duration.ofMinutes(1);

  /** Directories that databases of this process have. */
  private static final Set<Path> OURS = new HashSet<>();

  private final Path directory;
  private boolean held = true;

  private DirectoryLock(Path directory) {
    this.directory = directory;
  }

  /**
   * Takes the lock.
   *
   * @param directory its real path
   * @throws DeltaException {@code LOCKED} saying who has it
   */
  static DirectoryLock take(Path directory) throws IOException {
    synchronized (OURS) {
      if (!OURS.add(directory)) {
        throw locked(directory, Holder.self());
      }
    }
    try {
      claim(directory);
      return new DirectoryLock(directory);
    } catch (IOException | RuntimeException e) {
      forget(directory);
      throw e;
    }
  }

  private static void forget(Path directory) {
    synchronized (OURS) {
      OURS.remove(directory);
    }
  }

  /** Gives the lock back. Doing so again does nothing. */
  synchronized void release() throws IOException {
    if (held) {
      held = false;
      try {
        Files.deleteIfExists(directory.resolve(LOCK));
      } finally {
        forget(directory);
      }
    }
  }

  private static DeltaException locked(Path directory, Holder by) {
    boolean here = by.pid == Holder.self().pid && by.host.equals(Holder.self().host);
    return new DeltaException(
        ErrorCode.LOCKED,
        directory
            + " is open in "
            + (here ? "this process" : "process " + by.pid + " on " + by.host)
            + "; a directory is for one database at a time");
  }

  private static void claim(Path directory) throws IOException {
    Holder rival = Holder.self();
    for (int i = 0; i < TRIES; i++) {
      Path claim = directory.resolve(CLAIM + randomDigits());
      try {
        write(claim);
        Holder other = rival(directory, claim);
        if (other == null) {
          Holder holder = Holder.read(directory.resolve(LOCK));
          if (holder != null && holder.lives()) {
            throw locked(directory, holder);
          }
          Files.move(
              claim,
              directory.resolve(LOCK),
              StandardCopyOption.ATOMIC_MOVE,
              StandardCopyOption.REPLACE_EXISTING);
          return;
        }
        rival = other;
      } catch (NoSuchFileException e) {
        // Somebody took the claim for old: again.
      } finally {
        Files.deleteIfExists(claim);
      }
      pause();
    }
    throw locked(directory, rival);
  }

  private static String randomDigits() {
    byte[] bytes = new byte[16];
    ThreadLocalRandom.current().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  private static void pause() {
    try {
      Thread.sleep(ThreadLocalRandom.current().nextLong(2, 30));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void write(Path claim) throws IOException {
    try (FileChannel file =
        FileChannel.open(claim, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      file.write(StandardCharsets.UTF_8.encode(Holder.self().json()));
    }
  }

  /** Returns who else is about to take the lock, or null; removes what the dead have left. */
  private static @Nullable Holder rival(Path directory, Path own) throws IOException {
    try (DirectoryStream<Path> claims = Files.newDirectoryStream(directory, CLAIM + "*")) {
      for (Path claim : claims) {
        if (claim.equals(own)) {
          continue;
        }
        Holder holder = Holder.read(claim);
        if (holder == null ? isOld(claim) : !holder.lives()) {
          Files.deleteIfExists(claim);
        } else if (holder != null) {
          return holder;
        }
      }
    }
    return null;
  }

  private static boolean isOld(Path claim) throws IOException {
    try {
      FileTime written = Files.getLastModifiedTime(claim);
      return written.toInstant().isBefore(Instant.now().minus(OLD));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** What a lock file says of who has it. */
  private record Holder(long pid, String host, String started) {
    private static final Pattern PID = Pattern.compile("\"pid\"\\s*:\\s*(\\d{1,18})\\s*[,}]");
    private static final Pattern HOST = text("host");
    private static final Pattern STARTED = text("started");
    private static final Holder SELF =
        new Holder(
            ProcessHandle.current().pid(), hostName(), startOf(ProcessHandle.current().pid()));

    private static Pattern text(String name) {
      return Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"");
    }

    static Holder self() {
      return SELF;
    }

    /** Returns what a file says, or null if it is not there or says nothing. */
    static @Nullable Holder read(Path file) throws IOException {
      String text;
      try {
        text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
      } catch (NoSuchFileException e) {
        return null;
      }
      Matcher pid = PID.matcher(text);
      Matcher host = HOST.matcher(text);
      Matcher started = STARTED.matcher(text);
      return pid.find() && host.find() && text.strip().endsWith("}")
          ? new Holder(
              Long.parseLong(pid.group(1)), host.group(1), started.find() ? started.group(1) : "")
          : null;
    }

    String json() {
      return "{\"pid\":"
          + pid
          + ",\"host\":\""
          + host.replace("\\", "\\\\").replace("\"", "\\\"")
          + "\",\"started\":\""
          + started
          + "\"}";
    }

    /** Returns whether the process may be running. The directory is none of this process's. */
    boolean lives() {
      if (!host.equals(SELF.host)) {
        return true; // cannot be told
      }
      if (pid == SELF.pid || ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty()) {
        return false;
      }
      String now = startOf(pid);
      return !now.equals(ZOMBIE) && (started.isEmpty() || now.isEmpty() || started.equals(now));
    }

    private static final String ZOMBIE = "zombie";

    private static String hostName() {
      try {
        return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
      } catch (IOException e) {
        try {
          return InetAddress.getLocalHost().getHostName();
        } catch (IOException unknown) {
          return Objects.requireNonNullElse(System.getenv("COMPUTERNAME"), "localhost");
        }
      }
    }

    /** Returns what tells a process from a later one with the same number; empty if not known. */
    private static String startOf(long pid) {
      try {
        String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return fields[0].equals("Z") || fields[0].equals("X") ? ZOMBIE : boot + ":" + fields[19];
      } catch (IOException | IndexOutOfBoundsException e) {
        return "";
      }
    }
  }
}
