import { parse, type Spec, View } from "vega";
import { time } from "../report.ts";
import { OWN } from "./catalog.ts";
import type { Group } from "./protocol.ts";
import { GROUP_TITLES, linesOf, middle } from "./report.ts";
import { figure, type Ratio } from "./results.ts";
import type { PeersReport } from "./run.ts";

/** What a plot shows, side by side. */
const PANELS: readonly { readonly of: Ratio; readonly title: string; readonly us: number }[] = [
  { of: "search", title: "Search, k=10, at equal recall", us: 1 },
  { of: "build", title: "Build", us: 1000 },
  { of: "update", title: "Update of a vector", us: 1 },
];

const WIDTH = 230;
const ROW = 24;
const OWN_COLOR = "#0f766e";
const COLOR = "#94a3b8";
/** Room for the labels behind the longest bar, as times of its value. */
const ROOM = 8;

/** The times of a group as bars on logarithmic scales, in SVG; undefined where none was measured. */
export async function plot(report: PeersReport, group: Group): Promise<string | undefined> {
  const lines = linesOf(report, group);
  if (lines.length === 0) {
    return undefined;
  }
  const names = lines.map(({ contestant }) => contestant.title);
  const height = ROW * lines.length;
  const marks = PANELS.map(({ of, title, us }, i) => {
    const values = lines.flatMap((line) => {
      const value = middle(line, (measured) => figure(measured, of));
      return value === undefined
        ? []
        : [
            {
              name: line.contestant.title,
              value: us * value,
              label: time(us * value).replace(/^([\d.]+)$/, "$1 µs"),
              color: line.contestant.name === OWN ? OWN_COLOR : COLOR,
            },
          ];
    });
    const all = values.map(({ value }) => value);
    const least = 10 ** Math.floor(Math.log10(Math.min(...all, 1e6)) - 0.3);
    const most = Math.max(...all, 10 * least);
    return {
      type: "group" as const,
      title: { text: title, anchor: "start" as const, fontSize: 12, offset: 8 },
      encode: { enter: { width: { value: WIDTH }, height: { value: height } } },
      data: [{ name: "times", values }],
      scales: [
        { name: "x", type: "log" as const, domain: [least, ROOM * most], range: [0, WIDTH] },
        { name: "y", type: "band" as const, domain: names, range: [0, height], padding: 0.25 },
      ],
      axes:
        i === 0
          ? [{ orient: "left" as const, scale: "y", domain: false, ticks: false, labelPadding: 6 }]
          : [],
      marks: [
        {
          type: "rect" as const,
          from: { data: "times" },
          encode: {
            enter: {
              x: { value: 0 },
              x2: { scale: "x", field: "value" },
              y: { scale: "y", field: "name" },
              height: { scale: "y", band: 1 },
              fill: { field: "color" },
              cornerRadius: { value: 2 },
            },
          },
        },
        {
          type: "text" as const,
          from: { data: "times" },
          encode: {
            enter: {
              x: { scale: "x", field: "value", offset: 5 },
              y: { scale: "y", field: "name", band: 0.5 },
              baseline: { value: "middle" as const },
              text: { field: "label" },
              fontSize: { value: 11 },
              fill: { value: "#1e293b" },
            },
          },
        },
      ],
    };
  });
  const spec: Spec = {
    description: `${GROUP_TITLES[group]}: times of search, build and update, logarithmic`,
    background: "white",
    padding: 12,
    layout: {
      columns: PANELS.length,
      padding: { column: 16, row: 0 },
      bounds: "full",
      align: "all",
    },
    marks,
  };
  return await new View(parse(spec), { renderer: "none" }).toSVG();
}
