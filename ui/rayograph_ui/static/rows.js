/**
 * What the grid shows: rows by their index. `at(i)` is a record, or undefined while it is not
 * here; `want(first, last)` says which are on screen; `changed` is emitted when some arrived.
 */

import { Bus } from "./dom.js";

export const PAGE = 100;
const KEEP_PAGES = 60;
const UNFINISHED = new Set(["pending", "indexed", "embedding"]);

/** A dataset's listing, fetched a page at a time as it comes into view. */
export class PagedRows extends Bus {
  total;
  #api;
  #path;
  #where;
  #sort;
  #pages = new Map(); // page number -> {items, stale}; oldest use first
  #loading = new Map(); // page number -> AbortController
  #range = [0, -1];

  /** With `where` only what it picks, and `total` is how many; `begin` finds that out. */
  constructor(api, datasetId, total, where = "", sort = "") {
    super();
    this.#api = api;
    this.#path = `/api/datasets/${encodeURIComponent(datasetId)}/images`;
    this.#where = where;
    this.#sort = sort;
    this.total = total;
  }

  get filtered() {
    return Boolean(this.#where);
  }

  /** Fetch the first page, so that the total is known; whatever the server refuses is thrown. */
  async begin(signal) {
    this.#store(0, await this.#ask(0, signal));
  }

  at(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.items[index % PAGE];
  }

  /** Make sure that rows `first..last` are here or on their way; forget what left the screen. */
  want(first, last) {
    this.#range = [first, last];
    const [from, to] = [Math.floor(first / PAGE), Math.floor(last / PAGE)];
    for (const [page, controller] of this.#loading) {
      if (page < from - 1 || page > to + 1) {
        controller.abort();
        this.#loading.delete(page);
      }
    }
    for (let page = from; page <= to; page += 1) this.#ensure(page);
    this.#evict(from, to);
  }

  /** A record by index, fetched if need be; undefined past the end. */
  async load(index) {
    const page = Math.floor(index / PAGE);
    if (!this.at(index) && index < this.total) {
      this.#store(page, await this.#ask(page));
    }
    return this.at(index);
  }

  /** The record of an image, if it is here. */
  find(id) {
    for (const { items } of this.#pages.values()) {
      const found = items.find((item) => item.id === id);
      if (found) return found;
    }
    return undefined;
  }

  /** Put a record that was just read in place of the one here. */
  replace(index, record) {
    const items = this.#pages.get(Math.floor(index / PAGE))?.items;
    if (items?.[index % PAGE]?.id === record.id) items[index % PAGE] = record;
  }

  /** Everything may have changed; what is on screen is read again, unless all of it is final. */
  refresh({ all = false } = {}) {
    for (const page of this.#pages.values()) {
      // What a filter picks changes with rows that are on no page yet.
      page.stale ||= all || this.filtered || this.#sort !== "" || page.items.some((item) => UNFINISHED.has(item.status));
    }
    const [first, last] = this.#range;
    if (last >= first) this.want(first, last);
    else if (this.filtered && !this.total) this.#ensure(0);
  }

  /** The dataset has so many now; how many of them a filter picks only the server knows. */
  grow(total) {
    if (!this.filtered) this.#setTotal(total);
  }

  #setTotal(total) {
    if (total === this.total) return;
    if (total < this.total) for (const page of this.#pages.values()) page.stale = true;
    this.total = total;
    this.emit("total", total);
    const [first, last] = this.#range;
    if (last >= first) this.want(first, last);
  }

  stop() {
    for (const controller of this.#loading.values()) controller.abort();
    this.#loading.clear();
    this.#range = [0, -1];
  }

  #ensure(page) {
    const beyond = page * PAGE >= this.total && !(this.filtered && page === 0);
    if (page < 0 || beyond || this.#loading.has(page)) return;
    const here = this.#pages.get(page);
    if (here) {
      this.#pages.delete(page);
      this.#pages.set(page, here);
      const grown = here.items.length < PAGE && this.total > here.total;
      if (!here.stale && !grown) return;
    }
    const controller = new AbortController();
    this.#loading.set(page, controller);
    this.#fetch(page, controller);
  }

  async #fetch(page, controller) {
    try {
      this.#store(page, await this.#ask(page, controller.signal));
      this.emit("changed");
    } catch (error) {
      if (!controller.signal.aborted) this.emit("error", error);
    } finally {
      if (this.#loading.get(page) === controller) this.#loading.delete(page);
    }
  }

  #store(page, answer) {
    this.#pages.delete(page);
    const total = this.filtered ? answer.total : Math.max(this.total, answer.total);
    this.#pages.set(page, { items: answer.items, stale: false, total });
    this.#setTotal(total);
  }

  #ask(page, signal) {
    const query = new URLSearchParams({ limit: PAGE, offset: page * PAGE });
    if (this.#where) query.set("where", this.#where);
    if (this.#sort) query.set("sort", this.#sort);
    return this.#api.get(`${this.#path}?${query}`, { signal });
  }

  #evict(from, to) {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= KEEP_PAGES) return;
      if (page < from || page > to) this.#pages.delete(page);
    }
  }
}
