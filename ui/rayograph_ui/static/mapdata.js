/** The map's data: fetched once as columns of numbers, and what follows from where the points are. */

import { readArrow } from "./arrow.js";
import { MapIndex, crowds } from "./mapindex.js";

const LOOK_MS = 700;
/** The last numbers of a byte are those of rare and of unknown values. */
const HUES = 250;

export class MapData {
  rows = 0;
  x = new Float32Array(0);
  y = new Float32Array(0);
  /** What the server said of it: coverage, stale, refreshing, made_at. */
  about = null;
  /** Clusters by level, from coarse to fine: [{name, size, x, y}]. */
  levels = [];
  #api;
  #of = "";
  #clusters = new Int32Array(0);
  #index = null;

  constructor(api) {
    this.#api = api;
  }

  /** Whether it is that of a dataset. */
  is(datasetId) {
    return this.#of === datasetId;
  }

  clear() {
    this.forget();
    Object.assign(this, { rows: 0, x: new Float32Array(0), y: new Float32Array(0), about: null, levels: [] });
  }

  /** It has to be fetched again. */
  forget() {
    this.#of = "";
  }

  /** Fetch it, waiting until it has been worked out; `hear` is told how far that is. */
  async load(root, signal, hear) {
    for (;;) {
      const answer = await this.#api.arrow(`${root}/map?columns=x,y,cluster`, { signal });
      if (answer instanceof ArrayBuffer) {
        this.#take(root, readArrow(answer));
        return;
      }
      hear(answer);
      await pause(LOOK_MS, signal);
    }
  }

  /** Wait until nothing newer is on its way. */
  async settled(root, signal, hear) {
    for (;;) {
      const { refreshing } = await this.#api.get(`${root}/map?limit=1`, { signal });
      this.about.refreshing = refreshing;
      hear();
      if (!refreshing) return;
      await pause(LOOK_MS, signal);
    }
  }

  /** {codes, legend} of a field. */
  async colour(root, field, signal) {
    const path = `${root}/map?columns=&colour=${encodeURIComponent(field)}`;
    const answer = await this.#api.arrow(path, { signal });
    if (!(answer instanceof ArrayBuffer)) throw new Error("The map is being worked out");
    const { columns, about } = readArrow(answer);
    const said = JSON.parse(about.rayograph);
    if (said.made_at !== this.about.made_at || columns.colour.length !== this.rows) {
      throw new Error("There is another map by now: close it and open it again");
    }
    return { codes: columns.colour, legend: said.legend };
  }

  /** A byte a point for its cluster. */
  clusterCodes() {
    return Uint8Array.from(this.#clusters, (cluster) => cluster % HUES);
  }

  /** What is asked of points one by one. */
  points(root) {
    const { x, y } = this;
    const path = (row) => `${root}/map?limit=1&offset=${row}`;
    return { x, y, index: this.#index, path, made_at: this.about.made_at };
  }

  #take(root, { columns, about, rows }) {
    this.#of = decodeURIComponent(root.split("/").pop());
    this.about = JSON.parse(about.rayograph);
    Object.assign(this, { rows, x: columns.x, y: columns.y });
    this.#clusters = columns.cluster;
    const { bounds, clusters } = this.about;
    this.#index = new MapIndex(this.x, this.y, bounds);
    const fine = clusters.at(-1) ?? [];
    const parents = Int32Array.from(fine, ({ parent }) => parent ?? 0);
    this.levels = clusters.map((level, depth) => {
      const last = depth === clusters.length - 1;
      const groups = last ? this.#clusters : this.#clusters.map((cluster) => parents[cluster]);
      const found = crowds(this.x, this.y, groups, level.length, bounds);
      return level.map(({ name }, number) => ({ name, ...found[number] }));
    });
  }
}

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
