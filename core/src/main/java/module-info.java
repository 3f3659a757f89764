/**
 * The core of deltavec: deltas, the vector image in linear memory and the search graph, in pure
 * Java.
 *
 * <p>Its packages are internal: they are exported to the faces of deltavec only.
 */
module dev.deltavec.core {
  requires static transitive org.jspecify;

  exports dev.deltavec.core to
      dev.deltavec;
}
