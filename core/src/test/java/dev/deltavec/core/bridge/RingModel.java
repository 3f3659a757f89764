package dev.deltavec.core.bridge;

import org.jspecify.annotations.Nullable;

/**
 * The algorithm of {@code packages/deltavec/src/ring.ts}, with a producer and a consumer as {@code
 * channel.ts} uses it: the same shared words, the same accesses in the same order, bytes counted in
 * units of which a ring has two to four.
 *
 * <p>Why interleavings suffice: all words of the header are accessed by Atomics, which are
 * sequentially consistent. Units of frames are plain memory; {@link #wrong} checks in every state
 * that no two threads are about to access the same unit, one of them to write it. So there are no
 * data races, and JavaScript's memory model gives sequential consistency to programs without.
 */
final class RingModel implements Model {
  /** Deliberate mistakes, which the explorer must find. */
  enum Flaw {
    NONE,
    /** The head is stored before the frame is written. */
    PUBLISHES_TOO_EARLY,
    /** The tail is stored before the frames are read. */
    RELEASES_TOO_EARLY,
    /** The consumer does not look at the head again before it sleeps. */
    SLEEPS_WITHOUT_LOOKING,
    /** The producer looks whether the consumer sleeps before it stores the head. */
    LOOKS_FOR_SLEEPER_TOO_EARLY,
    /** The producer does not look at the tail again before it waits. */
    WAITS_WITHOUT_LOOKING,
    /** The consumer looks whether the producer waits before it stores the tail. */
    LOOKS_FOR_WAITER_TOO_EARLY,
    /** The producer takes one unit more for free than there are. */
    TAKES_TOO_MUCH,
    /** Padding is never published without a frame behind it. */
    KEEPS_PADDING,
    /** Padding is not marked. */
    LEAVES_PADDING_UNMARKED,
    /** The producer waits for a quarter of the ring, whatever it needs. */
    WANTS_TOO_LITTLE,
    /** The consumer counts on a waiter that has been notified to be notified again. */
    KEEPS_OLD_WAITER,
    /** The end of the consumer is marked, but nobody woken. */
    MARKS_SILENTLY
  }

  /** How either side is woken. */
  enum Waking {
    /** By a notification of the word it waits for, without stopping the thread. */
    NOTIFY,
    /** By a message. */
    MESSAGE,
    /** As {@link #NOTIFY}, but the producer's thread stops: no message reaches it. */
    BLOCK
  }

  /** What may happen besides. */
  enum Fate {
    NONE,
    PRODUCER_DIES,
    CONSUMER_DIES,
    /** The producer sends a message, such as a question, at any time. */
    POKE
  }

  private static final int PRODUCER = 0;
  private static final int CONSUMER = 1;
  private static final int OWNER = 2;

  // Shared words.
  private static final int HEAD = 0;
  private static final int TAIL = 1;
  private static final int ASLEEP = 2;
  private static final int WAITING = 3;
  private static final int WANTED = 4;
  private static final int ENDED = 5;
  // Who waits for `asleep` and `waiting`: 0 nobody, 1 somebody, 2 somebody who has been notified.
  private static final int SLEEPER = 6;
  private static final int WAITER = 7;
  // Messages under way, a bit each.
  private static final int TO_CONSUMER = 8;
  private static final int TO_PRODUCER = 9;
  // The producer's own.
  private static final int P = 10;
  private static final int P_HEAD = 11;
  private static final int P_POSITION = 12;
  private static final int P_FREE = 13;
  private static final int P_FRAME = 14;
  private static final int P_PART = 15;
  private static final int P_NEEDS = 16;
  private static final int P_WANTED = 17;
  private static final int P_BYTES = 18;
  private static final int P_SAW = 19;
  // The consumer's own.
  private static final int C = 20;
  private static final int C_HEAD = 21;
  private static final int C_TAIL = 22;
  private static final int C_AT = 23;
  private static final int C_PART = 24;
  private static final int C_FRAME = 25;
  private static final int C_SAW = 26;
  private static final int C_USED = 27;
  private static final int C_WAITS = 28;
  private static final int C_CLOSING = 29;
  private static final int C_LAST = 30;
  // For the checks.
  private static final int O = 31;
  private static final int PUBLISHED = 32;
  private static final int FAULT = 33;
  private static final int POKED = 34;
  private static final int P_REFUSED = 35;
  private static final int P_PADDING = 36;
  private static final int CELLS = 37;

