/** Annotations as SVG: boxes, outlines, masks and keypoints, in the picture's own pixels. */

const NS = "http://www.w3.org/2000/svg";
const HUES = 24;
const SHADES = [-0.07, 0, 0.07];
const MASK_MOST_PX = 16_000_000;

/** A label's colour as style: the same label has the same one everywhere, in either theme. */
export function colour(label) {
  let hash = 2166136261;
  for (const char of label ?? "") hash = Math.imul(hash ^ char.codePointAt(0), 16777619) >>> 0;
  // What differs in few letters should not look alike: the high bits are the mixed ones.
  const mixed = hash >>> 8;
  const shade = SHADES[Math.floor(mixed / HUES) % SHADES.length];
  return `--hue: ${(mixed % HUES) * (360 / HUES)}; --shade: ${shade}`;
}

function node(name, attributes) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/**
 * The drawing over a picture that is `width` x `height` px.
 * `fit` is "slice" where the picture fills its place, "meet" where it is seen whole.
 */
export function drawing(annotations, { width, height, fit, boxesOnly = false }) {
  const svg = node("svg", {
    class: "rg-shapes",
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: `xMidYMid ${fit}`,
    "aria-hidden": "true",
  });
  // Large ones first, so that small ones are on top.
  const sorted = [...annotations].sort((a, b) => extent(b) - extent(a));
  for (const each of sorted) {
    const group = node("g", { style: colour(each.label) });
    group.dataset.label = each.label ?? "";
    if (!boxesOnly) shape(group, each, width, height);
    if (each.box) group.append(rectangle(each.box, !boxesOnly && hasShape(each)));
    svg.append(group);
  }
  return svg;
}

const extent = ({ box }) => (box ? box[2] * box[3] : 0);
const hasShape = ({ polygons, mask }) => polygons.length > 0 || mask !== null;

function rectangle([x, y, width, height], quiet) {
  return node("rect", { x, y, width, height, class: quiet ? "rg-quiet" : "" });
}

function shape(group, { polygons, mask, keypoints }, width, height) {
  for (const flat of polygons) {
    const points = [];
    for (let at = 0; at + 1 < flat.length; at += 2) points.push(`${flat[at]},${flat[at + 1]}`);
    group.append(node("polygon", { points: points.join(" ") }));
  }
  if (mask) {
    const href = painted(mask, group.style.getPropertyValue("--hue"));
    if (href) group.append(node("image", { href, width, height, preserveAspectRatio: "none" }));
  }
  for (let at = 0; at + 2 < keypoints.length; at += 3) {
    const [x, y, seen] = keypoints.slice(at, at + 3);
    // A line of no length with round ends is a dot that zooming does not change.
    if (seen) group.append(node("path", { d: `M${x} ${y}h0`, class: seen < 2 ? "rg-hidden" : "" }));
  }
}

/** A mask's picture: run lengths go down the columns and begin with what is outside. */
function painted({ size: [height, width], counts }, tone) {
  if (!(height * width > 0) || height * width > MASK_MOST_PX) return null;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = `oklch(0.75 0.17 ${tone} / 45%)`;
  let at = 0;
  counts.forEach((count, run) => {
    if (run % 2) column(context, at, count, height);
    at += count;
  });
  return canvas.toDataURL();
}

function column(context, start, count, height) {
  let [at, left] = [start, count];
  while (left > 0) {
    const y = at % height;
    const part = Math.min(left, height - y);
    context.fillRect(Math.floor(at / height), y, 1, part);
    at += part;
    left -= part;
  }
}
