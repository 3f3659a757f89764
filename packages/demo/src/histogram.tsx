import { useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import type { Timed } from "./latencies.ts";
import type { Session } from "./session.ts";

/** Upper bounds of the bars, milliseconds: each 1.35 times the one before. */
const BOUNDS: readonly number[] = Array.from({ length: 24 }, (_, i) => 0.1 * 1.35 ** i);
const HEIGHT = 66;

/** How long what is timed took, on a logarithmic axis. */
export function Histogram({ session, kind }: { session: Session; kind: Timed }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const shown = useRef(kind);
  shown.current = kind;
  const data = (): UPlot.AlignedData => [
    Array.from({ length: BOUNDS.length + 1 }, (_, i) => i),
    session.latencies.histogram(shown.current, BOUNDS),
  ];

  useEffect(() => {
    const element = place.current!;
    const color = (name: string): string => getComputedStyle(element).getPropertyValue(`--${name}`);
    const axis: UPlot.Axis = {
      stroke: () => color("dim"),
      font: "10px system-ui",
      grid: { show: false },
      ticks: { show: false },
      gap: 2,
    };
    const made = new UPlot(
      {
        width: element.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [6, 4, 0, 4],
        scales: { x: { time: false, range: () => [-0.6, BOUNDS.length + 0.6] } },
        axes: [
          {
            ...axis,
            size: 18,
            splits: () => [0, 8, 15, 23],
            values: (_, splits) => splits.map((i) => label(BOUNDS[i]!)),
          },
          { ...axis, size: 26, splits: (_, __, ___, most) => [0, Math.max(1, Math.floor(most))] },
        ],
        series: [
          {},
          {
            stroke: () => color("accent"),
            fill: () => color("accent"),
            width: 0,
            points: { show: false },
            paths: UPlot.paths.bars!({ size: [0.85, 40] }),
          },
        ],
      },
      data(),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => {
      if (element.clientWidth > 0) {
        made.setSize({ width: element.clientWidth, height: HEIGHT });
      }
    });
    watch.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = (): void => made.redraw();
    scheme.addEventListener("change", repaint);
    return () => {
      watch.disconnect();
      scheme.removeEventListener("change", repaint);
      made.destroy();
    };
  }, []);
  useSignalEffect(() => {
    session.latencies.version.value;
    plot.current?.setData(data());
  });
  useEffect(() => {
    plot.current?.setData(data());
  }, [kind]);
  return (
    <div ref={place} class="histogram" role="img" aria-label={`Histogram of times: ${kind}`} />
  );
}

function label(ms: number): string {
  return ms < 1 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
