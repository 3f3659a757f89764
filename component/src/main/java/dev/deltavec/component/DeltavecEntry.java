package dev.deltavec.component;

/**
 * Where TeaVM begins with the world {@code deltavec-world}. It wants a class with a {@code main},
 * and checks at every call whether that class is initialised.
 */
public final class DeltavecEntry {
  private DeltavecEntry() {}

  /**
   * Shows TeaVM the classes that have the exports; nobody calls it.
   *
   * @param args ignored
   */
  public static void main(String[] args) {
    Databases.drop(Databases.open(Realloc.realloc(0, 0, 8, 0)));
  }
}
