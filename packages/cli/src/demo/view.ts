import { type CarriedData, type Edit, textId } from "../data/carried.ts";
import {
  colors,
  cut,
  heading,
  type Progress,
  print,
  progressBar,
  WIDTH,
  whole,
} from "../terminal.ts";
import { otherCosts, streamCosts, VECTOR_BYTES } from "./bytes.ts";
import { replayedDeltas, replayedEdits } from "./deltas.ts";
import type { DemoEvent, Hit, KindTiming } from "./events.ts";

/** Questions whose answers are printed before and after the edits. */
const SHOWN_QUESTIONS = [2, 4, 6, 1, 8];

/** Prints what an engine reports. Holds the texts, which engines do not know. */
export class DemoView {
  readonly #data: CarriedData;
  readonly #edits: readonly Edit[];
  /** Text of every vector as it was before the edits, and after. */
  readonly #before = new Map<string, string>();
  readonly #after: Map<string, string>;
  readonly #changed = new Map<string, Edit["kind"]>();
  #bar: Progress | undefined;
  #answers: readonly (readonly Hit[])[] = [];
  #checkpoints = 0;

  /** @param limit - edits that are replayed at most */
  constructor(data: CarriedData, limit: number) {
    this.#data = data;
    this.#edits = replayedEdits(data, limit);
    data.texts.forEach((text, i) => {
      this.#before.set(textId(i), text);
    });
    for (const edit of data.glosses.slice(0, data.oldGlosses)) {
      this.#before.set(edit.id, edit.text!);
    }
    this.#after = new Map(this.#before);
    for (const edit of this.#edits) {
      this.#changed.set(edit.id, edit.kind);
      if (edit.text) {
        this.#after.set(edit.id, edit.text);
      }
    }
  }

  /** Prints one report. */
  show(event: DemoEvent): void {
    switch (event.type) {
      case "ready":
        print(`${heading("deltavec demo")}  ${event.runtime}`);
        print();
        print(`  ready     in ${event.initMs.toFixed(0)} ms`);
        return;
      case "loaded":
        print(
          `  loaded    ${whole(event.vectors)} real embeddings x 384 in ${whole(event.ms)} ms` +
            colors.dim(`  (${whole((1000 * event.vectors) / event.ms)} a second, indexed)`),
        );
        print(
          `  replay    ${whole(this.#edits.length)} real edits` +
            colors.dim("  (WordNet 3.0 to 3.1; documentation, 2013 to 2021)"),
        );
        print();
        return;
      case "answers":
        this.#stopBar();
        if (event.when === "before") {
          this.#answers = event.answers;
        } else {
          this.#showAnswers(event.answers);
        }
        return;
      case "progress":
        this.#bar ??= progressBar("replaying", event.total);
        this.#bar.to(event.done, `${whole(event.done)} edits, ${whole(event.live)} live`);
        return;
      case "checkpoint":
        this.#stopBar();
        if (this.#checkpoints++ === 0) {
          print(
            heading("  edits   vectors   recall@10   search   ") +
              colors.dim("all 200 queries, against exact search"),
          );
        }
        print(
          `${whole(event.edits).padStart(7)} ${whole(event.live).padStart(9)} ` +
            `${colors.bold(event.recall.toFixed(4).padStart(11))} ${event.searchUs.toFixed(0).padStart(5)} us`,
        );
        return;
      case "past":
        this.#showPast(event);
        return;
      case "done":
        this.#showDone(event);
        return;
    }
  }

