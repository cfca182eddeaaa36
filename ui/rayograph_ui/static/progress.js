/** The progress dock: a bar for each stage, commands that act at once and roll back on refusal. */

import { $, all, h, kept, one, setText, showError } from "./dom.js";
import { bytes, count, duration, rate } from "./format.js";

const WORDS = {
  waiting: "waiting",
  running: "",
  done: "done",
  paused: "paused",
  blocked: "blocked",
  failed: "failed",
};
const WIDE_PX = 1180;
const PURGE = "Forget the images whose files are gone, with their tags and ratings? No file is touched.";
const NAMES = {
  download: "the download",
  tiling: "tiling",
  listing: "listing",
  metadata: "reading metadata",
  embedding: "embedding",
  reembedding: "changing the model",
};

export function startProgress(app) {
  const dock = $("rg-work");
  const button = $("rg-work-open");

  function toggle(open = dock.hidden, { keep = true } = {}) {
    dock.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (keep) kept.set("dock", open ? "open" : "closed");
  }

  button.addEventListener("click", () => toggle());
  $("rg-work-close").addEventListener("click", () => {
    toggle(false);
    button.focus();
  });
  for (const control of all("[data-command]", dock)) {
    control.addEventListener("click", () => {
      const name = control.dataset.command;
      if (name !== "purge" || confirm(PURGE)) command(app, name);
    });
  }
  for (const control of all(".rg-stage-pause", dock)) {
    control.addEventListener("click", () => {
      const { stage } = control.closest(".rg-stage").dataset;
      const name = app.progress?.stages[stage]?.state === "paused" ? "resume" : "pause";
      command(app, name, { body: { stage } });
    });
  }
  $("rg-work-missing").addEventListener("click", () => {
    app.filtering.apply(app.where === "missing" ? "" : "missing", { focus: false });
  });
  $("rg-work-hidden").addEventListener("click", () => {
    app.filtering.apply(app.where === "hidden" ? "" : "hidden", { focus: false });
  });
  app.on("progress", (progress) => render(app, dock, button, progress));
  app.on("dataset", (dataset) => {
    showError($("rg-work-error"), null);
    if (!dataset) toggle(false, { keep: false });
    else if (innerWidth >= WIDE_PX && kept.get("dock") !== "closed") toggle(true, { keep: false });
  });
  return { toggle };
}

/** Act at once: what the command will do is shown before the server has agreed. A `body` says what
 * it is about, `count` how many that are. */
export async function command(app, name, { body, count: some } = {}) {
  const before = app.progress;
  const { dataset } = app;
  if (!dataset || !before) return;
  const errorLine = $("rg-work-error");
  showError(errorLine, null);
  app.setProgress(foresee(before, name, some, body?.stage));
  try {
    const id = encodeURIComponent(dataset.dataset_id);
    const progress = await app.api.post(`/api/datasets/${id}/${name}`, body);
    if (app.dataset === dataset) app.setProgress(progress);
    app.stream.wake();
  } catch (error) {
    if (app.dataset === dataset) app.setProgress(before);
    showError(errorLine, error);
    app.toast(error);
  }
}

function foresee(progress, name, some = progress.failed, only = null) {
  const next = structuredClone(progress);
  if (only && next.stages[only]) {
    const state = name === "pause" ? "paused" : "waiting";
    Object.assign(next.stages[only], { state, rate: null, eta_s: null });
    return next;
  }
  const each = (fn) => Object.values(next.stages).forEach(fn);
  if (name === "pause") {
    next.paused = true;
    each((stage) => {
      if (stage.state === "running") Object.assign(stage, { state: "paused", rate: null });
    });
  } else if (name === "resume") {
    next.paused = false;
    each((stage) => {
      if (stage.state === "paused") stage.state = "running";
    });
  } else if (name === "retry") {
    const pending = next.pending + some;
    Object.assign(next, { pending, failed: next.failed - some, status: "in_progress" });
    each((stage) => {
      const failed = Math.max(0, stage.failed - some);
      if (stage.failed) Object.assign(stage, { failed, state: "waiting" });
    });
  } else if (name === "purge") {
    next.missing = 0;
  } else if (name === "rescan") {
    next.status = "in_progress";
    if (next.stages.listing) next.stages.listing.state = "running";
  } else {
    each((stage) => {
      if (stage.state === "running") Object.assign(stage, { state: "waiting", rate: null });
    });
  }
  return next;
}

