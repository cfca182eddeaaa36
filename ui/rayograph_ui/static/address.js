/** What the page's address says: `#dataset?where=width>1024`. It can be kept, sent and gone back to. */

/** {dataset, where} of the address; empty texts for what it does not say. */
export function readAddress() {
  const [dataset, query] = location.hash.slice(1).split("?", 2);
  return { dataset, where: new URLSearchParams(query ?? "").get("where") ?? "" };
}

export function writeAddress({ dataset, where }) {
  const query = where ? `?${new URLSearchParams({ where })}` : "";
  const address = dataset ? `#${dataset}${query}` : location.pathname + location.search;
  history.replaceState(null, "", address);
}
