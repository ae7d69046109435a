/** Where the keyboard is on the map, and which cells are selected. */

import { clamp } from "./geometry.js";
import { FRAMES } from "./protocol.js";
import { pageRange } from "./text.js";

/** @import { Camera } from "./camera.js" */
/** @import { Places } from "./places.js" */
/** @import { Grid } from "./records.js" */
/** @import { Status } from "./status.js" */
/** @import { Store, Target } from "./store.js" */
/** @import { Tooltip } from "./tooltip.js" */
/** @import { Words } from "./words.js" */

/** Cells of a mapping, from where it was begun. @typedef {{ grid: Grid, from: number, to: number }} Selection */

/**
 * @typedef {object} Parts
 * @property {Store} store
 * @property {Places} places
 * @property {Camera} camera
 * @property {Tooltip} tooltip
 * @property {Words} words
 * @property {Status} status
 * @property {() => void} repaint
 */

export class Cursor {
  /** @type {Target | null} */
  at = null;
  /** @type {Selection | null} */
  selection = null;

  /** @param {Parts} map @param {() => void} moved is called when it may be in another process */
  constructor(map, moved) {
    this.map = map;
    this.moved = moved;
  }

  /** Its process, or the first one. */
  get process() {
    return this.at?.grid.process ?? this.map.store.cards[0]?.id ?? null;
  }

  /** Be somewhere, if there is anything. */
  settle() {
    const grid = this.map.store.places[0];
    if (!this.at && grid) this.moveTo({ grid, cell: 0 });
    this.map.repaint();
  }

  /** @param {Target} target */
  moveTo({ grid, cell, page }) {
    this.at = { grid, cell, page: grid.scale === 1 ? cell : page };
    this.moved();
    this.map.repaint();
  }

  /** By key: bring it into view, and read it out. @param {Target} target */
  #travel(target) {
    this.moveTo(target);
    const at = this.at ?? target;
    this.map.camera.bring(at);
    this.map.tooltip.point(at);
    this.map.status.speak(this.map.words.sentence(at));
  }

  /** @type {(grid: Grid | undefined, cell: number, page?: number) => void} */
  #goTo(grid, cell, page) {
    if (!grid || cell < 0 || cell >= grid.cells || (page !== undefined && page >= grid.pages)) return;
    this.selection = null;
    this.#travel({ grid, cell, page });
  }

  toFirst() {
    this.#goTo(this.at?.grid, 0);
  }

  toLast() {
    const grid = this.at?.grid;
    if (grid) this.#goTo(grid, grid.cells - 1);
  }

  /** To the previous or the next mapping; the frames come last. @param {number} by */
  turn(by) {
    const { places } = this.map.store;
    const now = this.at ? places.indexOf(this.at.grid) : -1;
    this.#goTo(places[clamp(now + by, 0, places.length - 1)], 0);
  }

  /**
   * An arrow: within a cell that shows its pages it goes from page to page.
   * @type {(dx: number, dy: number) => void}
   */
  step(dx, dy) {
    if (!this.at) return;
    const { grid, cell } = this.at;
    const { places } = this.map;
    if (!places.isOpen(grid, cell)) return this.#goTo(grid, cell + dx + dy * places.columns({ grid, cell }));
    const page = this.at.page ?? grid.span(cell)[0];
    const to = page + dx + dy * places.columns({ grid, cell, page });
    this.#goTo(grid, Math.floor(to / grid.scale), to);
  }

  /** An arrow with Shift: select up to there; frames are not selected. @type {(dx: number, dy: number) => void} */
  extend(dx, dy) {
    if (!this.at || this.at.grid.key === FRAMES) return this.step(dx, dy);
    const { grid, cell } = this.at;
    const to = cell + dx + dy * this.map.places.columns({ grid, cell });
    if (to < 0 || to >= grid.cells) return;
    this.selection = { grid, from: this.selection?.grid === grid ? this.selection.from : cell, to };
    this.#travel({ grid, cell: to });
    const [first, last] = [this.selection.from, to].sort((a, b) => a - b);
    const range = pageRange(grid.span(first)[0], grid.span(last)[1]);
    this.map.status.speak(`${range} of ${grid.name} selected`);
  }

  /** All is drawn anew: stay on the same mappings, if those are still there. */
  renew() {
    this.at = this.map.store.kept(this.at);
    if (this.selection && !this.map.store.grids.has(this.selection.grid.key)) this.selection = null;
    this.moved();
  }
}
