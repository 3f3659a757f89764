package dev.deltavec.component;

/**
 * Where TeaVM begins with the world {@code delta-vector-world}. It wants a class with a {@code
 * main}, and checks at every call whether that class is initialised.
 */
public final class DeltaVectorEntry {
  private DeltaVectorEntry() {}

  /**
   * Shows TeaVM the classes that have the exports; nobody calls it.
   *
   * @param args ignored
   */
  public static void main(String[] args) {
    DeltaDb.drop(DeltaDb.create(Realloc.realloc(0, 0, 1, 0)));
  }
}
