/** Several pictures at once: chosen by click and by key, changed together, undone together. */

import { changed, inverse, stars } from "./curation.js";
import { $, all, one, setText } from "./dom.js";
import { count, plural } from "./format.js";

const MOST = 2000;
/** What every picture that is shown fits. */
const EVERYTHING = "not missing";
const NAMES_HIDDEN = /\bhid(den)?\b/i;

export function startSelection(app) {
  const bar = $("rg-selection");
  const form = $("rg-selection-tag");
  const chosen = new Map(); // image id -> its record
  let whole = null; // all that the filter picks, however many: {where, total}
  let anchor = -1;
  let turn = Promise.resolve(); // the last change on its way
  let listing = null; // what was shown when the choice was made,
  let query = null; // and what was looked for in it

  const size = () => whole?.total ?? chosen.size;
  const has = (record) => Boolean(record) && (whole !== null || chosen.has(record.id));

  function draw() {
    bar.hidden = !size();
    setText($("rg-selection-count"), whole ? `All ${count(whole.total)}` : `${count(size())} chosen`);
    one('[data-select="all"]', bar).disabled = whole !== null || Boolean(app.search);
    one('[data-select="export"]', bar).disabled = whole !== null && Boolean(app.search);
    setText(one('[data-select="hide"]', bar), hiding() ? "Hide" : "Unhide");
    app.grid.scroller.classList.toggle("rg-choosing", Boolean(size()));
    app.grid.repaint();
  }

  function clear() {
    if (!size()) return false;
    chosen.clear();
    whole = null;
    anchor = -1;
    draw();
    return true;
  }

  /** Choose the picture at `index`, or take it out. */
  function toggle(index) {
    const record = app.grid.rows.at(index);
    if (!record) return;
    whole = null;
    if (chosen.has(record.id)) chosen.delete(record.id);
    else if (chosen.size < MOST) chosen.set(record.id, record);
    anchor = index;
    draw();
  }

  /** Choose all from the last one that was chosen to `index`. */
  async function extend(index) {
    const { rows } = app.grid;
    const from = anchor < 0 ? Math.max(app.grid.active, 0) : anchor;
    const [first, last] = [Math.min(from, index), Math.max(from, index)];
    if (last - first >= MOST) app.toast(`Only ${count(MOST)} at a time: filter, then choose all.`);
    whole = null;
    anchor = from;
    for (let at = first; at <= Math.min(last, first + MOST - 1); at += 1) {
      const record = rows.at(at) ?? (await rows.load(at).catch(() => undefined));
      if (app.grid.rows !== rows) return;
      if (record && chosen.size < MOST) chosen.set(record.id, record);
    }
    draw();
  }

  /** Choose everything the filter picks; of what a search found, what is here. */
  function chooseAll() {
    chosen.clear();
    if (app.search) {
      for (let at = 0; at < Math.min(app.grid.rows.total, MOST); at += 1) {
        const record = app.grid.rows.at(at);
        if (record) chosen.set(record.id, record);
      }
    } else if (app.shown) {
      whole = { where: app.where || EVERYTHING, total: app.shown };
    }
    draw();
  }

  // Copies: those of the grid change with what is done to them.
  const records = () => [...chosen.values()].map((known) => ({ ...(app.grid.rows.find(known.id) ?? known) }));

  /** The same change to all of them: shown at once, taken back where the server says no. */
  async function edit(change, what) {
    if (whole) {
      if (!confirm(`${what} ${plural(whole.total, "picture")}? This cannot be undone with z.`)) return;
      await send({ where: whole.where, ...change });
      app.grid.rows.refresh({ all: true });
      return;
    }
    const before = records();
    const forget = app.curation.remember(() => restore(before, change));
    show(before.map((record) => changed(record, change)));
    if (!(await send({ ids: before.map(({ id }) => id), ...change }))) {
      forget();
      show(before);
    }
  }

  /** Undo: each kind of picture gets back what it had. */
  async function restore(before, change) {
    const groups = new Map();
    for (const record of before) {
      const back = inverse(record, change);
      const key = JSON.stringify(back);
      if (Object.keys(back).length) groups.set(key, [...(groups.get(key) ?? []), record]);
    }
    show(before);
    app.toast(`Undone: ${plural(before.length, "picture")}`);
    for (const [key, some] of groups) {
      if (!(await send({ ids: some.map(({ id }) => id), ...JSON.parse(key) }))) {
        show(some.map((record) => changed(record, change)));
      }
    }
  }

  /** Whether the server agreed. */
  async function send(body) {
    const path = `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}/images/batch`;
    // One after another, so that what was pressed last is what stays.
    const mine = turn.then(() => app.api.post(path, body));
    const settled = mine.catch(() => {});
    turn = settled;
    try {
      const { items } = await mine;
      if (turn === settled) show(items);
      app.emit("edited");
      return true;
    } catch (problem) {
      app.toast(problem);
      return false;
    }
  }

  function show(some) {
    for (const record of some) {
      if (chosen.has(record.id)) chosen.set(record.id, record);
      app.curation.put(record, { repaint: false });
    }
    app.grid.repaint();
  }

  const rate = (rating) => edit({ rating: rating || null }, rating ? `Rate with ${rating}` : "Unrate");

  function favour() {
    const favorite = whole !== null || records().some((record) => !record.favorite);
    return edit({ favorite }, favorite ? "Favor" : "No longer favor");
  }

  /** Whether they are still to be seen: then they can be hidden, else shown again. */
  const hiding = () => (whole ? !NAMES_HIDDEN.test(whole.where) : records().some((record) => !record.hidden));

  function hide() {
    const hidden = hiding();
    return edit({ hidden }, hidden ? "Hide" : "Unhide").then(draw);
  }

  /** A key that was pressed while pictures are chosen; whether it was one of ours. */
  function press(key) {
    if (!size()) return false;
    if (/^[0-5]$/.test(key)) rate(Number(key));
    else if (key === "f") favour();
    else if (key === "h") hide();
    else if (key === "t") one("input", form).focus();
    else return false;
    return true;
  }

  function stay() {
    const now = JSON.stringify([app.dataset?.dataset_id, app.where, app.sort]);
    // The same body is asked again when there may be more: that is no other search.
    const body = app.search?.query.body ?? null;
    if (now !== listing || body !== query) clear();
    [listing, query] = [now, body];
  }

  $("rg-selection-stars").replaceChildren(...stars({ rate, favour }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const input = one("input", form);
    const name = input.value.trim();
    input.value = "";
    if (name) edit({ tags_add: [name] }, `Tag with “${name}”`);
    app.focusPictures();
  });
  const acts = {
    all: chooseAll,
    none: () => clear() && app.focusPictures(),
    hide,
    export: () => app.exporting.open(whole ? {} : { chosen: [...chosen.keys()] }),
  };
  for (const button of all("[data-select]", bar)) {
    button.addEventListener("click", () => acts[button.dataset.select]());
  }
  app.grid.chosen = has;
  app.grid.on("choose", ({ index, range }) => (range ? extend(index) : toggle(index)));
  for (const event of ["dataset", "filter", "search"]) app.on(event, stay);
  return { clear, chooseAll, toggle, extend, press, get size() { return size(); } };
}
