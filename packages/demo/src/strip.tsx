import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { usePainted } from "./canvas.ts";

/** By how many steps of the grid each of the 384 values moves: what a delta holds. */
export function Strip({ steps }: { steps: Int32Array }): JSX.Element {
  const most = Math.max(1, ...steps.map(Math.abs));
  const small = steps.filter((value) => Math.abs(value) <= 2).length;
  const { canvas, again } = usePainted(({ context, width, height, color }) => {
    const middle = height / 2;
    const step = width / steps.length;
    context.fillStyle = color("line");
    context.fillRect(0, middle - 0.5, width, 1);
    steps.forEach((value, i) => {
      context.fillStyle = color(value < 0 ? "cool" : "delta");
      const length = (value / most) * (middle - 1);
      context.fillRect(
        i * step,
        middle - Math.max(0, length),
        Math.max(0.6, step - 0.2),
        Math.abs(length),
      );
    });
  });
  useEffect(again, [steps]);
  const share = Math.round((100 * small) / steps.length);
  return (
    <figure class="strip">
      <canvas
        ref={canvas as { current: HTMLCanvasElement | null }}
        role="img"
        aria-label={`384 values move by up to ${most} steps; ${share} % of them by two or less`}
      />
      <figcaption>
        384 values move by at most {most} steps of 1/128; {share} % by two or less
      </figcaption>
    </figure>
  );
}
