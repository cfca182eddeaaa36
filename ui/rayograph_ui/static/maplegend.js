/** What the colours of the map mean, with counts. */

import { colourOf } from "./mapcolours.js";
import { edgeText, titleOf } from "./choices.js";
import { h } from "./dom.js";
import { count } from "./format.js";

const MOST = 10;
const NONE = 255;
const HUES = 250;

/** The legend's nodes; `clusters` are those of the finer level, [{name, size}], where there is no field. */
export function legendOf(legend, clusters) {
  if (!legend) return [list(largest(clusters).map(([at, one]) => line(null, at % HUES, one.name, one.size)))];
  const more = [
    legend.rest ? line(legend, legend.labels.length, "others", legend.rest) : null,
    legend.missing ? line(legend, NONE, "not known", legend.missing) : null,
  ].filter(Boolean);
  const head = h("p", { class: "rg-map-legend-head" }, titleOf(legend.field));
  if (legend.edges.length) return [head, ramp(legend), list(more)];
  const lines = legend.labels.map((label, number) => line(legend, number, label, legend.counts[number]));
  return [head, list([...lines, ...more])];
}

const largest = (clusters) =>
  [...clusters.entries()]
    .filter(([, { size }]) => size)
    .sort(([, a], [, b]) => b.size - a.size)
    .slice(0, MOST);

const list = (lines) => h("ul", {}, ...lines);

function line(legend, number, text, many) {
  const dot = h("i", {});
  dot.style.background = colourOf(legend, number);
  return h("li", {}, dot, h("span", { title: text }, text), h("b", {}, count(many)));
}

/** A bar from the lowest to the highest; the pictures of each stretch stand over it. */
function ramp(legend) {
  const { edges, counts, kind } = legend;
  const most = Math.max(...counts, 1);
  const bars = counts.map((many, number) => {
    const bar = h("i", { title: `${edgeText(kind, edges[number])}: ${count(many)}` });
    bar.style.background = colourOf(legend, number);
    bar.style.height = `${many ? Math.max(8, 100 * Math.sqrt(many / most)) : 0}%`;
    return bar;
  });
  return h(
    "div",
    { class: "rg-map-ramp" },
    h("div", {}, ...bars),
    h("p", {}, h("span", {}, edgeText(kind, edges[0])), h("span", {}, edgeText(kind, edges.at(-1)))),
  );
}

