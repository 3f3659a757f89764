package dev.deltavec;

import static dev.deltavec.Checks.fails;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One database at a time has a directory. */
class DirectoryLockTest {
  @TempDir private Path folder;

  private DeltaVectorDB open() {
    return DeltaVectorDB.builder().dimensions(3).open(folder);
  }

  private List<String> locks() throws IOException {
    try (var files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith("LOCK"))
          .toList();
    }
  }

  @Test
  void aSecondDatabaseInTheSameProcessIsRefused() throws IOException {
    try (DeltaVectorDB db = open()) {
      fails(ErrorCode.LOCKED, folder.getFileName() + " is open in this process", this::open);
      fails(
          ErrorCode.LOCKED,
          "this process",
          () -> DeltaVectorDB.open(folder.resolve("..").resolve(folder.getFileName())));
      assertThat(db.size()).isZero();
      assertThat(locks()).containsExactly("LOCK");
    }
    assertThat(locks()).isEmpty();
    open().close();
  }

  @Test
  void anOpeningThatFailsGivesTheLockBack() throws IOException {
    open().close();
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "dimensions",
        () -> DeltaVectorDB.builder().dimensions(4).open(folder));
    assertThat(locks()).isEmpty();
    open().close();
  }

  private void claim(String file, String text) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve(file), text);
  }

  private static String host() throws IOException {
    return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
  }

  private static String holder(long pid, String host, String started) {
    return "{\"pid\":" + pid + ",\"host\":\"" + host + "\",\"started\":\"" + started + "\"}";
  }

  @Test
  @Tag("vector-api") // starts a process, so once is enough
  void aDatabaseOfAnotherProcessIsNamed() throws Exception {
    Process other = new ProcessBuilder("sleep", "60").start();
    try {
      claim("LOCK", holder(other.pid(), host(), ""));
      fails(ErrorCode.LOCKED, "open in process " + other.pid() + " on " + host(), this::open);
      claim("LOCK", holder(other.pid(), host(), "another-boot:1"));
      open().close(); // the number was given again
      claim("LOCK-00000000000000000000000000000001", holder(other.pid(), host(), ""));
      fails(ErrorCode.LOCKED, "process " + other.pid(), this::open);
    } finally {
      other.destroy();
      assertThat(other.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
    open().close();
    assertThat(locks()).isEmpty();
  }

  @Test
  void aDatabaseOnAnotherHostIsTakenToBeThere() throws IOException {
    claim("LOCK", holder(1, "elsewhere.example", ""));
    fails(ErrorCode.LOCKED, "process 1 on elsewhere.example", this::open);
  }

  @Test
  void whatTheDeadHaveLeftIsInNobodysWay() throws IOException {
    claim("LOCK", holder(0x3fff_fff0L, host(), ""));
    claim("LOCK-00000000000000000000000000000001", holder(0x3fff_fff0L, host(), ""));
    claim("LOCK-00000000000000000000000000000002", "");
    Files.setLastModifiedTime(
        folder.resolve("LOCK-00000000000000000000000000000002"), FileTime.fromMillis(0));
    open().close();
    claim("LOCK", "{\"pid\":"); // as a loss of power leaves it
    open().close();
    claim("LOCK", holder(ProcessHandle.current().pid(), host(), "")); // left by this process
    open().close();
    assertThat(locks()).isEmpty();
  }
}
