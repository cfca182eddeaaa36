/** The keyboard: the same keys work wherever nothing is being typed. */

import { $ } from "./dom.js";

const MOVES = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  PageUp: "pageup",
  PageDown: "pagedown",
  Home: "home",
  End: "end",
};
const ZOOM_STEP_PX = 32;
const PANS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ACTS = { "+": "in", "=": "in", "-": "out", 0: "whole", Home: "whole", f: "full", c: "link" };

export function startKeys(app) {
  $("rg-help-open").addEventListener("click", () => $("rg-help").showModal());
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key === "a" && !app.giant && !anyDialog() && onGrid(app, event)) {
        app.selection.chooseAll();
        event.preventDefault();
      }
      return;
    }
    const handler = app.detail.box.open ? inDetail : anyDialog() ? null : onPage;
    if (handler?.(app, event)) event.preventDefault();
  });
}

const onGrid = (app, { target }) => target === app.grid.scroller || target === document.body;
const anyDialog = () => document.querySelector("dialog[open]") !== null;
const typing = (target) => target.closest("input:not([type=range]), textarea, select") !== null;

function inDetail(app, { key, target }) {
  if (typing(target)) return false;
  if (key === "ArrowLeft") app.detail.step(-1);
  else if (key === "ArrowRight") app.detail.step(1);
  else if (key === "m") $("rg-detail-alike").click();
  else if (key === "l") return app.boxes.press(true);
  else if (key === "M") $("rg-detail-more").click();
  else if (key === "x") $("rg-detail-less").click();
  else if (key === "b") $("rg-detail-box").click();
  else return app.labelling.press(key) || app.curation.press(key);
  return true;
}

function onPage(app, event) {
  const { key, target } = event;
  const input = $("rg-search-text");
  if (typing(target)) {
    if (target !== input || (key !== "Escape" && key !== "ArrowDown")) return false;
    if (key === "Escape") app.searching.clear();
    app.focusPictures();
    return true;
  }
  if (key === "Escape") {
    if (app.viewer.leaveFull() || app.selection.clear()) return true;
    if (!app.search) return false;
    app.searching.clear();
    return true;
  }
  if (app.giant) return inGiant(app, event) || onAny(app, key);
  const pictures = onGrid(app, event);
  if (pictures && MOVES[key]) {
    app.grid.scroller.focus({ preventScroll: true });
    const from = app.grid.active;
    if (event.shiftKey && from >= 0 && !app.selection.size) app.selection.toggle(from);
    app.grid.move(MOVES[key]);
    if (event.shiftKey) app.selection.extend(app.grid.active);
    return true;
  }
  if (pictures && key === " " && app.grid.active >= 0) {
    app.selection.toggle(app.grid.active);
    return true;
  }
  if (pictures && key === "Enter" && app.grid.active >= 0) {
    app.detail.open(app.grid.active);
    return true;
  }
  return shortcut(app, key);
}

/** Moving about in a giant, from anywhere but a menu over it. */
function inGiant({ viewer, searching }, { key, target }) {
  if (!viewer.shown || target.closest(".rg-pop, .rg-work")) return false;
  const { hits } = viewer;
  if (PANS[key]) viewer.pan(...PANS[key]);
  else if (ACTS[key]) viewer.act(ACTS[key]);
  else if (key === "n" || key === "N") return hits.step(key === "n" ? 1 : -1);
  else if (key === "m" && hits.active) searching.like(hits.active);
  else return false;
  return true;
}

function onAny(app, key) {
  if (key === "/") app.searching.focus();
  else if (key === "w" && app.dataset) app.filtering.focus();
  else if (key === "b" && app.dataset?.dataset_id && !app.giant) app.facets.toggle();
  else if (key === "?") $("rg-help").showModal();
  else if (key === "p" && app.dataset) app.dock.toggle();
  else if (key === "d" && app.dataset) app.discover.open();
  else if (key === "g" && app.dataset) app.map.toggle();
  else if (key === "e" && app.dataset) app.exporting.open();
  else if (key === "L" && app.dataset?.dataset_id && !app.giant) app.labelling.toggle();
  else return false;
  return true;
}

function shortcut(app, key) {
  const record = app.grid.rows?.at(app.grid.active);
  if (onAny(app, key)) return true;
  if (key === "m" && record) app.searching.like(record);
  else if (key === "l") return app.boxes.press(false);
  else if (key === "M" && record) app.examples.add(record, "more");
  else if (key === "x" && record) app.examples.add(record, "less");
  else if (key === "+" || key === "=") app.zoom(app.grid.size + ZOOM_STEP_PX);
  else if (key === "-") app.zoom(app.grid.size - ZOOM_STEP_PX);
  else return app.selection.press(key) || app.labelling.press(key) || app.curation.press(key);
  return true;
}
