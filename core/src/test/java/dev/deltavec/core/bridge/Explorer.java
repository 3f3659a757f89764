package dev.deltavec.core.bridge;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Visits every state that a model can reach, by depth-first search, each once. */
final class Explorer {
  /**
   * What was found.
   *
   * @param states number of states visited
   * @param ends number of states in which no thread could go on but by fate
   * @param failure what is wrong, and the steps that lead there; null if nothing is
   */
  record Outcome(int states, int ends, @Nullable String failure) {}

  /** A state on the way, and what is to be tried there next. */
  private static final class Visit {
    final int[] state;
    final String step;
    int thread;
    int choice;
    boolean moved;

    Visit(int[] state, String step) {
      this.state = state;
      this.step = step;
    }
  }

  private Explorer() {}

  /** Explores a model until something is wrong, or everything has been seen. */
  static Outcome explore(Model model) {
    Set<String> seen = new HashSet<>();
    ArrayDeque<Visit> way = new ArrayDeque<>();
    int ends = 0;
    int[] first = model.initial();
    seen.add(key(first));
    way.push(new Visit(first, "begin"));
    while (!way.isEmpty()) {
      Visit visit = way.element();
      if (visit.thread == 0 && visit.choice == 0) {
        String wrong = model.wrong(visit.state);
        if (wrong != null) {
          return new Outcome(seen.size(), ends, wrong + trace(way));
        }
      }
      if (visit.thread == model.threads()) {
        if (!visit.moved) {
          ends++;
          String wrong = model.wrongAtEnd(visit.state);
          if (wrong != null) {
            return new Outcome(seen.size(), ends, wrong + trace(way));
          }
        }
        way.pop();
        continue;
      }
      int thread = visit.thread;
      int choice = visit.choice++;
      if (choice == model.choices()) {
        visit.thread++;
        visit.choice = 0;
        continue;
      }
      if (!model.can(visit.state, thread, choice)) {
        continue;
      }
      visit.moved |= !model.isFate(thread, choice);
      int[] next = visit.state.clone();
      model.step(next, thread, choice);
      if (seen.add(key(next))) {
        way.push(new Visit(next, model.describe(visit.state, thread) + "/" + choice));
      }
    }
    return new Outcome(seen.size(), ends, null);
  }

  private static String key(int[] state) {
    byte[] bytes = new byte[state.length];
    for (int i = 0; i < state.length; i++) {
      if (state[i] < 0 || state[i] > 255) {
        throw new IllegalStateException("word " + i + " is " + state[i]);
      }
      bytes[i] = (byte) state[i];
    }
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static String trace(ArrayDeque<Visit> way) {
    StringBuilder text = new StringBuilder();
    for (Iterator<Visit> visits = way.descendingIterator(); visits.hasNext(); ) {
      text.append("\n  ").append(visits.next().step);
    }
    return text.toString();
  }
}
