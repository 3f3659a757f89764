package dev.deltavec.dataset;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * The synsets of one WordNet release, read from its database files.
 *
 * <p>Format: {@code wndb(5WN)} and {@code senseidx(5WN)} of the WordNet manual.
 */
final class WordNet {

  /**
   * One set of synonyms.
   *
   * @param text "word: gloss", with the first word of the set
   * @param senses the sense keys of its words, sorted; a key names the same sense in every release
   */
  record Synset(String text, Set<String> senses) {}

  private static final List<String> PARTS = List.of("noun", "verb", "adj", "adv");

  /** The syntactic marker behind some adjectives, as in {@code all(a)}. */
  private static final Pattern MARKER = Pattern.compile("\\((a|p|ip)\\)$");

  private final List<Synset> synsets;

  private WordNet(List<Synset> synsets) {
    this.synsets = synsets;
  }

  /**
   * Reads a release from a gzipped tar that holds {@code dict/data.*} and {@code dict/index.sense},
   * itself or in a gzipped tar inside it.
   *
   * @throws IOException if the file cannot be read, or a part of WordNet is missing from it
   */
  static WordNet read(Path archive) throws IOException {
    Map<String, List<String>> files = new HashMap<>();
    try (InputStream in = Files.newInputStream(archive)) {
      unpack(in, files);
    }
    Map<String, Set<String>> senses = senses(lines(files, "index.sense", archive));
    List<Synset> synsets = new ArrayList<>();
    for (String part : PARTS) {
      for (String line : lines(files, "data." + part, archive)) {
        // The licence at the head of a file is indented.
        if (!line.startsWith(" ")) {
          String offset = line.substring(0, line.indexOf(' '));
          synsets.add(
              new Synset(text(line), senses.getOrDefault(part + offset, Collections.emptySet())));
        }
      }
    }
    return new WordNet(synsets);
  }

  private static void unpack(InputStream in, Map<String, List<String>> files) throws IOException {
    // Not closed: the caller's stream may go on behind an inner archive.
    TarArchiveInputStream tar = new TarArchiveInputStream(new GZIPInputStream(in));
    for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
      String name = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
      if (name.endsWith(".tar.gz")) {
        unpack(tar, files);
      } else if (name.startsWith("data.") || name.equals("index.sense")) {
        files.put(
            name,
            new BufferedReader(new InputStreamReader(tar, StandardCharsets.ISO_8859_1))
                .lines()
                .toList());
      }
    }
  }

  private static List<String> lines(Map<String, List<String>> files, String name, Path archive)
      throws IOException {
    List<String> lines = files.get(name);
    if (lines == null) {
      throw new IOException(archive + " holds no WordNet file " + name);
    }
    return lines;
  }

  /** Sense keys by part of speech and offset of their synset. */
  private static Map<String, Set<String>> senses(List<String> index) {
    Map<String, Set<String>> senses = new HashMap<>();
    for (String line : index) {
      String key = line.substring(0, line.indexOf(' '));
      int type = key.charAt(key.indexOf('%') + 1) - '0';
      // Type 5 is an adjective satellite, which is kept among the adjectives.
      String part = PARTS.get(type == 5 ? 2 : type - 1);
      String offset = line.substring(key.length() + 1, line.indexOf(' ', key.length() + 1));
      senses.computeIfAbsent(part + offset, unused -> new TreeSet<>()).add(key);
    }
    return senses;
  }

  private static String text(String line) {
    String word = line.split(" ", 6)[4];
    int bar = line.indexOf(" | ");
    String gloss = bar < 0 ? "" : line.substring(bar + 3).strip();
    return MARKER.matcher(word).replaceFirst("").replace('_', ' ') + ": " + gloss;
  }

  /** All synsets, in the order noun, verb, adjective, adverb, each by offset. */
  List<Synset> synsets() {
    return Collections.unmodifiableList(synsets);
  }

  /** The texts of all synsets in their order, each text once. */
  List<String> texts() {
    Set<String> texts = new LinkedHashSet<>();
    synsets.forEach(synset -> texts.add(synset.text()));
    return new ArrayList<>(texts);
  }

  /** The synsets by each of their sense keys. */
  Map<String, Synset> bySense() {
    Map<String, Synset> map = new LinkedHashMap<>();
    synsets.forEach(synset -> synset.senses().forEach(key -> map.put(key, synset)));
    return map;
  }
}
