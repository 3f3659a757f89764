package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;

/** Chooses the kernels that this Java runs fastest. */
public final class Platform {
  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");

  private Platform() {}

  /**
   * Returns kernels on the Vector API where Java was started with it, else plain ones; the lack is
   * logged once.
   *
   * @param memory where the rows are
   */
  public static Kernels kernels(SegmentMemory memory) {
    return Choice.VECTORS ? Vectors.kernels(memory) : new PlainKernels(memory);
  }

  /** Returns what {@link #kernels} chooses, for people: "Vector API, 512 bits" or "plain Java". */
  public static String description() {
    return Choice.VECTORS ? "Vector API, " + Vectors.bits() + " bits" : "plain Java";
  }

  /** Made when first asked for, so the log has one line at most. */
  private static final class Choice {
    static final boolean VECTORS = choose();

    private static boolean choose() {
      boolean present =
          ModuleLayer.boot()
              .findModule("jdk.incubator.vector")
              .filter(Platform.class.getModule()::canRead)
              .isPresent();
      if (!present) {
        LOGGER.log(
            System.Logger.Level.WARNING,
            "Vectors are compared without SIMD, several times slower: start Java with"
                + " --add-modules jdk.incubator.vector");
        return false;
      }
      return Vectors.bits() >= 128;
    }
  }

  /** The only reference to a class that needs the module. */
  private static final class Vectors {
    static Kernels kernels(SegmentMemory memory) {
      return new VectorKernels(memory);
    }

    static int bits() {
      return VectorKernels.bits();
    }
  }
}
