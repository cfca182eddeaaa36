/** Search by words, by a picture on the page, or by one of the user's own. */

import { thumbnail } from "./api.js";
import { $, one, setText } from "./dom.js";
import { Found } from "./found.js";
import { FINDS } from "./hits.js";
import { pictureIn, readPicture } from "./picture.js";

const K = 200;
const ADDRESS = /^https?:\/\/\S+$/i;

export function startSearch(app) {
  const form = $("rg-search");
  const input = $("rg-search-text");
  const chip = $("rg-search-chip");
  let running = null;

  /** Why searching is not possible yet; null when it is. */
  function obstacle() {
    if (!app.dataset) return "Open a dataset to search it";
    if (app.api.state === "starting") return "The search engine is starting";
    const stage = app.progress?.stages?.embedding;
    if (stage?.done > 0) return null;
    if (stage?.note && stage.state !== "running") return stage.note;
    if (app.models && !app.models.in_use) return app.models.reason;
    return "Search opens with the first vectors";
  }

  function availability() {
    const why = obstacle();
    const open = why === null;
    form.classList.toggle("rg-off", !open);
    // A box that is being typed in is never taken away: the words wait for the vectors.
    input.disabled = !open && document.activeElement !== input;
    $("rg-search-file").disabled = !open;
    // A note may run to several lines: its first clause here, all of it under Progress.
    const brief = why?.split(": ")[0] ?? "";
    const within = app.giant ? "Search inside this picture" : "Search these pictures";
    input.placeholder = open ? within : brief;
    form.title = why ?? "";
    setText($("rg-search-why"), why ?? "");
    setText($("rg-reason"), brief);
    // The box itself has room for a short reason, unless the screen is narrow.
    $("rg-reason").classList.toggle("rg-short", brief.length < 60);
    $("rg-reason").hidden = open || !app.dataset || !app.progress?.total;
    document.documentElement.classList.toggle("rg-searchable", open);
  }

  function showChip(picture) {
    chip.hidden = !picture;
    form.classList.toggle("rg-has-chip", Boolean(picture));
    if (!picture) return;
    const image = one("img", chip);
    image.hidden = !picture.preview;
    if (picture.preview) image.src = picture.preview;
    one("span", chip).textContent = picture.name;
  }

  /** Run a query: {text}, {image_id}, {image_base64}, {image_url}, {box}, or {} for the examples
   * alone; with what the chip shows. */
  async function run(body, { picture = null } = {}) {
    const why = obstacle();
    if (why) {
      app.toast(why);
      return;
    }
    running?.abort();
    running = new AbortController();
    const mine = running;
    const { dataset } = app;
    if (!app.search) app.browsing = app.grid.place();
    const query = { body, picture, text: body.text ?? null };
    const by = $("rg-by").value;
    input.value = query.text ?? "";
    showChip(picture);
    $("rg-search-clear").hidden = false;
    app.setSearch({ query, state: "running", rows: app.search?.rows ?? null });
    try {
      const path = `/api/datasets/${encodeURIComponent(dataset.dataset_id)}/search`;
      const asked = { ...body, ...app.examples.body(), k: app.giant ? FINDS : K };
      if (app.where) asked.where = app.where;
      if (body.text) asked.by = by;
      const page = (offset) => app.api.post(path, { ...asked, offset }, { signal: mine.signal });
      const answer = await page(0);
      if (mine !== running || app.dataset !== dataset) return;
      const rows = new Found(answer, page);
      rows.on("total", () => app.search?.rows === rows && app.emit("search", app.search));
      app.setSearch({ query, state: "done", rows, ...answer });
    } catch (error) {
      if (mine !== running || mine.signal.aborted) return;
      app.setSearch({ query, state: "failed", rows: null, error });
    }
  }

  /** Back to the listing, to where one was. */
  function clear({ focus = true } = {}) {
    running?.abort();
    running = null;
    input.value = "";
    showChip(null);
    app.examples.clear();
    $("rg-search-clear").hidden = true;
    if (app.search) app.setSearch(null);
    if (focus) app.focusPictures();
  }

  async function runFile(file) {
    if (obstacle()) {
      app.toast(obstacle());
      return;
    }
    try {
      const picture = await readPicture(file);
      await run({ image_base64: picture.base64 }, { picture });
    } catch (error) {
      app.toast(error);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (ADDRESS.test(text)) {
      const name = decodeURI(text).split(/[?#]/)[0].split("/").at(-1) || text;
      run({ image_url: text }, { picture: { name, preview: null } });
    } else if (text) {
      run({ text });
    } else if (app.search && !app.search.query.picture) clear();
  });
  input.addEventListener("blur", availability);
  input.addEventListener("input", () => {
    if (!chip.hidden && input.value) showChip(null);
  });
  $("rg-search-clear").addEventListener("click", () => clear());
  one("button", chip).addEventListener("click", () => (app.examples.any ? run({}) : clear()));
  $("rg-by").addEventListener("change", () => app.search?.query.text && again());
  $("rg-search-file").addEventListener("click", () => $("rg-search-upload").click());
  $("rg-search-upload").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) runFile(file);
    event.target.value = "";
  });
  bindDrop(runFile, () => Boolean(app.dataset));
  for (const event of ["progress", "models", "dataset", "giant"]) app.on(event, availability);
  app.api.on("state", availability);
  app.on("dataset", () => clear({ focus: false }));

  /** The same again, with the examples as they are now. */
  function again() {
    if (!app.search) return;
    const { body, picture } = app.search.query;
    const { more_like: more } = app.examples.body();
    if (Object.keys(body).length || more) run(body, { picture });
    else clear();
  }

  return {
    find: (text) => run({ text }),
    run,
    clear,
    obstacle,
    again,
    focus: () => {
      input.focus();
      input.select();
    },
    like: (record) => {
      app.examples.clear();
      return run(
        { image_id: record.id },
        { picture: { name: record.file_name, preview: thumbnail(record.id, 128) } },
      );
    },
  };
}

function bindDrop(take, possible) {
  const veil = $("rg-drop");
  let depth = 0;
  const isFile = (event) => event.dataTransfer?.types.includes("Files") && possible();
  const show = (by) => {
    depth = Math.max(0, depth + by);
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => isFile(event) && show(1));
  addEventListener("dragleave", (event) => isFile(event) && show(-1));
  addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    show(-depth);
    const file = pictureIn(event.dataTransfer);
    if (file) take(file);
  });
  addEventListener("paste", (event) => {
    const file = possible() && pictureIn(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}
