/** What a search found, a page at a time as one scrolls; what is there never moves. */

import { Bus } from "./dom.js";

/** So many rows before the end the next page is asked for. */
const AHEAD = 60;

export class Found extends Bus {
  #hits;
  #next;
  #more;
  #asking = false;

  /** `more(offset)` answers the page that begins there. */
  constructor(answer, more) {
    super();
    this.#hits = answer.items;
    this.#next = answer.next_offset ?? null;
    this.#more = more;
    this.total = this.#hits.length;
    this.cutoff = answer.cutoff ?? null;
  }

  /** Whether there is more than is here. */
  get open() {
    return this.#next !== null;
  }

  /** How many here are likely matches; null while nobody knows. */
  get likely() {
    const known = this.#hits.filter(({ likely }) => likely !== null && likely !== undefined);
    return known.length ? known.filter(({ likely }) => likely).length : null;
  }

  at(index) {
    return this.#hits[index]?.image;
  }

  score(index) {
    const { similarity, score } = this.#hits[index] ?? {};
    return similarity ?? score;
  }

  unlikely(index) {
    return this.#hits[index]?.likely === false;
  }

  /** Why a hit is where it is, in words. */
  why(index) {
    const hit = this.#hits[index];
    if (!hit) return "";
    const parts = [];
    if (hit.word_rank) parts.push(`has all the words, rank ${hit.word_rank} by them`);
    if (typeof hit.similarity === "number") parts.push(`similarity ${hit.similarity.toFixed(3)}`);
    else if (hit.word_rank) parts.push("no vector yet");
    if (this.cutoff !== null) parts.push(`likely from ${this.cutoff.toFixed(3)} on`);
    return parts.join("; ");
  }

  async load(index) {
    return this.at(index);
  }

  find(id) {
    return this.#hits.find(({ image }) => image.id === id)?.image;
  }

  replace(index, record) {
    if (this.#hits[index]?.image.id === record.id) this.#hits[index].image = record;
  }

  want(first, last) {
    if (last >= this.total - AHEAD) this.#ask();
  }

  refresh() {}

  /** Nobody looks at it any more. */
  stop() {
    this.#next = null;
  }

  async #ask() {
    if (this.#asking || this.#next === null) return;
    this.#asking = true;
    try {
      const page = await this.#more(this.#next);
      if (this.#next === null) return;
      this.#next = page.next_offset ?? null;
      // Vectors that came meanwhile may push a picture onto this page too.
      const here = new Set(this.#hits.map(({ image }) => image.id));
      this.#hits.push(...page.items.filter(({ image }) => !here.has(image.id)));
      this.total = this.#hits.length;
      this.emit("total", this.total);
    } catch (error) {
      const left = this.#next === null;
      this.#next = null;
      if (!left) this.emit("error", error);
    } finally {
      this.#asking = false;
    }
  }
}
