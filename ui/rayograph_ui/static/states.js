/** The strip of counts over the grid, and what stands in the grid's place when it has nothing. */

import { $, all, h, one, setText, showError } from "./dom.js";
import { count, plural } from "./format.js";
import { command } from "./progress.js";

export function startStates(app) {
  const draw = () => {
    drawStrip(app);
    drawState(app);
  };
  for (const event of ["dataset", "datasets", "progress", "search", "filter", "giant"]) {
    app.on(event, draw);
  }
  app.api.on("state", draw);
  draw();
}

function drawStrip(app) {
  const { progress, dataset, search } = app;
  const strip = $("rg-strip");
  strip.hidden = !dataset || !progress?.total;
  if (strip.hidden) return;
  for (const part of all(".rg-meter i", strip)) {
    part.style.flexGrow = progress[part.dataset.status] / progress.total;
  }
  for (const item of all(".rg-legend li", strip)) {
    const n = progress[item.dataset.status];
    setText(one("b", item), count(n));
    item.classList.toggle("rg-none", n === 0);
  }
  strip.classList.toggle("rg-finished", progress.status === "complete");
  strip.classList.toggle("rg-running", search?.state === "running");
  setText($("rg-summary"), search ? searchSummary(app) : browseSummary(app));
  $("rg-by").hidden = !search?.query.text;
  drawActions(app);
}

function browseSummary({ progress, dataset, giant, where, shown }) {
  if (giant && !giant.tile_info) return dataset.name;
  const all = plural(progress.total, giant ? "region" : "picture");
  const total = where ? `${count(shown)} of ${all}` : all;
  if (progress.error) return `${total}. ${progress.error}`;
  if (dataset.error) return `${total}. ${dataset.error}`;
  if (progress.stages.listing?.state === "running") return `${total}, still listing`;
  return total;
}

function searchSummary({ search, giant, where }) {
  const { query, coverage, state, rows } = search;
  if (query.label) return `${query.label}: ${plural(search.total, "picture")}`;
  const what = query.text
    ? `“${query.text}”`
    : `like ${query.picture?.name ?? (Object.keys(query.body).length ? "your picture" : "the examples")}`;
  if (state === "running") return `Searching for ${what}…`;
  if (state === "failed") return `Searching for ${what} failed`;
  const all = coverage.searched >= coverage.total;
  const reach = all
    ? `searched all ${count(coverage.total)}${where ? " that match the filter" : ""}`
    : `searched ${count(coverage.searched)} of ${count(coverage.total)}`;
  const found = `${plural(rows.total, giant ? "place" : "picture")}${rows.open ? " so far" : ""}`;
  const likely = rows.likely === null || giant ? "" : `, ${count(rows.likely)} likely`;
  return `${what}: ${found}${likely}, ${reach}`;
}

/** Vectors that have come since the search are offered, never mixed in under the reader's eyes. */
function drawActions(app) {
  const place = $("rg-strip-actions");
  const { search, progress } = app;
  const more =
    search?.state === "done" && !app.where
      ? (progress.stages.embedding?.done ?? 0) - search.coverage.searched
      : 0;
  const worth = more > Math.max(20, 0.02 * (search?.coverage?.searched ?? 0));
  const text = worth ? `Search ${count(more)} more` : "";
  if (place.textContent === text) return;
  const again = h("button", { class: "rg-link", onclick: () => app.searching.again() }, text);
  place.replaceChildren(...(worth ? [again] : []));
}

