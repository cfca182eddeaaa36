/** Labels by words: classes are named, looked at, corrected picture by picture, and refined. */

import { $, h, kept, one, setText, showError } from "./dom.js";
import { joined } from "./choices.js";
import { count, plural } from "./format.js";
import { labelClass } from "./labelclass.js";
import { Verdicts } from "./verdicts.js";

const LOOK_MS = 700;
const AGAIN_MS = 600;
const NARROW_PX = 900;
const ROOMY_PX = 1600;
const WORDS = { reading: "Reading", training: "Learning", scoring: "Scoring", writing: "Writing" };

export function startLabelling(app) {
  const panel = $("rg-lab");
  const button = $("rg-lab-open");
  const form = $("rg-lab-form");
  const list = $("rg-lab-list");
  const which = $("rg-lab-which");
  const error = $("rg-lab-error");
  const classes = new Map();
  const verdicts = new Verdicts(app, { path: () => path("corrections"), changed: later });
  let names = [];
  let info = null; // what is known of the labels that are shown
  let chosen = null; // the class that y and n are about
  let asking = null;
  let timer = 0;

  const narrow = () => innerWidth <= NARROW_PX;
  const root = () => `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}/labels`;
  const path = (...rest) => [root(), encodeURIComponent(info.name), ...rest].join("/");

  function toggle(open = panel.hidden) {
    panel.hidden = !open;
    $("rg-lab-veil").hidden = !open || !narrow();
    button.setAttribute("aria-expanded", String(open));
    if (!open) {
      stop();
      choose(null, { show: false });
      return;
    }
    // Both beside the pictures leave no room for them.
    if (innerWidth < ROOMY_PX && !$("rg-work").hidden) app.dock.toggle(false, { keep: false });
    load();
    if (narrow()) $("rg-lab-close").focus();
  }

  function stop() {
    asking?.abort();
    clearTimeout(timer);
  }

  /** What labels there are; those looked at last are shown, or else the form for new ones. */
  async function load(name = null) {
    if (panel.hidden || !app.dataset?.dataset_id || app.giant) return;
    await asked(async (signal) => {
      const { items } = await app.api.get(root(), { signal });
      names = items.map((each) => each.name);
      const last = name ?? info?.name ?? kept.get("labels");
      const wanted = names.includes(last) ? last : names[0];
      drawNames(wanted);
      if (wanted) await look(wanted, signal);
      else create();
    });
  }

  async function look(name, signal) {
    const found = await app.api.get(`${root()}/${encodeURIComponent(name)}`, { signal });
    if (signal.aborted) return;
    if (info?.name !== found.name) chosen = null;
    show(found);
    await verdicts.load(path("corrections"), signal);
  }

  /** Ask for something; what was asked for before is of no use any more. */
  async function asked(work) {
    stop();
    const mine = (asking = new AbortController());
    panel.setAttribute("aria-busy", "true");
    showError(error, null);
    try {
      await work(mine.signal);
    } catch (problem) {
      if (!mine.signal.aborted) showError(error, problem);
    } finally {
      if (asking === mine) panel.setAttribute("aria-busy", "false");
    }
  }

  /** Look again in a moment: scores or counts have changed. */
  function later(wait = AGAIN_MS) {
    clearTimeout(timer);
    timer = setTimeout(() => !panel.hidden && info && asked((signal) => look(info.name, signal)), wait);
  }

  // -- drawing ----------------------------------------------------------------------------------

  function drawNames(wanted) {
    which.replaceChildren(...names.map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
    if (wanted) which.value = wanted;
    which.hidden = !names.length;
    $("rg-lab-new").hidden = !names.length;
  }

  /** The form for new labels. */
  function create() {
    form.hidden = false;
    $("rg-lab-body").hidden = true;
    $("rg-lab-back").hidden = !names.length;
    const why = app.searching.obstacle();
    $("rg-lab-why").hidden = !why;
    setText($("rg-lab-why"), why ?? "");
    one("[type=submit]", form).disabled = Boolean(why);
    if (!why && !narrow()) one("input", form).focus({ preventScroll: true });
  }

  function show(found) {
    info = found;
    kept.set("labels", info.name);
    form.hidden = true;
    $("rg-lab-why").hidden = true;
    $("rg-lab-body").hidden = false;
    const gone = new Set(classes.keys());
    info.classes.forEach((each, at) => {
      const key = `${info.name} ${info.created_at} ${each.key}`;
      gone.delete(key);
      if (!classes.has(key)) classes.set(key, cardOf(each.key));
      const card = classes.get(key);
      card.update(each, { chosen: each.key === chosen, several: info.several });
      if (list.children[at] !== card.node) list.insertBefore(card.node, list.children[at] ?? null);
    });
    for (const key of gone) {
      // What is in it for a while goes back first.
      if (classes.get(key).node.contains($("rg-lab-hint"))) $("rg-lab-body").append($("rg-lab-hint"));
      classes.get(key).node.remove();
      classes.delete(key);
    }
    note();
    refining();
    if (info.computing || info.state === "wanted") later(LOOK_MS);
  }

  function cardOf(key) {
    const card = labelClass({
      choose: () => choose(chosen === key ? null : key),
      set: (threshold) => keep(card, key, threshold),
    });
    return card;
  }

  /** How far the scores are, and what can be done about it. */
  function note() {
    const { computing, coverage, state, stale, unlabelled } = info;
    const act = $("rg-lab-act");
    const bar = $("rg-lab-bar");
    const share = computing?.total ? Math.floor((100 * (computing.done ?? 0)) / computing.total) : 0;
    bar.hidden = !computing;
    bar.setAttribute("aria-valuenow", String(share));
    one("i", bar).style.width = `${share}%`;
    const part = coverage.searched < coverage.total;
    let text = part ? `${count(coverage.searched)} of ${count(coverage.total)} scored.` : "";
    let does = "";
    if (computing) {
      text = `${WORDS[computing.stage] ?? "Waiting"}${computing.total ? `, ${share} %` : "…"}`;
      does = "Cancel";
    } else if (state === "failed") {
      text = `It failed: ${info.error ?? "no reason was given"}`;
      does = "Try again";
    } else if (state === "cancelled") {
      text = `Stopped. ${text}`;
      does = "Go on";
    } else if (stale) {
      text = "The pictures have changed since.";
      does = "Score what is new";
    } else if (!part && unlabelled !== null) text = `${count(unlabelled)} have no class.`;
    setText($("rg-lab-note"), text);
    act.hidden = !does;
    setText(act, does);
  }

  function refining() {
    const { corrections, unused, quality, use, computing } = info;
    const said = corrections ? `${plural(corrections, "picture")} corrected` : "Nothing corrected yet";
    const fresh = use === "probe" && unused ? `, ${count(unused)} since it learned` : "";
    setText($("rg-lab-said"), `${said}${fresh}.`);
    const told = quality?.probe !== null && quality?.probe !== undefined;
    $("rg-lab-quality").hidden = !told;
    if (told) {
      const percent = (share) => `${Math.round(100 * share)} %`;
      const text = `Right about what you corrected: words ${percent(quality.words)}, refined ${percent(quality.probe)}.`;
      setText($("rg-lab-quality"), text);
    }
    const refine = $("rg-lab-refine");
    refine.disabled = !corrections || Boolean(computing);
    refine.title = corrections ? "Learn from the corrections" : "Correct some pictures first";
    $("rg-lab-words").hidden = use !== "probe" || Boolean(computing);
    // Beside the class it is about.
    const hint = $("rg-lab-hint");
    const card = chosen && one(`[data-class="${CSS.escape(chosen)}"]`, list);
    if (card && hint.parentElement !== card) card.append(hint);
    hint.hidden = !card;
  }

  // -- what is done -----------------------------------------------------------------------------

  /** The filter without a class of ours. */
  function others() {
    let where = app.where;
    for (const each of info?.classes ?? []) {
      if (where === each.where) return "";
      if (where.endsWith(` and ${each.where}`)) where = where.slice(0, -` and ${each.where}`.length);
    }
    return where;
  }

  const bracketed = (where) => (/\bor\b/i.test(where) && !where.startsWith("(") ? `(${where})` : where);

  /** Show the pictures of a class, and have y and n speak of it; null: of none. */
  async function choose(key, { show: showing = true } = {}) {
    const before = chosen;
    chosen = key;
    verdicts.of = key;
    if (!info || (before === null && key === null)) return;
    const one_ = info.classes.find((each) => each.key === key);
    show(info);
    app.grid.repaint();
    if (!showing) return;
    await app.filtering.apply(joined(bracketed(others()), one_?.where), { focus: Boolean(key) });
    if (narrow() && key) shut();
  }

  /** Out of the way of the pictures; what y and n are about stays. */
  function shut() {
    panel.hidden = true;
    $("rg-lab-veil").hidden = true;
    button.setAttribute("aria-expanded", "false");
  }

  async function keep(card, key, threshold) {
    try {
      const found = await app.api.patch(path(), { thresholds: { [key]: threshold } });
      if (found.name === info?.name) show(found);
      app.emit("edited");
      // The same filter picks others now.
      if (found.classes.some((each) => app.where.includes(each.where))) await app.listAgain();
    } catch (problem) {
      card.back();
      app.toast(problem);
    }
  }

  async function act(work) {
    await asked(async (signal) => {
      show(await work(signal));
    });
  }

  function submit(event) {
    event.preventDefault();
    const data = new FormData(form);
    const body = {
      name: data.get("name").trim(),
      classes: data.get("classes").split("\n").map(classFrom).filter(Boolean),
      several: data.has("several"),
    };
    asked(async (signal) => {
      const found = await app.api.post(root(), body, { signal });
      form.reset();
      names.push(found.name);
      drawNames(found.name);
      chosen = null;
      show(found);
      verdicts.forget();
    });
  }

  async function remove() {
    const words = `Delete the labels ${info.name}, with ${plural(info.corrections, "correction")}?`;
    if (!confirm(words)) return;
    await asked(async () => {
      const where = others();
      await app.api.delete(path());
      if (where !== app.where) await app.filtering.apply(where, { focus: false });
      info = null;
      chosen = null;
      app.emit("edited");
      await load();
    });
  }

  async function tag() {
    const of = path("tags");
    await asked(async () => {
      const { images } = await app.api.post(of, {});
      app.emit("edited");
      const undo = async () => {
        await app.api.post(of, { undo: true });
        app.emit("edited");
        app.toast("The tags are off again.");
      };
      app.curation.remember(undo);
      app.toast(`${plural(images, "picture")} tagged. z takes it back.`);
    });
  }

  $("rg-lab-act").addEventListener("click", () =>
    act((signal) => app.api.post(path(info.computing ? "cancel" : "score"), {}, { signal })),
  );
  $("rg-lab-refine").addEventListener("click", () => act((signal) => app.api.post(path("refine"), {}, { signal })));
  $("rg-lab-words").addEventListener("click", () =>
    act((signal) => app.api.patch(path(), { use: "words" }, { signal })),
  );
  $("rg-lab-unsure").addEventListener("click", () => app.sorting.apply(`labels.${info.name}.certainty`));
  $("rg-lab-tag").addEventListener("click", tag);
  $("rg-lab-export").addEventListener("click", () => app.exporting.open({ of: info.name }));
  $("rg-lab-delete").addEventListener("click", remove);
  $("rg-lab-new").addEventListener("click", create);
  $("rg-lab-back").addEventListener("click", () => load());
  which.addEventListener("change", () => {
    choose(null, { show: false });
    load(which.value);
  });
  form.addEventListener("submit", submit);
  button.addEventListener("click", () => toggle());
  $("rg-lab-close").addEventListener("click", () => {
    toggle(false);
    button.focus();
  });
  $("rg-lab-veil").addEventListener("click", () => toggle(false));
  const available = () => {
    button.hidden = !app.dataset?.dataset_id || Boolean(app.giant);
    if (button.hidden && !panel.hidden) toggle(false);
  };
  app.on("giant", available);
  app.on("dataset", () => {
    stop();
    info = null;
    chosen = null;
    names = [];
    verdicts.forget();
    available();
    if (!panel.hidden) load();
  });
  return { toggle, press: (key) => Boolean(chosen) && verdicts.press(key) };
}

/** A line of the form: a class, and after a colon the texts that stand for it. */
function classFrom(line) {
  const [name, ...rest] = line.split(":");
  const prompts = rest.join(":").split(",").map((text) => text.trim()).filter(Boolean);
  if (!name.trim()) return null;
  return prompts.length ? { name: name.trim(), prompts } : name.trim();
}
