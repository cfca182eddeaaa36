/** The page's address behind `#`: a dataset, and perhaps a place in a giant: `id@x,y,zoom`. */

const VIEW = /^(-?\d{1,9}),(-?\d{1,9}),(\d*\.?\d+)$/;

/** {id, view} of `location.hash`; the view is {x, y} px of the whole picture and its zoom. */
export function readPlace(hash) {
  const [id, at = ""] = hash.replace(/^#/, "").split("@");
  const [x, y, zoom] = (VIEW.exec(at) ?? []).slice(1).map(Number);
  return { id, view: zoom > 0 ? { x, y, zoom } : null };
}

/** Put a dataset and a view (null: none) into the address, without a step in the history. */
export function writePlace(id, view = null) {
  const at = view ? `@${Math.round(view.x)},${Math.round(view.y)},${short(view.zoom)}` : "";
  history.replaceState(null, "", id ? `#${id}${at}` : location.pathname + location.search);
}

/** Four significant digits without an exponent: 0.0042, 1.25. */
const short = (zoom) => String(Number(zoom.toFixed(Math.max(0, 3 - Math.floor(Math.log10(zoom))))));
