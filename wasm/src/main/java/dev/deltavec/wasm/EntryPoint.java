package dev.deltavec.wasm;

/**
 * Where TeaVM begins. It wants a class with a {@code main}, and checks at every call whether that
 * class is initialised, so it is not {@link Exports}.
 */
public final class EntryPoint {
  private EntryPoint() {}

  /**
   * Shows TeaVM the class that has the exports; nobody calls it.
   *
   * @param args ignored
   */
  public static void main(String[] args) {
    Exports.control();
  }
}
