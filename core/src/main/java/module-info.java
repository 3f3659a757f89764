/**
 * The core of deltavec: deltas, the vector image in linear memory and the search graph, in pure
 * Java.
 *
 * <p>Users call a face of deltavec, not the core; they meet its errors and options. Faces call
 * {@code Database} over a {@code Memory} and {@code Kernels} of their platform.
 */
module dev.deltavec.core {
  requires static org.jspecify;

  exports dev.deltavec.core;
  exports dev.deltavec.core.delta;
  exports dev.deltavec.core.memory;
}
