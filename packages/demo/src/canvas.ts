import { useEffect, useRef } from "preact/hooks";

/** Colours that canvases are painted with, by their names in the style sheet. */
export type Palette = (name: string) => string;

/** What is painted on: its context, and its size in CSS pixels. */
export interface Surface {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  readonly color: Palette;
}

/**
 * A canvas that is painted anew when its size, the colour scheme, or anything that the caller names changes.
 *
 * @returns the reference for the canvas, and what paints it once more with the next frame
 */
export function usePainted(paint: (surface: Surface) => void): {
  readonly canvas: { readonly current: HTMLCanvasElement | null };
  readonly again: () => void;
} {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef(paint);
  painter.current = paint;
  const asked = useRef(false);
  const again = useRef(() => {
    if (asked.current) {
      return;
    }
    asked.current = true;
    requestAnimationFrame(() => {
      asked.current = false;
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (element === null || !context) {
        return;
      }
      const { clientWidth: width, clientHeight: height } = element;
      if (width === 0 || height === 0) {
        return; // a narrow screen shows other parts; painted when its size is told
      }
      const ratio = globalThis.devicePixelRatio || 1;
      if (
        element.width !== Math.round(width * ratio) ||
        element.height !== Math.round(height * ratio)
      ) {
        element.width = Math.round(width * ratio);
        element.height = Math.round(height * ratio);
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      const style = getComputedStyle(element);
      painter.current({
        context,
        width,
        height,
        color: (name) => style.getPropertyValue(`--${name}`),
      });
    });
  });
  useEffect(() => {
    const element = canvas.current!;
    const watch = new ResizeObserver(again.current);
    watch.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", again.current);
    return () => {
      watch.disconnect();
      scheme.removeEventListener("change", again.current);
    };
  }, []);
  return { canvas, again: again.current };
}
