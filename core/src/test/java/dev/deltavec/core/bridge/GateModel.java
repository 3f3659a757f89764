package dev.deltavec.core.bridge;

import org.jspecify.annotations.Nullable;

/**
 * The algorithm of {@code packages/deltavec/src/gate.ts}: a writer, which may end the gate while it
 * is in, two readers, and an owner who evicts the first reader. Looking at a word for a while
 * before sleeping is left out, as that is the same as a sleep that ends at once. All words are
 * accessed by Atomics, so interleavings are all there is.
 */
final class GateModel implements Model {
  /** Deliberate mistakes, which the explorer must find. */
  enum Flaw {
    NONE,
    /** A reader looks whether the writer is in before it says that it is in itself. */
    READER_LOOKS_FIRST,
    /** The writer looks at the places before it says that it is in. */
    WRITER_LOOKS_FIRST,
    /** A reader that leaves does not notify. */
    LEAVES_SILENTLY,
    /** A reader that steps back does not notify. */
    STEPS_BACK_SILENTLY,
    /** A reader does not say that it waits. */
    WAITS_UNANNOUNCED,
    /** A reader says that it waits after it has looked for the last time. */
    ANNOUNCES_TOO_LATE,
    /** The writer wakes one reader only. */
    WAKES_ONE,
    /** The writer looks who waits before it says that it is out. */
    LOOKS_FOR_WAITERS_TOO_EARLY,
    /** The writer enters again at once. */
    NO_COURTESY,
    /** A reader that leaves does not see that it was evicted. */
    IGNORES_EVICTION,
    /** Who is evicted while it waits does not wait any more, for all that the writer sees. */
    FORGETS_WHO_WAITS,
    /** Who is evicted is taken out of its place, but the writer not woken. */
    EVICTS_SILENTLY,
    /** The writer ends the gate and does not notify. */
    ENDS_SILENTLY,
    /** The writer ends the gate as if it left. */
    ENDS_OPEN
  }

  /** What happens to the first reader, at any step, or to the gate. */
  enum Fate {
    NONE,
    /** It is evicted while it lives. */
    EVICTED,
    /** It dies; the owner then evicts it. */
    DIES,
    /** The writer does not leave the last time: it ends the gate. */
    ENDS
  }

  private static final int WRITER = 0;
  private static final int OWNER = 3;

  // Shared words. Of readers, the first's; the second's stands behind it.
  private static final int WRITING = 0;
  private static final int PLACE = 1;
  private static final int WAITING = 3;
  // Who sleeps: 0 nobody, 1 the thread, 2 the thread, notified. Readers on `writing`, the writer on
  // a place or a `waiting`.
  private static final int SLEEPS = 5;
  private static final int WRITER_SLEEPS = 7;
  private static final int WRITER_WORD = 8;
  // The writer's own.
  private static final int W = 9;
  private static final int W_AT = 10;
  private static final int W_ROUND = 11;
  private static final int W_KEPT = 12;
  // The readers' own.
  private static final int R = 13;
  private static final int R_ROUND = 15;
  // For the checks: who is inside, who was evicted there, who is owed a turn.
  private static final int INSIDE = 17;
  private static final int OUSTED = 19;
  private static final int OWED = 21;
  private static final int O = 23;
  private static final int FAULT = 24;
  private static final int STATE_WORDS = 25;

  private static final int OUT = 0;
  private static final int IN = 1;
  private static final int EVICTED = 2;
  private static final int WAITS = 1;
  private static final int ENDED = 2;

  private static final int DEAD = 99;
  private static final int DONE = 98;

  // Steps of the writer.
  private static final int W_BEGIN = 0;
  private static final int W_LOAD_WAITING = 1;
  private static final int W_AWAIT_WAITING = 2;
  private static final int W_STORE_WRITING = 3;
  private static final int W_LOAD_PLACE = 4;
  private static final int W_AWAIT_PLACE = 5;
  private static final int W_INSIDE = 6;
  private static final int W_CLEAR_WRITING = 7;
  private static final int W_LOOK = 8;
  private static final int W_NOTIFY = 9;
  private static final int W_SLEEP = 10;
  private static final int W_END = 11;
  private static final int W_NOTIFY_END = 12;