  #stopBar(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #showAnswers(after: readonly (readonly Hit[])[]): void {
    print();
    print(heading("What the edits changed"));
    for (const question of SHOWN_QUESTIONS) {
      print(`  ${colors.bold(this.#data.questionTexts[question]!)}`);
      this.#showHits("before", this.#answers[question]!.slice(0, 2), this.#before, false);
      this.#showHits("after", after[question]!.slice(0, 2), this.#after, true);
    }
  }

  #showPast(event: Extract<DemoEvent, { type: "past" }>): void {
    const { question, then, now, deltas, same } = event;
    print();
    print(
      `${heading("What the past still knows")}${colors.dim(`, read from the deltas in ${(event.searchUs / 1000).toFixed(1)} ms`)}`,
    );
    print(`  ${colors.bold(this.#data.questionTexts[question]!)}`);
    this.#showHits("then", then, this.#before, false);
    this.#showHits("now", now, this.#after, true);
    const since = `${deltas - 1} ${deltas === 2 ? "delta" : "deltas"} since`;
    print(
      colors.dim(
        same
          ? `    The first: ${since}, its vector is there as it was, to the bit.`
          : `    The first: ${since}; its vector is not as it was.`,
      ),
    );
  }

  #showHits(
    label: string,
    hits: readonly Hit[],
    texts: ReadonlyMap<string, string>,
    after: boolean,
  ): void {
    hits.forEach(({ id, score }, i) => {
      const mark = this.#mark(id, after);
      const text = texts.get(id) ?? `(${id.replace("-", " ")}, whose text is not carried)`;
      const room = WIDTH - 18 - (mark === undefined ? 0 : 9);
      const shown = cut(text, room);
      const padded = mark === undefined ? shown : shown.padEnd(room);
      const head = colors.dim((i === 0 ? label : "").padEnd(6));
      print(
        `    ${head} ${score.toFixed(3)} ${after ? padded : colors.dim(padded)}${mark === undefined ? "" : `  ${mark}`}`,
      );
    });
  }

  /** What the edits did, or will do, to a vector. */
  #mark(id: string, after: boolean): string | undefined {
    const kind = this.#changed.get(id);
    if (!after) {
      return kind === "delete" ? colors.red("deleted") : undefined;
    }
    return kind === undefined ? undefined : colors.green(kind === "create" ? "new" : "edited");
  }

  #showDone(event: Extract<DemoEvent, { type: "done" }>): void {
    print();
    print(heading("Nearest texts"));
    for (const { query, hits } of event.examples) {
      print(`  ${colors.bold(cut(this.#data.queryTexts[query]!, WIDTH - 2))}`);
      this.#showHits("", hits, this.#after, true);
    }

    const kinds: [string, KindTiming, string][] = [
      ["creates", event.creates, "with the graph"],
      ["updates", event.updates, "384 values"],
      ["metadata only", event.metadataOnly, ""],
      ["deletes", event.deletes, ""],
    ];
    const count = kinds.reduce((sum, [, kind]) => sum + kind.count, 0);
    const ms = kinds.reduce((sum, [, kind]) => sum + kind.ms, 0);
    print();
    print(
      `${heading("Deltas applied one at a time")}${colors.dim(`, ${whole(event.searches)} searches between, ${event.searchUs.toFixed(0)} us each`)}`,
    );
    print(rate("all", { count, ms }, ""));
    for (const [name, timing, note] of kinds) {
      if (timing.count > 0) {
        print(rate(`  ${name}`, timing, note));
      }
    }

    const deltas = replayedDeltas(this.#data, this.#edits);
    const { all, kinds: costs } = streamCosts(deltas);
    print();
    print(
      `${heading("Bytes of a delta")}${colors.dim(`, and its ratio to sending the vector (${whole(VECTOR_BYTES)} bytes)`)}`,
    );
    for (const { what, count: n, bytes } of [
      all,
      ...costs.map((c) => ({ ...c, what: `  ${c.what}` })),
    ]) {
      print(
        `  ${what.padEnd(36)} ${whole(n).padStart(6)} ${whole(bytes).padStart(7)}${ratio(bytes)}`,
      );
    }
    print(colors.dim("  edits of other kinds, by example"));
    for (const { what, bytes } of otherCosts()) {
      print(`    ${what.padEnd(34)} ${"".padStart(6)} ${whole(bytes).padStart(7)}${ratio(bytes)}`);
    }
    print(
      colors.dim(
        "  Editing a text moves all 384 values of its embedding a little: a dense delta\n" +
          "  costs what the vector costs. What changes less than the vector costs less.",
      ),
    );
    print();
    print(`State digest ${colors.bold(event.digest)}${colors.dim(", the same on every engine")}`);
  }
}

function rate(name: string, { count, ms }: KindTiming, note: string): string {
  const each = `${((1000 * ms) / count).toFixed(1)} us each`;
  const second = `${whole((1000 * count) / ms)} a second`;
  return `  ${name.padEnd(18)} ${whole(count).padStart(6)} ${second.padStart(19)} ${each.padStart(15)}  ${colors.dim(note)}`.trimEnd();
}

function ratio(bytes: number): string {
  return colors.dim((bytes / VECTOR_BYTES).toFixed(2).padStart(9));
}
