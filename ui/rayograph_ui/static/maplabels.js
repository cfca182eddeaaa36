/** Names of clusters on the map: the largest first, none over another. */

import { h } from "./dom.js";

const MOST = 36;
const GAP_PX = 6;
/** Room of the bar over the map and of the line below it. */
const TOP_PX = 54;
const FOOT_PX = 36;
/** From this zoom on the finer clusters are named. */
const NEAR = 1.4;

export class MapLabels {
  #layer;
  #levels = [];
  #nodes = new Map(); // "level-number" -> {node, width, height}
  #shown = new Set();

  constructor(layer) {
    this.#layer = layer;
  }

  /** By level, from coarse to fine, [{name, size, x, y}]. */
  set(levels) {
    this.#levels = levels.map((level, depth) =>
      level
        .map((one, number) => ({ ...one, key: `${depth}-${number}` }))
        .filter(({ size }) => size)
        .sort((a, b) => b.size - a.size),
    );
    this.#nodes.clear();
    this.#shown.clear();
    this.#layer.replaceChildren();
  }

  /** Put them where they belong now. Only those on screen cost anything. */
  draw(pad) {
    const level = this.#levels[pad.view.zoom < NEAR ? 0 : this.#levels.length - 1] ?? [];
    const taken = [];
    const shown = new Set();
    for (const one of level) {
      if (shown.size >= MOST) break;
      const [x, y] = pad.toPx([one.x, one.y]);
      if (x < 0 || y < 0 || x > pad.width || y > pad.height) continue;
      const label = this.#label(one);
      const place = {
        left: Math.max(4, Math.min(pad.width - label.width - 4, x - label.width / 2)),
        top: Math.max(TOP_PX, Math.min(pad.height - label.height - FOOT_PX, y - label.height / 2)),
        width: label.width,
        height: label.height,
      };
      if (taken.some((other) => overlap(place, other))) continue;
      taken.push(place);
      shown.add(one.key);
      label.node.style.transform = `translate(${place.left.toFixed(1)}px, ${place.top.toFixed(1)}px)`;
      label.node.hidden = false;
    }
    for (const key of this.#shown) if (!shown.has(key)) this.#nodes.get(key).node.hidden = true;
    this.#shown = shown;
  }

  /** A label is made and measured once. */
  #label({ key, name }) {
    let label = this.#nodes.get(key);
    if (!label) {
      const node = h("span", {}, name);
      this.#layer.append(node);
      label = { node, width: node.offsetWidth, height: node.offsetHeight };
      node.hidden = true;
      this.#nodes.set(key, label);
    }
    return label;
  }
}

const overlap = (a, b) =>
  a.left < b.left + b.width + GAP_PX &&
  b.left < a.left + a.width + GAP_PX &&
  a.top < b.top + b.height + GAP_PX &&
  b.top < a.top + a.height + GAP_PX;
