/** Colours of the map for light and dark: of clusters, of values, of scales. */

const HUES = [40, 250, 145, 320, 85, 200, 0, 280, 120, 225, 60, 175];
const NONE = 255;

const isDark = () => document.documentElement.dataset.theme !== "light";

/** A CSS colour for a number of a legend; null: of the clusters. */
export function colourOf(legend, number) {
  const dark = isDark();
  const grey = `oklch(${dark ? 0.55 : 0.62} 0.01 60)`;
  if (!legend) return hue((number * 137.508 + 40) % 360, dark);
  if (number === NONE) return `oklch(${dark ? 0.4 : 0.76} 0.01 60)`;
  const size = isScale(legend) ? legend.counts.length : legend.labels.length;
  if (number >= size) return grey;
  if (!isScale(legend)) return hue(HUES[number % HUES.length], dark);
  const share = size > 1 ? number / (size - 1) : 0.5;
  const light = dark ? 0.42 + 0.46 * share : 0.4 + 0.36 * share;
  return `oklch(${light.toFixed(3)} 0.15 ${(280 - 190 * share).toFixed(1)})`;
}

const hue = (angle, dark) => `oklch(${dark ? 0.74 : 0.56} 0.15 ${angle.toFixed(1)})`;

/** Whether the legend's numbers have an order. */
export const isScale = ({ kind, edges }) => edges.length > 0 || kind === "number";

/** A canvas of 256 x 1: the colour of every number. */
export function palette(legend) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [256, 1];
  const paint = canvas.getContext("2d");
  for (let number = 0; number < 256; number += 1) {
    paint.fillStyle = colourOf(legend, number);
    paint.fillRect(number, 0, 1, 1);
  }
  return canvas;
}

/** What crowds go towards: the ink of the page, as three shares. */
export const ink = () => (isDark() ? [1, 0.96, 0.9] : [0.1, 0.07, 0.05]);
