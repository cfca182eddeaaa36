/** The order of the listing: a menu of the fields that have one, and its direction. */

import { titleOf } from "./choices.js";
import { $, h } from "./dom.js";

export function startSorting(app) {
  const menu = $("rg-sort");
  const turn = $("rg-sort-turn");
  let of = null;

  async function load() {
    const id = app.dataset?.dataset_id;
    if (!id || of === id) return;
    of = id;
    try {
      const { items } = await app.api.get(`/api/datasets/${encodeURIComponent(id)}/fields`);
      if (of !== app.dataset?.dataset_id) return;
      fill(items.filter((field) => field.sortable).map((field) => field.name));
    } catch {
      // The listing is there without it.
      of = null;
    }
  }

  function fill(names) {
    const options = names.map((name) => h("option", { value: name }, titleOf(name)));
    menu.replaceChildren(h("option", { value: "" }, "As listed"), ...options);
    draw();
  }

  function draw() {
    const down = app.sort.startsWith("-");
    const name = app.sort.replace("-", "");
    if (name && ![...menu.options].some((option) => option.value === name)) {
      menu.append(h("option", { value: name }, titleOf(name)));
    }
    menu.value = name;
    turn.hidden = !name;
    turn.firstChild.textContent = down ? "↓" : "↑";
    turn.setAttribute("aria-pressed", String(down));
  }

  async function apply(sort) {
    try {
      await app.setSort(sort);
    } catch (problem) {
      app.toast(problem);
    }
    draw();
  }

  const show = () => {
    $("rg-listing").hidden = !app.dataset?.dataset_id || Boolean(app.giant);
    menu.disabled = Boolean(app.search);
    turn.disabled = menu.disabled;
  };

  menu.addEventListener("change", () => apply(menu.value));
  turn.addEventListener("click", () =>
    apply(app.sort.startsWith("-") ? app.sort.slice(1) : `-${app.sort}`),
  );
  menu.addEventListener("focus", load);
  menu.addEventListener("pointerenter", load);
  app.on("filter", draw);
  app.on("search", show);
  app.on("giant", show);
  app.on("dataset", () => {
    of = null;
    fill([]);
    show();
    load();
  });
  return { apply };
}
