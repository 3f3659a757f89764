import { Presets, SingleBar } from "cli-progress";
import pc from "picocolors";

const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
/** Colours only on a terminal, and not where the user asks for none (no-color.org). */
const coloured =
  Boolean(FORCE_COLOR) || (process.stdout.isTTY === true && !NO_COLOR && TERM !== "dumb");

/** Functions that colour a text, or leave it as it is. */
export const colors: ReturnType<typeof pc.createColors> = pc.createColors(coloured);

/** Columns of everything that is printed. */
export const WIDTH = 80;

/** Prints a line to standard output. */
export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** Prints a line to standard error: what is going on, no result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A text in at most `width` characters, with an ellipsis if it was longer. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width
    ? text
    : `${characters
        .slice(0, width - 1)
        .join("")
        .trimEnd()}…`;
}

/** A heading. */
export function heading(text: string): string {
  return colors.bold(colors.cyan(text));
}

/** A whole number with commas between the thousands. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A progress bar on standard error. Shows nothing where that is no terminal. */
export interface Progress {
  /** One step further; what is being done now. */
  step(doing: string): void;
  /** To a step. */
  to(done: number, doing: string): void;
  stop(): void;
}

/** Begins a progress bar. */
export function progressBar(label: string, total: number): Progress {
  const bar = new SingleBar(
    {
      format: `  ${label.padEnd(9)} ${colors.cyan("{bar}")} {percentage}%  {doing}`,
      barsize: 28,
      hideCursor: true,
      clearOnComplete: true,
      noTTYOutput: false,
      linewrap: false,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { doing: "" });
  return {
    step: (doing) => bar.increment(1, { doing }),
    to: (done, doing) => bar.update(done, { doing }),
    stop: () => bar.stop(),
  };
}
