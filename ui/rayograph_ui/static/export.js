/** Export: of the view, of a search's finds or of chosen images; how far each is, and taking it. */

import { $, all, h, icon, one, setText, showError } from "./dom.js";
import { bytes, count, plural } from "./format.js";

const POLL_MS = 700;
const STREAMED = new Set(["csv", "jsonl", "parquet"]);
const WITH_VECTORS = new Set([...STREAMED, "huggingface"]);
const UNDER_WAY = new Set(["queued", "running"]);
const WORDS = { queued: "Waiting for its turn", running: "Being made", failed: "Failed" };

export function startExport(app) {
  const box = $("rg-export");
  const form = $("rg-export-form");
  const error = one(".rg-error", form);
  const list = $("rg-exports");
  const states = new Map();
  let ids = null;
  let labels = null;
  let timer = 0;

  const base = () => `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}`;

  /** Ask what to export; `chosen` are the ids of images, else what is shown is meant; `of` names
   * labels by words that are to be in it. */
  function open({ chosen = null, of = null } = {}) {
    if (!app.dataset?.dataset_id || box.open) return;
    labels = of;
    $("rg-export-labels").hidden = !labels;
    setText($("rg-export-labels"), `With the labels ${labels}: classes, scores and corrections.`);
    ids = chosen ?? (app.search?.items ? app.search.items.map(({ image }) => image.id) : null);
    setText($("rg-export-what"), what());
    showError(error, null);
    draw([]);
    drawForm();
    box.showModal();
    one("input:checked", form).focus();
    poll();
  }

  function what() {
    if (ids) return plural(ids.length, "picture");
    const total = app.progress?.total ?? app.dataset.total;
    if (!app.where) return `All ${plural(total, "picture")}`;
    return `${count(app.shown)} of ${plural(total, "picture")}: ${app.where}`;
  }

  function drawForm() {
    const format = new FormData(form).get("format");
    $("rg-export-images").hidden = format !== "coco";
    $("rg-export-vectors").hidden = !WITH_VECTORS.has(format);
    setText(one("[type=submit]", form), streamed() ? "Download" : "Export");
  }

  /** A table of the view needs no waiting: it is written while it is downloaded. */
  const streamed = () => !ids && STREAMED.has(new FormData(form).get("format"));

  function asked() {
    const data = new FormData(form);
    const format = data.get("format");
    const body = { format };
    if (ids) body.ids = ids;
    else if (app.where) body.where = app.where;
    if (labels) body.labels = labels;
    if (WITH_VECTORS.has(format) && data.has("vectors")) body.include = ["vectors"];
    if (format === "coco") body.images = data.has("images");
    return body;
  }

  async function submit() {
    showError(error, null);
    const body = asked();
    if (streamed()) {
      const query = new URLSearchParams({ format: body.format });
      if (body.where) query.set("where", body.where);
      if (body.include) query.set("include", "vectors");
      if (body.labels) query.set("labels", body.labels);
      download(`${base()}/export?${query}`);
      return;
    }
    const button = one("[type=submit]", form);
    button.disabled = true;
    try {
      await app.api.post(`${base()}/exports`, body);
      await poll();
    } catch (problem) {
      showError(error, problem);
    } finally {
      button.disabled = false;
    }
  }

  function download(href) {
    const link = h("a", { href, download: "" });
    box.append(link);
    link.click();
    link.remove();
  }

  async function poll() {
    clearTimeout(timer);
    const id = app.dataset?.dataset_id;
    if (!box.open || !id) return;
    let items = [];
    try {
      ({ items } = await app.api.get(`${base()}/exports`));
    } catch (problem) {
      showError(error, problem);
      return;
    }
    if (!box.open || id !== app.dataset?.dataset_id) return;
    draw(items);
    clearTimeout(timer);
    if (items.some(({ state }) => UNDER_WAY.has(state))) timer = setTimeout(poll, POLL_MS);
  }

  /** Rows stay the same elements while they change, so that the focus stays where it is. */
  function draw(items) {
    const known = new Map(all("li", list).map((row) => [row.dataset.export, row]));
    const rows = items.map((item) => {
      const row = known.get(item.export_id) ?? emptyRow(item);
      fill(row, item);
      say(item);
      return row;
    });
    for (const row of known.values()) if (!rows.includes(row)) row.remove();
    rows.forEach((row, at) => list.children[at] !== row && list.insertBefore(row, list.children[at]));
    list.closest("section").hidden = rows.length === 0;
  }

  function emptyRow({ export_id: id }) {
    const remove = h(
      "button",
      { type: "button", class: "rg-tool", onclick: () => drop(id) },
      icon("trash"),
      h("span", { class: "rg-sr" }, "Remove this export"),
    );
    const bar = h("div", { class: "rg-bar-line", role: "progressbar" }, h("i", { class: "rg-done" }));
    const told = h("div", { class: "rg-export-told" }, h("b"), h("span"), bar, h("p"));
    return h("li", { "data-export": id }, told, h("span", { class: "rg-export-take" }), remove);
  }

  function fill(row, item) {
    row.dataset.state = item.state;
    setText(one("b", row), title(item.format));
    setText(one(".rg-export-told > span", row), item.where ?? "");
    const share = item.total ? Math.round((100 * item.done) / item.total) : 0;
    const bar = one(".rg-bar-line", row);
    bar.hidden = !UNDER_WAY.has(item.state);
    bar.setAttribute("aria-valuenow", String(share));
    bar.setAttribute("aria-label", `${title(item.format)} export`);
    one("i", bar).style.width = `${share}%`;
    setText(one("p", row), detail(item));
    const take = one(".rg-export-take", row);
    if (item.state === "done" && !take.firstChild) {
      const href = `${base()}/exports/${item.export_id}/file`;
      take.append(h("a", { class: "rg-button", href, download: "" }, "Download"));
    }
  }

  const title = (format) =>
    one(`input[value="${CSS.escape(format)}"]`, form)?.parentElement.querySelector("b").textContent ??
    format;

  function detail(item) {
    if (item.state === "failed") return item.error ?? "Failed";
    const rows = item.total === null ? "" : `${count(item.done)} of ${count(item.total)}`;
    if (UNDER_WAY.has(item.state)) return `${WORDS[item.state]} ${rows}`.trim();
    const left = STREAMED.has(item.format) ? "marked as failed" : "left out, see failures.csv";
    const failed = item.failed ? `, ${count(item.failed)} ${left}` : "";
    return `${plural(item.done, "row")}, ${bytes(item.bytes)}${failed}`;
  }

  function say(item) {
    const before = states.get(item.export_id);
    states.set(item.export_id, item.state);
    if (!before || before === item.state || UNDER_WAY.has(item.state)) return;
    const word = item.state === "done" ? "is ready to download" : "failed";
    setText($("rg-export-said"), `${title(item.format)} export ${word}`);
  }

  async function drop(id) {
    const row = all("li", list).find((each) => each.dataset.export === id);
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    row?.remove();
    (next ? one("button", next) : one("[type=submit]", form)).focus();
    try {
      await app.api.delete(`${base()}/exports/${id}`);
    } catch (problem) {
      if (problem.status !== 404) showError(error, problem);
    }
    poll();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("change", drawForm);
  $("rg-export-open").addEventListener("click", () => open());
  one(".rg-export-close", box).addEventListener("click", () => box.close());
  box.addEventListener("close", () => clearTimeout(timer));
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  app.on("dataset", (dataset) => {
    if (box.open) box.close();
    states.clear();
    $("rg-export-open").hidden = !dataset?.dataset_id;
  });
  return { open, box };
}
