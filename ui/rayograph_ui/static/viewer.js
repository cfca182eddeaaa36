/** One giant: moving about in it, the link to what one sees, full screen, and what is drawn over it. */

import { library, options, still } from "./deepzoom.js";
import { $, all, debounce, h, one, setText } from "./dom.js";
import { count } from "./format.js";
import { startHits } from "./hits.js";
import { writePlace } from "./place.js";
import { Tiles } from "./tiles.js";
import { drawTiling, drawWaiting } from "./tiling.js";

const PAN_SHARE = 0.22;
const ZOOM_STEP = 1.5;
const ROOM = 1.8; // of a find's own size is left around it
const SAY_MS = 3000;

class Viewer {
  #app;
  #section = $("rg-viewer");
  #osd = null;
  #tiles = null;
  #tileId = null;
  #done = 0;
  #ready = false;
  #whole = true;
  #quiet = 0;

  constructor(app) {
    this.#app = app;
    this.hits = startHits(app, this);
    for (const event of ["giant", "dataset", "progress"]) app.on(event, () => this.#draw());
    for (const button of all("[data-viewer]", this.#section)) {
      button.addEventListener("click", () => this.act(button.dataset.viewer));
    }
    document.addEventListener("fullscreenchange", () => this.#fullScreenChanged());
    this.#draw();
  }

  /** Whether there is a picture to move about in. */
  get shown() {
    return this.#ready;
  }

  /** in, out, whole, full, link, retry: what the buttons and the keys do. */
  act(name) {
    if (name === "retry") this.#app.retryGiant();
    else if (name === "full") this.#toggleFullScreen();
    else if (!this.#ready) return;
    else if (name === "in") this.#zoom(ZOOM_STEP);
    else if (name === "out") this.#zoom(1 / ZOOM_STEP);
    else if (name === "whole") this.#osd.viewport.goHome(still());
    else if (name === "link") this.#copyLink();
  }

  /** Move by shares of what is seen: -1, 0 or 1 each way. */
  pan(x, y) {
    const { viewport } = this.#osd;
    const seen = viewport.getBounds();
    const by = new window.OpenSeadragon.Point(x * PAN_SHARE * seen.width, y * PAN_SHARE * seen.height);
    viewport.panBy(by, still());
    viewport.applyConstraints(still());
  }

  /** Show a place: {x, y, zoom}, px of the whole picture. */
  go({ x, y, zoom }, immediately = still()) {
    if (!this.#ready) return;
    const { viewport } = this.#osd;
    const size = this.#osd.world.getItemAt(0).getContentSize();
    const within = (at, end) => Math.min(Math.max(at, 0), end);
    const centre = viewport.imageToViewportCoordinates(within(x, size.x), within(y, size.y));
    viewport.panTo(centre, immediately);
    viewport.zoomTo(viewport.imageToViewportZoom(zoom), null, immediately);
    viewport.applyConstraints(immediately);
  }

  /** Fly to a region with some room around it; null is the whole. */
  fly(region) {
    if (!this.#ready) return;
    if (!region) {
      this.act("whole");
      return;
    }
    const { x, y, width, height } = region;
    const [across, down] = [width * ROOM, height * ROOM];
    const { viewport } = this.#osd;
    const left = x - (across - width) / 2;
    const top = y - (down - height) / 2;
    viewport.fitBoundsWithConstraints(viewport.imageToViewportRectangle(left, top, across, down), still());
  }

  /** Lay an element over a region. */
  lay(element, { x, y, width, height }) {
    const location = this.#osd.viewport.imageToViewportRectangle(x, y, width, height);
    this.#osd.addOverlay({ element, location });
  }

  lift(element) {
    this.#osd?.removeOverlay(element);
  }

  focus(how) {
    this.#osd?.canvas.focus(how);
  }

  /** A word about what was done, also where the page's own messages cannot be seen. */
  say(text) {
    clearTimeout(this.#quiet);
    setText($("rg-viewer-said"), text);
    this.#quiet = setTimeout(() => setText($("rg-viewer-said"), ""), SAY_MS);
  }

  #draw() {
    const { giant } = this.#app;
    this.#section.hidden = !giant;
    document.documentElement.classList.toggle("rg-giant", Boolean(giant));
    const info = giant?.tile_info;
    const open = info?.width ? info : null;
    if (open?.tile_id !== this.#tileId) this.#show(open);
    drawWaiting(this.#app, !open);
    drawTiling(this.#app, Boolean(open));
    one("#rg-viewer-tools").hidden = one(".rg-viewer-foot").hidden = !open;
    if (!open || !this.#tiles) return;
    this.#tiles.over = giant.status === "failed";
    const done = info.status === "ready" ? Infinity : (info.done_tiles ?? 0);
    if (done > this.#done) this.#tiles.hurry();
    this.#done = done;
  }

  async #show(info) {
    this.#tileId = info?.tile_id ?? null;
    this.#close();
    if (!info) return;
    try {
      const seadragon = await library();
      if (this.#tileId !== info.tile_id) return;
      this.#open(seadragon, info);
    } catch (error) {
      if (this.#tileId === info.tile_id) this.#tileId = null;
      this.#app.toast(error);
    }
  }

  #open(seadragon, info) {
    const map = $("rg-viewer-map");
    // The map has the picture's shape.
    map.style.aspectRatio = `${info.width} / ${info.height}`;
    map.classList.toggle("rg-tall", info.height > info.width);
    setText($("rg-viewer-size"), `${count(info.width)} × ${count(info.height)} px`);
    const overview = h("div");
    map.replaceChildren(overview);
    const osd = seadragon(options($("rg-viewer-canvas"), overview));
    const tiles = new Tiles(seadragon);
    this.#osd = osd;
    this.#tiles = tiles;
    osd.canvas.setAttribute("role", "application");
    osd.canvas.setAttribute("aria-label", "The picture: arrow keys move, plus and minus zoom");
    for (const each of [osd, osd.navigator]) {
      each.addHandler("tile-load-failed", ({ tile }) => tiles.missed(tile));
    }
    osd.addHandler("open", () => this.#opened());
    osd.addHandler("canvas-click", (event) => this.#clicked(event));
    osd.addHandler("update-viewport", () => this.#drawScale());
    osd.addHandler("animation-finish", () => this.#moved());
    osd.addHandler("resize", () => this.#resized());
    osd.open(tiles.source(info));
  }

  #opened() {
    this.#ready = true;
    const { view } = this.#app;
    if (view) this.go(view, true);
    this.#drawScale();
    this.hits.draw();
  }

  #close() {
    this.hits.clear();
    this.#tiles?.close();
    this.#osd?.destroy();
    this.#osd = this.#tiles = null;
    this.#ready = false;
    this.#done = 0;
    $("rg-viewer-canvas").replaceChildren();
    $("rg-viewer-map").replaceChildren();
  }

  #zoom(by) {
    this.#osd.viewport.zoomBy(by, null, still());
    this.#osd.viewport.applyConstraints(still());
  }

  #clicked({ quick, position, preventDefaultAction }) {
    if (!quick || preventDefaultAction) return;
    const { viewport } = this.#osd;
    const at = viewport.viewportToImageCoordinates(viewport.pointFromPixel(position));
    this.hits.at(at.x, at.y);
  }

  #drawScale() {
    if (!this.#ready) return;
    const percent = 100 * this.#osd.viewport.viewportToImageZoom(this.#osd.viewport.getZoom(true));
    const digits = percent >= 10 ? 0 : percent >= 1 ? 1 : 2;
    setText($("rg-viewer-scale"), `${percent.toFixed(digits)} %`);
    this.#whole = this.#isWhole(true);
    $("rg-viewer-map").classList.toggle("rg-whole", this.#whole);
  }

  /** Who saw the whole picture goes on seeing it. */
  #resized() {
    const osd = this.#osd;
    osd.navigator?.updateSize();
    if (!this.#ready || !this.#whole) return;
    // The library is in the middle of keeping what was seen: its last word must be said first.
    queueMicrotask(() => this.#osd === osd && osd.viewport.goHome(true));
  }

  #isWhole(current = false) {
    const { viewport } = this.#osd;
    const seen = viewport.getBounds(current);
    const picture = this.#osd.world.getHomeBounds();
    const slack = 0.01 * picture.width;
    const [left, top] = [picture.x - seen.x, picture.y - seen.y];
    const right = seen.x + seen.width - picture.x - picture.width;
    const bottom = seen.y + seen.height - picture.y - picture.height;
    return Math.min(left, top, right, bottom) > -slack;
  }

  /** Where one is; null for the whole picture. */
  #view() {
    if (this.#isWhole()) return null;
    const { viewport } = this.#osd;
    const { x, y } = viewport.viewportToImageCoordinates(viewport.getCenter());
    return { x, y, zoom: viewport.viewportToImageZoom(viewport.getZoom()) };
  }

  #moved = debounce(() => {
    if (!this.#ready || !this.#app.dataset?.dataset_id) return;
    this.#app.view = this.#view();
    writePlace(this.#app.dataset.dataset_id, this.#app.view);
  }, 150);

  async #copyLink() {
    writePlace(this.#app.dataset.dataset_id, this.#view());
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("Link copied");
    } catch {
      // Without a secure connection there is no clipboard; the address bar holds the same.
      this.say("The link is in the address bar");
    }
  }

  async #toggleFullScreen() {
    const full = this.#section.classList.contains("rg-full");
    if (document.fullscreenElement) await document.exitFullscreen();
    // Where an element cannot have the screen, it has the page.
    else if (!full && this.#section.requestFullscreen) {
      await this.#section.requestFullscreen().catch(() => this.#section.classList.add("rg-full"));
    } else this.#section.classList.toggle("rg-full", !full);
    this.focus({ preventScroll: true });
  }

  #fullScreenChanged() {
    this.#section.classList.toggle("rg-full", document.fullscreenElement === this.#section);
  }

  /** Leave the full page; false when it was not that. */
  leaveFull() {
    if (document.fullscreenElement || !this.#section.classList.contains("rg-full")) return false;
    this.#section.classList.remove("rg-full");
    return true;
  }
}

export const startViewer = (app) => new Viewer(app);
