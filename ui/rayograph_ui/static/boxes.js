/** What annotation files say, on the page: boxes on thumbnails, shapes and labels beside a picture. */

import { $, h, kept, one } from "./dom.js";
import { colour, drawing } from "./shapes.js";

const ASK_MOST = 500;
const KEEP = 5000;

export function startBoxes(app) {
  const button = $("rg-boxes");
  const stage = one(".rg-detail-stage");
  const chips = $("rg-labels");
  let on = kept.get("boxes") === "on";
  let large = kept.get("shapes") !== "off";
  let visible = [];
  let known = new Map(); // image id -> its annotations; null: on their way
  let applied = false;

  const there = () => app.dataset?.annotations?.state === "applied" && app.dataset.annotations.annotations > 0;

  function toggle() {
    on = !on;
    kept.set("boxes", on ? "on" : "off");
    draw();
    ask();
    app.grid.repaint();
  }

  function draw() {
    button.hidden = !there() || Boolean(app.giant);
    button.setAttribute("aria-pressed", String(on));
  }

  /** The annotations of everything on screen that is not here yet, in one request. */
  async function ask() {
    const { dataset } = app;
    if (!on || !there()) return;
    const ids = visible.filter((id) => !known.has(id)).slice(0, ASK_MOST);
    if (!ids.length) return;
    const mine = known;
    for (const id of ids) mine.set(id, null);
    try {
      const path = `/api/datasets/${encodeURIComponent(dataset.dataset_id)}/annotations`;
      const { items } = await app.api.post(path, { image_ids: ids });
      for (const id of ids) mine.set(id, items[id] ?? []);
      for (const id of mine.keys()) {
        if (mine.size <= KEEP) break;
        mine.delete(id);
      }
      if (mine === known) app.grid.repaint();
    } catch (error) {
      for (const id of ids) mine.delete(id);
      app.toast(error);
    }
  }

  /** Put a cell's boxes over its picture; the grid calls it whenever a cell is drawn. */
  function decorate(cell, record) {
    const found = on && record?.width && record.status !== "failed" ? known.get(record.id) : null;
    const key = found?.length ? record.id : "";
    if ((cell.boxes ?? "") === key) return;
    cell.boxes = key;
    one(".rg-shapes", cell.node)?.remove();
    if (!key) return;
    const { width, height } = record;
    cell.img.after(drawing(found, { width, height, fit: "slice", boxesOnly: true }));
  }

  // -- the large picture ----------------------------------------------------------------------

  function detail(record) {
    one(".rg-shapes", stage)?.remove();
    const found = record.annotations ?? [];
    const counts = new Map((record.labels ?? []).map((label) => [label, 0]));
    for (const { label } of found) if (label) counts.set(label, (counts.get(label) ?? 0) + 1);
    chips.replaceChildren(...[...counts].map(([label, count]) => chip(label, count)));
    if (!found.length || !record.width || record.status === "failed") return;
    const { width, height } = record;
    const svg = drawing(found, { width, height, fit: "meet" });
    svg.classList.toggle("rg-off", !large);
    one(".rg-detail-fault", stage).before(svg);
  }

  function chip(label, count) {
    const light = (name) => () => highlight(name);
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "rg-label",
          style: colour(label),
          title: `Show only pictures with ${label}`,
          onclick: () => only(label),
          onmouseenter: light(label),
          onmouseleave: light(null),
          onfocus: light(label),
          onblur: light(null),
        },
        h("span", {}, label),
        count > 1 ? h("b", {}, String(count)) : null,
      ),
    );
  }

  function highlight(label) {
    const svg = one(".rg-shapes", stage);
    svg?.classList.toggle("rg-lit", label !== null);
    for (const group of svg?.children ?? []) {
      group.classList.toggle("rg-on", group.dataset.label === label);
    }
  }

  function only(label) {
    app.detail.box.close();
    const quoted = label.replace(/[\\"]/g, "\\$&");
    app.filtering.apply(label === "*" ? `label="*"` : `label:"${quoted}"`);
  }

  /** The key `l`: shapes over the large picture, else boxes in the grid. */
  function press(inDetail) {
    if (!inDetail) {
      if (!there()) return false;
      toggle();
      return true;
    }
    large = !large;
    kept.set("shapes", large ? "on" : "off");
    one(".rg-shapes", stage)?.classList.toggle("rg-off", !large);
    return true;
  }

  button.addEventListener("click", toggle);
  app.grid.decorate = decorate;
  app.grid.on("attention", (records) => {
    visible = records.filter((record) => record.objects).map(({ id }) => id);
    ask();
  });
  function follow() {
    const now = there();
    // What was asked for before the file was read is asked for again.
    if (now !== applied) known = new Map();
    applied = now;
    draw();
    ask();
  }
  app.on("dataset", () => {
    known = new Map();
    visible = [];
    follow();
  });
  app.on("datasets", follow);
  app.on("giant", draw);
  return { detail, press };
}
