/** Which model makes a dataset's vectors, what to expect of it, and changing it. */

import { $, h, one, showError } from "./dom.js";

export function startModel(app) {
  const form = $("rg-model-change");
  const draw = () => {
    drawFacts(app);
    drawChoice(app, form);
  };
  for (const event of ["models", "dataset", "datasets"]) app.on(event, draw);
  one("select", form).addEventListener("change", () => drawButton(app, form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change(app, form, one("select", form).value);
  });
  let changing = false;
  app.on("progress", (progress) => {
    const now = Boolean(progress?.stages.reembedding);
    // The new model serves: what the dataset says of itself is old.
    if (changing && !now && progress) app.loadDatasets().catch(() => {});
    changing = now;
  });
}

/** The new model shows at once; the old one is back when the server refuses. */
async function change(app, form, name) {
  const { dataset } = app;
  if (!dataset?.dataset_id) return;
  const error = one(".rg-error", form);
  showError(error, null);
  replace(app, { ...dataset, next_model: name });
  try {
    const id = encodeURIComponent(dataset.dataset_id);
    replace(app, await app.api.patch(`/api/datasets/${id}`, { model: name }));
    app.stream.wake();
  } catch (problem) {
    replace(app, dataset);
    showError(error, problem);
  }
}

function replace(app, dataset) {
  if (app.dataset?.dataset_id === dataset.dataset_id) app.dataset = dataset;
  const same = (other) => other.dataset_id === dataset.dataset_id;
  app.setDatasets(app.datasets.map((other) => (same(other) ? dataset : other)));
}

function drawFacts(app) {
  const { models, dataset } = app;
  if (!models) return;
  const name = dataset?.model ?? models.in_use;
  const used = models.items.find((item) => item.name === name);
  const rows = [["Model", name ?? "none"]];
  if (dataset?.next_model) rows.push(["Next", dataset.next_model]);
  if (dataset?.model_note) rows.push(["Note", dataset.model_note]);
  if (models.reason && name === models.in_use) rows.push(["Why", models.reason]);
  if (used?.finds) rows.push(["Finds", used.finds]);
  if (used?.does_not_find) rows.push(["Misses", used.does_not_find]);
  $("rg-model").replaceChildren(...rows.flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));
}

/** Only where there is something to choose: another model that can be had. */
function drawChoice(app, form) {
  const { models, dataset } = app;
  const now = dataset?.next_model ?? dataset?.model;
  const items = (models?.items ?? []).filter((item) => item.available || item.name === now);
  form.hidden = !dataset?.dataset_id || !now || !items.some((item) => item.name !== now);
  const select = one("select", form);
  const names = items.map((item) => item.name);
  if (now && !names.includes(now)) names.unshift(now);
  select.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
  select.value = now ?? "";
  drawButton(app, form);
}

function drawButton(app, form) {
  const now = app.dataset?.next_model ?? app.dataset?.model;
  one("button", form).disabled = one("select", form).value === now;
}
