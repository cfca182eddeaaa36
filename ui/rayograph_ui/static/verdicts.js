/** Right or wrong, picture by picture: shown at once, taken back where the server refuses. */

const MOST = 1000;

export class Verdicts {
  /** The key of the class that is spoken of; null: of none. */
  of = null;
  #app;
  #path;
  #changed;
  #said = new Map(); // "class image" -> true or false
  #turn = Promise.resolve();

  constructor(app, { path, changed }) {
    this.#app = app;
    this.#path = path;
    this.#changed = changed;
    const before = app.grid.decorate;
    app.grid.decorate = (cell, record) => {
      before?.(cell, record);
      const said = record && this.of ? this.#said.get(`${this.of} ${record.id}`) : undefined;
      cell.node.classList.toggle("rg-right", said === true);
      cell.node.classList.toggle("rg-wrong", said === false);
    };
  }

  forget() {
    this.#said.clear();
    this.of = null;
    this.#app.grid.repaint();
  }

  /** What was said before, as far as it is shown: the first thousand. */
  async load(path, signal) {
    const { items } = await this.#app.api.get(`${path}?limit=${MOST}`, { signal });
    if (signal.aborted) return;
    this.#said.clear();
    for (const each of items) this.#said.set(`${keyOf(each.class)} ${each.image_id}`, each.is);
    this.#app.grid.repaint();
  }

  /** A key that was pressed; whether it was one of ours. */
  press(key) {
    if (key !== "y" && key !== "n") return false;
    const { grid, detail } = this.#app;
    const record = grid.rows?.at(grid.active);
    if (!record) return false;
    this.#say(record, this.of, key === "y");
    // On to the next one, where there is one.
    if (detail.box.open) detail.step(1);
    else grid.move("right");
    return true;
  }

  async #say(record, of, is, { undoing = false } = {}) {
    const key = `${of} ${record.id}`;
    const before = this.#said.get(key);
    this.#put(key, is);
    const path = this.#path();
    const body = { ids: [record.id], class: of, is };
    // One after another, so that what was said last is what stays.
    const mine = this.#turn.then(() => this.#app.api.post(path, body));
    this.#turn = mine.catch(() => {});
    if (!undoing) {
      this.#app.curation.remember(() => this.#say(record, of, before ?? null, { undoing: true }), mine);
    }
    try {
      await mine;
      this.#changed();
      this.#app.emit("edited");
    } catch (problem) {
      this.#put(key, before);
      this.#app.toast(problem);
    }
  }

  #put(key, is) {
    if (is === undefined || is === null) this.#said.delete(key);
    else this.#said.set(key, is);
    this.#app.grid.repaint();
  }
}

/** A class as filters name it, where its name is simple; the server takes both. */
const keyOf = (name) =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "_")
    .replace(/^_+|_+$/g, "");
