/** Cells of many pages that are wide enough to show them ask Python for them. */

import { FRAMES } from "./protocol.js";
import { bytesOf } from "./records.js";

/** @import { Places } from "./places.js" */
/** @import { Pages, Send } from "./protocol.js" */
/** @import { Grid } from "./records.js" */
/** @import { Store } from "./store.js" */

const MOST_REQUESTS = 8; // that are unanswered

export class Opening {
  /** Cells whose pages were asked for. @type {Set<string>} */
  #asked = new Set();

  /** @param {{ places: Places, store: Store, send: Send }} map */
  constructor({ places, store, send }) {
    this.places = places;
    this.store = store;
    this.send = send;
  }

  /** All is drawn anew: what was asked for is answered no more. */
  renew() {
    this.#asked.clear();
  }

  /** Ask for the pages of what is in view. */
  askForVisible() {
    const { places } = this;
    if (this.store.scale === 1 || !places.canOpen) return;
    for (const area of places.areas) {
      if (area.grid.key !== FRAMES) places.each(places.tile(area), (cell) => this.#ask(area.grid, cell));
    }
  }

  /** @type {(grid: Grid, cell: number) => void} */
  #ask(grid, cell) {
    const id = `${grid.key},${cell}`;
    if (grid.opened.has(cell) || this.#asked.has(id) || this.#asked.size >= MOST_REQUESTS) return;
    this.#asked.add(id);
    const [start, stop] = grid.span(cell);
    this.send({ type: "open", key: grid.key, start, stop });
  }

  /**
   * Take pages that have come. Returns whether they are to be shown.
   * @type {(message: Pages, buffers: ArrayBufferView<ArrayBuffer>[]) => boolean}
   */
  take({ key, start, buffer = 0 }, buffers) {
    const grid = this.store.grids.get(key);
    if (!grid || grid.scale === 1) return false;
    const cell = Math.floor(start / grid.scale);
    grid.opened.set(cell, new Uint32Array(bytesOf(buffers[buffer]).buffer));
    this.#asked.delete(`${key},${cell}`);
    return true;
  }
}
