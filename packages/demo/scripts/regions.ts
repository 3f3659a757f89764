import { Random } from "../../cli/src/random.ts";
import type { Region } from "../src/prepared.ts";

const REGIONS = 16;
const ROUNDS = 30;
/** Words that say nothing of what a text is about. */
const COMMON = new Set(
  "about and act acting after all also another any are around because been before being between both but can cause certain comprising deep doing good especially esp etc etcetera first for from genus given has have having he her his how into its kind large like long made make making many more most much not often old one only other others out over own north manner part person place process quality resembling relating self she small some someone something sometimes state such than that the their them there they thing things this through time two type under unit upon use used using usually very was were what when where which while who whose will with within without you your".split(
    " ",
  ),
);

/** Parts the points of a map into regions (k-means) and names each by the words that are frequent there, and not elsewhere. */
export function regions(points: Float32Array, texts: readonly string[]): Region[] {
  const count = texts.length;
  const random = new Random(5);
  const centres = Array.from(random.distinct(REGIONS, count), (i): [number, number] => [
    points[2 * i]!,
    points[2 * i + 1]!,
  ]);
  let members: number[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    members = centres.map(() => []);
    for (let i = 0; i < count; i++) {
      members[nearest(centres, points[2 * i]!, points[2 * i + 1]!)]!.push(i);
    }
    members.forEach((list, c) => {
      if (list.length > 0) {
        centres[c] = [mean(list, (i) => points[2 * i]!), mean(list, (i) => points[2 * i + 1]!)];
      }
    });
  }
  const words = texts.map(wordsOf);
  const everywhere = countOf(words);
  const taken = new Set<string>();
  return members.flatMap((list, c) => {
    const here = countOf(list.map((i) => words[i]!));
    const ranked = [...here]
      .filter(([word, n]) => n >= 4 && !taken.has(word))
      .map(([word, n]) => {
        const lift = (n / list.length) * (count / everywhere.get(word)!);
        return { word, score: (n / list.length) * Math.log(1 + lift) };
      })
      .sort((a, b) => b.score - a.score || (a.word < b.word ? -1 : 1));
    const names: string[] = [];
    for (const { word } of ranked) {
      // "bird" says what "birds" says.
      if (names.length < 2 && !names.some((name) => name.slice(0, 4) === word.slice(0, 4))) {
        names.push(word);
      }
    }
    for (const name of names) {
      taken.add(name);
    }
    return names.length === 0
      ? []
      : [{ x: round3(centres[c]![0]), y: round3(centres[c]![1]), label: names.join(" · ") }];
  });
}

function nearest(centres: readonly (readonly [number, number])[], x: number, y: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  centres.forEach(([cx, cy], i) => {
    const distance = (cx - x) ** 2 + (cy - y) ** 2;
    if (distance < least) {
      least = distance;
      best = i;
    }
  });
  return best;
}

/** The words of a text that may name a region, each once. */
function wordsOf(text: string): Set<string> {
  const found = text.toLowerCase().match(/[a-z]{3,}/g) ?? [];
  return new Set(found.filter((word) => !COMMON.has(word)));
}

function countOf(texts: readonly ReadonlySet<string>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const words of texts) {
    for (const word of words) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

function mean(list: readonly number[], value: (i: number) => number): number {
  return list.reduce((sum, i) => sum + value(i), 0) / list.length;
}

function round3(value: number): number {
  return Math.round(1000 * value) / 1000;
}