  /** The choice that is fate. */
  private static final int FATE = 2;

  private static final int DEAD = 99;
  private static final int DONE = 98;

  // Steps of the producer.
  private static final int P_BEGIN = 0;
  private static final int P_REFRESH = 1;
  private static final int P_MARK = 2;
  private static final int P_WRITE = 3;
  private static final int P_PUBLISH = 4;
  private static final int P_LOAD_ASLEEP = 5;
  private static final int P_EXCHANGE_ASLEEP = 6;
  private static final int P_NOTIFY = 7;
  private static final int P_POST_WAKE = 8;
  private static final int P_SENT = 9;
  private static final int P_STORE_WANTED = 10;
  private static final int P_STORE_WAITING = 11;
  private static final int P_LOAD_TAIL = 12;
  private static final int P_LOAD_ENDED = 13;
  private static final int P_CLEAR_WAITING = 14;
  private static final int P_WAIT = 15;
  private static final int P_SLEEP = 16;
  private static final int P_POST_CLOSE = 17;
  private static final int P_AWAIT_REPORT = 18;
  private static final int P_OPEN = 19;

  // Steps of the consumer.
  private static final int C_TURN = 0;
  private static final int C_TAKE = 1;
  private static final int C_READ = 2;
  private static final int C_STORE_TAIL = 3;
  private static final int C_LOAD_WAITING = 4;
  private static final int C_LOAD_HEAD = 5;
  private static final int C_LOAD_WANTED = 6;
  private static final int C_EXCHANGE_WAITING = 7;
  private static final int C_NOTIFY = 8;
  private static final int C_POST_ROOM = 9;
  private static final int C_STORE_ASLEEP = 10;
  private static final int C_LOOK = 11;
  private static final int C_CLEAR_ASLEEP = 12;
  private static final int C_WAIT = 13;
  private static final int C_IDLE = 14;
  private static final int C_POST_REPORT = 15;

  private static final int BY_NOTIFY = 1;
  private static final int BY_MESSAGE = 2;

  // Messages.
  private static final int WAKE = 1;
  private static final int CLOSE = 2;
  private static final int GONE = 4;
  private static final int POKE = 8;
  private static final int ROOM = 1;
  private static final int REPORT = 2;

  private static final int PADDING = 200;

  // Faults.
  private static final String[] FAULTS = {
    "",
    "not the unit that should come",
    "padding that cannot be",
    "more than the ring holds",
    "refused twice though there should be room"
  };

  private final int capacity;
  private final int[] frames;
  private final int markUnits;
  private final int modulus;
  private final Waking waking;
  private final Fate fate;
  private final Flaw flaw;

  /**
   * A ring, and what goes through it.
   *
   * @param capacity units of the ring
   * @param frames units of each frame, at least {@code markUnits}, at most the capacity
   * @param markUnits units that the mark of padding takes; shorter padding has none
   * @param waking how both sides are woken
   * @param fate what happens besides
   * @param flaw what is done wrong
   */
  RingModel(int capacity, int[] frames, int markUnits, Waking waking, Fate fate, Flaw flaw) {
    this.capacity = capacity;
    this.frames = frames.clone();
    this.markUnits = markUnits;
    this.modulus = 4 * capacity;
    this.waking = waking;
    this.fate = fate;
    this.flaw = flaw;
  }

  @Override
  public int threads() {
    return 3;
  }

