/** What lies over the page: the banner, passing messages, the login, the theme. */

import { $, h, kept, one, setText, showError } from "./dom.js";

const TOAST_MS = 6000;
const BANNER_AFTER_MS = 300;

export function startBanner(api) {
  const banner = $("rg-banner");
  let timer = 0;
  const draw = () => {
    clearTimeout(timer);
    if (api.state === "up") {
      banner.hidden = true;
      return;
    }
    banner.dataset.state = api.state;
    const starting = `Starting the search engine…${api.phase ? ` ${api.phase}` : ""}`;
    setText(one("span", banner), api.state === "starting" ? starting : AWAY);
    // A hiccup that is over in a blink is not worth a banner.
    timer = setTimeout(() => {
      banner.hidden = api.state === "up";
    }, BANNER_AFTER_MS);
  };
  api.on("state", draw);
  draw();
}

const AWAY = "The server is not answering. The page will carry on by itself when it does.";

/** A message that goes by itself; errors show their hint too. */
export function toast(message) {
  if (!message || message.name === "AbortError") return;
  const node = h("div", { class: "rg-toast" }, message.message ?? String(message));
  if (message.hint) node.append(h("span", { class: "rg-hint" }, message.hint));
  if (message instanceof Error) node.classList.add("rg-bad");
  $("rg-toasts").append(node);
  while ($("rg-toasts").childElementCount > 3) $("rg-toasts").firstChild.remove();
  const leave = () => node.remove();
  node.addEventListener("click", leave);
  setTimeout(leave, TOAST_MS);
}

export function startLogin(api) {
  const box = $("rg-login");
  const form = $("rg-login-form");
  const error = one(".rg-error", form);
  let submit = null;
  api.on("login", (tryToken) => {
    submit = tryToken;
    showError(error, null);
    if (!box.open) box.showModal();
  });
  box.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await submit(new FormData(form).get("token"));
      form.reset();
      box.close();
    } catch (problem) {
      showError(error, problem.status === 401 ? new Error("That is not the token") : problem);
    }
  });
}

export function startTheme() {
  const root = document.documentElement;
  const apply = (theme) => {
    root.dataset.theme = theme;
    // Gradio styles what it draws itself by this class.
    document.body.classList.toggle("dark", theme === "dark");
  };
  apply(root.dataset.theme || "dark");
  $("rg-theme").addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    kept.set("theme", theme);
    apply(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (!kept.get("theme")) apply(event.matches ? "dark" : "light");
  });
}
