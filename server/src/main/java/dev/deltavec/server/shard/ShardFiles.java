package dev.deltavec.server.shard;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Files of shards that are not open. */
public final class ShardFiles {
  private ShardFiles() {}

  /**
   * Removes all files of a shard, those that were set aside, too.
   *
   * @throws IOException if the disk fails
   */
  public static void remove(ShardSettings settings, int shard) throws IOException {
    Path directory = settings.shardDirectory(shard);
    ShardStore.remove(directory);
    String aside = directory.getFileName() + ".aside-";
    List<Path> others;
    if (!Files.exists(settings.directory())) {
      return;
    }
    try (Stream<Path> files = Files.list(settings.directory())) {
      others = files.filter(file -> file.getFileName().toString().startsWith(aside)).toList();
    }
    for (Path other : others) {
      ShardStore.remove(other);
    }
  }
}
