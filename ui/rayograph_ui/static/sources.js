/** The dataset switcher: which there are, opening another, removing one. */

import { $, h, icon, one, setText, showError } from "./dom.js";
import { brief, plural } from "./format.js";
import { isGiant } from "./giant.js";

const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;

export function startSources(app) {
  const button = $("rg-switch");
  const menu = $("rg-sources");
  const form = $("rg-add");

  function toggle(open = menu.hidden) {
    menu.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    app.loadDatasets().catch(app.toast);
    (app.datasets.length ? one("button", $("rg-sources-list")) : $("rg-add-source"))?.focus();
  }

  button.addEventListener("click", () => toggle());
  document.addEventListener("pointerdown", (event) => {
    if (!menu.hidden && !event.target.closest(".rg-switch")) toggle(false);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    toggle(false);
    button.focus();
  });
  bindAdd(app, form, () => toggle(false), () => toggle(true));
  bindAdd(app, $("rg-welcome"));

  const draw = () => {
    const { dataset } = app;
    setText($("rg-switch-name"), dataset?.name ?? "Open a dataset");
    const total = dataset && !app.giant ? brief(app.progress?.total ?? dataset.total) : "";
    setText($("rg-switch-total"), total);
    document.title = dataset ? `${dataset.name} · rayograph` : "rayograph";
  };
  app.on("dataset", draw);
  app.on("progress", draw);
  app.on("giant", draw);
  const list = () => drawList(app, () => toggle(false));
  app.on("datasets", list);
  app.on("dataset", list);
  return { toggle };
}

function bindAdd(app, form, done = () => {}, undone = () => {}) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const error = one(".rg-error", form) ?? one(".rg-error", form.parentElement);
    const data = new FormData(form);
    const source = String(data.get("source")).trim();
    if (!source) return;
    showError(error, null);
    done();
    try {
      const said = (field) => String(data.get(field) ?? "").trim() || undefined;
      await add(app, source, said("name"), said("description"), said("annotations"));
      form.reset();
    } catch (problem) {
      undone();
      // After a rollback to an empty page the same form is drawn again: the message goes last.
      showError(error, problem);
      one("input", form).focus();
    }
  });
}

/** Open a source. Its entry is there at once and goes again if the server refuses. */
export async function add(app, source, name, description, annotations) {
  const before = app.dataset;
  const ghost = {
    dataset_id: null,
    name: name ?? (source.replace(/\/+$/, "").split("/").pop() || source),
    status: "queued",
    total: 0,
    source,
  };
  app.setDatasets([...app.datasets, ghost]);
  app.open(ghost);
  try {
    const where = ADDRESS.test(source) ? { url: source } : { path: source };
    const accepted = await app.api.post("/api/datasets", { ...where, name, description, annotations });
    const id = accepted.dataset_id;
    const dataset = await app.api.get(`/api/datasets/${encodeURIComponent(id)}`);
    const others = app.datasets.filter((other) => other !== ghost && other.dataset_id !== id);
    app.setDatasets([...others, dataset]);
    if (app.dataset === ghost) app.open(dataset);
  } catch (error) {
    app.setDatasets(app.datasets.filter((other) => other !== ghost));
    if (app.dataset === ghost) app.open(before);
    throw error;
  }
}

async function remove(app, dataset) {
  const before = app.datasets;
  const wasOpen = app.dataset?.dataset_id === dataset.dataset_id;
  const left = before.filter((other) => other.dataset_id !== dataset.dataset_id);
  app.setDatasets(left);
  if (wasOpen) app.open(left[0] ?? null);
  try {
    await app.api.delete(`/api/datasets/${encodeURIComponent(dataset.dataset_id)}`);
    app.toast(`${dataset.name} was removed. Its files are untouched.`);
  } catch (error) {
    app.setDatasets(before);
    if (wasOpen) app.open(dataset);
    app.toast(error);
  }
}

function drawList(app, close) {
  const list = $("rg-sources-list");
  // Drawn anew, a button that asks "Remove?" would forget that it was pressed.
  const key = JSON.stringify([app.datasets, app.dataset?.dataset_id]);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const items = app.datasets.map((dataset) => {
    const current = app.dataset === dataset || app.dataset?.dataset_id === dataset.dataset_id;
    const open = h(
      "button",
      {
        class: "rg-source",
        "aria-current": current ? "true" : null,
        onclick: () => {
          close();
          app.open(dataset);
        },
      },
      h("b", {}, dataset.name),
      h("span", {}, dataset.source ?? ""),
      h("em", { "data-status": dataset.status }, state(dataset)),
    );
    return h("li", {}, open, dataset.dataset_id ? removal(app, dataset) : null);
  });
  list.replaceChildren(...items);
}

function state(dataset) {
  if (!dataset.dataset_id) return "opening…";
  if (dataset.status === "failed") return "failed";
  if (isGiant(dataset)) return dataset.status === "ready" ? "one picture" : "one picture, at work";
  return plural(dataset.total, "picture") + (dataset.status === "ready" ? "" : ", at work");
}

/** Removing asks once more in place; the second press does it. */
function removal(app, dataset) {
  const button = h(
    "button",
    { class: "rg-tool rg-remove", title: "Remove (files stay)", "aria-label": `Remove ${dataset.name}` },
    icon("trash"),
  );
  button.addEventListener("click", () => {
    if (button.classList.contains("rg-sure")) {
      remove(app, dataset);
      return;
    }
    button.classList.add("rg-sure");
    button.replaceChildren("Remove?");
  });
  button.addEventListener("blur", () => {
    button.classList.remove("rg-sure");
    button.replaceChildren(icon("trash"));
  });
  return button;
}