  @Override
  public int[] initial() {
    int[] s = new int[CELLS + capacity];
    int from = modulus - capacity; // a multiple of the capacity, from where counters soon pass 0
    s[HEAD] = from;
    s[TAIL] = from;
    s[P_HEAD] = from;
    s[P_FREE] = capacity;
    s[C_HEAD] = from;
    s[C_TAIL] = from;
    return s;
  }

  @Override
  public int choices() {
    return 3;
  }

  @Override
  public boolean isFate(int thread, int choice) {
    return choice == FATE;
  }

  @Override
  public boolean can(int[] s, int thread, int choice) {
    switch (thread) {
      case PRODUCER:
        if (s[P] == DEAD || s[P] == DONE) {
          return false;
        }
        if (choice == FATE) {
          return fate == Fate.PRODUCER_DIES || fate == Fate.POKE && s[POKED] == 0;
        }
        return choice == 0 && producerRuns(s);
      case CONSUMER:
        if (s[C] == DEAD || s[C] == DONE) {
          return false;
        }
        if (choice == FATE) {
          return fate == Fate.CONSUMER_DIES;
        }
        // Only here does it choose.
        return (choice == 0 || s[C] == C_READ || s[C] == C_IDLE)
            && (s[C] != C_IDLE || s[SLEEPER] == 2 || s[TO_CONSUMER] != 0);
      default:
        return choice == 0 && s[C] == DEAD && waking == Waking.BLOCK && s[O] < 3;
    }
  }

  private boolean producerRuns(int[] s) {
    if (s[P] == P_AWAIT_REPORT) {
      return s[TO_PRODUCER] != 0;
    }
    return s[P] != P_SLEEP
        || waking != Waking.MESSAGE && s[WAITER] == 2
        || waking != Waking.BLOCK && s[TO_PRODUCER] != 0;
  }

  @Override
  public void step(int[] s, int thread, int choice) {
    switch (thread) {
      case PRODUCER:
        if (choice != FATE) {
          producer(s);
        } else if (fate == Fate.PRODUCER_DIES) {
          s[P] = DEAD;
          s[TO_CONSUMER] |= GONE;
        } else {
          s[POKED] = 1;
          s[TO_CONSUMER] |= POKE;
        }
        break;
      case CONSUMER:
        s[P_REFUSED] = 0;
        if (choice != FATE) {
          consumer(s, choice);
        } else {
          s[C] = DEAD;
          if (waking != Waking.BLOCK) {
            s[TO_PRODUCER] |= GONE;
          }
        }
        break;
      default:
        owner(s);
    }
  }

  /** {@code markConsumerGone}. */
  private void owner(int[] s) {
    switch (s[O]++) {
      case 0:
        s[ENDED] = 1;
        break;
      case 1:
        if (flaw != Flaw.MARKS_SILENTLY) {
          s[WAITING] = 0;
        }
        break;
      default:
        if (flaw != Flaw.MARKS_SILENTLY && s[WAITER] == 1) {
          s[WAITER] = 2;
        }
        // A blocked thread's later messages: the report that never comes is told by the port.
        s[TO_PRODUCER] |= GONE;
    }
  }

