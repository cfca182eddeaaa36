/** How far a giant is: what stands in its place before it can be seen, and over it while it is tiled. */

import { $, all, one, setText } from "./dom.js";
import { bytes, count, duration } from "./format.js";

/** In the picture's place: its download, or why there is none. */
export function drawWaiting(app, shown) {
  const box = $("rg-viewer-wait");
  const { giant, dataset } = app;
  box.hidden = !giant || !shown;
  if (box.hidden) return;
  const failed = giant.status === "failed";
  box.dataset.mark = failed ? "bad" : "busy";
  setText(one("h1", box), title(app));
  setText(one(".rg-viewer-what", box), failed ? (giant.error ?? "") : (dataset?.source ?? ""));
  const line = one(".rg-bar-line", box);
  const begun = giant.status === "processing" || giant.bytes_done > 0;
  line.hidden = failed || !begun || giant.progress !== "downloading";
  if (!line.hidden) bar(line, giant.bytes_done, giant.bytes_total, downloaded(giant));
  setText(one(".rg-viewer-pace", box), failed ? (dataset?.source ?? "") : pace(app));
  one("[data-viewer=retry]", box).hidden = !failed;
}

/** Over the picture, until its pyramid is whole. */
export function drawTiling(app, shown) {
  const box = $("rg-viewer-work");
  const { giant } = app;
  const info = giant?.tile_info;
  const failed = giant?.status === "failed" || info?.status === "failed";
  const loading = giant?.progress === "downloading";
  box.hidden = !shown || !info || (info.status === "ready" && !failed);
  if (box.hidden) return;
  box.classList.toggle("rg-failed", failed);
  const [done, total] = loading
    ? [giant.bytes_done, giant.bytes_total]
    : [info.done_tiles, info.total_tiles];
  const share = total ? ` ${Math.floor((100 * (done ?? 0)) / total)} %` : "";
  setText(one("b", box), failed ? "Not all of it could be tiled" : title(app));
  setText(one("span", box), failed ? "" : share);
  const line = one(".rg-bar-line", box);
  line.hidden = failed;
  line.setAttribute("aria-label", loading ? "Download" : "Tiling");
  bar(line, done, total, loading ? downloaded(giant) : tiled(info));
  setText(one(".rg-viewer-pace", box), failed ? (giant.error ?? "") : pace(app));
  one("[data-viewer=retry]", box).hidden = !failed;
}

function title({ progress: work, giant: { status, progress, tile_info: info } }) {
  if (status === "failed") return "This picture could not be opened";
  if (status === "queued") return work?.paused ? "Paused" : "Waiting for its turn";
  if (progress === "downloading") return "Downloading";
  if (progress === "generating_tiles" || info) return "Tiling";
  return "Opening";
}

function pace({ giant, progress }) {
  const parts = [];
  const left = giant.eta_s ?? progress?.stages?.tiling?.eta_s ?? null;
  if (giant.progress === "downloading") {
    parts.push(downloaded(giant));
    if (giant.rate_bytes_s) parts.push(`${bytes(giant.rate_bytes_s)}/s`);
  } else if (giant.tile_info) {
    parts.push(tiled(giant.tile_info));
  }
  if (left !== null && giant.status === "processing") parts.push(`${duration(left)} left`);
  return parts.filter(Boolean).join(" · ");
}

function downloaded({ bytes_done: done, bytes_total: total }) {
  if (!done && !total) return "";
  return total ? `${bytes(done)} of ${bytes(total)}` : bytes(done);
}

function tiled({ done_tiles: done, total_tiles: total }) {
  return total ? `${count(done ?? 0)} of ${count(total)} tiles` : "";
}

/** A bar; without a known end it only says that something goes on. */
function bar(line, done, total, text) {
  const open = !total;
  line.classList.toggle("rg-endless", open);
  const percent = open ? 0 : Math.min(100, (100 * (done ?? 0)) / total);
  for (const part of all(".rg-done", line)) part.style.width = open ? "" : `${percent}%`;
  if (open) line.removeAttribute("aria-valuenow");
  else line.setAttribute("aria-valuenow", Math.floor(percent));
  line.setAttribute("aria-valuetext", text);
}
