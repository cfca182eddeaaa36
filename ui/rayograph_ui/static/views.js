/** Saved views: shown at once, taken back where the server refuses, and deleted with a way back. */

import { $, h, icon, one, showError } from "./dom.js";
import { toast } from "./notices.js";

export function startViews(app) {
  const pop = $("rg-views");
  const button = $("rg-views-open");
  const list = $("rg-views-list");
  const form = $("rg-views-form");
  const error = one(".rg-error", pop);
  let views = [];
  let changes = 0;

  const address = (id = "") =>
    `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}/views${id && `/${id}`}`;

  function toggle(open = pop.hidden) {
    pop.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    showError(error, null);
    if (open) load();
  }

  async function load() {
    const [{ dataset }, before] = [app, changes];
    try {
      const { items } = await app.api.get(address());
      if (dataset !== app.dataset) return;
      // An answer from before a change would take it back.
      if (before === changes) draw(items);
      else await load();
    } catch (problem) {
      showError(error, problem);
    }
  }

  function draw(items) {
    views = [...items].sort((a, b) => a.name.localeCompare(b.name));
    list.replaceChildren(...views.map(row));
    $("rg-views-none").hidden = views.length > 0;
  }

  /** Show what will be, ask for it, and go back where that is refused. */
  async function attempt(after, ask) {
    const [before, { dataset }] = [views, app];
    showError(error, null);
    changes += 1;
    draw(after);
    try {
      return await ask();
    } catch (problem) {
      if (dataset === app.dataset) draw(before);
      showError(error, problem);
      if (pop.hidden) toast(problem);
      return null;
    }
  }

  function row(view) {
    const said = [view.text && `“${view.text}”`, view.where, view.sort && `by ${view.sort}`];
    return h(
      "li",
      { class: "rg-view", "data-view": view.name },
      h(
        "button",
        { type: "button", onclick: () => apply(view) },
        view.name,
        h("span", {}, said.filter(Boolean).join(" · ") || "everything, as listed"),
      ),
      tool("Rename", "✎", () => rename(view)),
      tool("Delete", icon("trash"), () => remove(view)),
    );
  }

  const tool = (title, content, onclick) =>
    h("button", { type: "button", class: "rg-tool", title, "aria-label": title, onclick }, content);

  async function apply(view) {
    toggle(false);
    await app.sorting.apply(view.sort ?? "");
    await app.filtering.apply(view.where ?? "", { focus: false });
    if (view.text) app.searching.find(view.text);
    else if (app.search) app.searching.clear();
  }

  const bodyOf = ({ name, where, sort, text, columns }) => ({ name, where, sort, text, columns });

  async function save(name) {
    const view = {
      name,
      where: app.where || null,
      sort: app.sort || null,
      text: app.search?.query.text ?? null,
      columns: null,
    };
    const same = views.find((each) => each.name === name);
    const others = views.filter((each) => each !== same);
    const saved = await attempt([...others, { ...view, view_id: same?.view_id ?? "" }], () =>
      same ? app.api.put(address(same.view_id), view) : app.api.post(address(), view),
    );
    if (saved) draw([...others, saved]);
  }

  function rename(view) {
    const node = [...list.children].find((each) => each.dataset.view === view.name);
    const input = h("input", {
      value: view.name,
      maxlength: 100,
      "aria-label": "New name",
      onkeydown: (event) => {
        event.stopPropagation();
        if (event.key === "Escape") draw(views);
        if (event.key !== "Enter") return;
        const name = input.value.trim();
        if (!name || name === view.name) draw(views);
        else change(view, { ...view, name });
      },
    });
    node.replaceChildren(input);
    input.select();
  }

  const change = (view, next) =>
    attempt(
      views.map((each) => (each === view ? next : each)),
      () => app.api.put(address(view.view_id), bodyOf(next)),
    );

  async function remove(view) {
    const path = address(view.view_id);
    const rest = views.filter((each) => each !== view);
    const done = await attempt(rest, async () => {
      await app.api.delete(path);
      return true;
    });
    if (!done) return;
    const back = h("button", { class: "rg-link", type: "button" }, "Undo");
    const line = h("li", { class: "rg-view rg-dim" }, h("span", {}, `Deleted ${view.name}.`), back);
    list.append(line);
    back.addEventListener("click", () =>
      attempt([...views, view], () => app.api.put(path, bodyOf(view))),
    );
    back.focus();
  }

  button.addEventListener("click", () => toggle());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = form.elements.name.value.trim();
    if (name) save(name);
    form.reset();
  });
  pop.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    toggle(false);
    button.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    // What was clicked may be gone from the page by now.
    if (!pop.hidden && !event.composedPath().includes(pop.parentNode)) toggle(false);
  });
  app.on("dataset", () => {
    draw([]);
    toggle(false);
  });
}