  private void producer(int[] s) {
    switch (s[P]) {
      case P_BEGIN:
        if (s[P_FRAME] == frames.length) {
          s[P] = P_POST_CLOSE;
          return;
        }
        s[P] = P_OPEN;
        break;
      case P_OPEN:
        if (s[ENDED] != 0) {
          s[P] = DONE;
          return;
        }
        s[P_NEEDS] = needs(s);
        if (s[P_NEEDS] <= s[P_FREE] + slack()) {
          fits(s);
        } else {
          s[P] = P_REFRESH;
        }
        break;
      case P_REFRESH:
        s[P_FREE] = Math.max(0, capacity - distance(s[TAIL], s[P_HEAD]));
        if (s[P_NEEDS] <= s[P_FREE] + slack()) {
          fits(s);
        } else {
          if (s[P_REFUSED] != 0) {
            s[FAULT] = 4;
          }
          s[P_REFUSED] = 1;
          s[P_WANTED] = s[P_NEEDS];
          s[P] = P_STORE_WANTED;
        }
        break;
      case P_MARK:
        {
          int left = capacity - s[P_POSITION];
          if (left >= markUnits && flaw != Flaw.LEAVES_PADDING_UNMARKED) {
            s[CELLS + s[P_POSITION]] = PADDING;
          }
          if (left + frames[s[P_FRAME]] > capacity) {
            s[P_PADDING] = 1;
            s[P_BYTES] = left;
            publishNext(s);
          } else {
            s[P_HEAD] = (s[P_HEAD] + left) % modulus;
            s[P_POSITION] = 0;
            s[P_FREE] = Math.max(0, s[P_FREE] - left);
            writeNext(s);
          }
          break;
        }
      case P_WRITE:
        s[CELLS + s[P_POSITION] + s[P_PART]] = unit(s[P_FRAME], s[P_PART]);
        s[P_PART]++;
        if (s[P_PART] == frames[s[P_FRAME]]) {
          if (flaw == Flaw.PUBLISHES_TOO_EARLY) {
            move(s);
            s[P] = P_LOAD_ASLEEP;
          } else {
            publishNext(s);
          }
        }
        break;
      case P_PUBLISH:
        s[P_HEAD] = (s[P_HEAD] + s[P_BYTES]) % modulus;
        s[HEAD] = s[P_HEAD];
        s[PUBLISHED] += 1 - s[P_PADDING];
        if (flaw == Flaw.PUBLISHES_TOO_EARLY && s[P_PADDING] == 0) {
          s[P] = P_WRITE;
          return;
        }
        move(s);
        s[P] = flaw == Flaw.LOOKS_FOR_SLEEPER_TOO_EARLY ? afterLoadAsleep(s) : P_LOAD_ASLEEP;
        break;
      case P_LOAD_ASLEEP:
        s[P_SAW] = s[ASLEEP];
        s[P] = flaw == Flaw.LOOKS_FOR_SLEEPER_TOO_EARLY ? P_PUBLISH : afterLoadAsleep(s);
        break;
      case P_EXCHANGE_ASLEEP:
        s[P] = s[ASLEEP] == BY_NOTIFY ? P_NOTIFY : s[ASLEEP] == BY_MESSAGE ? P_POST_WAKE : P_SENT;
        s[ASLEEP] = 0;
        break;
      case P_NOTIFY:
        if (s[SLEEPER] == 1) {
          s[SLEEPER] = 2;
        }
        s[P] = P_SENT;
        break;
      case P_POST_WAKE:
        s[TO_CONSUMER] |= WAKE;
        s[P] = P_SENT;
        break;
      case P_SENT:
        if (s[P_PADDING] != 0) {
          s[P_PADDING] = 0; // the frame was refused
          s[P_WANTED] = frames[s[P_FRAME]];
          s[P] = P_STORE_WANTED;
        } else {
          s[P_FRAME]++;
          s[P] = P_BEGIN;
        }
        break;
      case P_STORE_WANTED:
        s[WANTED] = wanted(s);
        s[P] = P_STORE_WAITING;
        break;
      case P_STORE_WAITING:
        s[WAITING] = waking == Waking.MESSAGE ? BY_MESSAGE : BY_NOTIFY;
        s[P] = flaw == Flaw.WAITS_WITHOUT_LOOKING ? P_WAIT : P_LOAD_TAIL;
        break;
      case P_LOAD_TAIL:
        s[P_FREE] = Math.max(0, capacity - distance(s[TAIL], s[P_HEAD]));
        s[P] = s[P_FREE] >= wanted(s) ? P_CLEAR_WAITING : P_LOAD_ENDED;
        break;
      case P_LOAD_ENDED:
        s[P] = s[ENDED] != 0 ? P_CLEAR_WAITING : P_WAIT;
        break;
      case P_CLEAR_WAITING:
        s[WAITING] = 0;
        s[P_WANTED] = 0;
        s[P] = P_BEGIN;
        break;
      case P_WAIT:
        if (waking != Waking.MESSAGE) {
          if (s[WAITING] != BY_NOTIFY) {
            s[P] = P_STORE_WANTED; // looks again
            return;
          }
          s[WAITER] = 1;
        }
        s[P] = P_SLEEP;
        break;
      case P_SLEEP:
        if (waking != Waking.BLOCK) {
          if ((s[TO_PRODUCER] & GONE) != 0) {
            s[P] = DONE;
            return;
          }
          s[TO_PRODUCER] = 0;
        }
        s[WAITER] = 0;
        s[P] = P_STORE_WANTED;
        break;
      case P_POST_CLOSE:
        s[TO_CONSUMER] |= CLOSE;
        s[P] = P_AWAIT_REPORT;
        break;
      case P_AWAIT_REPORT:
        if ((s[TO_PRODUCER] & (REPORT | GONE)) != 0) {
          s[P] = DONE;
        }
        s[TO_PRODUCER] = 0;
        break;
      default:
        throw new IllegalStateException("producer at " + s[P]);
    }
  }

