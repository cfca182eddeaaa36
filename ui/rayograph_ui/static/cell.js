/** One square of the grid. Cells are pooled: `show` must undo everything an earlier one did. */

import { thumbnail } from "./api.js";
import { h, icon } from "./dom.js";
import { fault } from "./format.js";

const RETRY_MS = [1200, 4000, 12_000];

export class Cell {
  index = -1;
  #key = null;
  #retry = 0;
  #timer = 0;
  #onBroken;

  constructor(onBroken) {
    this.#onBroken = onBroken;
    this.img = h("img", { alt: "", decoding: "async", draggable: "false" });
    this.fault = h("span", { class: "rg-cell-fault" });
    this.name = h("span", { class: "rg-cell-name" });
    this.dot = h("i", { class: "rg-cell-dot" });
    this.score = h("span", { class: "rg-cell-score" });
    this.mark = h("span", { class: "rg-cell-mark" });
    this.alike = h(
      "button",
      { class: "rg-cell-alike", tabindex: "-1", title: "More like this (m)" },
      icon("alike"),
    );
    this.pick = h("button", { class: "rg-cell-pick", tabindex: "-1", title: "Choose (space)" }, "✓");
    this.node = h(
      "div",
      { class: "rg-cell", role: "option" },
      this.img,
      this.fault,
      this.name,
      this.dot,
      this.score,
      this.mark,
      this.alike,
      this.pick,
    );
    this.img.addEventListener("load", () => this.node.classList.add("rg-shown"));
    this.img.addEventListener("error", () => this.#broken());
  }

  place(x, y, side) {
    this.node.style.transform = `translate(${x}px, ${y}px)`;
    if (this.side !== side) {
      this.side = side;
      this.node.style.width = this.node.style.height = `${side}px`;
    }
  }

  /** Show row `index`; `record` is undefined while it is on its way. */
  show(index, record, { total, score, why = "", unlikely, active, chosen, px }) {
    if (this.index !== index) {
      this.index = index;
      this.node.id = `rg-cell-${index}`;
      this.node.dataset.index = index;
      this.node.setAttribute("aria-posinset", index + 1);
    }
    this.node.setAttribute("aria-setsize", total);
    this.node.setAttribute("aria-selected", active || chosen ? "true" : "false");
    this.node.classList.toggle("rg-active", active);
    this.node.classList.toggle("rg-chosen", chosen);
    if (!record) {
      this.#blank();
      return;
    }
    const failed = record.status === "failed";
    const key = failed ? `${record.id} ${record.error_code}` : `${record.id} ${px} ${record.mtime}`;
    this.node.classList.toggle("rg-missing", Boolean(record.missing));
    this.node.classList.toggle("rg-hidden", Boolean(record.hidden));
    if (this.node.dataset.status !== record.status) this.node.dataset.status = record.status;
    this.name.textContent = record.file_name;
    this.score.textContent = score === undefined ? "" : score.toFixed(2);
    if (this.score.title !== why) this.score.title = why;
    this.node.classList.toggle("rg-unlikely", unlikely);
    this.mark.textContent = "★".repeat(record.rating ?? 0) + (record.favorite ? "♥" : "");
    if (this.#key === key) return;
    const same = this.#key?.split(" ")[0] === record.id;
    this.#key = key;
    this.#retry = 0;
    clearTimeout(this.#timer);
    this.node.setAttribute("aria-label", label(record));
    if (!same || failed) this.#unload();
    if (failed) this.#showFault(fault(record.error_code), record.file_name);
    else this.img.src = thumbnail(record.id, px, record.mtime);
  }

  /** Give the node back: whatever it was loading is dropped. */
  release() {
    this.index = -1;
    this.#blank();
  }

  #blank() {
    if (this.#key === null) return;
    this.#key = null;
    clearTimeout(this.#timer);
    this.#unload();
    delete this.node.dataset.status;
    this.node.classList.remove("rg-missing", "rg-hidden");
    this.node.removeAttribute("aria-label");
    this.name.textContent = this.score.textContent = this.mark.textContent = "";
  }

  #unload() {
    this.node.classList.remove("rg-shown", "rg-broken");
    if (this.img.hasAttribute("src")) this.img.removeAttribute("src");
    this.fault.replaceChildren();
  }

  #showFault(reason, detail) {
    this.node.classList.add("rg-broken");
    this.fault.replaceChildren(icon("aperture"), h("b", {}, reason), h("small", {}, detail));
  }

  #broken() {
    if (!this.img.hasAttribute("src")) return;
    if (this.node.classList.contains("rg-missing")) {
      this.#showFault("File gone", this.name.textContent);
      return;
    }
    const wait = RETRY_MS[this.#retry];
    this.#retry += 1;
    if (wait === undefined) {
      this.#showFault("No preview", this.name.textContent);
      return;
    }
    this.#onBroken();
    const { src } = this.img;
    this.img.removeAttribute("src");
    this.#timer = setTimeout(() => {
      this.img.src = src;
    }, wait);
  }
}

function label(record) {
  const state = record.status === "failed" ? `failed: ${fault(record.error_code)}` : record.status;
  const gone = (record.missing ? ", its file is gone" : "") + (record.hidden ? ", hidden" : "");
  return `${record.caption ?? record.file_name}, ${state}${gone}`;
}