  // Steps of a reader.
  private static final int R_STORE_IN = 0;
  private static final int R_LOAD_WRITING = 1;
  private static final int R_ANNOUNCE = 2;
  private static final int R_STORE_OUT = 3;
  private static final int R_NOTIFY_BACK = 4;
  private static final int R_WAIT = 5;
  private static final int R_SLEEP = 6;
  private static final int R_STORE_IN_AGAIN = 7;
  private static final int R_LOAD_WRITING_AGAIN = 8;
  private static final int R_CLEAR_WAITING = 9;
  private static final int R_NOTIFY_IN = 10;
  private static final int R_INSIDE = 11;
  private static final int R_LEAVE = 12;
  private static final int R_CLEAR_EVICTED = 13;
  private static final int R_LOOK = 14;
  private static final int R_NOTIFY_OUT = 15;
  private static final int R_LOAD_ENDED = 16;
  private static final int R_CLEAR_WAITING_AT_END = 17;
  private static final int R_NOTIFY_AT_END = 18;

  private static final int READERS = 2;
  private static final int FATE = 1;

  private static final String[] FAULTS = {
    "", "an evicted reader was not told", "the writer came back before a reader that waited"
  };

  private final int writes;
  private final int reads;
  private final Fate fate;
  private final Flaw flaw;

  /**
   * A gate and what goes through it.
   *
   * @param writes how often the writer enters
   * @param reads how often each reader enters
   * @param fate what happens to the first reader
   * @param flaw what is done wrong
   */
  GateModel(int writes, int reads, Fate fate, Flaw flaw) {
    this.writes = writes;
    this.reads = reads;
    this.fate = fate;
    this.flaw = flaw;
  }

  @Override
  public int threads() {
    return 4;
  }

  @Override
  public int choices() {
    return 2;
  }

  @Override
  public int[] initial() {
    int[] s = new int[STATE_WORDS];
    if (flaw == Flaw.READER_LOOKS_FIRST) {
      s[R] = R_LOAD_WRITING;
      s[R + 1] = R_LOAD_WRITING;
    }
    return s;
  }

  @Override
  public boolean isFate(int thread, int choice) {
    return choice == FATE || thread == OWNER && fate == Fate.EVICTED;
  }

  @Override
  public boolean can(int[] s, int thread, int choice) {
    if (thread == OWNER) {
      boolean now = fate == Fate.EVICTED || fate == Fate.DIES && s[R] == DEAD;
      return choice == 0 && now && s[O] < 4;
    }
    if (thread == WRITER) {
      return choice == 0 && s[W] != DONE && (s[W] != W_SLEEP || s[WRITER_SLEEPS] == 2);
    }
    int r = thread - 1;
    int at = s[R + r];
    if (at == DONE || at == DEAD) {
      return false;
    }
    if (choice == FATE) {
      return fate == Fate.DIES && r == 0;
    }
    return at != R_SLEEP || s[SLEEPS + r] == 2;
  }

  @Override
  public void step(int[] s, int thread, int choice) {
    if (thread == OWNER) {
      owner(s);
    } else if (thread == WRITER) {
      writer(s);
    } else if (choice == FATE) {
      s[R + thread - 1] = DEAD;
    } else {
      reader(s, thread - 1);
    }
  }

  /** {@code evict}. */
  private void owner(int[] s) {
    switch (s[O]++) {
      case 0:
        if (s[PLACE] == IN) {
          s[PLACE] = EVICTED;
          s[OUSTED] = s[INSIDE];
        }
        s[OWED] = 0;
        break;
      case 1:
        if (flaw == Flaw.FORGETS_WHO_WAITS) {
          s[WAITING] = 0;
        } else if (s[WAITING] == WAITS) {
          s[WAITING] = EVICTED;
        }
        break;
      case 2:
        if (flaw != Flaw.EVICTS_SILENTLY) {
          wakeWriter(s, PLACE);
        }
        break;
      default:
        if (flaw != Flaw.EVICTS_SILENTLY) {
          wakeWriter(s, WAITING);
        }
    }
  }