  /** Returns the units that must be free for the next step of the frame that is to be sent. */
  private int needs(int[] s) {
    int length = frames[s[P_FRAME]];
    int left = capacity - s[P_POSITION];
    if (length <= left) {
      return length;
    }
    if (left + length <= capacity || flaw == Flaw.KEEPS_PADDING) {
      return Math.min(left + length, 2 * capacity);
    }
    return left;
  }

  private void fits(int[] s) {
    s[P_WANTED] = 0;
    if (frames[s[P_FRAME]] > capacity - s[P_POSITION]) {
      s[P] = P_MARK;
    } else {
      writeNext(s);
    }
  }

  private void writeNext(int[] s) {
    s[P_PART] = 0;
    s[P_BYTES] = frames[s[P_FRAME]];
    s[P] = flaw == Flaw.PUBLISHES_TOO_EARLY ? P_PUBLISH : P_WRITE;
  }

  private void publishNext(int[] s) {
    s[P] = flaw == Flaw.LOOKS_FOR_SLEEPER_TOO_EARLY ? P_LOAD_ASLEEP : P_PUBLISH;
  }

  private static int afterLoadAsleep(int[] s) {
    return s[P_SAW] == 0 ? P_SENT : P_EXCHANGE_ASLEEP;
  }

  private void move(int[] s) {
    s[P_POSITION] = (s[P_POSITION] + s[P_BYTES]) % capacity;
    s[P_FREE] = Math.max(0, s[P_FREE] - s[P_BYTES]);
  }

  private int wanted(int[] s) {
    int quarter = Math.max(1, capacity / 4);
    return flaw == Flaw.WANTS_TOO_LITTLE ? quarter : Math.max(quarter, s[P_WANTED]);
  }

  private int slack() {
    return flaw == Flaw.TAKES_TOO_MUCH ? 1 : 0;
  }

