package dev.deltavec.dataset;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.onnx.allminilml6v2.AllMiniLmL6V2EmbeddingModel;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The sentence encoder all-MiniLM-L6-v2: fp32 ONNX, mean pooling, unit length, 384 dimensions.
 *
 * <p>The model comes inside its Maven artifact; nothing is fetched at run time.
 */
final class MiniLm implements Embedder {
  private final ExecutorService threads;
  private final AllMiniLmL6V2EmbeddingModel model;

  /**
   * Loads the model; takes about two seconds.
   *
   * @param parallelism texts embedded at a time, 1 or more
   */
  MiniLm(int parallelism) {
    threads = Executors.newFixedThreadPool(parallelism);
    model = new AllMiniLmL6V2EmbeddingModel(threads);
  }

  @Override
  public int dimensions() {
    return 384;
  }

  @Override
  public List<float[]> embed(List<String> texts) {
    return model.embedAll(texts.stream().map(TextSegment::from).toList()).content().stream()
        .map(Embedding::vector)
        .toList();
  }

  @Override
  public void close() {
    threads.close();
  }
}
