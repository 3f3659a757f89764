package dev.deltavec.dataset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Embeds many texts into a file: with a progress bar, and going on where an earlier run stopped.
 */
final class Embedding {
  /** Texts between two writes: what an interrupted run loses. */
  private static final int BLOCK = 64;

  private Embedding() {}

  /**
   * Writes the vectors of texts to a file, one row each, in order. Rows that an interrupted run
   * left in {@code target.part} are kept; they must belong to the same texts.
   *
   * @param task what the progress bar says
   */
  static void embed(Embedder embedder, List<String> texts, Path target, String task)
      throws IOException {
    if (VectorFile.rows(target, embedder.dimensions()) == texts.size()) {
      return;
    }
    Path part = target.resolveSibling(target.getFileName() + ".part");
    int done = Math.min(VectorFile.rows(part, embedder.dimensions()), texts.size());
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(texts.size())
            .setStyle(ProgressBarStyle.UNICODE_BLOCK)
            .setUnit(" texts", 1)
            .startsFrom(done, java.time.Duration.ZERO)
            .build()) {
      while (done < texts.size()) {
        List<String> block = texts.subList(done, Math.min(done + BLOCK, texts.size()));
        VectorFile.append(part, embedder.embed(block));
        done += block.size();
        bar.stepTo(done);
      }
    }
    Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
  }
}
