/** Pictures to steer a search by: more like these, less like those, each counting as one says. */

import { thumbnail } from "./api.js";
import { $, h, icon } from "./dom.js";

const WEIGHTS = [1, 2, 0.5];
const USUAL = { more: 1, less: 0.5 };
const MOST = 64;

export function startExamples(app) {
  const row = $("rg-examples");
  let examples = []; // {record, how, factor}

  function draw() {
    row.hidden = !examples.length;
    row.replaceChildren(...examples.map(chip));
  }

  function chip(example) {
    const { record, how, factor } = example;
    const sign = how === "more" ? "+" : "−";
    const times = factor === 1 ? "" : factor === 2 ? "×2" : "×½";
    const said = `${how} like ${record.file_name}${factor === 1 ? "" : `, counts ${factor} times`}`;
    const turn = () => {
      example.factor = WEIGHTS[(WEIGHTS.indexOf(factor) + 1) % WEIGHTS.length];
      changed(example);
    };
    const title = `${said}. Press to let it count more or less.`;
    return h(
      "li",
      { class: `rg-example rg-${how}` },
      h(
        "button",
        { onclick: turn, title, "aria-label": said, "data-id": record.id },
        h("b", {}, sign),
        h("img", { src: thumbnail(record.id, 128), alt: "" }),
        h("span", {}, times),
      ),
      h(
        "button",
        { class: "rg-example-off", onclick: () => remove(example), "aria-label": `Without ${said}` },
        icon("close"),
      ),
    );
  }

  function changed(focused = null) {
    draw();
    if (focused) row.querySelector(`[data-id="${CSS.escape(focused.record.id)}"]`)?.focus();
    app.searching.again();
  }

  function remove(example) {
    examples = examples.filter((each) => each !== example);
    changed();
  }

  /** Steer towards a picture ("more") or away from it ("less"). */
  function add(record, how) {
    if (how === "less" && !app.search && !examples.length) {
      app.toast("Search for something first, then say what it should be less like");
      return;
    }
    const before = examples.find((each) => each.record.id === record.id);
    if (!before && examples.length >= MOST) {
      app.toast(`No more than ${MOST} examples`);
      return;
    }
    examples = examples.filter((each) => each !== before);
    examples.push({ record, how, factor: 1 });
    draw();
    if (app.search) app.searching.again();
    else app.searching.run({});
  }

  return {
    add,
    clear() {
      examples = [];
      draw();
    },
    get any() {
      return examples.length > 0;
    },
    /** The part of a search that says it. */
    body() {
      const of = (wanted) =>
        examples
          .filter(({ how }) => how === wanted)
          .map(({ record, how, factor }) => ({
            image_id: record.id,
            weight: USUAL[how] * factor,
          }));
      const [more, less] = [of("more"), of("less")];
      return {
        ...(more.length ? { more_like: more } : {}),
        ...(less.length ? { less_like: less } : {}),
      };
    },
  };
}
