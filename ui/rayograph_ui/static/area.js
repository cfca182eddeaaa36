/** Areas of the map: drawn as a box or a lasso, written into the filter, read back from it. */

import { joined } from "./choices.js";

const MOST_CORNERS = 64;
const STOREYS = 128;
const CLAUSE = /(?:^|\s+and\s+)area:"([^"]*)"(?=$|\s+and\s)/i;

/** The corners of the area a filter has beside other conditions; null: it has none. */
export function areaOf(where) {
  const text = CLAUSE.exec(where)?.[1];
  if (!text) return null;
  const corners = text.trim().split(/\s+/).map((each) => each.split(",").map(Number));
  if (corners.length < 2 || corners.some((c) => c.length !== 2 || !c.every(Number.isFinite))) return null;
  if (corners.length > 2) return corners;
  const [[left, low], [right, high]] = corners;
  return [[left, low], [right, low], [right, high], [left, high]];
}

/** The filter without its area. */
export const withoutArea = (where) => where.replace(CLAUSE, "").replace(/^\s*and\s+/i, "").trim();

/** The filter with this area in place of the one it had; `scale` is px a unit of the map. */
export function withArea(where, corners, scale) {
  const rest = withoutArea(where);
  const safe = /\bor\b/i.test(rest) ? `(${rest})` : rest;
  return joined(safe, `area:"${written(corners, scale)}"`);
}

/** To half a pixel of what was on screen: no digit more, as all of it stands in the address. */
function written(corners, scale) {
  const digits = Math.max(0, Math.ceil(Math.log10(2 * scale)));
  const short = (value) => String(Number(value.toFixed(digits)));
  return corners.map(([x, y]) => `${short(x)},${short(y)}`).join(" ");
}

/** A path of px with as few corners as show the same; at most 64. */
export function simplified(path) {
  let tolerance = 1;
  let found = thinned(path, tolerance);
  while (found.length > MOST_CORNERS) {
    tolerance *= 1.5;
    found = thinned(path, tolerance);
  }
  return found;
}

/** Douglas and Peucker: what lies nearer than `tolerance` to the line between two kept corners goes. */
function thinned(path, tolerance) {
  if (path.length < 3) return path;
  const kept = new Uint8Array(path.length);
  kept[0] = kept[path.length - 1] = 1;
  const todo = [[0, path.length - 1]];
  while (todo.length) {
    const [first, last] = todo.pop();
    let [far, at] = [tolerance, -1];
    for (let i = first + 1; i < last; i += 1) {
      const apart = distance(path[i], path[first], path[last]);
      if (apart > far) [far, at] = [apart, i];
    }
    if (at < 0) continue;
    kept[at] = 1;
    todo.push([first, at], [at, last]);
  }
  return path.filter((_, i) => kept[i]);
}

function distance([x, y], [x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (!length) return Math.hypot(x - x1, y - y1);
  return Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length;
}

/** 1 for each point inside, as the server reckons it: odd many edges to its right. */
export function inside(x, y, corners) {
  const found = new Uint8Array(x.length);
  const edges = [];
  corners.forEach(([x1, y1], at) => {
    const [x2, y2] = corners[(at + 1) % corners.length];
    const slope = (x2 - x1) / (y2 - y1);
    if (y1 !== y2) edges.push([Math.min(y1, y2), Math.max(y1, y2), x1 - y1 * slope, slope]);
  });
  const across = corners.map(([cx]) => cx);
  const up = corners.map(([, cy]) => cy);
  const [left, right] = [Math.min(...across), Math.max(...across)];
  const [low, high] = [Math.min(...up), Math.max(...up)];
  const floors = storeys(edges, low, high);
  const perUnit = STOREYS / (high - low || 1);
  for (let i = 0; i < x.length; i += 1) {
    const px = x[i];
    const py = y[i];
    if (px < left || px > right || py < low || py > high) continue;
    const here = floors[Math.min(STOREYS - 1, Math.floor((py - low) * perUnit))];
    let odd = 0;
    for (let at = 0; at < here.length; at += 4) {
      if (py >= here[at] && py < here[at + 1] && px < here[at + 2] + py * here[at + 3]) odd ^= 1;
    }
    found[i] = odd;
  }
  return found;
}

/** For each storey of an area the edges that pass it, flat: a point is compared with a few of them. */
function storeys(edges, low, high) {
  const tall = (high - low || 1) / STOREYS;
  return Array.from({ length: STOREYS }, (_, at) => {
    const [floor, ceiling] = [low + (at - 0.01) * tall, low + (at + 1.01) * tall];
    return Float64Array.from(edges.filter(([from, to]) => to >= floor && from <= ceiling).flat());
  });
}
