/** The map beside the grid: drawn, moved about on, coloured; an area of it is a filter like any. */

import { areaOf, inside, withArea, withoutArea } from "./area.js";
import { titleOf } from "./choices.js";
import { $, all, debounce, h, one, setText } from "./dom.js";
import { count, plural } from "./format.js";
import { MapData } from "./mapdata.js";
import { ink, palette } from "./mapcolours.js";
import { MapPlot } from "./mapgl.js";
import { MapHover } from "./maphover.js";
import { MapLabels } from "./maplabels.js";
import { legendOf } from "./maplegend.js";
import { MapPad } from "./mappad.js";
import { mapState } from "./mapstate.js";

const ADDRESS_MS = 250;
const FAINT = 0.14;
const VIEW = /^(-?[\d.]+),(-?[\d.]+),([\d.]+)(?:,([\w.]+))?$/;

export function startMap(app) {
  const room = $("rg-map");
  const canvas = $("rg-map-canvas");
  const colour = $("rg-map-colour");
  const shape = one("polygon", $("rg-map-shape"));
  const pad = new MapPad($("rg-map-pad"));
  const labels = new MapLabels($("rg-map-labels"));
  const hover = new MapHover(app, pad);
  const state = mapState($("rg-map-state"));
  const data = new MapData(app.api);
  let plot = null;
  let running = null;
  let area = null;
  let drawing = null;
  let legend = null;
  let by = "";
  // Why there is no map: "waiting" when more vectors may change that.
  let lacks = null;

  const root = () => `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}`;
  const shown = () => !room.hidden;

  // -- drawing ------------------------------------------------------------------------------------

  function look() {
    const dpr = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(pad.width * dpr), Math.round(pad.height * dpr)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const scale = pad.scale * dpr;
    // As if the points were spread evenly over their square: so large that they just touch there,
    // so faint that where they lie over each other more of them still shows as more.
    const apart = (2 * scale) / Math.sqrt(Math.max(1, data.rows));
    const size = Math.min(16 * dpr, Math.max(2 * dpr, 0.9 * apart));
    const over = (size / apart) ** 2;
    const strength = Math.min(0.95, Math.max(0.05, 1.1 / over ** 0.6));
    return { middle: [pad.view.x, pad.view.y], scale, size, strength, faint: FAINT, ink: ink() };
  }

  const draw = () => plot?.draw(look());

  function drawn() {
    labels.draw(pad);
    hover.draw();
    const corners = drawing ?? area?.map((corner) => pad.toPx(corner)) ?? [];
    shape.setAttribute("points", corners.map((corner) => corner.map((px) => px.toFixed(1))).join(" "));
  }

  // -- what is shown ------------------------------------------------------------------------------

  function open(view = null) {
    if (!app.dataset?.dataset_id || app.giant) return;
    if (view) pad.go(view);
    if (shown()) return;
    room.hidden = false;
    $("rg-grid").parentElement.classList.add("rg-mapped");
    $("rg-map-open").setAttribute("aria-pressed", "true");
    try {
      plot ??= new MapPlot(canvas, drawn);
    } catch {
      state.blind(() => app.discover.open("clusters"));
      app.showAddress();
      return;
    }
    load(view?.colour ?? by);
    app.showAddress();
  }

  function close() {
    if (!shown()) return;
    running?.abort();
    room.hidden = true;
    $("rg-grid").parentElement.classList.remove("rg-mapped");
    $("rg-map-open").setAttribute("aria-pressed", "false");
    app.showAddress();
  }

  const toggle = () => (shown() ? close() : open());

  async function load(next = by) {
    by = next;
    running?.abort();
    const mine = (running = new AbortController());
    lacks = null;
    if (!data.is(app.dataset.dataset_id)) clear();
    if (!data.rows) state.busy("Fetching the map");
    try {
      await data.load(root(), mine.signal, (now) => state.computing(now, cancel));
      if (mine.signal.aborted) return;
      state.hide();
      place();
      await Promise.all([menu(mine.signal), paint(mine.signal)]);
    } catch (problem) {
      if (mine.signal.aborted) return;
      clear();
      lacks = problem.code;
      state.failed(problem, again);
    }
  }

  function clear() {
    data.clear();
    legend = null;
    labels.set([]);
    hover.set(null);
    plot?.points(new Float32Array(0), new Float32Array(0));
    $("rg-map-legend").hidden = true;
    colour.replaceChildren(h("option", { value: "" }, "Clusters"));
    note();
    draw();
  }

  function place() {
    plot.points(data.x, data.y);
    labels.set(data.levels);
    hover.set(data.points(root()));
    choose(areaOf(app.where));
    note();
  }

  /** Whether pictures differ in a field; the clusters are the map's own. */
  function tells({ name, kind, values, histogram }) {
    if (name === "cluster") return false;
    if (histogram) return histogram.counts.length > 1;
    return kind === "flag" ? values.some((v) => v.value === "yes" && v.count) : values.length > 1;
  }

  /** The fields that tell pictures of this dataset apart. */
  async function menu(signal) {
    const { items } = await app.api.get(`${root()}/facets?most=2`, { signal });
    const names = items.filter(tells).map(({ name }) => name);
    // The colour it has now can be chosen again, whatever it tells.
    const offered = [...new Set(["folder", ...names, ...(by ? [by] : [])])].sort();
    const options = offered.map((name) => h("option", { value: name }, titleOf(name)));
    colour.replaceChildren(h("option", { value: "" }, "Clusters"), ...options);
    colour.value = by;
  }

  /** Colour by a field; empty: by clusters. */
  async function paint(signal) {
    const found = by ? await data.colour(root(), by, signal) : { codes: data.clusterCodes(), legend: null };
    if (signal.aborted) return;
    legend = found.legend;
    plot.codes(found.codes);
    tint();
  }

  function tint() {
    plot?.palette(palette(legend));
    $("rg-map-legend").replaceChildren(...legendOf(legend, data.levels.at(-1) ?? []));
    $("rg-map-legend").hidden = !data.rows;
    draw();
  }

  async function recolour() {
    by = colour.value;
    try {
      await paint(running.signal);
    } catch (problem) {
      app.toast(problem);
      by = colour.value = legend?.field ?? "";
    }
    app.showAddress();
  }

  function note() {
    const { coverage, stale, refreshing } = data.about ?? {};
    const parts = [];
    if (area && data.rows) parts.push(`${count(app.shown)} chosen.`);
    if (refreshing) parts.push(`Being worked out anew: ${refreshing.stage}.`);
    else if (coverage?.searched < coverage?.total) {
      parts.push(`Has ${count(coverage.searched)} of ${plural(coverage.total, "picture")}.`);
    }
    if (stale && !refreshing) parts.push("The pictures have changed since.");
    setText($("rg-map-note"), parts.join(" "));
    $("rg-map-clear").hidden = !area;
    $("rg-map-refresh").hidden = !stale || Boolean(refreshing);
  }

  // -- areas --------------------------------------------------------------------------------------

  /** Show an area as chosen; null: none is. */
  function choose(corners) {
    area = corners;
    plot?.inside(area && data.rows ? inside(data.x, data.y, area) : null);
    note();
    draw();
  }

  const select = (corners) =>
    app.filtering.apply(withArea(app.where, corners, pad.scale), { focus: false });

  /** Whether there was an area, which is now given up. */
  function unselect() {
    if (!area) return false;
    app.filtering.apply(withoutArea(app.where), { focus: false });
    return true;
  }

  function mode(next) {
    pad.mode = next;
    room.dataset.mode = next;
    for (const button of all("[data-mode]", $("rg-map-modes"))) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === next));
    }
  }

  // -- working it out -----------------------------------------------------------------------------

  async function again() {
    try {
      await app.api.post(`${root()}/map`, { parameters: {} });
      data.forget();
      await load();
    } catch (problem) {
      app.toast(problem);
    }
  }

  /** The one that is shown stays until the new one is there. */
  async function refresh() {
    const mine = running;
    try {
      await app.api.post(`${root()}/map`, { parameters: {} });
      await data.settled(root(), mine.signal, note);
      if (!mine.signal.aborted) await load();
    } catch (problem) {
      if (!mine.signal.aborted) app.toast(problem);
    }
  }

  async function cancel() {
    running?.abort();
    await app.api.delete(`${root()}/map`).catch(app.toast);
    close();
  }

  // -- bindings -----------------------------------------------------------------------------------

  const keepAddress = debounce(() => shown() && app.showAddress(), ADDRESS_MS);
  pad.on("view", () => {
    draw();
    keepAddress();
  });
  pad.on("drawing", (corners) => {
    drawing = corners;
    draw();
  });
  pad.on("area", select);
  $("rg-map-pad").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !(pad.giveUp() || unselect())) return;
    event.preventDefault();
    event.stopPropagation();
  });
  for (const button of all("[data-mode]", $("rg-map-modes"))) {
    button.addEventListener("click", () => mode(button.dataset.mode));
  }
  $("rg-map-open").addEventListener("click", toggle);
  $("rg-map-close").addEventListener("click", close);
  $("rg-map-whole").addEventListener("click", () => pad.go({ x: 0, y: 0, zoom: 1 }));
  $("rg-map-clear").addEventListener("click", unselect);
  $("rg-map-refresh").addEventListener("click", refresh);
  colour.addEventListener("change", recolour);
  new MutationObserver(tint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  app.on("filter", () => shown() && choose(areaOf(app.where)));
  app.on("progress", (progress) => {
    if (shown() && lacks === "not_ready" && progress?.stages.embedding?.done) load();
  });
  const available = () => {
    $("rg-map-open").hidden = !app.dataset?.dataset_id || Boolean(app.giant);
    if (app.giant) close();
  };
  app.on("giant", available);
  app.on("dataset", () => {
    close();
    pad.go({ x: 0, y: 0, zoom: 1 });
    area = null;
    by = "";
    available();
  });
  mode("pan");

  /** What the address says of the map; empty: it is closed. */
  function address() {
    if (!shown()) return "";
    const digits = Math.ceil(Math.log10(2 * pad.scale));
    const { x, y, zoom } = pad.view;
    const said = [x.toFixed(digits), y.toFixed(digits), zoom.toPrecision(4)].map(Number);
    return [...said, ...(by ? [by] : [])].join(",");
  }

  /** Show what an address says. */
  function go(text) {
    const [, x, y, zoom, by] = VIEW.exec(text) ?? [];
    if (zoom === undefined) close();
    else if (shown()) pad.go({ x: Number(x), y: Number(y), zoom: Number(zoom) });
    else open({ x: Number(x), y: Number(y), zoom: Number(zoom), colour: by });
  }

  return { open, close, toggle, address, go, pad, data, plot: () => plot };
}
