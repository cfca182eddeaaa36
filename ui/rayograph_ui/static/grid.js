/**
 * A grid of squares over any number of rows: only what is on screen exists in the DOM. Cells hang
 * in a layer that sits near the window, so that no coordinate grows beyond what a GPU can hold.
 */

import { Cell } from "./cell.js";
import { Bus, debounce, one } from "./dom.js";
import { ScrollMap } from "./scroll.js";

const FAST_PX_PER_MS = 9;
const LAYER_ROWS = 200;
const SETTLE_MS = 120;
const ATTEND_MS = 250;

export class Grid extends Bus {
  rows = null;
  active = -1;
  columns = 1;
  /** What draws over a cell: (cell, record) after each time it is shown. */
  decorate = null;
  /** Whether a record is one of several that were chosen. */
  chosen = () => false;
  #target;
  #gap = 4;
  #side = 100;
  #offset = 0; // px into the whole list
  #scroll = 0; // scrollTop at the last look
  #shift = 0; // #offset - #scroll: constant while scrolling one to one
  #layerRow = 0;
  #map = new ScrollMap(0, 1);
  #cells = new Map(); // index -> Cell
  #spare = [];
  #frame = 0;
  #dirty = true; // cells that stay must be drawn again too, not only those that come
  #moved = 0;
  #off = [];
  #settle = debounce(() => this.#settled(), SETTLE_MS);
  #attend = debounce(() => this.#tellAttention(), ATTEND_MS);

