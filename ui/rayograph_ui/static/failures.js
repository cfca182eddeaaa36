/** The failure inbox: what failed and why, filtered by reason, tried again. */

import { $, h, icon, one, setText, showError } from "./dom.js";
import { brief, count, fault } from "./format.js";
import { command } from "./progress.js";

const PAGE = 60;

export function startFailures(app) {
  const box = $("rg-failures");
  const list = $("rg-failure-list");
  const error = one(".rg-error", box);
  let code = null;
  let cursor = null;
  let chosen = 0;
  let asked = 0;
  let busy = false;

  async function load({ fresh = true } = {}) {
    if (busy && !fresh) return;
    busy = true;
    asked += 1;
    const mine = asked;
    showError(error, null);
    const query = new URLSearchParams({ limit: PAGE });
    if (code) query.set("code", code);
    if (!fresh && cursor) query.set("cursor", cursor);
    try {
      const id = encodeURIComponent(app.dataset.dataset_id);
      const page = await app.api.get(`/api/datasets/${id}/failures?${query}`);
      if (mine !== asked) return;
      cursor = page.next_cursor;
      if (fresh) list.replaceChildren();
      list.append(...page.items.map(row));
      reasons(page.reasons);
      one(".rg-drawer-empty", box).hidden = list.childElementCount > 0;
    } catch (problem) {
      if (mine === asked) showError(error, problem);
    } finally {
      if (mine === asked) busy = false;
    }
  }

  function reasons(found) {
    const total = found.reduce((sum, reason) => sum + reason.count, 0);
    const chips = [{ error_code: null, count: total }, ...found].map((reason) =>
      h(
        "button",
        {
          class: "rg-reason-chip",
          "aria-pressed": String(reason.error_code === code),
          onclick: () => {
            code = reason.error_code;
            load();
          },
        },
        reason.error_code ? fault(reason.error_code) : "All",
        h("b", {}, count(reason.count)),
      ),
    );
    $("rg-reasons").replaceChildren(...chips);
    chosen = found.find((reason) => reason.error_code === code)?.count ?? total;
    setText($("rg-failures-retry"), code ? `Try these ${count(chosen)} again` : "Try them again");
    $("rg-failures-list").href = listAddress();
  }

  /** The list of what is shown, as a file. */
  function listAddress() {
    const query = new URLSearchParams({ format: "csv", ...(code ? { code } : {}) });
    return `/api/datasets/${encodeURIComponent(app.dataset.dataset_id)}/failures/export?${query}`;
  }

  function row(record) {
    return h(
      "li",
      { class: "rg-failure" },
      h("span", { class: "rg-failure-mark" }, icon("aperture")),
      h(
        "div",
        {},
        h("b", {}, record.file_name),
        h("span", { class: "rg-dim" }, record.folder || "/"),
        h("p", {}, h("em", {}, fault(record.error_code)), record.error ?? ""),
      ),
    );
  }

  function open() {
    if (!app.dataset || box.open) return;
    code = null;
    list.replaceChildren();
    box.showModal();
    load();
  }

  list.addEventListener("scroll", () => {
    const near = list.scrollTop + list.clientHeight > list.scrollHeight - 400;
    if (near && cursor && !busy) load({ fresh: false });
  });
  $("rg-failures-open").addEventListener("click", open);
  $("rg-failures-retry").addEventListener("click", () => {
    box.close();
    command(app, "retry", code ? { body: { code }, count: chosen } : {});
  });
  one(".rg-drawer-close", box).addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  app.on("dataset", () => box.open && box.close());
  app.on("progress", (progress) => {
    const failed = progress?.failed ?? 0;
    $("rg-failures-open").hidden = failed === 0;
    $("rg-failures-open").title = `${count(failed)} failed`;
    setText($("rg-failures-count"), brief(failed));
  });
  return { open, box };
}