  private void consumer(int[] s, int choice) {
    switch (s[C]) {
      case C_TURN:
        s[ASLEEP] = 0;
        s[C] = C_TAKE;
        break;
      case C_TAKE:
        if (s[C_HEAD] == s[C_TAIL]) {
          s[C_HEAD] = s[HEAD];
          if (s[C_HEAD] == s[C_TAIL]) {
            drained(s);
            return;
          }
        }
        take(s);
        break;
      case C_READ:
        read(s, choice);
        break;
      case C_STORE_TAIL:
        s[C_TAIL] = (s[C_TAIL] + s[C_AT]) % modulus;
        s[TAIL] = s[C_TAIL];
        s[C_AT] = 0;
        s[C] =
            flaw == Flaw.LOOKS_FOR_WAITER_TOO_EARLY
                ? s[C_SAW] != 0 ? C_LOAD_HEAD : C_TAKE
                : C_LOAD_WAITING;
        break;
      case C_LOAD_WAITING:
        s[C_SAW] = s[WAITING];
        s[C] =
            flaw == Flaw.LOOKS_FOR_WAITER_TOO_EARLY
                ? C_STORE_TAIL
                : s[C_SAW] != 0 ? C_LOAD_HEAD : C_TAKE;
        break;
      case C_LOAD_HEAD:
        s[C_USED] = distance(s[C_TAIL], s[HEAD]);
        s[C] = s[C_USED] == 0 ? C_EXCHANGE_WAITING : C_LOAD_WANTED;
        break;
      case C_LOAD_WANTED:
        s[C] = capacity - s[C_USED] >= s[WANTED] ? C_EXCHANGE_WAITING : C_TAKE;
        break;
      case C_EXCHANGE_WAITING:
        s[C] = s[WAITING] == BY_NOTIFY ? C_NOTIFY : s[WAITING] == BY_MESSAGE ? C_POST_ROOM : C_TAKE;
        s[WAITING] = 0;
        break;
      case C_NOTIFY:
        if (s[WAITER] == 1) {
          s[WAITER] = 2;
        }
        s[C] = C_TAKE;
        break;
      case C_POST_ROOM:
        s[TO_PRODUCER] |= ROOM;
        s[C] = C_TAKE;
        break;
      case C_STORE_ASLEEP:
        s[ASLEEP] = waking == Waking.MESSAGE ? BY_MESSAGE : BY_NOTIFY;
        s[C] = flaw == Flaw.SLEEPS_WITHOUT_LOOKING ? C_WAIT : C_LOOK;
        break;
      case C_LOOK:
        s[C] = s[HEAD] != s[C_TAIL] ? C_CLEAR_ASLEEP : C_WAIT;
        break;
      case C_CLEAR_ASLEEP:
        s[ASLEEP] = 0;
        s[C] = C_TURN;
        break;
      case C_WAIT:
        if (waking != Waking.MESSAGE && s[C_WAITS] == 0) {
          if (s[ASLEEP] != BY_NOTIFY) {
            s[C] = C_TURN; // the producer was faster
            return;
          }
          s[SLEEPER] = 1;
          s[C_WAITS] = 1;
        }
        s[C] = C_IDLE;
        break;
      case C_IDLE:
        // What the event loop brings: the promise, or a message.
        if (s[SLEEPER] == 2 && (choice == 0 || s[TO_CONSUMER] == 0)) {
          s[SLEEPER] = 0;
          s[C_WAITS] = flaw == Flaw.KEEPS_OLD_WAITER ? 1 : 0;
        } else {
          int messages = s[TO_CONSUMER];
          s[TO_CONSUMER] = 0;
          s[C_CLOSING] |= (messages & CLOSE) != 0 ? 1 : 0;
          s[C_LAST] |= (messages & GONE) != 0 ? 1 : 0;
        }
        s[C] = C_TURN;
        break;
      case C_POST_REPORT:
        s[TO_PRODUCER] |= REPORT;
        s[C] = DONE;
        break;
      default:
        throw new IllegalStateException("consumer at " + s[C]);
    }
  }

  /** The ring is empty. */
  private void drained(int[] s) {
    if (s[C_CLOSING] != 0) {
      s[C] = C_POST_REPORT;
    } else if (s[C_LAST] != 0) {
      s[C] = DONE;
    } else {
      s[C] = C_STORE_ASLEEP;
    }
  }

