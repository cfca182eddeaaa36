/** Copies, clusters, outliers, samples: asked for, waited for, shown; what is found opens in the grid. */

import { thumbnail } from "./api.js";
import { $, all, h, one, setText, showError } from "./dom.js";
import { Duplicates } from "./duplicates.js";
import { Found } from "./found.js";
import { count, plural } from "./format.js";
import { Sample } from "./sample.js";

const LOOK_MS = 700;
const EXAMPLES = 5;
/** What is said when no duplicates of a kind were found. */
const NONE = {
  exact: "No two files are the same",
  near: "No two look the same",
  semantic: "No two show the same",
};
const TABS = ["duplicates", "clusters", "outliers", "sample"];

export function startDiscover(app) {
  const box = $("rg-discover");
  const list = $("rg-discover-list");
  const error = one(".rg-error", box);
  const duplicates = new Duplicates(app, list, $("rg-flicker"));
  let tab = "duplicates";
  let kind = "exact";
  let running = null;

  const root = () => `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}`;
  const sample = new Sample(app, () => load());
  const path = () => ({ duplicates: `duplicates?kind=${kind}`, sample: sample.path })[tab] ?? tab;
  const parameters = () => ({ duplicates: { kind }, sample: sample.asked })[tab] ?? {};

  async function load() {
    running?.abort();
    const mine = (running = new AbortController());
    showError(error, null);
    list.replaceChildren();
    $("rg-discover-refresh").hidden = true;
    $("rg-kinds").hidden = tab !== "duplicates";
    setText($("rg-discover-note"), "");
    try {
      if (tab === "sample") await sample.begin(root());
      else sample.rest();
      if (mine.signal.aborted || (tab === "sample" && !sample.asked)) return;
      const found = await there(mine.signal);
      if (mine.signal.aborted) return;
      note(found);
      if (tab === "duplicates") duplicates.show(found, `${root()}/duplicates`, kind);
      else if (tab === "sample") list.replaceChildren(sample.show(found, root(), inGrid));
      else if (tab === "clusters") list.replaceChildren(...found.levels.flatMap(level));
      else list.replaceChildren(outliers(found));
    } catch (problem) {
      if (!mine.signal.aborted) showError(error, problem);
    }
  }

  /** The answer, asked for again until it has been worked out. */
  async function there(signal) {
    for (;;) {
      const found = await app.api.get(`${root()}/${path()}`, { signal });
      if (found.status !== "computing") return found;
      setText($("rg-discover-note"), `Being worked out: ${far(found)}`);
      await new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, LOOK_MS);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    }
  }

  function note({ coverage, stale, total, images }) {
    const { searched, total: all } = coverage;
    const none = tab === "duplicates" && !total;
    let what = tab === "duplicates" ? `${plural(total, "group")} of ${count(images)} pictures. ` : "";
    const among = searched < all ? `the ${count(searched)} looked at of ${plural(all, "picture")}` : plural(all, "picture");
    if (none) what = images ? "All groups have been decided. " : `${NONE[kind]} among ${among}. `;
    const reach = searched < all && !none ? `Looked at ${count(searched)} of ${count(all)}. ` : "";
    const old = stale ? "The pictures have changed since." : "";
    setText($("rg-discover-note"), what + reach + old);
    $("rg-discover-refresh").hidden = !stale;
  }

  async function refresh() {
    try {
      await app.api.post(`${root()}/${tab}`, { parameters: parameters() });
      setText($("rg-discover-note"), "Being worked out anew…");
      await settled();
      await load();
    } catch (problem) {
      showError(error, problem);
    }
  }

  /** Until nothing newer is on its way. */
  async function settled() {
    for (;;) {
      const found = await app.api.get(`${root()}/${path()}`);
      if (!found.refreshing) return;
      setText($("rg-discover-note"), `Being worked out anew: ${far(found.refreshing)}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  function level({ level: number, clusters }, index, levels) {
    const head = h("h3", { class: "rg-h" }, `${plural(clusters.length, "cluster")}`);
    const cards = clusters.map((cluster) => card(cluster));
    return [head, h("ul", { class: "rg-clusters", "data-level": number }, ...cards)];
  }

  function card({ cluster_id, name, size, examples, where }) {
    const pictures = examples
      .slice(0, EXAMPLES)
      .map((id) => h("img", { src: thumbnail(id, 128), alt: "", loading: "lazy" }));
    const open = () =>
      where ? filtered(where) : inGrid(name, `clusters/${encodeURIComponent(cluster_id)}`);
    return h(
      "li",
      {},
      h(
        "button",
        { class: "rg-cluster", onclick: open },
        h("span", { class: "rg-cluster-pictures" }, ...pictures),
        h("b", {}, name),
        h("span", { class: "rg-dim" }, count(size)),
      ),
    );
  }

  function outliers({ items, total }) {
    const pictures = items
      .slice(0, 24)
      .map(({ image }) => h("img", { src: thumbnail(image.id, 128), alt: "", loading: "lazy" }));
    const open = () => inGrid("Like no others", "outliers");
    return h(
      "div",
      { class: "rg-outliers" },
      h("div", { class: "rg-outlier-pictures" }, ...pictures),
      h("button", { class: "rg-button", onclick: open }, `Show all ${count(total)}, strangest first`),
    );
  }

  /** Show what a filter picks: it can be added to, counted, exported. */
  async function filtered(where) {
    box.close();
    if (app.search) app.searching.clear();
    await app.filtering.apply(where, { focus: false });
    app.focusPictures();
  }

  /** Show a scored list in the grid, as a search is. */
  async function inGrid(label, from, limit = 200) {
    const base = `${root()}/${from}${from.includes("?") ? "&" : "?"}limit=${limit}`;
    const page = async (cursor) => {
      const found = await app.api.get(cursor ? `${base}&cursor=${cursor}` : base);
      return { ...found, next_offset: found.next_cursor };
    };
    try {
      const answer = await page(null);
      if (!app.search) app.browsing = app.grid.place();
      const query = { body: {}, picture: null, text: null, label };
      const rows = new Found(answer, page);
      rows.on("total", () => app.search?.rows === rows && app.emit("search", app.search));
      app.setSearch({ ...answer, query, state: "done", rows });
      $("rg-search-clear").hidden = false;
      box.close();
      app.focusPictures();
    } catch (problem) {
      showError(error, problem);
    }
  }

  function choose(next) {
    tab = next;
    for (const name of TABS) $(`rg-tab-${name}`).setAttribute("aria-selected", String(name === tab));
    load();
  }

  function choosing(next) {
    kind = next;
    for (const chip of all("[data-kind]", $("rg-kinds"))) {
      chip.setAttribute("aria-pressed", String(chip.dataset.kind === kind));
    }
  }

  function open(which = tab) {
    if (!app.dataset?.dataset_id || box.open || app.giant) return;
    choosing(kind);
    box.showModal();
    choose(which);
  }

  for (const name of TABS) $(`rg-tab-${name}`).addEventListener("click", () => choose(name));
  for (const chip of all("[data-kind]", $("rg-kinds"))) {
    chip.addEventListener("click", () => {
      choosing(chip.dataset.kind);
      load();
    });
  }
  $("rg-discover-open").addEventListener("click", () => open());
  $("rg-discover-refresh").addEventListener("click", refresh);
  one(".rg-drawer-close", box).addEventListener("click", () => box.close());
  box.addEventListener("close", () => {
    running?.abort();
    duplicates.rest();
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  const available = () => {
    $("rg-discover-open").hidden = !app.dataset?.dataset_id || Boolean(app.giant);
  };
  app.on("dataset", () => {
    if (box.open) box.close();
    available();
  });
  app.on("giant", available);
  return { open, box };
}

function far({ stage, done, total }) {
  return total ? `${stage}, ${Math.floor((100 * (done ?? 0)) / total)} %` : stage;
}
