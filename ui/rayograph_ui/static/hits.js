/** What a search found inside a giant: a strip below it, and outlines on it. */

import { thumbnail } from "./api.js";
import { $, h, setText } from "./dom.js";
import { still } from "./deepzoom.js";

/** Hits asked for, and how many of them are outlined at once. */
export const FINDS = 60;
const OUTLINED = 20;

export function startHits(app, viewer) {
  const box = $("rg-hits");
  const lead = $("rg-hits-lead");
  const list = $("rg-hits-list");
  let finds = []; // {image, score, button, outline}
  let active = -1;
  let drawn = null;

  function draw() {
    const { search, giant } = app;
    if (!giant || !viewer.shown) return;
    box.classList.toggle("rg-running", search?.state === "running");
    if (search?.state === "running") return;
    const items = search?.state === "done" ? search.items : [];
    if (drawn === items) return;
    clear();
    drawn = items;
    box.hidden = !search;
    if (!search) return;
    drawLead(search);
    finds = items.map(find);
    list.replaceChildren(...finds.map(({ button }) => h("li", {}, button)));
    list.hidden = !finds.length;
    for (const each of finds.slice(0, OUTLINED)) outline(each);
  }

  function drawLead(search) {
    lead.hidden = search.state === "done" && search.items.length > 0;
    if (lead.hidden) return;
    const again = h("button", { class: "rg-link", onclick: () => app.searching.again() }, "Search again");
    if (search.state === "failed") lead.replaceChildren(`${search.error.message}. `, again);
    else setText(lead, "Nothing like it in what was searched so far");
  }

  function find({ image, score }, place) {
    const where = image.region ? `at ${image.region.x}, ${image.region.y}` : "the whole picture";
    const label = `Find ${place + 1}, similarity ${score.toFixed(2)}, ${where}`;
    const button = h(
      "button",
      { class: "rg-hit", "aria-label": label, onclick: () => select(place) },
      h("img", { src: thumbnail(image.id, 128), alt: "", decoding: "async", draggable: "false" }),
      h("b", {}, String(place + 1)),
      h("span", {}, score.toFixed(2)),
    );
    return { image, score, place, button, outline: null };
  }

  function outline(each) {
    const { region } = each.image;
    if (!region || each.outline) return;
    each.outline = h("div", { class: "rg-find", "aria-hidden": "true" }, h("b", {}, String(each.place + 1)));
    viewer.lay(each.outline, region);
  }

  /** Mark a find and fly there. */
  function select(place) {
    const before = finds[active];
    const now = finds[place];
    if (!now) return;
    before?.button.removeAttribute("aria-current");
    before?.outline?.classList.remove("rg-active");
    active = place;
    outline(now);
    now.outline?.classList.add("rg-active");
    now.button.setAttribute("aria-current", "true");
    reveal(now.button);
    viewer.fly(now.image.region);
    viewer.say(`Find ${place + 1} of ${finds.length}`);
  }

  function reveal(button) {
    const how = { inline: "nearest", block: "nearest", behavior: still() ? "auto" : "smooth" };
    button.scrollIntoView(how);
  }

  function clear() {
    for (const { outline: laid } of finds) if (laid) viewer.lift(laid);
    finds = [];
    active = -1;
    drawn = null;
    box.hidden = true;
    list.replaceChildren();
  }

  list.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = finds.findIndex(({ button }) => button === document.activeElement);
    if (!by || at < 0) return;
    event.preventDefault();
    finds[at + by]?.button.focus();
  });
  app.on("search", draw);

  return {
    draw,
    clear,
    /** To the next find or the one before, around the end. */
    step(by) {
      if (!finds.length) return false;
      select(active < 0 ? (by > 0 ? 0 : finds.length - 1) : (active + by + finds.length) % finds.length);
      return true;
    },
    /** Somebody pointed into the picture: the smallest outlined find there. */
    at(x, y) {
      const area = ({ image: { region } }) => region.width * region.height;
      const inside = ({ x: left, y: top, width, height }) =>
        x >= left && y >= top && x < left + width && y < top + height;
      const there = finds.filter((each) => each.outline && inside(each.image.region));
      const [first] = there.sort((a, b) => area(a) - area(b));
      if (first) select(first.place);
    },
    get active() {
      return finds[active]?.image ?? null;
    },
  };
}
