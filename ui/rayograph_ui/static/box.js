/** A box drawn on the large picture, to search for what is in it. */

import { $, one, setText } from "./dom.js";

const LEAST = 0.02; // of a side
const STEP = 0.02;
const PREVIEW_PX = 96;

export function startBox(app) {
  const stage = one(".rg-detail-stage", $("rg-detail"));
  const picture = one(".rg-detail-full", stage);
  const veil = $("rg-box-veil");
  const frame = one("i", veil);
  const button = $("rg-detail-box");
  let record = null;
  let box = null; // {x, y, width, height}: shares of the picture
  let from = null;

  /** Where the picture itself is on the stage: it is fitted, not stretched. */
  function place() {
    const { naturalWidth, naturalHeight } = picture;
    const room = picture.getBoundingClientRect();
    const scale = Math.min(room.width / naturalWidth, room.height / naturalHeight);
    const [width, height] = [naturalWidth * scale, naturalHeight * scale];
    const left = room.left + (room.width - width) / 2;
    const top = room.top + (room.height - height) / 2;
    return { left, top, width, height };
  }

  const within = (value) => Math.min(Math.max(value, 0), 1);

  function at({ clientX, clientY }) {
    const { left, top, width, height } = place();
    return { x: within((clientX - left) / width), y: within((clientY - top) / height) };
  }

  function draw() {
    frame.hidden = !box;
    if (!box) return;
    const { left, top, width, height } = place();
    const corner = veil.getBoundingClientRect();
    Object.assign(frame.style, {
      left: `${left - corner.left + box.x * width}px`,
      top: `${top - corner.top + box.y * height}px`,
      width: `${box.width * width}px`,
      height: `${box.height * height}px`,
    });
  }

  function begin() {
    if (!record || !picture.naturalWidth) return;
    veil.hidden = false;
    button.setAttribute("aria-pressed", "true");
    box = null;
    draw();
    setText(one("p", veil), "Draw a box around what to look for, or use the arrow keys and Enter");
    veil.focus();
  }

  function end() {
    if (veil.hidden) return false;
    veil.hidden = true;
    from = null;
    button.setAttribute("aria-pressed", "false");
    button.focus({ preventScroll: true });
    return true;
  }

  function find() {
    if (!box || box.width < LEAST || box.height < LEAST) return;
    const found = { image_id: record.id, ...box };
    const shown = { name: `a part of ${record.file_name}`, preview: preview() };
    end();
    $("rg-detail").close();
    app.examples.clear();
    app.searching.run({ box: found }, { picture: shown });
  }

  function preview() {
    const [w, h] = [picture.naturalWidth * box.width, picture.naturalHeight * box.height];
    const scale = Math.min(1, PREVIEW_PX / Math.max(w, h));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(w * scale));
    canvas.height = Math.max(1, Math.round(h * scale));
    const [x, y] = [box.x * picture.naturalWidth, box.y * picture.naturalHeight];
    canvas.getContext("2d").drawImage(picture, x, y, w, h, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.85);
  }

  function key(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = by[event.key];
    if (event.key === "Escape") end();
    else if (event.key === "Enter") find();
    else if (move) {
      box ??= { x: 0.3, y: 0.3, width: 0.4, height: 0.4 };
      const [dx, dy] = move.map((way) => way * STEP);
      if (event.shiftKey) {
        box.width = Math.min(Math.max(box.width + dx, LEAST), 1 - box.x);
        box.height = Math.min(Math.max(box.height + dy, LEAST), 1 - box.y);
      } else {
        box.x = Math.min(Math.max(box.x + dx, 0), 1 - box.width);
        box.y = Math.min(Math.max(box.y + dy, 0), 1 - box.height);
      }
      draw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  veil.addEventListener("keydown", key);
  veil.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    veil.setPointerCapture(event.pointerId);
    from = at(event);
  });
  veil.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    box = {
      x: Math.min(from.x, to.x),
      y: Math.min(from.y, to.y),
      width: Math.abs(to.x - from.x),
      height: Math.abs(to.y - from.y),
    };
    draw();
  });
  veil.addEventListener("pointerup", () => {
    from = null;
    find();
  });
  new ResizeObserver(draw).observe(stage);
  button.addEventListener("click", () => (veil.hidden ? begin() : end()));

  return {
    begin,
    end,
    /** The picture that is shown now. */
    show(shown) {
      end();
      record = shown;
    },
  };
}
