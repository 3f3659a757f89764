package dev.deltavec.server.search;

import dev.deltavec.SearchResult;
import dev.deltavec.core.Metric;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Puts what several shards have found into one order: the closest first, then by id. */
final class Ranking {
  private final Comparator<SearchResult> order;

  Ranking(Metric metric) {
    Comparator<SearchResult> byScore = (a, b) -> Float.compare(a.score(), b.score());
    order =
        (metric == Metric.EUCLIDEAN ? byScore : byScore.reversed()).thenComparing(SearchResult::id);
  }

  /** Returns the best of all lists. */
  List<SearchResult> best(List<List<SearchResult>> lists, int k) {
    if (lists.size() == 1 && lists.getFirst().size() <= k) {
      return lists.getFirst();
    }
    List<SearchResult> all = new ArrayList<>();
    lists.forEach(all::addAll);
    all.sort(order);
    Set<String> seen = new HashSet<>();
    List<SearchResult> best = new ArrayList<>(Math.min(k, all.size()));
    for (SearchResult each : all) {
      if (best.size() == k) {
        break;
      }
      if (seen.add(each.id())) { // two copies of a shard may have answered
        best.add(each);
      }
    }
    return best;
  }
}
