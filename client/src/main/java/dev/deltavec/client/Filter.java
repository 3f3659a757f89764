package dev.deltavec.client;

import dev.deltavec.log.Shards;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Which vectors are followed: those with one of the ids and those under one of the prefixes; all if
 * there are neither.
 */
record Filter(Set<String> ids, List<String> prefixes) {
  /** What is longer is no part of a URL: then all is asked for, and picked out here. */
  private static final int MAX_QUERY = 3_000;

  Filter(Collection<String> ids, Collection<String> prefixes) {
    this(Set.copyOf(ids), prefixes.stream().distinct().sorted().toList());
  }

  /** Returns whether all vectors are followed. */
  boolean all() {
    return ids.isEmpty() && prefixes.isEmpty();
  }

  /** Returns whether a vector is followed. */
  boolean matches(String id) {
    return all() || ids.contains(id) || prefixes.stream().anyMatch(id::startsWith);
  }

  /** Returns the shards that may hold such vectors. */
  List<Integer> shards(int shards) {
    return ids.isEmpty() || !prefixes.isEmpty()
        ? IntStream.range(0, shards).boxed().toList()
        : ids.stream().map(id -> Shards.of(id, shards)).distinct().sorted().toList();
  }

  /** Returns the parameters for all shards: text that begins with {@code &}, or nothing. */
  String query() {
    return query(ids.stream());
  }

  /** Returns the parameters for one shard. */
  String query(int shard, int shards) {
    return query(ids.stream().filter(id -> Shards.of(id, shards) == shard));
  }

  private String query(Stream<String> some) {
    String query =
        Stream.concat(
                prefixes.stream().map(prefix -> "&prefix=" + encoded(prefix)),
                some.sorted().map(id -> "&id=" + encoded(id)))
            .collect(Collectors.joining());
    return query.length() > MAX_QUERY ? "" : query;
  }

  /** Returns a text that is the same for filters that let the same through. */
  String text() {
    return Stream.concat(
            prefixes.stream().map(prefix -> "p" + encoded(prefix)),
            new TreeSet<>(ids).stream().map(id -> "i" + encoded(id)))
        .collect(Collectors.joining(","));
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
