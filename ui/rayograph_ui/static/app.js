/** The page: it joins the rooms and holds what they share. */

import { readAddress, writeAddress } from "./address.js";
import { Api } from "./api.js";
import { $, Bus, debounce, kept } from "./dom.js";
import { startBoxes } from "./boxes.js";
import { startCuration } from "./curation.js";
import { startDetail } from "./detail.js";
import { startDiscover } from "./discover.js";
import { startExamples } from "./examples.js";
import { startFacets } from "./facets.js";
import { startExport } from "./export.js";
import { startFailures } from "./failures.js";
import { startFilter } from "./filter.js";
import { brief, count } from "./format.js";
import { GiantWatch } from "./giant.js";
import { Grid } from "./grid.js";
import { startKeys } from "./keys.js";
import { startLabelling } from "./labelling.js";
import { startMap } from "./map.js";
import { startModel } from "./model.js";
import { startBanner, startLogin, startTheme, toast } from "./notices.js";
import { startProgress } from "./progress.js";
import { PagedRows } from "./rows.js";
import { startSearch } from "./search.js";
import { startSelection } from "./selection.js";
import { startSorting } from "./sorting.js";
import { startSnapshots } from "./snapshots.js";
import { add, startSources } from "./sources.js";
import { startStates } from "./states.js";
import { ProgressStream } from "./stream.js";
import { startViewer } from "./viewer.js";
import { startViews } from "./views.js";

const REFRESH_MS = 2000;
const ATTEND_MOST = 500;

class App extends Bus {
  api = new Api();
  loaded = false;
  datasets = [];
  dataset = null;
  progress = null;
  models = null;
  /** The dataset's status while it is one giant picture, else null. */
  giant = null;
  /** Where one looks in it: {x, y, zoom}, null for the whole. */
  view = null;
  /** {query, state, rows, coverage?, items?, error?} while a search is shown. */
  search = null;
  /** The filter in force; empty: everything is shown. */
  where = "";
  /** The order of the listing: a field, `-` before it for descending; empty: as listed. */
  sort = "";
  /** Where one was in the listing when the search began. */
  browsing = null;
  toast = toast;
  #listing = null;
  #refreshed = 0;
  #filtering = null;

  start() {
    const small = innerWidth < 600;
    const size = Number(kept.get("zoom")) || (small ? 112 : 168);
    this.grid = new Grid($("rg-grid"), size);
    $("rg-zoom").value = size;
    this.stream = new ProgressStream(this.api, (progress) => this.setProgress(progress));
    this.watch = new GiantWatch(this.api, (status) => this.setGiant(status));
    startTheme();
    startBanner(this.api);
    startLogin(this.api);
    startStates(this);
    this.examples = startExamples(this);
    this.searching = startSearch(this);
    this.filtering = startFilter(this);
    this.facets = startFacets(this);
    this.sorting = startSorting(this);
    startViews(this);
    this.detail = startDetail(this);
    this.curation = startCuration(this);
    this.selection = startSelection(this);
    this.boxes = startBoxes(this);
    this.viewer = startViewer(this);
    this.failures = startFailures(this);
    this.discover = startDiscover(this);
    this.exporting = startExport(this);
    this.labelling = startLabelling(this);
    this.map = startMap(this);
    this.dock = startProgress(this);
    startModel(this);
    startSnapshots(this);
    this.sources = startSources(this);
    startKeys(this);
    this.#bind();
  }

  async load() {
    await Promise.all([this.api.check(), this.loadDatasets()]);
    this.loaded = true;
    const { dataset, view, where, sort, map } = readAddress();
    const wanted = this.datasets.find((each) => each.dataset_id === dataset);
    this.open(wanted ?? this.datasets.at(-1), wanted ? view : null);
    if (wanted && sort) await this.sorting.apply(sort);
    if (wanted && where) await this.filtering.apply(where, { focus: false });
    if (wanted) this.map.go(map);
  }

  async loadDatasets() {
    const { items } = await this.api.get("/api/datasets");
    const ghosts = this.datasets.filter((each) => !each.dataset_id);
    const fresh = items.find((each) => each.dataset_id === this.dataset?.dataset_id);
    if (fresh) this.dataset = fresh;
    this.setDatasets([...items, ...ghosts]);
  }

  setDatasets(datasets) {
    this.datasets = datasets;
    this.emit("datasets", datasets);
  }

