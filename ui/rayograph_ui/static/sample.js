/** A sample: asked for in a form, looked at in the grid, kept as a tag. */

import { thumbnail } from "./api.js";
import { titleOf } from "./choices.js";
import { $, h, one, setText } from "./dom.js";
import { count, plural } from "./format.js";

const PAGE = 1000;
const AT_ONCE = 10_000;
const SHOWN = 24;
const NO_SINGLE_VALUE = new Set(["status", "failed"]);

export class Sample {
  /** What was asked for, as the API's parameters; null: nothing yet. */
  asked = null;
  #app;
  #form = $("rg-sample");

  /** `choose()` is called when somebody asks for a sample. */
  constructor(app, choose) {
    this.#app = app;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.asked = this.#read();
      choose();
    });
    this.#form.addEventListener("change", () => this.#draw());
    app.on("dataset", () => {
      this.asked = null;
    });
  }

  /** Show the form, with the fields of this dataset to balance by. */
  async begin(root) {
    this.#form.hidden = false;
    this.#draw();
    const { by } = this.#form.elements;
    if (by.dataset.of === root) return;
    const { items } = await this.#app.api.get(`${root}/facets?most=2`);
    const names = items
      .filter(({ name, single, values }) => values.length > 1 && single && !NO_SINGLE_VALUE.has(name))
      .map(({ name }) => name);
    by.replaceChildren(...["folder", ...names].map((name) => h("option", { value: name }, titleOf(name))));
    by.dataset.of = root;
  }

  rest() {
    this.#form.hidden = true;
  }

  get path() {
    return `sample?${new URLSearchParams(this.asked)}`;
  }

  /** What was chosen: a look at it, the way into the grid, the way to keep it. */
  show({ items, total }, root, inGrid) {
    const pictures = items
      .slice(0, SHOWN)
      .map(({ image }) => h("img", { src: thumbnail(image.id, 128), alt: "", loading: "lazy" }));
    const open = () => inGrid(`A ${this.asked.method} sample`, this.path, PAGE);
    const said = h("p", { class: "rg-dim", role: "status" });
    const name = h("input", { name: "tag", required: true, maxlength: 100, "aria-label": "Tag", placeholder: "a tag" });
    const keep = h(
      "form",
      { class: "rg-sample-keep", autocomplete: "off", onsubmit: (event) => this.#keep(event, root, said) },
      name,
      h("button", { class: "rg-button", type: "submit" }, "Tag them all"),
    );
    return h(
      "div",
      { class: "rg-outliers" },
      h("div", { class: "rg-outlier-pictures" }, ...pictures),
      h(
        "div",
        { class: "rg-sample-acts" },
        h("button", { class: "rg-button", onclick: open }, `Show all ${count(total)} in the grid`),
        keep,
      ),
      said,
    );
  }

  #draw() {
    const { method, by } = this.#form.elements;
    by.closest("label").hidden = method.value !== "balanced";
    const { where, progress } = this.#app;
    const among = where ? `Among the ${count(this.#app.shown)} pictures of the filter.` : "";
    setText($("rg-sample-among"), progress ? among : "");
  }

  #read() {
    const { method, by, many, unit, seed } = this.#form.elements;
    const asked = { method: method.value, seed: Number(seed.value) };
    if (unit.value === "share") asked.share = Number(many.value) / 100;
    else asked.n = Math.round(Number(many.value));
    if (method.value === "balanced") asked.by = by.value;
    if (this.#app.where) asked.where = this.#app.where;
    return asked;
  }

  /** Tag the whole sample, page by page; the filter by that tag is then the sample. */
  async #keep(event, root, said) {
    event.preventDefault();
    const form = event.target;
    const tag = one("input", form).value.trim();
    const button = one("button", form);
    if (!tag) return;
    button.disabled = true;
    try {
      const ids = await this.#ids(root);
      for (let from = 0; from < ids.length; from += AT_ONCE) {
        const some = ids.slice(from, from + AT_ONCE);
        await this.#app.api.post(`${root}/images/batch`, { ids: some, tags_add: [tag] });
        setText(said, `Tagged ${count(Math.min(from + AT_ONCE, ids.length))} of ${count(ids.length)}.`);
      }
      this.#app.emit("edited");
      this.#app.toast(`Tagged ${plural(ids.length, "picture")}: the filter tag:${tag} shows them.`);
    } catch (problem) {
      this.#app.toast(problem);
    } finally {
      button.disabled = false;
    }
  }

  async #ids(root) {
    const ids = [];
    let cursor = null;
    do {
      const next = cursor ? `&cursor=${cursor}` : "";
      const page = await this.#app.api.get(`${root}/${this.path}&limit=${PAGE}${next}`);
      ids.push(...page.items.map(({ image }) => image.id));
      cursor = page.next_cursor;
    } while (cursor);
    return ids;
  }
}
