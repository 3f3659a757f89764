package dev.deltavec.dataset;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What the editors of WordNet changed between two releases, as a stream of edits one can read.
 *
 * <p>Two synsets are one and the same when they share a sense key, and share one with no other.
 */
final class Revisions {

  /** Kind of an edit. */
  enum Operation {
    CREATE('C'),
    UPDATE('U'),
    DELETE('D');

    final char letter;

    Operation(char letter) {
      this.letter = letter;
    }
  }

  /**
   * One edit.
   *
   * @param id sense key that names the synset
   * @param version 0 for a create, else one more than the edit of this synset before it
   * @param text the new text; of a delete, empty
   */
  record Edit(String id, int version, Operation operation, String text) {}

  private Revisions() {}

  /**
   * Draws a stream of edits from the difference of two releases: first the creates of the old state
   * of what is later updated or deleted, then updates, deletes and creates in random order.
   *
   * @param wanted texts the stream may hold
   * @throws IllegalArgumentException if the releases do not differ in that many synsets
   */
  static List<Edit> draw(
      WordNet before,
      WordNet after,
      int updates,
      int deletes,
      int creates,
      Predicate<String> wanted,
      Random random) {
    Map<String, WordNet.Synset> old = before.bySense();
    Map<String, WordNet.Synset> now = after.bySense();
    List<Edit> updated = new ArrayList<>();
    List<Edit> deleted = new ArrayList<>();
    List<Edit> created = new ArrayList<>();
    List<Edit> initial = new ArrayList<>();

    for (WordNet.Synset synset : shuffled(before.synsets(), random)) {
      if (!usable(synset, wanted)) {
        continue;
      }
      String id = synset.senses().iterator().next();
      List<WordNet.Synset> heirs = partners(synset, now);
      if (heirs.isEmpty() && deleted.size() < deletes) {
        initial.add(new Edit(id, 0, Operation.CREATE, synset.text()));
        deleted.add(new Edit(id, 1, Operation.DELETE, ""));
      } else if (heirs.size() == 1 && updated.size() < updates) {
        WordNet.Synset heir = heirs.getFirst();
        if (usable(heir, wanted)
            && partners(heir, old).size() == 1
            && !words(heir.text()).equals(words(synset.text()))) {
          initial.add(new Edit(id, 0, Operation.CREATE, synset.text()));
          updated.add(new Edit(id, 1, Operation.UPDATE, heir.text()));
        }
      }
    }
    for (WordNet.Synset synset : shuffled(after.synsets(), random)) {
      if (created.size() < creates && usable(synset, wanted) && partners(synset, old).isEmpty()) {
        created.add(
            new Edit(synset.senses().iterator().next(), 0, Operation.CREATE, synset.text()));
      }
    }
    if (updated.size() < updates || deleted.size() < deletes || created.size() < creates) {
      throw new IllegalArgumentException(
          "the releases differ in only %d updates, %d deletes, %d creates"
              .formatted(updated.size(), deleted.size(), created.size()));
    }

    List<Edit> later = new ArrayList<>(updated);
    later.addAll(deleted);
    later.addAll(created);
    Collections.shuffle(later, random);
    List<Edit> stream = new ArrayList<>(initial);
    stream.addAll(later);
    return stream;
  }

  private static boolean usable(WordNet.Synset synset, Predicate<String> wanted) {
    return !synset.senses().isEmpty() && wanted.test(synset.text());
  }

  private static List<WordNet.Synset> shuffled(List<WordNet.Synset> synsets, Random random) {
    List<WordNet.Synset> copy = new ArrayList<>(synsets);
    Collections.shuffle(copy, random);
    return copy;
  }

  private static List<WordNet.Synset> partners(
      WordNet.Synset synset, Map<String, WordNet.Synset> others) {
    List<WordNet.Synset> found = new ArrayList<>();
    for (String key : synset.senses()) {
      WordNet.Synset other = others.get(key);
      if (other != null && !found.contains(other)) {
        found.add(other);
      }
    }
    return found;
  }

  /** The words of a text: an edit of nothing but punctuation or case is no edit worth reading. */
  private static Set<String> words(String text) {
    return Pattern.compile("[^a-z0-9]+")
        .splitAsStream(text.toLowerCase(Locale.ROOT))
        .filter(word -> !word.isEmpty())
        .collect(Collectors.toSet());
  }
}
