package dev.deltavec.server.search;

import dev.deltavec.SearchResult;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.server.node.Answer;
import dev.deltavec.server.node.Query;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Searches all shards: those that are here, and at the same time others by their nodes. A node that
 * fails, or does not have the shard, is followed by the next that may have it; one that does not
 * answer for some time is accompanied by it. What is not there by the deadline is missing.
 */
public final class Searcher {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");

  private final int shards;
  private final int dimensions;
  private final LocalSearch local;
  private final IntPredicate here;
  private final IntFunction<List<String>> routes;
  private final Peers peers;
  private final Duration hedge;

  /**
   * A searcher.
   *
   * @param here tells whether a shard can be searched in this process
   * @param routes gives the URLs of nodes that may have a shard, the likeliest first
   * @param hedge after so long without an answer the next node is asked, too
   */
  public Searcher(
      int shards,
      int dimensions,
      LocalSearch local,
      IntPredicate here,
      IntFunction<List<String>> routes,
      Peers peers,
      Duration hedge) {
    this.shards = shards;
    this.dimensions = dimensions;
    this.local = local;
    this.here = here;
    this.routes = routes;
    this.peers = peers;
    this.hedge = hedge;
  }

  /**
   * What has come back from a node, or this one.
   *
   * @param answer null if it has failed
   * @param wrong what is wrong with the query, if that is so
   */
  private record Reply(
      List<Integer> asked, @Nullable PartialAnswer answer, @Nullable DeltaException wrong) {
    static Reply failed(List<Integer> asked) {
      return new Reply(asked, null, null);
    }
  }

  /** One search under way. Of the thread that asks. */
  private final class Run {
    final Query query;
    final long start = System.nanoTime();
    final long deadline;
    final BlockingQueue<Reply> replies = new LinkedBlockingQueue<>();
    final List<List<SearchResult>> found = new ArrayList<>();
    final Set<Integer> open = new TreeSet<>();
    final Map<Integer, List<String>> untried = new LinkedHashMap<>();
    final List<Thread> threads = new ArrayList<>();
    int underWay;

    Run(Query query) {
      this.query = query;
      deadline = start + Math.max(1, query.deadline().toNanos());
    }

    long left() {
      return deadline - System.nanoTime();
    }

    /** Searches what is here, in a thread of its own: this one may have to leave without it. */
    void askHere(List<Integer> mine) {
      underWay++;
      // Not among those that are interrupted: the databases are not to see that.
      Thread.ofVirtual().name("search-here").start(() -> replies.add(searchHere(mine)));
    }

    private Reply searchHere(List<Integer> mine) {
      try {
        return new Reply(mine, local.search(query, mine), null);
      } catch (DeltaException e) {
        return new Reply(mine, null, e);
      } catch (Throwable e) { // without a reply all would wait till the deadline
        LOG.log(Level.ERROR, "searching the shards that are here failed", e);
        return Reply.failed(mine);
      }
    }

    /** Asks the next nodes that may have these shards. */
    void ask(Iterable<Integer> wanted) {
      if (left() <= 0) {
        return;
      }
      Map<String, List<Integer>> byUrl = new LinkedHashMap<>();
      for (int shard : wanted) {
        List<String> urls = untried.getOrDefault(shard, List.of());
        if (open.contains(shard) && !urls.isEmpty()) {
          untried.put(shard, urls.subList(1, urls.size()));
          byUrl.computeIfAbsent(urls.getFirst(), url -> new ArrayList<>()).add(shard);
        }
      }
      byUrl.forEach((url, some) -> {
        underWay++;
        threads.add(Thread.ofVirtual().name("search").start(() -> replies.add(askNode(url, some))));
      });
    }

    private Reply askNode(String url, List<Integer> some) {
      Duration left = Duration.ofNanos(Math.max(1_000_000, left()));
      Query rest =
          new Query(
              query.vector(),
              query.k(),
              query.efSearch(),
              query.filterJson(),
              query.prefixes(),
              left);
      try {
        return new Reply(some, peers.search(url, new SearchRequest(rest, some), left), null);
      } catch (IOException e) {
        return Reply.failed(some);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return Reply.failed(some);
      } catch (Throwable e) {
        LOG.log(Level.ERROR, "searching at " + url + " failed", e);
        return Reply.failed(some);
      }
    }

    void take(Reply reply) {
      underWay--;
      if (reply.wrong != null) {
        throw reply.wrong;
      }
      PartialAnswer answer = reply.answer;
      if (answer == null) {
        ask(reply.asked);
        return;
      }
      boolean news = false;
      for (int shard : reply.asked) {
        news |= !answer.missing().contains(shard) && open.remove(shard);
      }
      if (news) {
        found.add(answer.results());
      }
      ask(answer.missing());
    }

    void await() throws InterruptedException {
      long next = start + hedge.toNanos();
      while (!open.isEmpty() && underWay > 0 && left() > 0) {
        long wait = Math.min(left(), Math.max(0, next - System.nanoTime()));
        Reply reply = replies.poll(wait, TimeUnit.NANOSECONDS);
        if (reply != null) {
          take(reply);
        } else if (System.nanoTime() - next >= 0) {
          next = System.nanoTime() + Math.max(1_000_000, hedge.toNanos());
          ask(List.copyOf(open));
        }
      }
      // What has come is not thrown away, however late it is looked at.
      for (Reply last = replies.poll(); last != null; last = replies.poll()) {
        take(last);
      }
    }
  }

  /**
   * Searches all shards.
   *
   * @throws DeltaException for a query that is wrong
   */
  public Answer search(Query query) {
    check(query);
    Run run = new Run(query);
    List<Integer> mine = new ArrayList<>();
    for (int shard = 0; shard < shards; shard++) {
      run.open.add(shard);
      if (here.test(shard)) {
        mine.add(shard);
      }
      run.untried.put(shard, routes.apply(shard));
    }
    List<Integer> others = new ArrayList<>(run.open);
    others.removeAll(mine);
    run.ask(others);
    if (!mine.isEmpty()) {
      run.askHere(mine);
    }
    try {
      run.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // what has been found is the answer
    } finally {
      if (run.underWay > 0) {
        run.threads.forEach(Thread::interrupt);
      }
    }
    return new Answer(
        local.ranking().best(run.found, query.k()),
        List.copyOf(run.open),
        Duration.ofNanos(System.nanoTime() - run.start));
  }

  private void check(Query query) {
    if (query.vector().length != dimensions) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH,
          "the query has " + query.vector().length + " values, not " + dimensions);
    }
    for (int i = 0; i < dimensions; i++) {
      if (!Float.isFinite(query.vector()[i])) {
        throw new DeltaException(
            ErrorCode.NOT_FINITE, "value " + i + " of the query is " + query.vector()[i]);
      }
    }
    Integer ef = query.efSearch();
    if (ef != null && (ef < 1 || ef > 10_000)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "efSearch must be from 1 to 10,000, not " + ef);
    }
    LocalSearch.options(query); // also where no shard is here
  }
}
