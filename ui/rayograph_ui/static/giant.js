/** Whether the dataset shown is one giant, and how far its download and its pyramid have come. */

const POLL_MS = 1000;
const PICTURE = /^https?:\/\//i;
const STEPS = new Set(["downloading", "generating_tiles"]);

/** One large picture: an address of the web always is one, what else is, the server says. */
export const isGiant = (dataset) => Boolean(dataset?.tile_id) || PICTURE.test(dataset?.source ?? "");

export class GiantWatch {
  #api;
  #tell;
  #dataset = null;
  #known = false;
  #timer = 0;
  #asked = 0;

  /** `tell(status)` is called with a `DatasetStatus` whenever one was read, null for no giant. */
  constructor(api, tell) {
    this.#api = api;
    this.#tell = tell;
    document.addEventListener("visibilitychange", () => this.#known && this.wake());
  }

  open(dataset) {
    this.close();
    if (!dataset?.dataset_id) return;
    this.#dataset = dataset;
    this.#known = isGiant(dataset);
    if (this.#known) this.#tell({ status: "processing", progress: null, tile_info: null });
    this.wake();
  }

  close() {
    clearTimeout(this.#timer);
    this.#dataset = null;
    this.#known = false;
    this.#tell(null);
  }

  /** Work went on: a lone picture may turn out to be a giant, one at rest may be taken up again. */
  progressed({ total, stages }) {
    const work = [stages.download, stages.tiling].some((stage) => stage && stage.state !== "done");
    const worth = this.#known ? work : work || total <= 1;
    if (worth && performance.now() - this.#asked > POLL_MS) this.wake();
  }

  /** Ask now; on and on while there is something to wait for. */
  wake() {
    clearTimeout(this.#timer);
    if (!this.#dataset || document.hidden) return;
    const wait = Math.max(0, this.#asked + POLL_MS / 2 - performance.now());
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    const dataset = this.#dataset;
    this.#asked = performance.now();
    let status = null;
    try {
      status = await this.#api.get(`/api/datasets/${encodeURIComponent(dataset.dataset_id)}/status`);
    } catch {
      // Gone or refused: the listing's own calls say so.
    }
    if (this.#dataset !== dataset) return;
    if (status) {
      this.#known ||= Boolean(status.tile_info) || STEPS.has(status.progress);
      if (this.#known) this.#tell(status);
    }
    if (this.#known && (!status || unfinished(status))) {
      this.#timer = setTimeout(() => this.#ask(), POLL_MS);
    }
  }
}

function unfinished({ status, tile_info: info }) {
  return status !== "failed" && (info ? info.status !== "ready" : status !== "ready");
}
