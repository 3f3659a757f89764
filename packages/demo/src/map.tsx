import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX, TargetedKeyboardEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Surface, usePainted } from "./canvas.ts";
import { count, nameOf } from "./format.ts";
import { calm } from "./motion.ts";
import type { Session } from "./session.ts";

/** Milliseconds in which a point goes to where it is now. */
const MOVE_MS = 700;
/** Milliseconds for which a change is marked. */
const MARK_MS = 2400;
/** Changes that are marked by rings at a time; where there are more, all change is, and dots do. */
const RINGED = 16;
/** Pixels within which a point is meant. */
const REACH = 14;
/** Results that are named on the map. */
const NAMED = 8;
/** Hues of parts of the map. */
const HUES = 12;

interface Moving {
  readonly fromX: number;
  readonly fromY: number;
  readonly began: number;
  readonly remote: boolean;
  readonly gone: boolean;
}

/** Where points were painted last, on the map. */
interface Painted {
  step: number;
  readonly at: Map<string, readonly [number, number]>;
}

interface Camera {
  x: number;
  y: number;
  zoom: number;
}

/** All texts as points: near ones mean the like. Points move as deltas come. */
export function TextMap({
  session,
  open,
}: {
  session: Session;
  open: (id: string) => void;
}): JSX.Element {
  const camera = useRef<Camera>({ x: 0, y: 0, zoom: 1 });
  const moving = useRef(new Map<string, Moving>());
  const painted = useRef<Painted>({
    step: -1,
    at: new Map(),
  });
  const layer = useRef<Layer | null>(null);
  const hovered = useSignal<{ id: string; x: number; y: number } | null>(null);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);

  const paint = (surface: Surface): void => {
    layer.current ??= { canvas: document.createElement("canvas"), key: "" };
    const more = draw(
      session,
      surface,
      camera.current,
      moving.current,
      painted.current,
      layer.current,
    );
    if (more) {
      again();
    }
  };
  const { canvas, again } = usePainted(paint);

  useSignalEffect(() => {
    const step = session.step.value;
    const { step: last, at } = painted.current;
    if (last >= 0 && step !== last) {
      const [low, high] = step > last ? [last, step] : [step, last];
      const now = performance.now();
      for (const change of session.timeline.changes.slice(low, high)) {
        const before = at.get(change.id);
        const item = session.timeline.at(change.id, step);
        moving.current.set(change.id, {
          fromX: before?.[0] ?? item?.x ?? change.x,
          fromY: before?.[1] ?? item?.y ?? change.y,
          began: now,
          remote: change.remote,
          gone: item === undefined,
        });
      }
    }
    painted.current.step = step;
    again();
  });
  useSignalEffect(() => {
    session.hits.value;
    session.selected.value;
    hovered.value;
    again();
  });

  useEffect(() => {
    const element = canvas.current!;
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      zoomBy(camera.current, element, Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
      again();
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);

  const nearest = (x: number, y: number): { id: string; x: number; y: number } | null => {
    const element = canvas.current!;
    let found: { id: string; x: number; y: number } | null = null;
    let least = REACH ** 2;
    for (const [id, [px, py]] of painted.current.at) {
      const [sx, sy] = toScreen(camera.current, element.clientWidth, element.clientHeight, px, py);
      const distance = (sx - x) ** 2 + (sy - y) ** 2;
      if (distance < least) {
        least = distance;
        found = { id, x: sx, y: sy };
      }
    }
    return found;
  };

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLCanvasElement>): void => {
    const { clientWidth, clientHeight } = event.currentTarget;
    const view = camera.current;
    const step = 0.15 / view.zoom;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => (view.x -= step),
      ArrowRight: () => (view.x += step),
      ArrowUp: () => (view.y -= step),
      ArrowDown: () => (view.y += step),
      "+": () => zoomBy(view, event.currentTarget, 1.3, clientWidth / 2, clientHeight / 2),
      "-": () => zoomBy(view, event.currentTarget, 1 / 1.3, clientWidth / 2, clientHeight / 2),
      "0": () => Object.assign(view, { x: 0, y: 0, zoom: 1 }),
    };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      move();
      again();
    }
  };

  const tip = hovered.value;
  const tipItem = tip === null ? undefined : session.item(tip.id);
  return (
    <div class="map">
      <canvas
        ref={canvas as { current: HTMLCanvasElement | null }}
        // It can be moved and zoomed by keys; what it shows can be reached by the results, too.
        tabIndex={0}
        role="img"
        aria-label="Map of all texts by meaning; the results are marked and named. Arrow keys move it, plus and minus zoom."
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          drag.current = { x: event.offsetX, y: event.offsetY, moved: false };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          const { offsetX: x, offsetY: y, currentTarget } = event;
          const from = drag.current;
          if (from === null) {
            hovered.value = nearest(x, y);
            return;
          }
          if (from.moved || Math.hypot(x - from.x, y - from.y) > 4) {
            const [sx, sy] = scale(
              camera.current,
              currentTarget.clientWidth,
              currentTarget.clientHeight,
            );
            camera.current.x -= (x - from.x) / sx;
            camera.current.y -= (y - from.y) / sy;
            drag.current = { x, y, moved: true };
            hovered.value = null;
            again();
          }
        }}
        onPointerUp={(event) => {
          const meant =
            drag.current?.moved === false ? nearest(event.offsetX, event.offsetY) : null;
          drag.current = null;
          if (meant !== null) {
            open(meant.id);
          }
        }}
        onPointerLeave={() => {
          hovered.value = null;
        }}
        onDblClick={() => {
          Object.assign(camera.current, { x: 0, y: 0, zoom: 1 });
          again();
        }}
      />
      {tip !== null && tipItem !== undefined && (
        <div
          class={tip.x > 260 ? "tip left" : "tip"}
          style={{ transform: `translate(${tip.x}px, ${tip.y}px)` }}
        >
          <p>{tipItem.text}</p>
        </div>
      )}
      <p class="legend">
        <span>
          {count(session.figures.value?.stats.size ?? session.prepared.seeds.length)} texts
        </span>
        <span class="key hitkey">result</span>
        <span class="key changed">changed</span>
      </p>
    </div>
  );
}

