/** The picture under the pointer: its point is marked at once, what it is comes when it is known. */

import { thumbnail } from "./api.js";
import { $, one, setText } from "./dom.js";

const NEAR_PX = 14;
const REST_MS = 70;
const KEPT = 500;
const AWAY_PX = 16;

export class MapHover {
  #app;
  #pad;
  #points = null; // {index, x, y, path}
  #known = new Map(); // row of the map -> record
  #row = -1;
  #timer = 0;
  #card = $("rg-map-hover");
  #dot = $("rg-map-dot");

  constructor(app, pad) {
    this.#app = app;
    this.#pad = pad;
    pad.on("hover", (at) => this.#look(at));
    pad.on("click", (at) => this.#open(at));
  }

  /** Another map: `index` finds points, `path(row)` says where the image of a row is asked for. */
  set(points) {
    this.#points = points;
    this.#known.clear();
    this.#leave();
  }

  /** The mark stays on its point while the map moves. */
  draw() {
    if (this.#row < 0) return;
    const { x, y } = this.#points;
    const [left, top] = this.#pad.toPx([x[this.#row], y[this.#row]]);
    this.#dot.style.transform = `translate(${left}px, ${top}px)`;
    const right = left > this.#pad.width / 2;
    const low = top > this.#pad.height / 2;
    const card = this.#card;
    card.style.transform =
      `translate(${left + (right ? -AWAY_PX : AWAY_PX)}px, ${top + (low ? -AWAY_PX : AWAY_PX)}px) ` +
      `translate(${right ? "-100%" : "0"}, ${low ? "-100%" : "0"})`;
  }

  #find(at) {
    if (!at || !this.#points) return -1;
    return this.#points.index.nearest(...this.#pad.toMap(at), NEAR_PX / this.#pad.scale);
  }

  #look(at) {
    const row = this.#find(at);
    if (row === this.#row) return;
    this.#leave();
    if (row < 0) return;
    this.#row = row;
    this.#dot.hidden = false;
    this.draw();
    if (this.#known.has(row)) this.#show(this.#known.get(row));
    // Whoever only passes over asks for nothing.
    else this.#timer = setTimeout(() => this.#ask(row), REST_MS);
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#row = -1;
    this.#dot.hidden = true;
    this.#card.hidden = true;
  }

  async #ask(row) {
    try {
      const record = await this.#record(row);
      if (record && row === this.#row) this.#show(record);
    } catch {
      // The point without its picture is all there is to say.
    }
  }

  async #record(row) {
    const points = this.#points;
    const known = this.#known.get(row);
    if (known) return known;
    const { items, made_at } = await this.#app.api.get(points.path(row));
    // The rows of another map are other images.
    if (!items.length || made_at !== points.made_at) return null;
    const record = await this.#app.api.get(`/api/images/${encodeURIComponent(items[0].id)}`);
    if (points !== this.#points) return null;
    this.#known.set(row, record);
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value);
    return record;
  }

  #show(record) {
    one("img", this.#card).src = thumbnail(record.id, 256);
    setText(one("figcaption", this.#card), record.file_name);
    this.#card.hidden = false;
    this.draw();
  }

  async #open(at) {
    const row = this.#find(at);
    if (row < 0) return;
    try {
      const record = await this.#record(row);
      if (record) this.#app.detail.single(record, "on the map");
    } catch (error) {
      this.#app.toast(error);
    }
  }
}