  /** Show a dataset; one without an id is still being opened; null is the welcome. */
  open(dataset, view = null) {
    this.dataset = dataset ?? null;
    this.progress = null;
    this.view = view;
    this.where = "";
    this.sort = "";
    this.#filtering?.abort();
    this.stream.close();
    this.watch.close();
    this.emit("dataset", this.dataset);
    this.emit("progress", null);
    const id = this.dataset?.dataset_id;
    this.showAddress();
    this.#listing = id ? new PagedRows(this.api, id, dataset.total) : new PagedRows(this.api, "", 0);
    this.grid.show(this.#listing);
    if (!id) return;
    this.stream.open(id);
    this.watch.open(this.dataset);
    this.#loadModels();
  }

  /** Put what is shown into the address. */
  showAddress() {
    const { view, where, sort } = this;
    writeAddress({ dataset: this.dataset?.dataset_id, view, where, sort, map: this.map.address() });
  }

  /** Show only what a filter picks, of the listing and of a search; throws what the server refuses. */
  async setWhere(where) {
    if (where !== this.where) await this.#list(where, this.sort);
  }

  /** Put the listing into another order; throws what the server refuses. */
  async setSort(sort) {
    if (sort !== this.sort) await this.#list(this.where, sort);
  }

  /** Ask for the listing again: what a filter names has changed. */
  async listAgain() {
    await this.#list(this.where, this.sort);
  }

  async #list(where, sort) {
    const { dataset } = this;
    if (!dataset?.dataset_id) return;
    this.#filtering?.abort();
    const mine = (this.#filtering = new AbortController());
    const total = this.progress?.total ?? dataset.total;
    const rows = new PagedRows(this.api, dataset.dataset_id, where ? 0 : total, where, sort);
    try {
      if (where || sort) await rows.begin(mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      throw error;
    }
    if (mine.signal.aborted) return;
    Object.assign(this, { where, sort });
    this.showAddress();
    this.#listing = rows;
    rows.on("total", () => this.emit("filter", where));
    this.browsing = null;
    if (this.search) this.searching.again();
    else if (!this.giant) this.grid.show(rows);
    this.emit("filter", where);
  }

  /** How many pictures the listing shows. */
  get shown() {
    return this.#listing?.total ?? 0;
  }

  /** How far the giant is; the grid rests meanwhile. */
  setGiant(status) {
    const before = this.giant;
    if (!before && !status) return;
    this.giant = status;
    if (!before) this.grid.show(new PagedRows(this.api, "", 0));
    this.emit("giant", status);
  }

  /** Take up a giant that failed. */
  async retryGiant() {
    const { dataset, giant } = this;
    this.setGiant({ ...giant, status: "processing", progress: null, error: null });
    try {
      const id = encodeURIComponent(dataset.dataset_id);
      this.setProgress(await this.api.post(`/api/datasets/${id}/retry`));
      this.stream.wake();
    } catch (error) {
      if (this.dataset === dataset) this.setGiant(giant);
      toast(error);
    }
    this.watch.wake();
  }

  addDemo() {
    add(this, "demo", "demo").catch(toast);
  }

  setProgress(progress) {
    if (progress.dataset_id !== this.dataset?.dataset_id) return;
    const before = this.progress;
    this.progress = progress;
    // Right after a start the catalog may know fewer rows than the boot front showed already.
    const listing = progress.status !== "complete" && progress.stages.listing?.state !== "done";
    this.#listing.grow(listing ? Math.max(progress.total, this.#listing.total) : progress.total);
    const whole = progress.status === "complete";
    // Files that have moved or changed by themselves: nothing of that is in the counts.
    const done = whole && (before?.status !== "complete" || before.version !== progress.version);
    const now = performance.now();
    if (done || now - this.#refreshed > REFRESH_MS) {
      this.#refreshed = now;
      this.#listing.refresh({ all: done });
    }
    if (done && before) this.loadDatasets().catch(() => {});
    if (!this.models?.in_use) this.#loadModels();
    this.watch.progressed(progress);
    this.emit("progress", progress);
  }

  /** Show a search, or with null the listing again, where it was left. */
  setSearch(search) {
    this.search = search;
    if (this.giant) {
      this.emit("search", search);
      return;
    }
    const rows = search ? search.rows : this.#listing;
    if (search && !rows) {
      if (search.state === "failed") this.grid.show(this.#listing, this.browsing ?? undefined);
    } else if (rows !== this.grid.rows) {
      this.grid.show(rows, search ? undefined : (this.browsing ?? undefined));
    }
    this.emit("search", search);
  }

  /** Put the focus where one looks. */
  focusPictures() {
    const place = this.viewer.shown ? this.viewer : this.grid.scroller;
    place.focus({ preventScroll: true });
  }

  zoom(px) {
    const slider = $("rg-zoom");
    slider.value = px;
    this.grid.size = Number(slider.value);
    kept.set("zoom", slider.value);
  }

  #loadModels = debounce(async () => {
    if (this.api.state !== "up") return;
    try {
      this.models = await this.api.get("/api/models");
      this.emit("models", this.models);
    } catch {
      // The stage's own note says enough.
    }
  }, 800);

  #bind() {
    const { grid, api } = this;
    $("rg-zoom").addEventListener("input", (event) => this.zoom(Number(event.target.value)));
    grid.on("open", (index) => this.detail.open(index));
    grid.on("alike", (index) => grid.rows.at(index) && this.searching.like(grid.rows.at(index)));
    grid.on("broken", () => api.suspect());
    grid.on("error", (error) => this.#onRowsError(error));
    grid.on("attention", (records) => this.#attend(records));
    grid.on("place", (place) => this.#showPlace(place));
    api.on("state", (state) => {
      if (state === "up" && this.loaded) this.#recover();
    });
    api.on("loggedin", () => this.stream.wake());
    addEventListener("hashchange", ({ newURL }) => {
      // The page may have written its own view over the address meanwhile.
      const { dataset, view, where, sort, map } = readAddress(new URL(newURL).hash);
      const found = this.datasets.find((each) => each.dataset_id === dataset);
      if (!found) return;
      if (dataset !== this.dataset?.dataset_id) this.open(found, view);
      else if (view) this.viewer.go(view);
      this.sorting.apply(sort).then(() => {
        if (where !== this.where) this.filtering.apply(where, { focus: false });
        this.map.go(map);
      });
    });
  }

  /** The server is there again, or whole at last: what was shown may be old. */
  async #recover() {
    await this.loadDatasets().catch(() => {});
    if (!this.dataset && this.datasets.length) this.open(this.datasets.at(-1));
    this.#listing?.refresh({ all: true });
    if (this.dataset?.dataset_id) {
      this.stream.wake();
      this.watch.wake();
      this.#loadModels();
    }
  }

  async #onRowsError(error) {
    if (error.code !== "dataset_not_found") {
      toast(error);
      return;
    }
    await this.loadDatasets().catch(() => {});
    this.open(this.datasets[0] ?? null);
    toast("That dataset was removed.");
  }

  /** Tell the server what is on screen and not finished, so that it goes first. */
  #attend(records) {
    if (this.api.state !== "up" || this.progress?.status === "complete") return;
    const ids = records
      .filter(({ status }) => status !== "ready" && status !== "failed")
      .map(({ id }) => id)
      .slice(0, ATTEND_MOST);
    if (!ids.length || !this.dataset?.dataset_id) return;
    const id = encodeURIComponent(this.dataset.dataset_id);
    // Only a wish: whether it was heard makes no difference here.
    this.api.post(`/api/datasets/${id}/attention`, { image_ids: ids }).catch(() => {});
  }

  #hidePlace = debounce(() => $("rg-place").classList.remove("rg-on"), 700);

  #showPlace({ first, fast }) {
    const bubble = $("rg-place");
    if (fast) bubble.classList.add("rg-on");
    if (!bubble.classList.contains("rg-on")) return;
    bubble.textContent = `${count(first + 1)} of ${brief(this.grid.rows.total)}`;
    this.#hidePlace();
  }
}

/** Gradio draws the page's frame when it is ready; the plain shell has it from the start. */
function framed() {
  return new Promise((resolve) => {
    if ($("rayograph")) {
      resolve();
      return;
    }
    const observer = new MutationObserver(() => {
      if (!$("rayograph")) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(document.documentElement, { childList: true, subtree: true });
  });
}

const app = new App();
await framed();
app.start();
// For the console and for tests; nothing in the page reads it.
window.rayograph = app;
app.load().catch(toast);