  private void writer(int[] s) {
    int at = s[W_AT];
    switch (s[W]) {
      case W_BEGIN:
        if (s[W_ROUND] == writes) {
          s[W] = DONE;
          return;
        }
        s[W_AT] = 0;
        s[W] =
            s[W_KEPT] != 0 && flaw != Flaw.NO_COURTESY
                ? W_LOAD_WAITING
                : flaw == Flaw.WRITER_LOOKS_FIRST ? W_LOAD_PLACE : W_STORE_WRITING;
        s[W_KEPT] = 0;
        break;
      case W_LOAD_WAITING:
        if (s[WAITING + at] == WAITS) {
          s[W] = W_AWAIT_WAITING;
        } else {
          nextWaiting(s);
        }
        break;
      case W_AWAIT_WAITING:
        if (s[WAITING + at] == WAITS) {
          sleep(s, WAITING + at);
        } else {
          nextWaiting(s);
        }
        break;
      case W_STORE_WRITING:
        s[WRITING] = 1;
        s[W_AT] = 0;
        s[W] = flaw == Flaw.WRITER_LOOKS_FIRST ? W_INSIDE : W_LOAD_PLACE;
        comesBack(s);
        break;
      case W_LOAD_PLACE:
        if (s[PLACE + at] == IN) {
          s[W] = W_AWAIT_PLACE;
        } else {
          nextPlace(s);
        }
        break;
      case W_AWAIT_PLACE:
        if (s[PLACE + at] == IN) {
          sleep(s, PLACE + at);
        } else {
          s[W] = W_LOAD_PLACE;
        }
        break;
      case W_SLEEP:
        s[WRITER_SLEEPS] = 0;
        if (s[WRITER_WORD] >= WAITING) {
          nextWaiting(s);
        } else {
          s[W] = W_LOAD_PLACE;
        }
        break;
      case W_INSIDE:
        s[W_AT] = 0;
        if (fate == Fate.ENDS && s[W_ROUND] + 1 == writes) {
          s[W] = W_END;
        } else {
          s[W] = flaw == Flaw.LOOKS_FOR_WAITERS_TOO_EARLY ? W_LOOK : W_CLEAR_WRITING;
        }
        break;
      case W_END:
        if (flaw == Flaw.ENDS_OPEN && s[WRITING] != 0) {
          s[WRITING] = 0;
        } else {
          s[WRITING] = ENDED;
          s[W] = flaw == Flaw.ENDS_SILENTLY ? DONE : W_NOTIFY_END;
        }
        break;
      case W_NOTIFY_END:
        for (int r = 0; r < READERS; r++) {
          s[SLEEPS + r] = s[SLEEPS + r] == 1 ? 2 : s[SLEEPS + r];
        }
        s[W] = DONE;
        break;
      case W_CLEAR_WRITING:
        s[WRITING] = 0;
        for (int r = 0; r < READERS; r++) {
          s[OWED + r] = s[WAITING + r] == WAITS && (r > 0 || s[O] == 0) ? 1 : 0;
        }
        if (flaw == Flaw.LOOKS_FOR_WAITERS_TOO_EARLY) {
          s[W] = s[W_KEPT] != 0 ? W_NOTIFY : W_BEGIN;
          s[W_ROUND] += s[W_KEPT] != 0 ? 0 : 1;
        } else {
          s[W] = W_LOOK;
        }
        break;
      case W_LOOK:
        if (s[WAITING + at] != 0) {
          s[W_KEPT] = 1;
          s[W] = flaw == Flaw.LOOKS_FOR_WAITERS_TOO_EARLY ? W_CLEAR_WRITING : W_NOTIFY;
        } else if (at + 1 < READERS) {
          s[W_AT] = at + 1;
        } else if (flaw == Flaw.LOOKS_FOR_WAITERS_TOO_EARLY) {
          s[W] = W_CLEAR_WRITING;
        } else {
          s[W_ROUND]++;
          s[W] = W_BEGIN;
        }
        break;
      case W_NOTIFY:
        for (int r = 0; r < READERS; r++) {
          if (s[SLEEPS + r] == 1) {
            s[SLEEPS + r] = 2;
            if (flaw == Flaw.WAKES_ONE) {
              break;
            }
          }
        }
        s[W_ROUND]++;
        s[W] = W_BEGIN;
        break;
      default:
        throw new IllegalStateException("writer at " + s[W]);
    }
  }

