package dev.deltavec.core.support;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Makes a failing list of steps small: takes out ever smaller pieces as long as it still fails. */
public final class Shrinker {
  private Shrinker() {}

  /**
   * Runs steps, and on failure shrinks them.
   *
   * @param run returns what is wrong, or null
   * @throws AssertionError naming the seed, what is wrong and the smallest steps that show it
   */
  public static <T> void check(long seed, List<T> steps, Function<List<T>, @Nullable String> run) {
    String wrong = attempt(run, steps);
    if (wrong == null) {
      return;
    }
    List<T> smallest = steps;
    for (int piece = Math.max(1, steps.size() / 2); piece >= 1; piece /= 2) {
      for (int at = 0; at + piece <= smallest.size(); ) {
        List<T> fewer = new ArrayList<>(smallest.subList(0, at));
        fewer.addAll(smallest.subList(at + piece, smallest.size()));
        String stillWrong = attempt(run, fewer);
        if (stillWrong != null) {
          smallest = fewer;
          wrong = stillWrong;
        } else {
          at += piece;
        }
      }
    }
    StringBuilder text = new StringBuilder("seed " + seed + ": " + wrong + "\nsmallest steps:");
    for (T step : smallest) {
      text.append("\n  ").append(step);
    }
    throw new AssertionError(text.toString());
  }

  private static <T> @Nullable String attempt(
      Function<List<T>, @Nullable String> run, List<T> steps) {
    try {
      return run.apply(steps);
    } catch (RuntimeException | AssertionError e) {
      return e.toString();
    }
  }
}
