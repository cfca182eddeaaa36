/** What stands in the map's place while there is none. */

import { h, one, setText } from "./dom.js";

export function mapState(node) {
  const bar = one("progress", node);

  /** `done` is a share; "busy": nobody knows; null: nothing is being done. */
  function show(title, text, { done = null, acts = [] } = {}) {
    node.hidden = false;
    setText(one("h2", node), title);
    setText(one("p", node), text);
    bar.hidden = done === null;
    if (done === "busy") bar.removeAttribute("value");
    else if (done !== null) bar.value = done;
    const key = acts.map(([label]) => label).join();
    const place = one(".rg-map-acts", node);
    // A button that is pressed at this moment stays.
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    place.replaceChildren(
      ...acts.map(([label, act]) => h("button", { class: "rg-button", onclick: act }, label)),
    );
  }

  return {
    hide: () => {
      node.hidden = true;
    },
    busy: (title) => show(title, "", { done: "busy" }),
    /** It is being worked out. */
    computing: ({ stage, done, total }, cancel) =>
      show(
        "The map is being worked out",
        total ? `${stage}, ${Math.floor((100 * (done ?? 0)) / total)} %` : stage,
        { done: total ? (done ?? 0) / total : "busy", acts: [["Cancel", cancel]] },
      ),
    failed: ({ code, message, hint }, again) => {
      const waits = code === "not_ready" && message.includes("vector");
      const title = waits ? "No map yet" : "There is no map";
      const text = waits ? "No picture has been looked at by the model yet. The map comes by itself." : message;
      const help = code === "model_unavailable" && hint ? ` ${hint}.` : "";
      show(title, text + help, { acts: waits ? [] : [["Work it out", again]] });
    },
    blind: (clusters) =>
      show("This browser cannot draw the map", "It needs WebGL2. The clusters can be looked at all the same.", {
        acts: [["Show the clusters", clusters]],
      }),
  };
}
