/** Points of the map by where they are, in flat arrays: what is near, where a cluster's crowd is. */

const A_CELL = 4;
const MOST_CELLS = 1024;
/** A cluster's label stands where most of it is, looked for on a lattice of so many places. */
const LATTICE = 48;

export class MapIndex {
  #x;
  #y;
  #side;
  #left;
  #low;
  #step;
  #starts;
  #order;

  /** @param {Float32Array} x @param {Float32Array} y */
  constructor(x, y, [left, low, right, high]) {
    this.#x = x;
    this.#y = y;
    this.#side = Math.min(MOST_CELLS, Math.max(1, Math.ceil(Math.sqrt(x.length / A_CELL))));
    this.#left = left;
    this.#low = low;
    this.#step = Math.max(right - left, high - low, 1e-9) / this.#side;
    this.#fill();
  }

  /** A counting sort by cell: two runs over the points, no object for any of them. */
  #fill() {
    const [x, y, side] = [this.#x, this.#y, this.#side];
    const starts = new Uint32Array(side * side + 1);
    for (let i = 0; i < x.length; i += 1) starts[this.#cell(x[i], y[i]) + 1] += 1;
    for (let c = 0; c < side * side; c += 1) starts[c + 1] += starts[c];
    const next = starts.slice(0, -1);
    const order = new Uint32Array(x.length);
    for (let i = 0; i < x.length; i += 1) {
      const cell = this.#cell(x[i], y[i]);
      order[next[cell]] = i;
      next[cell] += 1;
    }
    this.#starts = starts;
    this.#order = order;
  }

  #along(value, from) {
    return Math.min(this.#side - 1, Math.max(0, Math.floor((value - from) / this.#step)));
  }

  #cell(x, y) {
    return this.#along(y, this.#low) * this.#side + this.#along(x, this.#left);
  }

  /** The point nearest to a place, no farther than `far`; -1: there is none. */
  nearest(x, y, far) {
    let [best, least] = [-1, far * far];
    const [left, right] = [this.#along(x - far, this.#left), this.#along(x + far, this.#left)];
    const [low, high] = [this.#along(y - far, this.#low), this.#along(y + far, this.#low)];
    for (let row = low; row <= high; row += 1) {
      const from = this.#starts[row * this.#side + left];
      const to = this.#starts[row * this.#side + right + 1];
      for (let at = from; at < to; at += 1) {
        const i = this.#order[at];
        const apart = (this.#x[i] - x) ** 2 + (this.#y[i] - y) ** 2;
        if (apart <= least) [best, least] = [i, apart];
      }
    }
    return best;
  }
}

/** For each of `count` groups its size and where most of it is: [{size, x, y}]. */
export function crowds(x, y, groups, count, [left, low, right, high]) {
  const [width, height] = [right - left || 1, high - low || 1];
  const cells = new Uint32Array(count * LATTICE * LATTICE);
  const place = (i) => {
    const column = Math.min(LATTICE - 1, Math.floor((LATTICE * (x[i] - left)) / width));
    const row = Math.min(LATTICE - 1, Math.floor((LATTICE * (y[i] - low)) / height));
    return (groups[i] * LATTICE + row) * LATTICE + column;
  };
  for (let i = 0; i < x.length; i += 1) cells[place(i)] += 1;
  return Array.from({ length: count }, (_, group) => {
    const mine = cells.subarray(group * LATTICE * LATTICE, (group + 1) * LATTICE * LATTICE);
    let [size, best] = [0, 0];
    mine.forEach((here, at) => {
      size += here;
      if (here > mine[best]) best = at;
    });
    const [column, row] = [best % LATTICE, Math.floor(best / LATTICE)];
    return {
      size,
      x: left + ((column + 0.5) * width) / LATTICE,
      y: low + ((row + 0.5) * height) / LATTICE,
    };
  });
}