  constructor(scroller, target) {
    super();
    this.scroller = scroller;
    this.space = one(".rg-space", scroller);
    this.layer = one(".rg-layer", scroller);
    this.#target = target;
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    new ResizeObserver(() => this.#layout()).observe(scroller);
    scroller.addEventListener("click", (event) => this.#onClick(event));
    // Else a click with shift marks texts.
    scroller.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault());
    scroller.addEventListener("focus", () => {
      if (this.active < 0 && this.rows?.total) this.#activate(this.#firstVisible());
    });
  }

  /** Show other rows, from the top or from where `place()` once said. */
  show(rows, place = { offset: 0, active: -1 }) {
    for (const off of this.#off) off();
    this.rows?.stop();
    this.rows = rows;
    this.#off = [
      rows.on("changed", () => this.#changed()),
      rows.on("total", () => this.#grown()),
      rows.on("error", (error) => this.emit("error", error)),
    ];
    for (const index of [...this.#cells.keys()]) this.#drop(index);
    this.active = Math.min(place.active, rows.total - 1);
    this.#layout({ offset: place.offset });
    this.#attend();
  }

  /** Where one is, to come back to. */
  place() {
    return { offset: this.#offset, active: this.active };
  }

  /** Target width of a cell, px; the picture in the middle of attention stays where it is. */
  set size(px) {
    this.#target = px;
    this.#layout();
  }

  get size() {
    return this.#target;
  }

  /** Move the active cell by a number of rows or columns, or to an end. */
  move(how) {
    const total = this.rows?.total ?? 0;
    if (!total) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.#pitch)) * this.columns;
    const from = this.active < 0 ? this.#firstVisible() : this.active;
    const to = {
      left: from - 1,
      right: from + 1,
      up: from - this.columns < 0 ? from : from - this.columns,
      down: from + this.columns >= total ? Math.max(from, this.#lastOfColumn()) : from + this.columns,
      pageup: from - page,
      pagedown: from + page,
      home: 0,
      end: total - 1,
    }[how];
    const started = this.active < 0 && how !== "home" && how !== "end";
    this.#activate(started ? from : Math.min(Math.max(to, 0), total - 1));
    this.reveal(this.active);
  }

  /** Scroll as little as needed for a cell to be seen whole. */
  reveal(index) {
    const top = Math.floor(index / this.columns) * this.#pitch;
    const view = this.scroller.clientHeight;
    if (top < this.#offset) this.#jump(top);
    else if (top + this.#pitch > this.#offset + view) this.#jump(top + this.#pitch - view);
    else this.#paint();
  }

  select(index) {
    this.#activate(index);
    this.reveal(index);
  }

  /** Paint again, after records changed in place. */
  repaint() {
    this.#dirty = true;
    this.#paint();
  }

  get #pitch() {
    return this.#side + this.#gap;
  }

  #firstVisible() {
    const row = Math.ceil((this.#offset - 2) / this.#pitch);
    return Math.min(Math.max(row, 0) * this.columns, this.rows.total - 1);
  }

  #lastOfColumn() {
    const total = this.rows.total;
    return this.active % this.columns <= (total - 1) % this.columns ? this.active : total - 1;
  }

  #activate(index) {
    this.active = index;
    this.#dirty = true;
    this.scroller.setAttribute("aria-activedescendant", `rg-cell-${index}`);
    this.emit("active", index);
  }

  #layout({ offset } = {}) {
    const { clientWidth, clientHeight } = this.scroller;
    if (!clientWidth || !this.rows) return;
    const anchor = this.#anchor();
    const room = clientWidth - 2 * this.#gap;
    const wanted = Math.max(1, Math.floor((room + this.#gap) / (this.#target + this.#gap)));
    this.columns = wanted;
    this.#side = Math.floor((room - this.#gap * (wanted - 1)) / wanted);
    this.margin = Math.floor((clientWidth - wanted * this.#pitch + this.#gap) / 2);
    this.#dirty = true;
    this.#measure();
    const kept = Math.floor(anchor.index / this.columns) * this.#pitch - anchor.below;
    this.#jump(offset ?? (anchor.index ? kept : this.#offset));
  }

  /** The cell that must not move: the active one if on screen, else the first. */
  #anchor() {
    const view = this.scroller.clientHeight;
    const top = Math.floor(this.active / this.columns) * this.#pitch;
    const seen = this.active >= 0 && top >= this.#offset && top < this.#offset + view;
    if (seen) return { index: this.active, below: top - this.#offset };
    const row = Math.floor(this.#offset / this.#pitch);
    return { index: row * this.columns, below: row * this.#pitch - this.#offset };
  }

  #measure() {
    const rows = Math.ceil(this.rows.total / this.columns);
    const full = rows ? rows * this.#pitch + this.#gap : 0;
    this.#map = new ScrollMap(full, this.scroller.clientHeight);
    this.space.style.height = `${this.#map.height}px`;
  }

  #grown() {
    this.#dirty = true;
    this.#measure();
    this.#jump(this.#offset);
  }

  #changed() {
    this.#dirty = true;
    this.#paint();
    this.#attend();
  }

  #onScroll() {
    const scroll = this.scroller.scrollTop;
    const by = scroll - this.#scroll;
    if (!by) return;
    this.#scroll = scroll;
    const map = this.#map;
    const view = this.scroller.clientHeight;
    if (!map.scaled) this.#offset = scroll;
    else if (scroll <= 0) this.#offset = 0;
    else if (scroll >= map.top - 1) this.#offset = map.end;
    else if (Math.abs(by) < 3 * view) this.#offset = map.clamp(this.#offset + by);
    else this.#offset = map.toContent(scroll);
    this.#shift = this.#offset - scroll;
    const now = performance.now();
    const fast = Math.abs(by) / Math.max(now - this.#moved, 4) > FAST_PX_PER_MS;
    this.#moved = now;
    this.fast = fast;
    this.#settle();
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  /** Scrolling stopped: bring the scroll bar to where it belongs without moving the picture. */
  #settled() {
    this.fast = false;
    this.#jump(this.#offset);
    this.#attend();
  }

  #jump(offset) {
    this.#offset = this.#map.clamp(offset);
    const wanted = this.#map.toScroll(this.#offset);
    if (Math.abs(this.scroller.scrollTop - wanted) > 1) this.scroller.scrollTop = wanted;
    this.#scroll = this.scroller.scrollTop;
    this.#shift = this.#offset - this.#scroll;
    this.#paint();
    this.#attend();
  }

  #paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.rows) return;
    const view = this.scroller.clientHeight;
    const over = this.fast ? 1 : Math.ceil(view / this.#pitch / 2);
    const top = Math.floor(this.#offset / this.#pitch);
    const bottom = Math.floor((this.#offset + view) / this.#pitch);
    const first = Math.max(0, top - over) * this.columns;
    const last = Math.min(this.rows.total, (bottom + over + 1) * this.columns) - 1;
    if (Math.abs(top - this.#layerRow) > LAYER_ROWS) {
      this.#layerRow = top;
      this.#dirty = true;
    }
    this.layer.style.top = `${this.#layerRow * this.#pitch - Math.round(this.#shift)}px`;
    for (const index of [...this.#cells.keys()]) {
      if (index < first || index > last) this.#drop(index);
    }
    for (let index = first; index <= last; index += 1) {
      if (this.#dirty || !this.#cells.has(index)) this.#show(index);
    }
    this.#dirty = false;
    if (!this.fast && last >= first) this.rows.want(first, last);
    this.emit("place", { first: top * this.columns, last, fast: this.fast });
  }

  #show(index) {
    let cell = this.#cells.get(index);
    if (!cell) {
      cell = this.#spare.pop() ?? new Cell(() => this.emit("broken"));
      this.#cells.set(index, cell);
      if (!cell.node.isConnected) this.layer.append(cell.node);
      cell.node.hidden = false;
    }
    const row = Math.floor(index / this.columns);
    const x = this.margin + (index % this.columns) * this.#pitch;
    cell.place(x, (row - this.#layerRow) * this.#pitch + this.#gap, this.#side);
    cell.show(index, this.rows.at(index), {
      total: this.rows.total,
      score: this.rows.score?.(index),
      why: this.rows.why?.(index),
      unlikely: this.rows.unlikely?.(index) ?? false,
      active: index === this.active,
      chosen: this.chosen(this.rows.at(index)),
      px: this.#side * Math.min(window.devicePixelRatio || 1, 2),
    });
    this.decorate?.(cell, this.rows.at(index));
  }

  #drop(index) {
    const cell = this.#cells.get(index);
    this.#cells.delete(index);
    cell.release();
    cell.node.hidden = true;
    this.#spare.push(cell);
  }

  #tellAttention() {
    if (!this.rows) return;
    const top = Math.floor(this.#offset / this.#pitch) * this.columns;
    const rows = Math.ceil(this.scroller.clientHeight / this.#pitch) + 1;
    const records = [];
    for (let index = top; index < Math.min(top + rows * this.columns, this.rows.total); index += 1) {
      const record = this.rows.at(index);
      if (record) records.push(record);
    }
    if (records.length) this.emit("attention", records);
  }

  #onClick(event) {
    const node = event.target.closest(".rg-cell");
    if (!node) return;
    const index = Number(node.dataset.index);
    this.#activate(index);
    this.#paint();
    const { shiftKey: range, ctrlKey, metaKey } = event;
    if (range || ctrlKey || metaKey || event.target.closest(".rg-cell-pick")) {
      this.emit("choose", { index, range });
      return;
    }
    this.emit(event.target.closest(".rg-cell-alike") ? "alike" : "open", index);
  }
}
