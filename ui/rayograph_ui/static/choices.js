/** From choices in the side panel to the text of a filter, and how fields and values are shown. */

import { bytes, count, fault } from "./format.js";

const PLAIN = /^[\w*?.-]+$/;
const WORDS = new Set(["and", "or", "not", "in", "is"]);
const TITLES = {
  size: "File size",
  mtime: "Changed",
  taken_at: "Taken",
  mode: "Pixels",
  failed: "Failure",
  aspect: "Aspect ratio",
};
const SIZES = [
  [1e9, "gb"],
  [1e6, "mb"],
  [1e3, "kb"],
];

/** A text as a filter reads it back. */
export function quoted(text) {
  if (PLAIN.test(text) && !WORDS.has(text.toLowerCase())) return text;
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Both parts of a filter as one. */
export const joined = (...parts) => parts.filter(Boolean).join(" and ");

/** What picks any of the wanted values and none of the unwanted ones; empty: everything. */
export function valuesClause({ name, kind }, wanted, unwanted) {
  if (kind === "flag") return flagClause(name, wanted, unwanted);
  const not = oneOf(name, unwanted);
  return joined(oneOf(name, wanted), not && `not ${not}`);
}

function oneOf(name, values) {
  if (!values.length) return "";
  if (values.length === 1) return `${name}=${quoted(values[0])}`;
  return `${name} in (${values.map(quoted).join(", ")})`;
}

function flagClause(name, wanted, unwanted) {
  const yes = wanted.includes("yes") || unwanted.includes("no");
  const no = wanted.includes("no") || unwanted.includes("yes");
  if (yes === no) return "";
  return yes ? name : `not ${name}`;
}

/** What picks the bins from one edge to another; open where the scale ends. */
export function rangeClause({ name, kind, histogram: { edges } }, from, to) {
  const last = edges.length - 1;
  if (from <= 0 && to >= last) return "";
  return joined(
    from > 0 && `${name}>=${edge(kind, edges[from])}`,
    to < last && `${name}<${edge(kind, edges[to])}`,
  );
}

function edge(kind, value) {
  if (kind !== "bytes") return String(value);
  const [size, unit] = SIZES.find(([each]) => value >= each && value % (each / 10) === 0) ?? [1, ""];
  return `${value / size}${unit}`;
}

/** The bins a range lies in, as edges: all of them where it has no end. */
export function rangePlaces({ low, high, histogram: { edges } }) {
  const last = edges.length - 1;
  const from = low === null ? 0 : edges.findLastIndex((each) => each <= low);
  const to = high === null ? last : edges.findIndex((each) => each >= high);
  return [Math.min(Math.max(from, 0), last - 1), to < 0 ? last : Math.max(to, 1)];
}

export function titleOf(name) {
  const text = TITLES[name] ?? name.replace(/^extra\./, "").replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}

export function valueText(name, value) {
  if (name === "rating") return "★".repeat(Number(value));
  return name === "failed" ? fault(value) : value;
}

/** An edge as people read it. */
export function edgeText(kind, value) {
  if (kind === "time") return value.replace("T", " ");
  if (kind === "bytes") return bytes(value);
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
}