  private void sleep(int[] s, int word) {
    s[WRITER_WORD] = word;
    s[WRITER_SLEEPS] = 1;
    s[W] = W_SLEEP;
  }

  private void nextWaiting(int[] s) {
    if (s[W_AT] + 1 < READERS) {
      s[W_AT]++;
      s[W] = W_LOAD_WAITING;
    } else {
      s[W_AT] = 0;
      s[W] = flaw == Flaw.WRITER_LOOKS_FIRST ? W_LOAD_PLACE : W_STORE_WRITING;
    }
  }

  private void nextPlace(int[] s) {
    if (s[W_AT] + 1 < READERS) {
      s[W_AT]++;
      s[W] = W_LOAD_PLACE;
    } else {
      s[W] = flaw == Flaw.WRITER_LOOKS_FIRST ? W_STORE_WRITING : W_INSIDE;
    }
  }

  /**
   * Nobody who waited when the writer left may still be owed a turn, unless it is being evicted.
   */
  private void comesBack(int[] s) {
    for (int r = 0; r < READERS; r++) {
      if (s[OWED + r] != 0 && s[R + r] != DEAD && s[R + r] != DONE) {
        s[FAULT] = 2;
      }
    }
  }

  private void reader(int[] s, int r) {
    int place = PLACE + r;
    int pc = R + r;
    switch (s[pc]) {
      case R_STORE_IN:
        s[place] = IN;
        s[pc] = flaw == Flaw.READER_LOOKS_FIRST ? R_INSIDE : R_LOAD_WRITING;
        if (flaw == Flaw.READER_LOOKS_FIRST) {
          comesIn(s, r);
        }
        break;
      case R_LOAD_WRITING:
        if (s[WRITING] == 0) {
          if (flaw == Flaw.READER_LOOKS_FIRST) {
            s[pc] = R_STORE_IN;
          } else {
            s[pc] = R_INSIDE;
            comesIn(s, r);
          }
        } else {
          s[pc] =
              flaw == Flaw.WAITS_UNANNOUNCED || flaw == Flaw.ANNOUNCES_TOO_LATE
                  ? R_STORE_OUT
                  : R_ANNOUNCE;
        }
        break;
      case R_ANNOUNCE:
        s[WAITING + r] = WAITS;
        s[pc] = flaw == Flaw.ANNOUNCES_TOO_LATE ? R_SLEEP : R_STORE_OUT;
        break;
      case R_STORE_OUT:
        s[place] = OUT;
        s[pc] = flaw == Flaw.STEPS_BACK_SILENTLY ? R_WAIT : R_NOTIFY_BACK;
        break;
      case R_NOTIFY_BACK:
        wakeWriter(s, place);
        s[pc] = R_WAIT;
        break;
      case R_WAIT:
        if (s[WRITING] == 1) {
          s[SLEEPS + r] = 1;
          s[pc] = flaw == Flaw.ANNOUNCES_TOO_LATE ? R_ANNOUNCE : R_SLEEP;
        } else {
          s[pc] = R_LOAD_ENDED;
        }
        break;
      case R_SLEEP:
        s[SLEEPS + r] = 0;
        s[pc] = R_LOAD_ENDED;
        break;
      case R_LOAD_ENDED:
        s[pc] = s[WRITING] == ENDED ? R_CLEAR_WAITING_AT_END : R_STORE_IN_AGAIN;
        break;
      case R_CLEAR_WAITING_AT_END:
        s[WAITING + r] = 0;
        s[pc] = R_NOTIFY_AT_END;
        break;
      case R_NOTIFY_AT_END:
        wakeWriter(s, WAITING + r);
        s[pc] = DONE;
        break;
      case R_STORE_IN_AGAIN:
        s[place] = IN;
        s[pc] = R_LOAD_WRITING_AGAIN;
        break;
      case R_LOAD_WRITING_AGAIN:
        if (s[WRITING] == 0) {
          comesIn(s, r);
          s[pc] = R_CLEAR_WAITING;
        } else {
          s[pc] = R_STORE_OUT;
        }
        break;
      case R_CLEAR_WAITING:
        s[WAITING + r] = 0;
        s[pc] = R_NOTIFY_IN;
        break;
      case R_NOTIFY_IN:
        wakeWriter(s, WAITING + r);
        s[pc] = R_INSIDE;
        break;
      case R_INSIDE:
        s[pc] = R_LEAVE;
        break;
      case R_LEAVE:
        s[INSIDE + r] = 0;
        boolean stayed = s[place] == IN || flaw == Flaw.IGNORES_EVICTION;
        if (stayed && s[OUSTED + r] != 0) {
          s[FAULT] = 1;
        }
        s[OUSTED + r] = 0;
        if (stayed) {
          s[place] = OUT;
        }
        s[pc] = stayed ? R_LOOK : R_CLEAR_EVICTED;
        break;
      case R_CLEAR_EVICTED:
        s[place] = OUT;
        s[pc] = R_LOOK;
        break;
      case R_LOOK:
        if (s[WRITING] != 0 && flaw != Flaw.LEAVES_SILENTLY) {
          s[pc] = R_NOTIFY_OUT;
        } else {
          again(s, r);
        }
        break;
      case R_NOTIFY_OUT:
        wakeWriter(s, place);
        again(s, r);
        break;
      default:
        throw new IllegalStateException("reader at " + s[pc]);
    }
  }

