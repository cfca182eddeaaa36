/** Moving about on the map with pointers, wheel and keys, and drawing boxes and lassos on it. */

import { simplified } from "./area.js";
import { Bus } from "./dom.js";

const LEAST = 0.5;
const MOST = 20_000;
const KEY_PX = 80;
const KEY_FACTOR = 1.5;
const STEP_PX = 3;
/** What is moved by less was a click. */
const STILL_PX = 4;
/** 99 of 100 places lie within -1 to 1. */
const REACH = 1.15;

const KEYS = {
  ArrowLeft: (pad) => pad.pan(KEY_PX, 0),
  ArrowRight: (pad) => pad.pan(-KEY_PX, 0),
  ArrowUp: (pad) => pad.pan(0, KEY_PX),
  ArrowDown: (pad) => pad.pan(0, -KEY_PX),
  "+": (pad) => pad.zoomBy(KEY_FACTOR),
  "=": (pad) => pad.zoomBy(KEY_FACTOR),
  "-": (pad) => pad.zoomBy(1 / KEY_FACTOR),
  0: (pad) => pad.go({ x: 0, y: 0, zoom: 1 }),
};

/**
 * Emits `view` after each move, `hover` with [px, px] or null, `click` with [px, px], `drawing` with
 * corners in px while an area is drawn, and `area` with its corners on the map.
 */
export class MapPad extends Bus {
  view = { x: 0, y: 0, zoom: 1 };
  /** What a drag does: "pan", "box" or "lasso"; with Shift a lasso. */
  mode = "pan";
  width = 1;
  height = 1;
  #node;
  #pointers = new Map(); // pointer id -> [x, y]
  #path = null;
  #moved = 0;

  constructor(node) {
    super();
    this.#node = node;
    new ResizeObserver(() => this.#measure()).observe(node);
    node.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    node.addEventListener("pointerdown", (event) => this.#down(event));
    node.addEventListener("pointermove", (event) => this.#move(event));
    node.addEventListener("pointerup", (event) => this.#up(event, true));
    node.addEventListener("pointercancel", (event) => this.#up(event, false));
    node.addEventListener("pointerleave", () => this.emit("hover", null));
    node.addEventListener("dblclick", (event) => this.zoomBy(2.5, this.#at(event)));
    node.addEventListener("keydown", (event) => this.#press(event));
  }

  /** px a unit of the map. */
  get scale() {
    return (this.view.zoom * Math.min(this.width, this.height)) / (2 * REACH);
  }

  /** Show another part; what is left out stays. */
  go(view) {
    const { x, y, zoom } = { ...this.view, ...view };
    const within = (value) => Math.min(50, Math.max(-50, value));
    this.view = { x: within(x), y: within(y), zoom: Math.min(MOST, Math.max(LEAST, zoom)) };
    this.emit("view", this.view);
  }

  pan(dx, dy) {
    this.go({ x: this.view.x - dx / this.scale, y: this.view.y + dy / this.scale });
  }

  /** Nearer or farther; what is at `at` (px, default the middle) stays there. */
  zoomBy(factor, at = [this.width / 2, this.height / 2]) {
    const [x, y] = this.toMap(at);
    const zoom = Math.min(MOST, Math.max(LEAST, this.view.zoom * factor));
    const share = this.view.zoom / zoom;
    this.go({ x: x + (this.view.x - x) * share, y: y + (this.view.y - y) * share, zoom });
  }

  toMap([px, py]) {
    const { scale, view } = this;
    return [view.x + (px - this.width / 2) / scale, view.y - (py - this.height / 2) / scale];
  }

  toPx([x, y]) {
    const { scale, view } = this;
    return [this.width / 2 + (x - view.x) * scale, this.height / 2 - (y - view.y) * scale];
  }

  /** Whether a drawing was under way, which is now given up. */
  giveUp() {
    const was = this.#path !== null;
    this.#path = null;
    if (was) this.emit("drawing", null);
    return was;
  }

  #measure() {
    const { clientWidth, clientHeight } = this.#node;
    if (!clientWidth || !clientHeight) return;
    [this.width, this.height] = [clientWidth, clientHeight];
    this.emit("view", this.view);
  }

  #at({ clientX, clientY }) {
    const { left, top } = this.#node.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  #wheel(event) {
    event.preventDefault();
    // A line is what a wheel calls a step in some browsers; a pinch on a trackpad comes with ctrl.
    const step = event.deltaY * (event.deltaMode === 1 ? 33 : 1) * (event.ctrlKey ? 6 : 1);
    this.zoomBy(Math.exp(-Math.max(-400, Math.min(400, step)) / 400), this.#at(event));
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#node.focus({ preventScroll: true });
    // A pointer that is up again already, or was made up, cannot be held.
    try {
      this.#node.setPointerCapture(event.pointerId);
    } catch {
      // It does without.
    }
    const at = this.#at(event);
    this.#pointers.set(event.pointerId, at);
    this.#moved = 0;
    this.emit("hover", null);
    const draws = this.#pointers.size === 1 && (this.mode !== "pan" || event.shiftKey);
    if (this.#pointers.size > 1) this.giveUp();
    this.#path = draws ? [at] : this.#path;
  }

  #move(event) {
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.emit("hover", at);
      return;
    }
    this.#moved += Math.hypot(at[0] - before[0], at[1] - before[1]);
    if (this.#path) this.#draw(at);
    else if (this.#pointers.size === 1) this.pan(at[0] - before[0], at[1] - before[1]);
    else this.#pinch(event.pointerId, before, at);
    this.#pointers.set(event.pointerId, at);
  }

  /** Two fingers: what is under them stays under them. */
  #pinch(id, before, at) {
    const other = [...this.#pointers].find(([each]) => each !== id)[1];
    const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
    const middle = (one) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
    const [from, to] = [middle(before), middle(at)];
    this.pan(to[0] - from[0], to[1] - from[1]);
    this.zoomBy(apart(at) / apart(before), to);
  }

  #draw(at) {
    const last = this.#path.at(-1);
    if (this.mode === "box") this.#path = [this.#path[0], at];
    else if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= STEP_PX) this.#path.push(at);
    this.emit("drawing", this.mode === "box" ? box(...this.#path) : this.#path);
  }

  #up(event, done) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const path = this.#path;
    this.#path = null;
    const still = this.#moved < STILL_PX;
    if (path) this.emit("drawing", null);
    if (done && still && !this.#pointers.size) this.emit("click", this.#at(event));
    else if (done && path) this.#finish(path);
  }

  #finish(path) {
    const corners = this.mode === "box" ? path : simplified(path);
    if (corners.length < (this.mode === "box" ? 2 : 3)) return;
    this.emit("area", corners.map((corner) => this.toMap(corner)));
  }

  #press(event) {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    act(this);
    event.preventDefault();
    event.stopPropagation();
  }
}

const box = ([left, top], [right, bottom] = [left, top]) => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];
