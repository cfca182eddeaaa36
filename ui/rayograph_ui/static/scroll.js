/**
 * Browsers cap an element's height (about 33 million px), so a tall list is scrolled through a
 * shorter one. Both ends map one to one; the middle is stretched.
 */

export const MAX_HEIGHT = 8_000_000;
const EDGE = 200_000;

export class ScrollMap {
  /** `full`: height of the whole list, `view`: height of the window onto it, both in px. */
  constructor(full, view) {
    this.full = Math.max(full, view);
    this.height = Math.min(this.full, MAX_HEIGHT);
    /** Largest offset into the list, and largest scrollTop. */
    this.end = this.full - view;
    this.top = this.height - view;
    this.scaled = this.full > this.height;
  }

  /** scrollTop to offset into the list. */
  toContent(scroll) {
    if (!this.scaled || scroll <= EDGE) return scroll;
    if (scroll >= this.top - EDGE) return this.end - (this.top - scroll);
    return EDGE + ((scroll - EDGE) * (this.end - 2 * EDGE)) / (this.top - 2 * EDGE);
  }

  /** Offset into the list to scrollTop. */
  toScroll(offset) {
    if (!this.scaled || offset <= EDGE) return offset;
    if (offset >= this.end - EDGE) return this.top - (this.end - offset);
    return EDGE + ((offset - EDGE) * (this.top - 2 * EDGE)) / (this.end - 2 * EDGE);
  }

  clamp(offset) {
    return Math.min(Math.max(offset, 0), this.end);
  }
}
