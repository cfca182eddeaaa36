/** What the page's address says, to be kept, sent and gone back to: a dataset, perhaps a place in a
 * giant, perhaps a filter, an order and the map: `#dataset@x,y,zoom?where=width>1024&sort=-size&map=0,0,1`. */

const VIEW = /^(-?\d{1,9}),(-?\d{1,9}),(\d*\.?\d+)$/;

/** {dataset, view, where, sort, map}; the view is {x, y} px of the whole picture and its zoom, or null. */
export function readAddress(hash = location.hash) {
  const [place, query] = hash.slice(1).split("?", 2);
  const [dataset, at = ""] = place.split("@");
  const [x, y, zoom] = (VIEW.exec(at) ?? []).slice(1).map(Number);
  const said = new URLSearchParams(query ?? "");
  const [where, sort, map] = ["where", "sort", "map"].map((name) => said.get(name) ?? "");
  return { dataset, view: zoom > 0 ? { x, y, zoom } : null, where, sort, map };
}

/** Put it into the address, without a step in the history. */
export function writeAddress({ dataset, view = null, where = "", sort = "", map = "" }) {
  const at = view ? `@${Math.round(view.x)},${Math.round(view.y)},${short(view.zoom)}` : "";
  const said = Object.entries({ where, sort, map }).filter(([, text]) => text);
  const query = said.length ? `?${new URLSearchParams(said)}` : "";
  const address = dataset ? `#${dataset}${at}${query}` : location.pathname + location.search;
  history.replaceState(null, "", address);
}

/** Four significant digits without an exponent: 0.0042, 1.25. */
const short = (zoom) => String(Number(zoom.toFixed(Math.max(0, 3 - Math.floor(Math.log10(zoom))))));