function render(app, dock, button, progress) {
  const busy = progress?.status === "in_progress";
  button.classList.toggle("rg-busy", Boolean(busy && !progress.paused));
  if (!progress) return;
  setText($("rg-work-lead"), lead(progress));
  for (const section of all(".rg-stage", dock)) {
    renderStage(section, progress.stages[section.dataset.stage]);
    renderPause(section, progress);
  }
  const show = {
    pause: busy && !progress.paused,
    resume: progress.paused,
    retry: true,
    rescan: true,
    cancel: busy,
    purge: progress.missing > 0,
  };
  $("rg-work-missing").hidden = !progress.missing;
  setText($("rg-work-missing"), `${count(progress.missing ?? 0)} missing`);
  $("rg-work-hidden").hidden = !progress.hidden;
  setText($("rg-work-hidden"), `${count(progress.hidden ?? 0)} hidden`);
  for (const control of all("[data-command]", dock)) {
    control.hidden = !show[control.dataset.command];
  }
  one('[data-command="retry"]', dock).disabled = !progress.failed;
}

/** One sentence: what is going on, how long it will take, and what it waits for. */
function lead(progress) {
  if (progress.error) return progress.error;
  if (progress.paused) return "Paused.";
  if (progress.status === "complete") {
    return progress.failed ? `Done, except for ${count(progress.failed)}.` : "All done.";
  }
  const slow = progress.stages[progress.bottleneck];
  const name = NAMES[progress.bottleneck] ?? progress.bottleneck;
  if (!slow) return "At work.";
  if (slow.state === "blocked") return slow.note ?? `Stuck at ${name}.`;
  const left = slow.eta_s === null ? "" : `About ${duration(slow.eta_s)} left. `;
  return `${left}The slowest part is ${name}.`;
}

/** A stage can be paused while there is something left of it; its place is kept, so nothing moves. */
function renderPause(section, progress) {
  const control = section.querySelector(".rg-stage-pause");
  if (!control) return;
  const state = progress.stages[section.dataset.stage]?.state;
  const paused = state === "paused";
  const left = progress.status === "in_progress" && (paused || state === "running" || state === "waiting");
  control.classList.toggle("rg-idle", !left || progress.paused);
  control.disabled = !left || progress.paused;
  control.setAttribute("aria-pressed", String(paused));
  control.title = paused ? "Go on" : "Pause this stage";
}

function renderStage(section, stage) {
  section.hidden = !stage;
  if (!stage) return;
  section.dataset.state = stage.state;
  setText(one(".rg-stage-state", section), WORDS[stage.state] ?? stage.state);
  const total = stage.total || 0;
  const share = (n) => (total ? (100 * n) / total : 0);
  one(".rg-done", section).style.width = `${share(stage.done)}%`;
  one(".rg-skipped", section).style.width = `${share(stage.skipped ?? 0)}%`;
  one(".rg-bad", section).style.width = `${share(stage.failed)}%`;
  const line = one(".rg-bar-line", section);
  const percent = Math.floor(share(stage.done + stage.failed + (stage.skipped ?? 0)));
  line.setAttribute("aria-valuenow", percent);
  const inBytes = section.dataset.stage === "download";
  const reached = inBytes ? reachedBytes(stage) : `${count(stage.done)} of ${count(total)}`;
  line.setAttribute("aria-valuetext", reached);
  setText(one(".rg-num", section), reached);
  setText(one(".rg-stage-note b", section), stage.failed ? `${count(stage.failed)} failed` : "");
  const running = stage.state === "running";
  const pace = running ? [inBytes ? byteRate(stage) : rate(stage.rate)] : [];
  if (running && stage.eta_s !== null) pace.push(`${duration(stage.eta_s)} left`);
  setText(one(".rg-rate", section), pace.filter(Boolean).join(", "));
  const note = one(".rg-stage-note span", section);
  setText(note, stage.note ?? note.dataset.does);
}

const reachedBytes = ({ done, total }) => (total ? `${bytes(done)} of ${bytes(total)}` : bytes(done));
const byteRate = ({ rate: pace }) => (pace ? `${bytes(pace)}/s` : "");
