/**
 * Groups of copies side by side: which to keep, and what somebody decided. What is decided shows at
 * once, and is taken back when the server refuses; so is the last one by `z`. Holding `c` shows the
 * best and another copy in turn, in one place.
 */

import { thumbnail } from "./api.js";
import { h, one } from "./dom.js";
import { bytes } from "./format.js";

const PAGE = 20;
const FLICKER_MS = 350;
const SAID = { keep: "All kept", hide: "The others are hidden", not_duplicates: "Not duplicates" };

export class Duplicates {
  #app;
  #list;
  #flicker;
  #root = "";
  #kind = "exact";
  #cursor = null;
  #busy = false;
  #last = null;
  #timer = 0;
  /** The group and the picture under the pointer or the focus. */
  #at = null;

  constructor(app, list, flicker) {
    this.#app = app;
    this.#list = list;
    this.#flicker = flicker;
    list.addEventListener("scroll", () => {
      if (list.scrollTop + list.clientHeight > list.scrollHeight - 600) this.#more();
    });
    const dialog = list.closest("dialog");
    dialog.addEventListener("keydown", (event) => this.#press(event));
    dialog.addEventListener("keyup", ({ key }) => key === "c" && this.rest());
  }

  /** Show the first page. */
  show(page, root, kind) {
    this.#root = root;
    this.#kind = kind;
    this.#last = null;
    this.#at = null;
    this.#cursor = page.next_cursor;
    this.#list.replaceChildren(...page.items.map((group) => this.#group(group)));
  }

  /** Nothing is compared any more. */
  rest() {
    clearInterval(this.#timer);
    this.#flicker.hidden = true;
  }

  async #more() {
    if (this.#busy || !this.#cursor) return;
    this.#busy = true;
    const [root, kind] = [this.#root, this.#kind];
    try {
      const query = `kind=${kind}&limit=${PAGE}&cursor=${this.#cursor}`;
      const page = await this.#app.api.get(`${root}?${query}`);
      // Another list may be shown by now.
      if (root !== this.#root || kind !== this.#kind || page.status !== "ready") return;
      this.#cursor = page.next_cursor;
      this.#list.append(...page.items.map((group) => this.#group(group)));
    } catch (error) {
      this.#app.toast(error);
    } finally {
      this.#busy = false;
    }
  }

  #group(group) {
    const node = h("article", { class: "rg-copies", "data-group": group.group_id });
    const over = (picture) => (this.#at = { group, picture });
    const pictures = group.images.map((each) => this.#picture(group, each, over));
    const act = (decision, text) =>
      h("button", { class: "rg-button", onclick: () => this.#decide(node, group, decision) }, text);
    const more = group.size - group.images.length;
    node.append(
      h("div", { class: "rg-copies-row" }, ...pictures),
      h(
        "div",
        { class: "rg-copies-acts" },
        act("hide", group.size > 2 ? "Hide the others" : "Hide the other"),
        act("keep", "Keep all"),
        this.#kind === "exact" ? null : act("not_duplicates", "Not duplicates"),
        h("span", { class: "rg-dim" }, more > 0 ? `and ${more} more` : "hold c to compare"),
      ),
    );
    node.addEventListener("focusin", () => over(this.#at?.group === group ? this.#at.picture : null));
    return node;
  }

  #picture(group, { image, distance }, over) {
    const best = image.id === group.best;
    const size = image.width && image.height ? `${image.width} × ${image.height}` : null;
    const facts = [size, image.format, bytes(image.size)].filter(Boolean).join(" · ");
    const apart = this.#kind === "near" ? `${distance} bits apart` : `distance ${distance.toFixed(3)}`;
    const why = best ? `Best: ${group.reason}` : this.#kind === "exact" ? "" : apart;
    return h(
      "figure",
      { class: best ? "rg-copy rg-best" : "rg-copy", onpointerenter: () => over(image) },
      h("img", { src: thumbnail(image.id, 256), alt: image.file_name, loading: "lazy" }),
      h(
        "figcaption",
        {},
        h("b", { title: image.uri }, image.file_name),
        h("span", { class: "rg-dim" }, facts),
        h("span", { class: best ? "rg-why" : "rg-dim" }, why),
      ),
    );
  }

  async #decide(node, group, decision) {
    const before = [...node.childNodes];
    const undo = () => this.#undo(node, group, before);
    const said = h("p", { class: "rg-decided" }, SAID[decision], ". ");
    const button = h("button", { class: "rg-link", onclick: undo }, "Undo");
    node.replaceChildren(said);
    said.append(button);
    node.classList.add("rg-settled");
    this.#last = undo;
    button.focus({ preventScroll: true });
    try {
      await this.#tell(group, decision);
      this.#app.emit("edited");
    } catch (error) {
      this.#back(node, before);
      this.#app.toast(error);
    }
  }

  async #undo(node, group, before) {
    this.#back(node, before);
    try {
      await this.#tell(group, null);
      this.#app.emit("edited");
    } catch (error) {
      this.#app.toast(error);
    }
  }

  #back(node, before) {
    this.#last = null;
    node.classList.remove("rg-settled");
    node.replaceChildren(...before);
    one("button", node)?.focus({ preventScroll: true });
  }

  #tell(group, decision) {
    const image_ids = group.images.map(({ image }) => image.id);
    return this.#app.api.post(`${this.#root}/decisions`, {
      image_ids,
      best_id: group.best,
      decision,
    });
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "z" && this.#last) this.#last();
    else if (event.key === "c" && !event.repeat && this.#at) this.#compare(this.#at);
    else return;
    event.preventDefault();
  }

  #compare({ group, picture }) {
    const best = group.images.find(({ image }) => image.id === group.best)?.image;
    const chosen = picture && picture.id !== group.best ? picture : null;
    const other = chosen ?? group.images.find(({ image }) => image.id !== group.best)?.image;
    if (!best || !other) return;
    this.rest();
    const [picture_, text] = [one("img", this.#flicker), one("p", this.#flicker)];
    let turn = 0;
    const show = () => {
      const image = turn % 2 ? other : best;
      turn += 1;
      picture_.src = thumbnail(image.id, 1024);
      text.textContent = (image === best ? "Best: " : "") + image.file_name;
    };
    // Both are fetched before the first turn, or it would flicker for another reason.
    for (const { id } of [best, other]) new Image().src = thumbnail(id, 1024);
    show();
    this.#flicker.hidden = false;
    this.#timer = setInterval(show, FLICKER_MS);
  }
}
