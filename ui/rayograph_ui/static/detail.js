/** One picture, large; its record, its likes, and the way to the next. */

import { original, thumbnail } from "./api.js";
import { startBox } from "./box.js";
import { startDescribed } from "./described.js";
import { $, h, one, setText } from "./dom.js";
import { bytes, count, fault, moment } from "./format.js";

const DRAWN = /\.(jpe?g|jpe|jfif|png|webp|gif|avif)$/i;
const LARGE_BYTES = 40_000_000;
const LIKES = 12;
// Beyond our limits, yet perhaps not beyond the browser's.
const WORTH_A_TRY = new Set(["timeout", "crashed", "too_large", "unsupported"]);

export function startDetail(app) {
  const box = $("rg-detail");
  const thumb = one(".rg-detail-thumb", box);
  const full = one(".rg-detail-full", box);
  const boxing = startBox(app);
  const described = startDescribed();
  let index = -1;
  let shown = null;
  let looking = null;

  async function open(at) {
    const rows = app.grid.rows;
    const record = rows.at(at) ?? (await rows.load(at).catch(app.toast));
    if (!record || app.grid.rows !== rows) return;
    index = at;
    app.grid.select(at);
    show(record, `${count(at + 1)} of ${count(rows.total)}`);
  }

  function show(record, place) {
    shown = record;
    boxing.show(record);
    if (!box.open) box.showModal();
    setText($("rg-detail-place"), place);
    draw(record);
    picture(record);
    likes(record);
    refetch(record);
  }

  function draw(record) {
    setText($("rg-detail-name"), record.file_name);
    const caption = one(".rg-detail-caption", box);
    caption.hidden = !record.caption;
    setText(caption, record.caption ?? "");
    $("rg-detail-file").href = original(record.id);
    described(record);
    $("rg-facts").replaceChildren(...facts(record));
    app.curation.draw(record);
    app.boxes.detail(record);
    one(".rg-prev", box).disabled = index <= 0;
    one(".rg-next", box).disabled = index < 0 || index >= app.grid.rows.total - 1;
    const why = app.searching.obstacle();
    const alike = $("rg-detail-alike");
    for (const button of [alike, $("rg-detail-more"), $("rg-detail-less"), $("rg-detail-box")]) {
      button.disabled = Boolean(why) || record.status === "failed";
    }
    alike.title = why ?? "";
  }

  /** The thumbnail is most likely here already; the whole picture lies over it when it has come. */
  function picture(record) {
    const failure = one(".rg-detail-fault", box);
    failure.hidden = true;
    for (const image of [thumb, full]) {
      image.classList.remove("rg-shown");
      image.removeAttribute("src");
    }
    const large = DRAWN.test(record.file_name) && (record.size ?? 0) < LARGE_BYTES;
    const failed = record.status === "failed";
    full.alt = record.caption ?? record.file_name;
    thumb.hidden = false;
    full.onload = () => {
      failure.hidden = true;
      full.classList.add("rg-shown");
      thumb.hidden = true;
    };
    full.onerror = () => {
      if (full.getAttribute("src") === original(record.id)) full.src = thumbnail(record.id, 1024);
      else noPicture(record, failure);
    };
    thumb.onload = () => thumb.classList.add("rg-shown");
    if (failed) noPicture(record, failure);
    else thumb.src = thumbnail(record.id, app.grid.size * Math.min(devicePixelRatio || 1, 2));
    if (!failed || WORTH_A_TRY.has(record.error_code)) full.src = large ? original(record.id) : thumbnail(record.id, 1024);
  }

  function noPicture(record, failure) {
    failure.hidden = false;
    const reason = record.error_code ? fault(record.error_code) : "No preview";
    one("p", failure).replaceChildren(h("b", {}, reason), record.error ?? "");
  }

  /** The listing's row may be old; the record itself is read each time. */
  async function refetch(record) {
    try {
      const fresh = await app.api.get(`/api/images/${encodeURIComponent(record.id)}`);
      if (shown?.id !== record.id || !box.open) return;
      shown = fresh;
      app.grid.rows.replace(index, fresh);
      draw(fresh);
    } catch {
      // What the listing said stays: a record that cannot be read again is shown as it was.
    }
  }

  async function likes(record) {
    const strip = $("rg-alike");
    looking?.abort();
    looking = new AbortController();
    const { signal } = looking;
    const why = record.status === "failed" ? "A failed picture has no likes" : app.searching.obstacle();
    if (why) {
      strip.replaceChildren(h("p", { class: "rg-dim" }, why));
      return;
    }
    strip.replaceChildren(...Array.from({ length: 6 }, () => h("i", { class: "rg-ghost" })));
    try {
      const id = encodeURIComponent(record.dataset_id);
      const body = { image_id: record.id, k: LIKES + 1 };
      const answer = await app.api.post(`/api/datasets/${id}/search`, body, { signal });
      if (signal.aborted) return;
      const hits = answer.items.filter((hit) => hit.image.id !== record.id).slice(0, LIKES);
      strip.replaceChildren(...hits.map(neighbour));
      if (!hits.length) strip.append(h("p", { class: "rg-dim" }, "Nothing else is searchable yet"));
    } catch (error) {
      if (!signal.aborted) strip.replaceChildren(h("p", { class: "rg-dim" }, error.message));
    }
  }

  function neighbour({ image, score }) {
    const open = () => show(image, `like ${shown.file_name}`);
    const props = { onclick: open, title: `${image.file_name}  ${score.toFixed(2)}` };
    const label = `${image.caption ?? image.file_name}, similarity ${score.toFixed(2)}`;
    const img = h("img", { src: thumbnail(image.id, 128), alt: "", loading: "lazy" });
    return h("button", { ...props, "aria-label": label }, img, h("span", {}, score.toFixed(2)));
  }

  const step = (by) => {
    const to = index + by;
    if (to >= 0 && to < app.grid.rows.total) open(to);
  };
  one(".rg-prev", box).addEventListener("click", () => step(-1));
  one(".rg-next", box).addEventListener("click", () => step(1));
  one(".rg-detail-close", box).addEventListener("click", () => box.close());
  one(".rg-detail-stage", box).addEventListener("click", (event) => {
    if (event.target === event.currentTarget) box.close();
  });
  $("rg-detail-alike").addEventListener("click", () => {
    const record = shown;
    box.close();
    app.searching.like(record);
  });
  for (const how of ["more", "less"]) {
    $(`rg-detail-${how}`).addEventListener("click", () => {
      const record = shown;
      if (how === "more" || app.search) box.close();
      app.examples.add(record, how);
    });
  }
  box.addEventListener("cancel", (event) => {
    if (boxing.end()) event.preventDefault();
  });
  box.addEventListener("close", () => {
    boxing.end();
    looking?.abort();
    shown = null;
    for (const image of [thumb, full]) image.removeAttribute("src");
    app.grid.scroller.focus({ preventScroll: true });
  });
  /** One picture by itself, wherever it was found. */
  function single(record, place) {
    index = -1;
    show(record, place);
  }

  return { open, single, step, box };
}

const shownValue = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

function facts(record) {
  const size = record.width && record.height ? `${record.width} × ${record.height} px` : null;
  const rows = [
    ["Status", record.status],
    ["Error", record.error_code && `${fault(record.error_code)} (${record.error_code})`],
    ["Reason", record.error],
    ["Dimensions", size],
    ["Format", [record.format, record.mode].filter(Boolean).join(", ") || null],
    ["Size", bytes(record.size)],
    ["Taken", record.taken_at?.replace("T", " ")],
    ["Changed", moment(record.mtime)],
    ["Orientation", record.orientation > 1 ? `EXIF ${record.orientation}, applied` : null],
    ["Folder", record.folder || "/"],
    ...Object.entries(record.extra ?? {}).map(([key, value]) => [key, shownValue(value)]),
    ["Content", record.content_hash],
    ["Address", record.uri],
    ["Id", record.id],
  ];
  const pending = new Set(record.status === "pending" ? ["Dimensions", "Format"] : []);
  return rows
    .filter(([key, value]) => (value !== null && value !== undefined) || pending.has(key))
    .flatMap(([key, value]) => [
      h("dt", {}, key),
      h("dd", value ? {} : { class: "rg-dim" }, value ? String(value) : "not known yet"),
    ]);
}
