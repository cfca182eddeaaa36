/** The folder tree: opened step by step, walked with the arrow keys, one folder chosen at a time. */

import { $, h, setText } from "./dom.js";
import { count } from "./format.js";

const PATIENCE_MS = 700;

/**
 * `choose(path)` is called with a folder, or null for none; `open(path)` when what lies inside is
 * wanted. `update(answer)` shows an answer to `parents`.
 */
export function folderTree(list, { choose, open }) {
  const opened = new Set();
  let children = new Map();
  let rows = [];
  let active = null;
  let typed = { text: "", at: 0 };

  const parentOf = (path) => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");

  function update(answer) {
    const fresh = new Map();
    for (const item of answer.items) {
      const parent = parentOf(item.folder);
      if (!fresh.has(parent)) fresh.set(parent, []);
      fresh.get(parent).push(item);
    }
    children = fresh;
    const own = answer.more;
    $("rg-folders-more").hidden = !own;
    setText($("rg-folders-more"), `and ${count(own)} more`);
    draw();
    return (children.get("") ?? []).length;
  }

  /** The folders in sight, top to bottom. */
  function seen(parent = "", level = 1) {
    return (children.get(parent) ?? []).flatMap((item) => [
      { ...item, level },
      ...(opened.has(item.folder) ? seen(item.folder, level + 1) : []),
    ]);
  }

  function draw() {
    rows = seen();
    if (!rows.some(({ folder }) => folder === active)) active = null;
    const focused = rows.find(({ chosen }) => chosen === "in") ?? rows[0];
    const stop = active ?? focused?.folder;
    const known = new Map([...list.children].map((node) => [node.dataset.folder, node]));
    rows.forEach((row, at) => {
      const node = known.get(row.folder) ?? item(row);
      known.delete(row.folder);
      fill(node, row, stop);
      // Moved only where it has to be, so that the focus stays.
      if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
    });
    for (const node of known.values()) node.remove();
  }

  function item({ folder }) {
    return h(
      "li",
      { role: "treeitem", class: "rg-folder", "data-folder": folder },
      h("i", { class: "rg-folder-twist", "aria-hidden": "true" }),
      h("span", { class: "rg-folder-name" }),
      h("b", {}),
    );
  }

  function fill(node, row, stop) {
    const { folder, name, level, folders, chosen } = row;
    node.style.setProperty("--level", level - 1);
    node.setAttribute("aria-level", level);
    node.setAttribute("aria-selected", String(chosen === "in"));
    node.setAttribute("aria-label", `${name}, ${count(row.count)}`);
    node.tabIndex = folder === stop ? 0 : -1;
    node.title = folder;
    if (folders) node.setAttribute("aria-expanded", String(opened.has(folder)));
    else node.removeAttribute("aria-expanded");
    node.classList.toggle("rg-out", chosen === "out");
    node.classList.toggle("rg-none", row.count === 0);
    setText(node.children[1], name);
    setText(node.children[2], count(row.count));
  }

  function toggle(row, wanted = !opened.has(row.folder)) {
    if (!row.folders || wanted === opened.has(row.folder)) return;
    if (wanted) opened.add(row.folder);
    else opened.delete(row.folder);
    draw();
    if (wanted && !children.has(row.folder)) open(row.folder);
  }

  function focus(row) {
    if (!row) return;
    active = row.folder;
    draw();
    [...list.children].find((node) => node.dataset.folder === active)?.focus();
  }

  const pick = (row) => choose(row.chosen === "in" ? null : row.folder);

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = rows.findIndex(({ folder }) => folder === event.target.dataset?.folder);
    const row = rows[at];
    if (!row || !act(event.key, row, at)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  function act(key, row, at) {
    if (key === "ArrowDown") focus(rows[at + 1]);
    else if (key === "ArrowUp") focus(rows[at - 1]);
    else if (key === "Home") focus(rows[0]);
    else if (key === "End") focus(rows.at(-1));
    else if (key === "ArrowRight") {
      if (row.folders && !opened.has(row.folder)) toggle(row, true);
      else if (rows[at + 1]?.level > row.level) focus(rows[at + 1]);
    } else if (key === "ArrowLeft") {
      if (opened.has(row.folder)) toggle(row, false);
      else focus(rows.find(({ folder }) => folder === parentOf(row.folder)));
    } else if (key === "Enter" || key === " ") pick(row);
    else if (key.length === 1) jump(key, at);
    else return false;
    return true;
  }

  /** To the next folder that begins with what is typed. */
  function jump(key, at) {
    const now = performance.now();
    const text = (now - typed.at < PATIENCE_MS ? typed.text : "") + key.toLowerCase();
    typed = { text, at: now };
    const from = text.length > 1 ? at : at + 1;
    const turned = [...rows.slice(from), ...rows.slice(0, from)];
    focus(turned.find(({ name }) => name.toLowerCase().startsWith(text)));
  }

  list.addEventListener("keydown", onKey);
  list.addEventListener("click", (event) => {
    const node = event.target.closest(".rg-folder");
    const row = rows.find(({ folder }) => folder === node?.dataset.folder);
    if (!row) return;
    active = row.folder;
    if (event.target.classList.contains("rg-folder-twist") && row.folders) toggle(row);
    else pick(row);
  });

  return {
    update,
    /** The folders whose insides are shown. */
    parents: () => ["", ...opened],
    forget() {
      opened.clear();
      children = new Map();
      active = null;
      draw();
    },
  };
}
