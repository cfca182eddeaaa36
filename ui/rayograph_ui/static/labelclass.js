/** One class of labels by words: how its scores lie, and the least with which a picture gets it. */

import { h, setText } from "./dom.js";
import { count } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 36;
const SETTLE_MS = 350;

/** `choose()` shows its pictures, `set(threshold)` keeps a threshold; `update(info)` redraws. */
export function labelClass({ choose, set }) {
  const plot = document.createElementNS(SVG, "svg");
  plot.setAttribute("class", "rg-class-plot");
  plot.setAttribute("preserveAspectRatio", "none");
  plot.setAttribute("aria-hidden", "true");
  const name = h("span", { class: "rg-class-name" });
  const many = h("b", {});
  const button = h("button", { type: "button", class: "rg-class-head", onclick: choose }, name, many);
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.01 });
  const said = h("span", {});
  const told = h("span", { class: "rg-class-told" });
  const node = h(
    "article",
    { class: "rg-class" },
    button,
    h("div", { class: "rg-class-scale" }, plot, slider),
    h("p", { class: "rg-class-foot" }, said, told),
  );
  let info = null;
  let timer = 0;
  // While a threshold is being moved or kept, what was asked for before says nothing of it.
  let moving = false;

  function update(next, { chosen, several }) {
    info = next;
    node.dataset.class = info.key;
    node.classList.toggle("rg-on", chosen);
    button.setAttribute("aria-pressed", String(chosen));
    button.title = `Show what is ${info.name}`;
    setText(name, info.name);
    slider.setAttribute("aria-label", `${info.name}: least score`);
    if (!moving) slider.value = info.threshold;
    const people = [info.yes && `${count(info.yes)} right`, info.no && `${count(info.no)} wrong`];
    setText(told, people.filter(Boolean).join(", "));
    const { counts } = info.histogram;
    if (plot.children.length !== counts.length) build(counts.length);
    node.classList.toggle("rg-several", several);
    draw();
  }

  function build(bins) {
    plot.setAttribute("viewBox", `0 0 ${bins} ${HEIGHT}`);
    const bars = Array.from({ length: bins }, (_, at) => {
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("x", at + 0.05);
      bar.setAttribute("width", 0.9);
      return bar;
    });
    plot.replaceChildren(...bars);
  }

  function draw() {
    const { counts, edges } = info.histogram;
    const from = Number(slider.value);
    const most = Math.max(...counts, 1);
    let got = 0;
    [...plot.children].forEach((bar, at) => {
      const tall = counts[at] ? Math.max(1.5, HEIGHT * Math.sqrt(counts[at] / most)) : 0;
      const inside = edges[at] >= from - 1e-9;
      if (inside) got += counts[at];
      bar.setAttribute("y", HEIGHT - tall);
      bar.setAttribute("height", tall);
      bar.setAttribute("class", inside ? "rg-in" : "");
    });
    setText(many, count(got));
    setText(said, `from ${from.toFixed(2)}`);
    slider.setAttribute("aria-valuetext", `${from.toFixed(2)}, ${count(got)} pictures`);
  }

  async function keep() {
    clearTimeout(timer);
    const threshold = Number(slider.value);
    try {
      await set(threshold);
    } finally {
      if (Number(slider.value) === threshold) moving = false;
    }
  }

  slider.addEventListener("input", () => {
    moving = true;
    draw();
    // Arrow keys move it step by step: what they end at counts.
    clearTimeout(timer);
    timer = setTimeout(keep, SETTLE_MS);
  });
  slider.addEventListener("pointerup", () => moving && keep());

  /** Another threshold than the one that was to be kept. */
  function back() {
    moving = false;
    slider.value = info.threshold;
    draw();
  }

  return { node, update, back, focus: () => button.focus() };
}
