/** The filter beside the search: typed with completion, applied on Enter, its mistakes shown in place. */

import { complete } from "./complete.js";
import { $, h, one } from "./dom.js";

export function startFilter(app) {
  const form = $("rg-filter");
  const input = $("rg-filter-text");
  const pop = $("rg-filter-pop");
  const list = $("rg-filter-list");
  const error = $("rg-filter-error");
  let fields = [];
  let of = null;
  let offered = { from: 0, items: [] };
  let chosen = -1;

  async function load() {
    const id = app.dataset?.dataset_id;
    if (!id || of === app.dataset) return;
    of = app.dataset;
    try {
      const answer = await app.api.get(`/api/datasets/${encodeURIComponent(id)}/fields`);
      if (of !== app.dataset) return;
      fields = answer.items;
      if (document.activeElement === input) offer();
    } catch {
      // Without completion the filter itself works as well.
      of = null;
    }
  }

  /** Say what could come next; a click or a key takes it. */
  function offer() {
    offered = complete(input.value, input.selectionStart, fields);
    chosen = -1;
    list.replaceChildren(...offered.items.map(option));
    draw();
  }

  function option(item, index) {
    return h(
      "li",
      {
        id: `rg-filter-option-${index}`,
        role: "option",
        "aria-selected": "false",
        // Before the input loses the focus, so that it keeps it.
        onpointerdown: (event) => {
          event.preventDefault();
          take(index);
        },
      },
      h("b", {}, item.label),
      h("span", {}, item.about),
    );
  }

  function draw() {
    const open = document.activeElement === input && offered.items.length > 0;
    list.hidden = !open;
    pop.hidden = !open && error.hidden;
    input.setAttribute("aria-expanded", String(open));
    [...list.children].forEach((node, index) => {
      node.setAttribute("aria-selected", String(index === chosen));
      if (index === chosen) node.scrollIntoView({ block: "nearest" });
    });
    if (chosen >= 0) input.setAttribute("aria-activedescendant", `rg-filter-option-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
    $("rg-filter-clear").hidden = !input.value && !app.where;
    form.classList.toggle("rg-on", Boolean(app.where));
  }

  function take(index) {
    const { text } = offered.items[index];
    const rest = input.value.slice(input.selectionStart);
    input.value = input.value.slice(0, offered.from) + text + rest.replace(/^\s+/, "");
    const at = offered.from + text.length;
    input.setSelectionRange(at, at);
    offer();
  }

  function quiet() {
    offered = { from: 0, items: [] };
    chosen = -1;
    list.replaceChildren();
    draw();
  }

  /** The message, the filter with a caret under the character it is about, and the next step. */
  function complain(problem, where) {
    error.hidden = !problem;
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    form.classList.toggle("rg-wrong", Boolean(problem));
    if (problem) {
      one("p", error).textContent = problem.message;
      one("small", error).textContent = problem.hint ?? "";
      // Characters, as the server counts them; a caret has to stand under what is seen.
      const all = [...where];
      const from = Math.max(0, problem.position - 24);
      const seen = all.slice(from, from + 40).join("");
      const caret = `${" ".repeat(problem.position - from)}^`;
      one("pre", error).textContent = problem.code === "invalid_filter" ? `${seen}\n${caret}` : "";
    }
    draw();
  }

  /** Show only what a filter picks; an empty one shows everything. */
  async function apply(where, { focus = true } = {}) {
    input.value = where;
    complain(null, where);
    quiet();
    try {
      await app.setWhere(where);
      if (focus) app.grid.scroller.focus({ preventScroll: true });
    } catch (problem) {
      if (problem.status !== 422) app.toast(problem);
      else complain(problem, where);
    }
    draw();
  }

  const clear = () => apply("");

  function onKey(event) {
    const { key } = event;
    const { items } = offered;
    if ((key === "ArrowDown" || key === "ArrowUp") && items.length) {
      const step = key === "ArrowDown" ? 1 : -1;
      const from = chosen < 0 && step < 0 ? 0 : chosen;
      chosen = (from + step + items.length) % items.length;
      draw();
    } else if (key === "Tab" && !event.shiftKey && items.length && input.value) {
      take(Math.max(chosen, 0));
    } else if (key === "Enter" && chosen >= 0) take(chosen);
    else if (key === "Escape" && items.length) quiet();
    else if (key === "Escape") {
      input.value = app.where;
      complain(null, "");
      app.grid.scroller.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply(input.value.trim());
  });
  input.addEventListener("keydown", onKey);
  input.addEventListener("input", () => {
    complain(null, "");
    offer();
  });
  input.addEventListener("focus", () => {
    load();
    offer();
  });
  input.addEventListener("click", offer);
  input.addEventListener("blur", quiet);
  $("rg-filter-clear").addEventListener("click", clear);
  app.on("dataset", () => {
    input.disabled = !app.dataset?.dataset_id;
    input.value = app.where;
    fields = [];
    of = null;
    complain(null, "");
    quiet();
  });

  return {
    apply,
    clear,
    focus: () => {
      input.focus();
      input.select();
    },
  };
}