/** Pixels to a unit of the map, by axis. */
function scale({ zoom }: Camera, width: number, height: number): [number, number] {
  return [(zoom * (width - 36)) / 2, (zoom * (height - 36)) / 2];
}

function toScreen(
  camera: Camera,
  width: number,
  height: number,
  x: number,
  y: number,
): [number, number] {
  const [sx, sy] = scale(camera, width, height);
  return [width / 2 + (x - camera.x) * sx, height / 2 + (y - camera.y) * sy];
}

function zoomBy(camera: Camera, element: HTMLElement, factor: number, x: number, y: number): void {
  const { clientWidth: width, clientHeight: height } = element;
  const [sx, sy] = scale(camera, width, height);
  const mapX = camera.x + (x - width / 2) / sx;
  const mapY = camera.y + (y - height / 2) / sy;
  camera.zoom = Math.max(0.8, Math.min(24, camera.zoom * factor));
  const [tx, ty] = scale(camera, width, height);
  camera.x = mapX - (x - width / 2) / tx;
  camera.y = mapY - (y - height / 2) / ty;
}

/** Points that do not move, painted once for many frames. */
interface Layer {
  readonly canvas: HTMLCanvasElement;
  /** What it shows. */
  key: string;
}

/** Points of this radius and below are squares, which are several times as fast to paint. */
const SMALL = 2.2;

/** Paints all points that do not move, by hue, so that there are few paths. Notes where all of them are. */
function drawPoints(
  session: Session,
  { width, height, color }: Surface,
  camera: Camera,
  moving: ReadonlyMap<string, Moving>,
  painted: Painted,
  layer: Layer,
): void {
  const step = session.step.peek();
  const ratio = globalThis.devicePixelRatio || 1;
  const key = [step, width, height, ratio, camera.x, camera.y, camera.zoom, color("panel")].join();
  const all = `${key} ${[...moving.keys()].join()}`;
  if (layer.key === all) {
    return;
  }
  layer.key = all;
  layer.canvas.width = Math.round(width * ratio);
  layer.canvas.height = Math.round(height * ratio);
  const context = layer.canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  painted.at.clear();
  const radius = Math.min(4.5, 1.5 * Math.sqrt(camera.zoom) + (width < 500 ? 0 : 0.25));
  const [light, chroma] = [color("dot-light"), color("dot-chroma")];
  const colors = Array.from(
    { length: HUES },
    (_, i) => `oklch(${light} ${chroma} ${(360 / HUES) * i + 20})`,
  );
  const lists = colors.map((): number[] => []);
  for (const [id, { x, y }] of session.timeline.items(step)) {
    painted.at.set(id, [x, y]);
    const [sx, sy] = toScreen(camera, width, height, x, y);
    if (!moving.has(id) && sx > -9 && sy > -9 && sx < width + 9 && sy < height + 9) {
      const hue = Math.floor((Math.atan2(y, x) / (2 * Math.PI) + 0.5) * HUES) % HUES;
      lists[hue]!.push(sx, sy);
    }
  }
  lists.forEach((list, hue) => {
    context.fillStyle = colors[hue]!;
    if (radius <= SMALL) {
      for (let i = 0; i < list.length; i += 2) {
        context.fillRect(list[i]! - radius, list[i + 1]! - radius, 1.8 * radius, 1.8 * radius);
      }
    } else {
      context.beginPath();
      for (let i = 0; i < list.length; i += 2) {
        context.moveTo(list[i]! + radius, list[i + 1]!);
        context.arc(list[i]!, list[i + 1]!, radius, 0, 7);
      }
      context.fill();
    }
  });
}