  private void comesIn(int[] s, int r) {
    s[INSIDE + r] = 1;
    s[OWED + r] = 0;
    s[OUSTED + r] = s[PLACE + r] == EVICTED ? 1 : 0;
  }

  private void again(int[] s, int r) {
    s[R_ROUND + r]++;
    s[R + r] =
        s[R_ROUND + r] == reads
            ? DONE
            : flaw == Flaw.READER_LOOKS_FIRST ? R_LOAD_WRITING : R_STORE_IN;
  }

  private static void wakeWriter(int[] s, int word) {
    if (s[WRITER_SLEEPS] == 1 && s[WRITER_WORD] == word) {
      s[WRITER_SLEEPS] = 2;
    }
  }

  @Override
  public @Nullable String wrong(int[] s) {
    if (s[FAULT] != 0) {
      return FAULTS[s[FAULT]];
    }
    for (int r = 0; r < READERS; r++) {
      if (s[W] == W_INSIDE && s[INSIDE + r] != 0 && s[PLACE + r] != EVICTED && s[R + r] != DEAD) {
        return "the writer and reader " + r + " are inside";
      }
      if (s[WRITING] == ENDED && s[INSIDE + r] != 0) {
        return "reader " + r + " is in what has ended";
      }
    }
    return null;
  }

  @Override
  public @Nullable String wrongAtEnd(int[] s) {
    for (int r = 0; r < READERS; r++) {
      if (s[R + r] != DONE && s[R + r] != DEAD) {
        return "reader " + r + " waits for ever";
      }
    }
    return s[W] == DONE ? null : "the writer waits for ever";
  }

  @Override
  public String describe(int[] s, int thread) {
    return switch (thread) {
      case WRITER -> "writer " + s[W];
      case OWNER -> "owner " + s[O];
      default -> "reader " + (thread - 1) + " " + s[R + thread - 1];
    };
  }
}
