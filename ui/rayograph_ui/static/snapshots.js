/** Snapshots: the dataset under a name, what is different since, and going back, asked twice. */

import { $, h, icon, one, setText, showError } from "./dom.js";
import { bytes, count, plural } from "./format.js";

export function startSnapshots(app) {
  const box = $("rg-snapshots");
  const form = $("rg-snapshots-form");
  const list = $("rg-snapshots-list");
  const error = one(".rg-error", box);
  const base = () => `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}/snapshots`;
  const of = (name) => `${base()}/${encodeURIComponent(name)}`;

  function open() {
    if (!app.dataset?.dataset_id || box.open) return;
    showError(error, null);
    list.replaceChildren();
    box.showModal();
    one("input", form).focus();
    load();
  }

  /** Do something on the server; what it refuses is shown, and null comes back. */
  async function attempt(work) {
    showError(error, null);
    try {
      return await work();
    } catch (problem) {
      showError(error, problem);
      return null;
    }
  }

  async function load() {
    const found = await attempt(() => app.api.get(base()));
    if (found) list.replaceChildren(...found.items.map(row));
  }

  function row(item) {
    const made = new Date(item.created_at).toLocaleString(undefined, {
      dateStyle: "medium",
      timeStyle: "short",
    });
    const disk = item.own_bytes ? `, ${bytes(item.own_bytes)} more disk` : "";
    const told = h(
      "div",
      { class: "rg-export-told" },
      h("b", {}, item.name),
      h("span", {}, item.note ?? ""),
      h("p", {}, `${made}, ${plural(item.total, "picture")}${disk}`),
      h("p", { class: "rg-snapshot-diff" }),
    );
    const back = h("button", { type: "button", class: "rg-button" }, "Go back");
    back.addEventListener("click", () => goBack(item.name, back, one(".rg-snapshot-diff", told)));
    const compare = h("button", { type: "button", class: "rg-button" }, "Compare");
    compare.addEventListener("click", () => show(item.name, one(".rg-snapshot-diff", told)));
    const remove = h(
      "button",
      { type: "button", class: "rg-tool", onclick: () => drop(item.name) },
      icon("trash"),
      h("span", { class: "rg-sr" }, `Remove ${item.name}`),
    );
    return h("li", { "data-name": item.name }, told, compare, back, remove);
  }

  async function show(name, place) {
    const found = await attempt(() => app.api.get(`${of(name)}/diff`));
    if (!found) return false;
    const rows = [
      [found.added, "added"],
      [found.removed, "gone"],
      [found.changed, "changed"],
    ].filter(([n]) => n);
    const columns = Object.entries(found.columns).map(([key, n]) => `${key} ${count(n)}`);
    const since = rows.map(([n, word]) => `${count(n)} ${word}`).join(", ");
    const model = found.model === found.model_to ? "" : `; model ${found.model} → ${found.model_to}`;
    const detail = columns.length ? ` (${columns.join(", ")})` : "";
    setText(place, since || model ? `Since then: ${since || "no picture"}${detail}${model}` : "Nothing changed since");
    setText($("rg-snapshots-said"), place.textContent);
    return true;
  }

  /** The first press says what is lost, the second does it. */
  async function goBack(name, button, place) {
    if (!button.classList.contains("rg-sure")) {
      if (!(await show(name, place))) return;
      button.classList.add("rg-sure");
      setText(button, "Lose that?");
      button.addEventListener("blur", () => calm(button), { once: true });
      return;
    }
    calm(button);
    button.disabled = true;
    const progress = await attempt(() => app.api.post(`${of(name)}/restore`));
    button.disabled = false;
    if (!progress) return;
    box.close();
    app.toast(`Back at ${name}`);
    await app.loadDatasets().catch(() => {});
    app.open(app.dataset);
  }

  function calm(button) {
    button.classList.remove("rg-sure");
    setText(button, "Go back");
  }

  async function drop(name) {
    await attempt(() => app.api.delete(of(name)));
    await load();
    (one("button", list) ?? one("input", form)).focus();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = new FormData(form).get("name").trim();
    const made = await attempt(() => app.api.post(base(), name ? { name } : {}));
    if (!made) return;
    form.reset();
    setText($("rg-snapshots-said"), `${made.name} is kept`);
    load();
  });
  $("rg-snapshots-open").addEventListener("click", open);
  one(".rg-snapshots-close", box).addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  app.on("dataset", () => box.open && box.close());
  return { open, box };
}