function drawState(app) {
  const section = $("rg-state");
  const state = app.giant ? null : describe(app);
  section.hidden = !state;
  const grid = $("rg-grid");
  const under = Boolean(state || app.giant);
  grid.classList.toggle("rg-under", under);
  grid.tabIndex = under ? -1 : 0;
  const key = state ? JSON.stringify([state.title, state.text]) : "";
  section.dataset.mark = state?.mark ?? "";
  if (section.dataset.key === key) return;
  section.dataset.key = key;
  if (!state) return;
  setText(one("h1", section), state.title);
  one("p", section).replaceChildren(...[state.text ?? ""].flat());
  $("rg-welcome").hidden = !state.add;
  if (!state.keepError) showError(one(".rg-error", section), null);
  const buttons = (state.actions ?? []).map(([label, act]) =>
    h("button", { class: "rg-button", onclick: act }, label),
  );
  one(".rg-state-actions", section).replaceChildren(...buttons);
}

/** {title, text, mark, add?, actions?} of what to say instead of pictures; null for pictures. */
function describe(app) {
  const { dataset, progress, search } = app;
  if (!app.loaded) return { title: "", text: "", mark: "busy" };
  if (!dataset) return welcome(app);
  if (!dataset.dataset_id) {
    return { title: `Opening ${dataset.name}`, text: dataset.source, mark: "busy" };
  }
  if (search) return describeSearch(app);
  if (app.where && !app.shown) return unmatched(app);
  if (progress?.total || (!progress && dataset.total)) return null;
  const listing = progress?.stages?.listing;
  if (dataset.status === "failed" || progress?.error || listing?.state === "failed") {
    return {
      title: "This source could not be listed",
      text: progress?.error ?? dataset.error ?? listing?.note ?? "",
      mark: "bad",
      actions: [["Try again", () => command(app, "rescan")]],
    };
  }
  if (listing && listing.state !== "done" && progress.status !== "complete") {
    return { title: "Looking for pictures", text: dataset.source, mark: "busy" };
  }
  if (!progress) return { title: "", text: "", mark: "busy" };
  return empty(app);
}

function unmatched(app) {
  const running = app.progress?.status !== "complete";
  return {
    title: "No picture is like that",
    text: app.where + (running ? ". More may come: not everything is known yet." : ""),
    mark: "empty",
    actions: [["Clear the filter", () => app.filtering.clear()]],
  };
}

function empty(app) {
  const passed = Object.entries(app.dataset.skipped ?? {});
  const skipped = passed.map(([why, n]) => `${count(n)} ${why.replaceAll("_", " ")}`).join(", ");
  return {
    title: "No pictures here",
    text: `${app.dataset.source}${skipped ? `. Passed over: ${skipped}.` : ""}`,
    mark: "empty",
    actions: [["Look again", () => command(app, "rescan")]],
  };
}

function welcome(app) {
  const demo = h("button", { class: "rg-link", onclick: () => app.addDemo() }, "drawn for you");
  return {
    title: "Open some pictures",
    text: ["You see them at once; searching follows while you look. None at hand? Have some ", demo, "."],
    mark: "empty",
    add: true,
    keepError: true,
  };
}

function describeSearch(app) {
  const { search } = app;
  const back = ["Back to all pictures", () => app.searching.clear()];
  if (search.state === "failed") {
    const hint = search.error.hint ? ` ${search.error.hint}` : "";
    return {
      title: "The search failed",
      text: search.error.message + hint,
      mark: "bad",
      actions: [["Search again", () => app.searching.again()], back],
    };
  }
  if (search.state !== "done") return null;
  const { searched, total } = search.coverage;
  const partly = searched < total ? ` ${count(total - searched)} are not searchable yet.` : "";
  if (search.items.length && (search.rows.likely !== 0 || search.anyway)) return null;
  if (search.items.length) {
    const what = search.query.text ? ` looks like “${search.query.text}”` : " looks like it";
    const anyway = () => app.setSearch({ ...search, anyway: true });
    return {
      title: "Nothing like it",
      text: `None of the ${count(searched)} pictures searched${what}.${partly}`,
      mark: "empty",
      actions: [["Show the nearest", anyway], back],
    };
  }
  return { title: "Nothing like it", text: `Searched ${count(searched)}.${partly}`, mark: "empty", actions: [back] };
}