  /** Takes what is in one piece: padding that is not marked is passed over at once. */
  private void take(int[] s) {
    int used = distance(s[C_TAIL], s[C_HEAD]);
    if (used > capacity) {
      s[FAULT] = 3;
      s[C] = DONE;
      return;
    }
    int left = capacity - s[C_TAIL] % capacity;
    s[C_PART] = 0;
    if (left < markUnits) {
      if (used < left) {
        s[FAULT] = 2;
        s[C] = DONE;
        return;
      }
      s[C_AT] = left;
      release(s);
    } else {
      s[C_AT] = 0;
      if (flaw == Flaw.RELEASES_TOO_EARLY) {
        // All that is there in one piece, before it is read.
        s[TAIL] = (s[C_TAIL] + Math.min(used, left)) % modulus;
      }
      s[C] = C_READ;
    }
  }

  /** Reads one unit: of a frame, or the mark of padding. */
  private void read(int[] s, int choice) {
    int position = s[C_TAIL] % capacity;
    int used = distance(s[C_TAIL], s[C_HEAD]);
    int end = position + Math.min(used, capacity - position);
    int at = position + s[C_AT] + s[C_PART];
    int found = s[CELLS + at];
    if (s[C_PART] == 0 && found == PADDING) {
      if (s[C_AT] > 0) {
        release(s); // the frames before it first
      } else if (position == 0 || used < capacity - position) {
        s[FAULT] = 2;
        s[C] = DONE;
      } else {
        s[C_AT] = capacity - position;
        release(s);
      }
      return;
    }
    if (s[C_FRAME] == frames.length || found != unit(s[C_FRAME], s[C_PART])) {
      s[FAULT] = 1;
      s[C] = DONE;
      return;
    }
    s[C_PART]++;
    int length = frames[s[C_FRAME]];
    if (position + s[C_AT] + length > end) {
      s[FAULT] = 1;
      s[C] = DONE;
      return;
    }
    if (s[C_PART] == length) {
      s[C_FRAME]++;
      s[C_AT] += length;
      s[C_PART] = 0;
      // It takes some of what is there, or all.
      if (choice == 1 || position + s[C_AT] == end || capacity - position - s[C_AT] < markUnits) {
        release(s);
      }
    }
  }

  private void release(int[] s) {
    s[C] = flaw == Flaw.LOOKS_FOR_WAITER_TOO_EARLY ? C_LOAD_WAITING : C_STORE_TAIL;
  }

  private int distance(int from, int to) {
    return Math.floorMod(to - from, modulus);
  }

  private static int unit(int frame, int part) {
    return 1 + 4 * frame + part;
  }

  @Override
  public @Nullable String wrong(int[] s) {
    if (s[FAULT] != 0) {
      return FAULTS[s[FAULT]];
    }
    int written =
        s[P] == P_WRITE
            ? s[P_POSITION] + s[P_PART]
            : s[P] == P_MARK && capacity - s[P_POSITION] >= markUnits ? s[P_POSITION] : -1;
    int read = s[C] == C_READ ? s[C_TAIL] % capacity + s[C_AT] + s[C_PART] : -1;
    if (written >= 0 && written == read) {
      return "a data race at unit " + read;
    }
    return null;
  }

  @Override
  public @Nullable String wrongAtEnd(int[] s) {
    boolean producerEnded = s[P] == DEAD || s[P] == DONE;
    boolean consumerEnded = s[C] == DEAD || s[C] == DONE;
    if (!producerEnded || !consumerEnded) {
      return "nobody can go on";
    }
    if (s[C] == DONE && s[C_FRAME] != s[PUBLISHED]) {
      return s[C_FRAME] + " of " + s[PUBLISHED] + " frames came";
    }
    if (s[P] == DONE && s[C] == DONE && s[PUBLISHED] != frames.length) {
      return s[PUBLISHED] + " frames were sent";
    }
    return null;
  }

  @Override
  public String describe(int[] s, int thread) {
    return switch (thread) {
      case PRODUCER -> "producer " + s[P];
      case CONSUMER -> "consumer " + s[C];
      default -> "owner " + s[O];
    };
  }
}
