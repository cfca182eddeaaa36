/** Small helpers over the DOM; text is always set as text, so file names can hold anything. */

export const $ = (id) => document.getElementById(id);
export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element: `h("button", {class: "x", onclick}, "text", child)`. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const PATHS = {
  alike:
    '<rect x="4" y="4" width="10" height="10" rx="2"/><path d="M17 9h1.5A1.5 1.5 0 0 1 20 ' +
    '10.5v8a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 9 18.5V17"/>',
  aperture:
    '<circle cx="12" cy="12" r="8.5"/>' +
    '<path d="M16.1 13.1 9.1 20M13.1 16.1 3.6 13.5M9 15 6.5 5.5"/>' +
    '<path d="M7.9 10.9 14.9 4M10.9 7.9 20.4 10.5M15 9 17.5 18.5"/>',
  close: '<path d="m6 6 12 12M18 6 6 18"/>',
  trash: '<path d="M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7"/>',
};

/** A line icon, hidden from screen readers. */
export function icon(name) {
  const span = document.createElement("span");
  span.innerHTML =
    '<svg class="rg-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">' +
    `${PATHS[name]}</svg>`;
  return span.firstChild;
}

/** Show a message in an error paragraph; null hides it. An ApiError's hint is a second line. */
export function showError(node, error) {
  node.hidden = !error;
  node.replaceChildren();
  if (!error) return;
  node.append(error.message || String(error));
  if (error.hint) node.append(h("span", { class: "rg-hint" }, error.hint));
}

/** Set text only when it differs, so that live regions and layout stay quiet. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Call `fn` once `wait_ms` have passed without another call. */
export function debounce(fn, waitMs) {
  let timer = 0;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), waitMs);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** Named events between the rooms. */
export class Bus {
  #listeners = new Map();

  on(name, fn) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(fn);
    return () => this.#listeners.get(name).delete(fn);
  }

  emit(name, detail) {
    for (const fn of this.#listeners.get(name) ?? []) fn(detail);
  }
}

/** What the browser may forget: null and silence when storage is off. */
export const kept = {
  get(key) {
    try {
      return localStorage.getItem(`rayograph.${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`rayograph.${key}`, value);
    } catch {
      // A private window: the choice lasts as long as the page.
    }
  },
};
