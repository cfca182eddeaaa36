/** The side panel: what there is of what. Every choice is written into the filter, where it can be
 * read and edited, and what is typed there shows in the panel. */

import { joined } from "./choices.js";
import { $, kept, one, setText, showError } from "./dom.js";
import { facetGroup } from "./facet.js";
import { folderTree } from "./folders.js";
import { count } from "./format.js";

const EVERY_MS = 2000;
const AGAIN_MS = 700;
const MOST = 8;
const MANY = 200;
const NARROW_PX = 900;

export function startFacets(app) {
  const panel = $("rg-facets");
  const button = $("rg-facets-open");
  const veil = $("rg-facets-veil");
  const list = $("rg-facets-list");
  const groups = new Map();
  const wide = new Set(); // the fields of which many values are listed
  const shut = new Set(JSON.parse(kept.get("facets.shut") ?? "[]"));
  let answer = null;
  let asking = null;
  let asked = 0;
  let timer = 0;
  // Choices are made one after another, each on what the one before left.
  let turn = Promise.resolve();
  const tree = folderTree($("rg-folders"), {
    choose: (path) => change(null, () => path && `folder:${folderText(path)}`),
    open: () => load(),
  });

  const narrow = () => innerWidth <= NARROW_PX;

  function toggle(open = panel.hidden, { keep = true } = {}) {
    panel.hidden = !open;
    veil.hidden = !open || !narrow();
    button.setAttribute("aria-expanded", String(open));
    if (keep && !narrow()) kept.set("facets", open ? "open" : "closed");
    if (!open) return;
    load();
    if (narrow()) $("rg-facets-close").focus();
  }

  /** Ask for counts; what was asked for before is of no use any more. */
  async function load() {
    const id = app.dataset?.dataset_id;
    if (panel.hidden || !id || app.giant) return;
    clearTimeout(timer);
    asking?.abort();
    const mine = (asking = new AbortController());
    asked = performance.now();
    $("rg-facets-ghosts").hidden = Boolean(answer) || !$("rg-facets-error").hidden;
    panel.setAttribute("aria-busy", "true");
    const { where } = app;
    try {
      const [facets, folders] = await Promise.all([
        app.api.get(address(id, "facets", [["most", MOST]]), mine),
        app.api.get(address(id, "folders", tree.parents().map((each) => ["parent", each])), mine),
        ...[...wide].map((name) => more(id, name, mine)),
      ]).then(([first, second, ...rest]) => [widened(first, rest), second]);
      if (mine.signal.aborted) return;
      show(facets, folders, where);
      if (!facets.current || !folders.current) timer = setTimeout(load, AGAIN_MS);
    } catch (problem) {
      if (mine.signal.aborted) return;
      answer = null;
      $("rg-facets-error").hidden = false;
      showError(one(".rg-error", $("rg-facets-error")), problem);
    } finally {
      if (asking === mine) {
        asking = null;
        panel.setAttribute("aria-busy", "false");
        $("rg-facets-ghosts").hidden = true;
      }
    }
  }

  function address(id, what, pairs) {
    const query = new URLSearchParams(pairs);
    if (app.where) query.set("where", app.where);
    return `/api/datasets/${encodeURIComponent(id)}/${what}?${query}`;
  }

  async function more(id, name, { signal }) {
    const pairs = [
      ["most", MANY],
      ["fields", name],
    ];
    return (await app.api.get(address(id, "facets", pairs), { signal })).items[0];
  }

  const widened = (first, rest) => ({
    ...first,
    items: first.items.map((facet) => rest.find(({ name }) => name === facet.name) ?? facet),
  });

  function show(facets, folders, where) {
    answer = { facets, folders, where };
    $("rg-facets-error").hidden = true;
    const { total, of } = facets;
    setText($("rg-facets-total"), where ? `${count(total)} of ${count(of)}` : `${count(of)} pictures`);
    $("rg-facets-clear").hidden = !where;
    $("rg-folders-box").hidden = tree.update(folders) === 0;
    const telling = facets.items.filter(tells);
    const worth = [...telling.filter((f) => !f.histogram), ...telling.filter((f) => f.histogram)];
    $("rg-facets-empty").hidden = worth.length > 0 || !$("rg-folders-box").hidden;
    const gone = new Set(groups.keys());
    worth.forEach((facet, at) => {
      const key = `${facet.name} ${facet.histogram ? "scale" : "values"}`;
      gone.delete(key);
      if (!groups.has(key)) groups.set(key, facetGroup(facet, { change, shut, wide, load }));
      const each = groups.get(key);
      each.update(facet);
      if (list.children[at] !== each.node) list.insertBefore(each.node, list.children[at] ?? null);
    });
    for (const key of gone) {
      groups.get(key).node.remove();
      groups.delete(key);
    }
    note();
  }

  /** Whether a field has anything to choose from. */
  function tells(facet) {
    if (facet.clause) return true;
    if (facet.histogram) return facet.histogram.counts.length > 1;
    if (facet.kind === "flag") return facet.values.some((v) => v.value === "yes" && v.count);
    return facet.values.length > 1 || (facet.values.length === 1 && facet.missing > 0);
  }

  /** What has not been read yet is in no count. */
  function note() {
    const stage = app.progress?.stages.metadata;
    const read = stage ? stage.done + stage.failed + (stage.skipped ?? 0) : 0;
    const partial = stage && read < stage.total;
    $("rg-facets-note").hidden = !partial;
    if (!partial) return;
    setText($("rg-facets-note"), `Metadata of ${count(read)} of ${count(stage.total)} read so far.`);
  }

  /** Replace what the filter says of one field (null: of folders). */
  function change(name, clause) {
    turn = turn.then(async () => {
      if (!answer || answer.where !== app.where) await load();
      if (!answer || answer.where !== app.where) return;
      const facet = name ? answer.facets.items.find((each) => each.name === name) : answer.folders;
      if (!facet) return;
      await app.filtering.apply(joined(facet.rest, clause(facet)), { focus: false });
    });
    turn = turn.catch(app.toast);
  }

  button.addEventListener("click", () => toggle());
  $("rg-facets-close").addEventListener("click", () => {
    toggle(false);
    button.focus();
  });
  veil.addEventListener("click", () => toggle(false));
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !narrow()) return;
    event.stopPropagation();
    toggle(false);
    button.focus();
  });
  $("rg-facets-clear").addEventListener("click", () => app.filtering.clear());
  one(".rg-button", $("rg-facets-error")).addEventListener("click", load);
  app.on("filter", load);
  app.on("edited", () => {
    clearTimeout(timer);
    timer = setTimeout(load, AGAIN_MS);
  });
  app.on("progress", (progress) => {
    note();
    const busy = progress?.status === "in_progress";
    if (panel.hidden || asking || !progress) return;
    if ((busy && performance.now() - asked > EVERY_MS) || answer?.facets.of !== progress.total) load();
  });
  app.on("giant", (giant) => {
    button.hidden = Boolean(giant);
    if (giant) toggle(false, { keep: false });
  });
  app.on("dataset", (dataset) => {
    asking?.abort();
    clearTimeout(timer);
    answer = null;
    wide.clear();
    for (const { node } of groups.values()) node.remove();
    groups.clear();
    tree.forget();
    $("rg-folders-box").hidden = true;
    setText($("rg-facets-total"), "");
    $("rg-facets-clear").hidden = true;
    $("rg-facets-empty").hidden = true;
    $("rg-facets-error").hidden = true;
    button.hidden = !dataset?.dataset_id;
    if (!dataset?.dataset_id) toggle(false, { keep: false });
    else if (!narrow() && kept.get("facets") === "open") toggle(true, { keep: false });
    else if (!panel.hidden) load();
  });
  addEventListener("resize", () => {
    veil.hidden = panel.hidden || !narrow();
  });
  return { toggle };
}

/** A folder in a filter; its wildcards are meant as they are. */
function folderText(path) {
  const plain = path.replace(/[\\*?]/g, "\\$&");
  return `"${plain.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
