/** A giant's tiles as OpenSeadragon asks for them; what was no final answer is asked for again. */

const FIRST_MS = 700;
const MOST_MS = 8000;
const TICK_MS = 350;
const AT_ONCE = 6;

export class Tiles {
  #library;
  #wanted = new Map(); // tile -> {due, wait}: shown by a stand-in, or not at all
  #timer = 0;
  #asking = 0;
  /** Set when nothing more will come. */
  over = false;

  constructor(library) {
    this.#library = library;
  }

  /** What OpenSeadragon opens. */
  source({ tile_id: id, width, height, tile_size: side, overlap, format, max_zoom: top }) {
    const folder = `/api/tiles/${encodeURIComponent(id)}_files`;
    // Below the largest level that is one tile there is nothing to gain.
    const steps = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / side)));
    const source = new this.#library.TileSource({
      width,
      height,
      tileSize: side,
      tileOverlap: overlap ?? 0,
      minLevel: Math.max(0, top - steps),
      maxLevel: top,
    });
    return Object.assign(source, {
      getTileUrl: (level, x, y) => `${folder}/${level}/${x}_${y}.${format}`,
      hasTransparency: () => format !== "jpeg" && format !== "jpg",
      downloadTileStart: (job) => this.#load(job),
      downloadTileAbort: (job) => job.userData.leave?.abort(),
    });
  }

  /** More is made: ask for all that is missing at once. */
  hurry() {
    const now = performance.now();
    for (const want of this.#wanted.values()) want.due = Math.min(want.due, now);
    this.#tick();
  }

  /** A tile did not come. */
  missed(tile) {
    const before = this.#wanted.get(tile)?.wait;
    const wait = before ? Math.min(2 * before, MOST_MS) : FIRST_MS;
    this.#wanted.set(tile, { wait, due: performance.now() + wait });
    this.#timer ||= setInterval(() => this.#tick(), TICK_MS);
  }

  close() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#wanted.clear();
  }

  async #load(job) {
    const leave = new AbortController();
    job.userData.leave = leave;
    try {
      const { blob, final } = await ask(job.src, leave.signal);
      if (final) this.#wanted.delete(job.tile);
      else this.missed(job.tile);
      job.finish(blob, null, "rasterBlob");
    } catch (error) {
      if (!leave.signal.aborted) job.fail(error.message, null);
    }
  }

  #tick() {
    if (!this.#wanted.size || this.over) {
      clearInterval(this.#timer);
      this.#timer = 0;
      return;
    }
    if (document.hidden) return;
    const now = performance.now();
    const due = [...this.#wanted].filter(([, want]) => want.due <= now && !want.asked);
    for (const [tile, want] of due.slice(0, Math.max(0, AT_ONCE - this.#asking))) {
      this.#again(tile, want);
    }
  }

  async #again(tile, want) {
    const image = tile.tiledImage;
    const onScreen = image?.getTilesToDraw().some((info) => info.tile === tile);
    if (tile.loaded && onScreen) {
      await this.#exchange(tile, want, image);
    } else {
      // Off the screen it is forgotten; seen again it is loaded anew.
      if (tile.loaded) tile.unload(true);
      tile.exists = true;
      if (image) want.due = Infinity;
      else this.#wanted.delete(tile);
      if (image) lookAgain(image);
    }
  }

  /** The stand-in stays on the screen until the tile itself lies in the browser's cache. */
  async #exchange(tile, want, image) {
    want.asked = true;
    this.#asking += 1;
    try {
      const { final } = await ask(tile.getUrl());
      if (!final) this.missed(tile);
      else {
        this.#wanted.delete(tile);
        if (tile.loaded) tile.unload(true);
        lookAgain(image);
      }
    } catch {
      this.missed(tile);
    } finally {
      this.#asking -= 1;
    }
  }
}

/** A picture at rest looks for tiles only when it is told that something changed. */
function lookAgain(image) {
  image.update(true);
  image.redraw();
}

async function ask(address, signal) {
  const answer = await fetch(address, { signal });
  if (!answer.ok) throw new Error(`the tile answered ${answer.status}`);
  return { blob: await answer.blob(), final: answer.headers.get("X-Tile") !== "stand-in" };
}
