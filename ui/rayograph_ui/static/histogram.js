/** Bars over a scale, and a range on it: brushed with a pointer, or moved edge by edge with keys. */

import { h, setText } from "./dom.js";
import { edgeText, rangePlaces } from "./choices.js";
import { count } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 44;
const SETTLE_MS = 350;

/** `choose(from, to)` is called with two edges when a range was made; `update(facet)` redraws. */
export function histogram(title, choose) {
  const plot = document.createElementNS(SVG, "svg");
  plot.setAttribute("class", "rg-hist-plot");
  plot.setAttribute("preserveAspectRatio", "none");
  plot.setAttribute("aria-hidden", "true");
  const thumbs = ["from", "to"].map((end) =>
    h("button", {
      type: "button",
      role: "slider",
      class: "rg-hist-thumb",
      "aria-label": `${title}, ${end}`,
      "aria-orientation": "horizontal",
      onkeydown: (event) => press(event, end === "from" ? 0 : 1),
    }),
  );
  const said = h("p", { class: "rg-hist-range" });
  const area = h("div", { class: "rg-hist-area" }, plot, ...thumbs);
  const node = h("div", { class: "rg-hist" }, area, said);
  let facet = null;
  let range = [0, 1];
  let begun = null;
  let timer = 0;
  let touched = false;

  const bins = () => facet.histogram.counts.length;

  function update(next) {
    const same = facet && String(facet.histogram.edges) === String(next.histogram.edges);
    facet = next;
    // Whoever is moving an edge is not interrupted by what was asked for before.
    if (begun === null && !touched) range = rangePlaces(facet);
    if (!same) build();
    draw();
  }

  function build() {
    plot.setAttribute("viewBox", `0 0 ${bins()} ${HEIGHT}`);
    plot.replaceChildren(
      ...facet.histogram.counts.map((_, at) => {
        const bar = document.createElementNS(SVG, "rect");
        bar.setAttribute("x", at + 0.06);
        bar.setAttribute("width", 0.88);
        bar.append(document.createElementNS(SVG, "title"));
        return bar;
      }),
    );
  }

  function draw() {
    const { counts, edges } = facet.histogram;
    const most = Math.max(...counts, 1);
    [...plot.children].forEach((bar, at) => {
      // By the root, so that a few can be seen beside many.
      const tall = counts[at] ? Math.max(2, HEIGHT * Math.sqrt(counts[at] / most)) : 0.5;
      bar.setAttribute("y", HEIGHT - tall);
      bar.setAttribute("height", tall);
      bar.setAttribute("class", at >= range[0] && at < range[1] ? "rg-in" : "");
      const ends = `${text(edges[at])} – ${text(edges[at + 1])}`;
      bar.firstChild.textContent = `${ends}: ${count(counts[at])}`;
    });
    thumbs.forEach((thumb, at) => {
      thumb.style.left = `${(100 * range[at]) / bins()}%`;
      thumb.setAttribute("aria-valuemin", at ? 1 : 0);
      thumb.setAttribute("aria-valuemax", at ? bins() : bins() - 1);
      thumb.setAttribute("aria-valuenow", range[at]);
      thumb.setAttribute("aria-valuetext", text(edges[range[at]]));
    });
    node.classList.toggle("rg-on", range[0] > 0 || range[1] < bins());
    setText(said, `${text(edges[range[0]])} – ${text(edges[range[1]])}`);
  }

  const text = (edge) => edgeText(facet.kind, edge);

  function press(event, end) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const leap = { PageDown: -5, PageUp: 5, Home: -bins(), End: bins() }[event.key];
    if (step === undefined && leap === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(end, range[end] + (step ?? leap));
    touched = true;
    clearTimeout(timer);
    timer = setTimeout(commit, SETTLE_MS);
  }

  function move(end, place) {
    if (end) range = [range[0], Math.min(Math.max(place, range[0] + 1), bins())];
    else range = [Math.max(0, Math.min(place, range[1] - 1)), range[1]];
    draw();
  }

  function commit() {
    touched = false;
    choose(...range);
  }

  /** The bin under a pointer. */
  function binAt(event) {
    const box = plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(bins() - 1, Math.max(0, Math.floor(share * bins())));
  }

  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    const end = thumbs.indexOf(event.target);
    const at = binAt(event);
    // A thumb is pulled away from where the other one stands.
    begun = end < 0 ? { at } : { at: end ? range[0] : range[1] - 1, end };
    if (end < 0) range = [at, at + 1];
    draw();
  });
  area.addEventListener("pointermove", (event) => {
    if (begun === null) return;
    const at = binAt(event);
    range = [Math.min(begun.at, at), Math.max(begun.at, at) + 1];
    draw();
  });
  area.addEventListener("pointerup", () => {
    if (begun === null) return;
    begun = null;
    commit();
  });
  area.addEventListener("pointercancel", () => {
    begun = null;
    range = rangePlaces(facet);
    draw();
  });
  return { node, update };
}
