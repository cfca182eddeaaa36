/** Tags, ratings, favourites and what is hidden: shown at once, taken back where the server refuses, undone with z. */

import { $, h, icon, one } from "./dom.js";

const UNDO_MOST = 200;
const FIELDS = ["tags", "rating", "favorite", "hidden"];

export function startCuration(app) {
  const done = []; // {record, back} or {undo}: how to undo each change, newest last
  const queues = new Map(); // image id -> the last of its changes on their way
  const tags = $("rg-tags");
  const form = $("rg-tag-form");
  let shown = null;

  /** Change an image; `back` undoes it, unless this is the undoing. */
  async function edit(record, change, { undoing = false } = {}) {
    const step = { record, back: inverse(record, change) };
    put(changed(record, change));
    if (!undoing) done.push(step);
    if (done.length > UNDO_MOST) done.shift();
    const path = `/api/images/${encodeURIComponent(record.id)}`;
    // One after another, so that what was pressed last is what stays.
    const mine = (queues.get(record.id) ?? Promise.resolve()).then(() => app.api.patch(path, change));
    const settled = mine.catch(() => {});
    queues.set(record.id, settled);
    try {
      const fresh = await mine;
      if (queues.get(record.id) === settled) put(fresh);
      app.emit("edited");
    } catch (problem) {
      const at = done.indexOf(step);
      if (at >= 0) done.splice(at, 1);
      put(changed(app.grid.rows.find(record.id) ?? record, step.back));
      app.toast(problem);
    } finally {
      if (queues.get(record.id) === settled) queues.delete(record.id);
    }
  }

  /** Something else that z undoes; returns what forgets it again, as the failing of `work` does. */
  function remember(undo, work = null) {
    const step = { undo };
    done.push(step);
    if (done.length > UNDO_MOST) done.shift();
    const forget = () => {
      const at = done.indexOf(step);
      if (at >= 0) done.splice(at, 1);
    };
    work?.catch(forget);
    return forget;
  }

  /** Show a record wherever the image is on the page. */
  function put(record, { repaint = true } = {}) {
    const here = app.grid.rows.find(record.id);
    if (here) for (const field of FIELDS) here[field] = record[field];
    if (repaint) app.grid.repaint();
    if (shown?.id === record.id) draw({ ...shown, ...only(record) });
  }

  const current = () => (app.detail.box.open ? shown : app.grid.rows?.at(app.grid.active));

  const rate = (record, rating) =>
    edit(record, { rating: rating && rating !== record.rating ? rating : null });

  function undo() {
    const step = done.pop();
    if (!step) return;
    if (step.undo) {
      step.undo();
      return;
    }
    const record = app.grid.rows.find(step.record.id) ?? step.record;
    edit(record, step.back, { undoing: true });
    app.toast(`Undone: ${record.file_name}`);
  }

  /** The part of the detail view in which an image is tagged and rated. */
  function draw(record) {
    shown = record;
    const marks = stars({
      record,
      rate: (rating) => rate(shown, rating),
      favour: () => edit(shown, { favorite: !shown.favorite }),
    });
    const hide = h(
      "button",
      {
        type: "button",
        class: "rg-button rg-hide",
        "aria-pressed": String(Boolean(record.hidden)),
        title: record.hidden ? "Show it again (h)" : "Out of sight, with its copies (h)",
        onclick: () => edit(shown, { hidden: !shown.hidden }),
      },
      record.hidden ? "Unhide" : "Hide",
    );
    $("rg-stars").replaceChildren(...marks, hide);
    tags.replaceChildren(...record.tags.map(tag));
  }

  const tag = (name) =>
    h(
      "li",
      { class: "rg-tag" },
      name,
      h(
        "button",
        {
          type: "button",
          "aria-label": `Remove the tag ${name}`,
          onclick: () => edit(shown, { tags_remove: [name] }),
        },
        icon("close"),
      ),
    );

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const input = one("input", form);
    const name = input.value.trim();
    input.value = "";
    if (name && shown && !shown.tags.includes(name)) edit(shown, { tags_add: [name] });
  });
  app.on("dataset", () => done.splice(0));

  /** A key that was pressed; whether it was one of ours. */
  function press(key) {
    const record = current();
    if (key === "z") undo();
    else if (!record) return false;
    else if (/^[0-5]$/.test(key)) rate(record, Number(key));
    else if (key === "f") edit(record, { favorite: !record.favorite });
    else if (key === "h") edit(record, { hidden: !record.hidden });
    else return false;
    return true;
  }

  return { draw, press, put, remember };
}

const only = (record) => Object.fromEntries(FIELDS.map((field) => [field, record[field]]));

/** Five stars and a heart, pressed as far as the record says; without one they only ask. */
export function stars({ record = null, rate, favour }) {
  const pressed = (on) => (record ? String(on) : undefined);
  const star = (rating) =>
    h(
      "button",
      {
        type: "button",
        class: "rg-star",
        "aria-pressed": pressed((record?.rating ?? 0) >= rating),
        "aria-label": `Rate ${rating}`,
        title: `Rate ${rating} (${rating})`,
        onclick: () => rate(rating),
      },
      "★",
    );
  const heart = h(
    "button",
    {
      type: "button",
      class: "rg-star rg-heart",
      "aria-pressed": pressed(record?.favorite),
      "aria-label": "Favorite",
      title: "Favorite (f)",
      onclick: favour,
    },
    "♥",
  );
  return [...[1, 2, 3, 4, 5].map(star), heart];
}

/** A record after a change. */
export function changed(record, { tags_add = [], tags_remove = [], ...values }) {
  const kept = record.tags.filter((tag) => !tags_remove.includes(tag));
  return { ...record, ...values, tags: [...new Set([...kept, ...tags_add])] };
}

/** What undoes a change of a record. */
export function inverse(record, { tags_add = [], tags_remove = [], ...values }) {
  const back = Object.fromEntries(Object.keys(values).map((key) => [key, record[key]]));
  const added = tags_add.filter((tag) => !record.tags.includes(tag));
  const removed = tags_remove.filter((tag) => record.tags.includes(tag));
  return {
    ...back,
    ...(added.length ? { tags_remove: added } : {}),
    ...(removed.length ? { tags_add: removed } : {}),
  };
}
