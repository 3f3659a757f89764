package dev.deltavec.dataset;

import java.util.List;

/** Turns texts into vectors. */
interface Embedder extends AutoCloseable {

  /** Number of floats in a vector. */
  int dimensions();

  /**
   * Embeds texts.
   *
   * @param texts any number of texts, none of them blank
   * @return one vector of unit length for each text, in order
   */
  List<float[]> embed(List<String> texts);

  @Override
  void close();
}
