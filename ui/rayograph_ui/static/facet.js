/** One field in the side panel: its values to choose from, or its scale with a range. */

import { rangeClause, titleOf, valuesClause, valueText } from "./choices.js";
import { h, kept, setText } from "./dom.js";
import { count } from "./format.js";
import { histogram } from "./histogram.js";

// What nothing was said of is no answer to show for these.
const SETTLED = new Set(["failed", "favorite", "error", "missing", "hidden"]);

/**
 * `change(name, clause)` replaces what the filter says of a field; `shut` are the fields that are
 * folded, `wide` those of which many values are listed once `load` has been called.
 */
export function facetGroup({ name, about, histogram: scale }, { change, shut, wide, load }) {
  const title = titleOf(name);
  const body = h("div", { class: "rg-facet-body", id: `rg-facet-${name}` });
  const clear = h(
    "button",
    {
      type: "button",
      class: "rg-facet-clear",
      "aria-label": `Clear ${title}`,
      onclick: () => change(name, () => ""),
    },
    "clear",
  );
  const opener = h(
    "button",
    {
      type: "button",
      class: "rg-facet-opener",
      title: about.replaceAll("`", ""),
      "aria-controls": body.id,
      onclick: () => fold(!shut.has(name)),
    },
    title,
  );
  const said = h("code", { class: "rg-facet-said" });
  const node = h(
    "section",
    { class: "rg-facet", "data-facet": name },
    h("h3", { class: "rg-facet-head" }, opener, clear),
    said,
    body,
  );
  const content = scale ? scaleOf(name, title, change) : valuesOf(name, { change, wide, load });
  body.append(content.node);

  function fold(closed) {
    if (closed) shut.add(name);
    else shut.delete(name);
    kept.set("facets.shut", JSON.stringify([...shut]));
    draw();
  }

  function draw() {
    body.hidden = shut.has(name);
    opener.setAttribute("aria-expanded", String(!body.hidden));
  }

  function update(facet) {
    clear.hidden = !facet.clause;
    node.classList.toggle("rg-on", Boolean(facet.clause));
    // Shown in full where the choices cannot show it.
    said.hidden = !facet.clause || (shown(facet) && !body.hidden);
    setText(said, facet.clause ?? "");
    content.update(facet);
    draw();
  }

  return { node, update };
}

const shown = (facet) =>
  facet.missing_chosen ||
  facet.values.some(({ chosen }) => chosen) ||
  facet.low !== null ||
  facet.high !== null;

function scaleOf(name, title, change) {
  const bars = histogram(title, (from, to) =>
    change(name, (facet) => rangeClause(facet, from, to)),
  );
  const none = missingRow(name, change);
  const node = h("div", {}, bars.node, h("ul", { class: "rg-values" }, none.node));
  return {
    node,
    update(facet) {
      bars.node.hidden = facet.histogram.counts.length < 2;
      bars.update(facet);
      none.update(facet);
    },
  };
}

function valuesOf(name, { change, wide, load }) {
  const rows = new Map();
  const none = missingRow(name, change);
  const items = h("ul", { class: "rg-values" }, none.node);
  const all = h("button", {
    type: "button",
    class: "rg-link rg-facet-more",
    onclick: () => {
      if (wide.has(name)) wide.delete(name);
      else wide.add(name);
      load();
    },
  });
  return {
    node: h("div", {}, items, all),
    update(facet) {
      const most = Math.max(1, ...facet.values.map((value) => value.count));
      const gone = new Set(rows.keys());
      facet.values.forEach((value, at) => {
        gone.delete(value.value);
        if (!rows.has(value.value)) rows.set(value.value, valueRow(name, value.value, change));
        const row = rows.get(value.value);
        row.update(value, most);
        if (items.children[at] !== row.node) items.insertBefore(row.node, items.children[at]);
      });
      for (const value of gone) {
        rows.get(value).node.remove();
        rows.delete(value);
      }
      none.update(facet);
      all.hidden = !facet.more && !wide.has(name);
      setText(all, facet.more ? `${count(facet.more)} more` : "fewer");
    },
  };
}

/** Add a value to those wanted or not wanted, or take it out again; `only` drops all others. */
function choose(change, name, value, { only = false, not = false, on = true } = {}) {
  change(name, (facet) => {
    const kept = (choice) =>
      facet.values
        .filter((each) => each.chosen === choice && each.value !== value && !only)
        .map((each) => each.value);
    const [wanted, unwanted] = [kept("in"), kept("out")];
    if (on) (not ? unwanted : wanted).push(value);
    return valuesClause(facet, wanted, unwanted);
  });
}

function valueRow(name, value, change) {
  const text = valueText(name, value);
  const box = h("input", {
    type: "checkbox",
    "aria-label": text,
    onchange: () => choose(change, name, value, { on: box.checked }),
  });
  const number = h("b", {});
  const not = h(
    "button",
    {
      type: "button",
      "aria-label": `Not ${text}`,
      onclick: () => choose(change, name, value, { not: true, on: not.ariaPressed !== "true" }),
    },
    "not",
  );
  const only = h(
    "button",
    { type: "button", "aria-label": `Only ${text}`, onclick: () => choose(change, name, value, { only: true }) },
    "only",
  );
  const label = h("label", {}, box, h("span", {}, text));
  const node = h("li", { class: "rg-value" }, label, only, not, number);
  return {
    node,
    update({ count: found, chosen }, most) {
      box.checked = chosen === "in";
      not.setAttribute("aria-pressed", String(chosen === "out"));
      node.classList.toggle("rg-out", chosen === "out");
      node.classList.toggle("rg-none", !found);
      node.style.setProperty("--share", `${(100 * found) / most}%`);
      setText(number, count(found));
    },
  };
}

/** The pictures that have no value. */
function missingRow(name, change) {
  const box = h("input", {
    type: "checkbox",
    "aria-label": `No ${titleOf(name).toLowerCase()}`,
    onchange: () => change(name, () => (box.checked ? `${name} is missing` : "")),
  });
  const number = h("b", {});
  const node = h(
    "li",
    { class: "rg-value rg-missing" },
    h("label", {}, box, h("span", {}, "none")),
    number,
  );
  return {
    node,
    update(facet) {
      node.hidden = SETTLED.has(name) || (!facet.missing && !facet.missing_chosen);
      box.checked = facet.missing_chosen === "in";
      setText(number, count(facet.missing));
    },
  };
}