/** Paints everything. Returns whether something is still moving. */
function draw(
  session: Session,
  surface: Surface,
  camera: Camera,
  moving: Map<string, Moving>,
  painted: Painted,
  layer: Layer,
): boolean {
  const { context, width, height, color } = surface;
  const step = session.step.peek();
  const now = performance.now();
  const still = calm();
  const place = (x: number, y: number): [number, number] => toScreen(camera, width, height, x, y);
  for (const [id, { began }] of moving) {
    if (now - began > MARK_MS) {
      moving.delete(id);
    }
  }
  drawPoints(session, surface, camera, moving, painted, layer);
  context.drawImage(layer.canvas, 0, 0, width, height);
  for (const [id, move] of moving) {
    const item = session.timeline.at(id, step);
    if (item !== undefined) {
      const eased = still ? 1 : ease((now - move.began) / MOVE_MS);
      painted.at.set(id, [
        move.fromX + (item.x - move.fromX) * eased,
        move.fromY + (item.y - move.fromY) * eased,
      ]);
    }
  }

  const boxes: [number, number, number, number][] = [];
  const free = (x: number, y: number, w: number, h: number): boolean => {
    const clear =
      x > 2 &&
      x + w < width - 2 &&
      y > 2 &&
      y + h < height - 2 &&
      boxes.every(([bx, by, bw, bh]) => x > bx + bw || bx > x + w || y > by + bh || by > y + h);
    if (clear) {
      boxes.push([x, y, w, h]);
    }
    return clear;
  };

  // The query between its nearest hits, and the results.
  const hits = session.hits.peek();
  const query = session.queryPoint(hits, step);
  if (query !== undefined) {
    const [qx, qy] = place(...query);
    context.lineWidth = 1;
    context.strokeStyle = color("accent");
    hits.slice(0, NAMED).forEach(({ id }, rank) => {
      const at = painted.at.get(id);
      if (at !== undefined) {
        const [x, y] = place(...at);
        context.globalAlpha = 0.5 - 0.05 * rank;
        context.beginPath();
        context.moveTo(qx, qy);
        context.lineTo(x, y);
        context.stroke();
      }
    });
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(qx, qy, 7, 0, 7);
    context.stroke();
    boxes.push([qx - 9, qy - 9, 18, 18]);
  }
  context.font = `600 12px ${color("font")}`;
  context.textBaseline = "middle";
  hits.forEach(({ id }, rank) => {
    const at = painted.at.get(id);
    if (at === undefined) {
      return;
    }
    const [x, y] = place(...at);
    context.globalAlpha = 1;
    context.fillStyle = color("accent");
    context.beginPath();
    context.arc(x, y, rank < NAMED ? 4.5 : 3, 0, 7);
    context.fill();
    if (rank >= NAMED) {
      return;
    }
    const name = nameOf(session.timeline.at(id, step)?.text ?? "");
    const w = context.measureText(name).width;
    const spots: [number, number][] = [
      [x + 8, y],
      [x - 8 - w, y],
      [x - w / 2, y - 14],
      [x - w / 2, y + 14],
    ];
    const spot = spots.find(([sx, sy]) => free(sx - 2, sy - 8, w + 4, 16));
    if (spot !== undefined) {
      outlined(context, name, ...spot, color("text"), color("panel"));
    }
  });

  // What has changed: where it came from, and a ring that fades.
  for (const [id, move] of moving) {
    const age = now - move.began;
    const fade = 1 - age / MARK_MS;
    const end = painted.at.get(id);
    const [fx, fy] = place(move.fromX, move.fromY);
    context.globalAlpha = fade;
    context.strokeStyle = color(move.gone ? "dim" : "delta");
    context.fillStyle = color("delta");
    context.lineWidth = 2;
    if (end !== undefined) {
      const [x, y] = place(...end);
      context.beginPath();
      context.moveTo(fx, fy);
      context.lineTo(x, y);
      context.stroke();
      context.beginPath();
      context.arc(x, y, 4, 0, 7);
      context.fill();
    }
    if (moving.size <= RINGED) {
      const [x, y] = end === undefined ? [fx, fy] : place(...end);
      context.beginPath();
      context.arc(x, y, 5 + (still ? 4 : 14 * ease(age / MARK_MS)), 0, 7);
      context.stroke();
    }
  }

  const selected = session.selected.peek();
  const at = selected === null ? undefined : painted.at.get(selected);
  if (at !== undefined) {
    const [x, y] = place(...at);
    context.globalAlpha = 1;
    context.strokeStyle = color("text");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 8, 0, 7);
    context.stroke();
  }

  // Names of parts, where there is room.
  context.font = `500 11px ${color("font")}`;
  context.globalAlpha = 1;
  for (const { x, y, label } of session.prepared.regions) {
    const [sx, sy] = place(x, y);
    const w = context.measureText(label).width;
    if (free(sx - w / 2 - 4, sy - 9, w + 8, 18)) {
      outlined(context, label, sx - w / 2, sy, color("dim"), color("panel"));
    }
  }
  return moving.size > 0;
}

function outlined(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  color: string,
  behind: string,
): void {
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = behind;
  context.strokeText(text, x, y);
  context.fillStyle = color;
  context.fillText(text, x, y);
}

function ease(share: number): number {
  const t = Math.max(0, Math.min(1, share));
  return 1 - (1 - t) ** 3;
}
