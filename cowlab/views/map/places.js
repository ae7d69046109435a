/** Where cells are in the view, and what is at a point of it: a layout seen through a camera. Arithmetic only. */

import { clamp } from "./geometry.js";

/** @import { Box } from "./geometry.js" */
/** @import { Area, Layout } from "./layout.js" */
/** @import { Grid } from "./records.js" */
/** @import { Target } from "./store.js" */

/** The world's point at the view's corner, and the zoom. @typedef {{ x: number, y: number, k: number }} Sight */
/** A grid of boxes of w x h css px. @typedef {Box & { cells: number, cols: number }} Tile */
/** @typedef {(cell: number, x: number, y: number, w: number, h: number) => void} Visit */

export const MARGIN = 128; // css px of the picture beyond the view on each side: so far it moves unpainted
const OPEN_WIDTH = 96; // a cell this wide shows the pages it stands for

export class Places {
  /** @type {Layout | null} */
  layout = null;
  /** @type {Sight} */
  sight = { x: 0, y: 0, k: 1 };
  // The view in css px, how many pixels of the screen one is, and how much larger than usual texts and lines are.
  w = 0;
  h = 0;
  ratio = 1;
  unit = 1;

  /** The side of a cell in css px. */
  get side() {
    return this.layout ? this.layout.cell * this.sight.k : 0;
  }

  /** The picture in pixels. */
  get width() {
    return Math.round((this.w + 2 * MARGIN) * this.ratio);
  }

  get height() {
    return Math.round((this.h + 2 * MARGIN) * this.ratio);
  }

  /** The world's x in the view. @param {number} x */
  sx(x) {
    return (x - this.sight.x) * this.sight.k;
  }

  /** @param {number} y */
  sy(y) {
    return (y - this.sight.y) * this.sight.k;
  }

  // Where something is

  /** The cells of a grid. @param {Area} area @returns {Tile} */
  tile({ grid, cols, x, y }) {
    return { cells: grid.cells, cols, x: this.sx(x), y: this.sy(y), w: this.side, h: this.side };
  }

  /**
   * The pages inside an opened cell; columns a power of two, so that rows start at round page numbers.
   * @type {(area: Area, cell: number) => Tile}
   */
  inner(area, cell) {
    const { grid } = area;
    const outer = this.#boxIn(this.tile(area), cell);
    const cols = 2 ** Math.ceil(Math.log2(grid.scale) / 2);
    const [w, h] = [(outer.w - 3) / cols, (outer.h - 3) / Math.ceil(grid.scale / cols)];
    return { cells: (grid.opened.get(cell)?.length ?? 0) / 2, cols, x: outer.x + 2, y: outer.y + 2, w, h };
  }

  /** @type {(grid: Grid, cell: number) => boolean} */
  isOpen(grid, cell) {
    return this.canOpen && grid.scale > 1 && grid.opened.has(cell);
  }

  /** Whether cells are wide enough to show the pages they stand for. */
  get canOpen() {
    return this.side >= OPEN_WIDTH;
  }

  get areas() {
    return (this.layout?.boxes ?? []).flatMap((box) => box.areas);
  }

  /** @param {Grid} grid */
  area(grid) {
    for (const box of this.layout?.boxes ?? []) for (const area of box.areas) if (area.grid === grid) return area;
    return null;
  }

  /** The box of a cell, or of a page inside an opened one; null if there is none. @param {Partial<Target>} target */
  boxOf({ grid, cell = -1, page }) {
    const area = grid && this.area(grid);
    if (!area || cell < 0 || cell >= grid.cells) return null;
    if (page === undefined || !this.isOpen(grid, cell)) return this.#boxIn(this.tile(area), cell);
    return this.#boxIn(this.inner(area, cell), page - cell * grid.scale);
  }

  /** In whole pixels, as it is painted. @type {(tile: Tile, index: number) => Box} */
  #boxIn({ cols, x, y, w, h }, index) {
    const at = (/** @type {number} */ value) => Math.round(value * this.ratio) / this.ratio;
    const [left, top] = [x + (index % cols) * w, y + Math.floor(index / cols) * h];
    return { x: at(left), y: at(top), w: at(left + w) - at(left), h: at(top + h) - at(top) };
  }

  /** Columns of the mapping, or of the opened cell, that a target is in. @param {Target} target */
  columns({ grid, cell, page }) {
    const area = this.area(grid);
    if (!area) return 1;
    return page !== undefined && this.isOpen(grid, cell) ? this.inner(area, cell).cols : area.cols;
  }

  /**
   * Call visit(cell, x, y, w, h) for each cell of a tile that lies on the picture: pixels from its corner, all whole.
   * @type {(tile: Tile, visit: Visit) => void}
   */
  each({ cells, cols, x, y, w, h }, visit) {
    const { ratio, width, height } = this;
    const [left, top, stepX, stepY] = [(x + MARGIN) * ratio, (y + MARGIN) * ratio, w * ratio, h * ratio];
    /** @type {(start: number, step: number, end: number, count: number) => number[]} */
    const seen = (start, step, end, count) =>
      [Math.floor(-start / step), Math.ceil((end - start) / step)].map((at) => clamp(at, 0, count));
    const [c0, c1] = seen(left, stepX, width, cols);
    const [r0, r1] = seen(top, stepY, height, Math.ceil(cells / cols));
    const edges = Int32Array.from({ length: c1 - c0 + 1 }, (_, i) => Math.round(left + (c0 + i) * stepX));
    for (let row = r0; row < r1; row++) {
      const upper = Math.round(top + row * stepY);
      const tall = Math.round(top + (row + 1) * stepY) - upper;
      const end = Math.min(c1, cells - row * cols);
      for (let col = c0; tall && col < end; col++) {
        const wide = edges[col - c0 + 1] - edges[col - c0];
        if (wide) visit(row * cols + col, edges[col - c0], upper, wide, tall);
      }
    }
  }

  // What is at a point

  /**
   * The cell at a point of the view, and its page; null beside them.
   * @type {(px: number, py: number) => Target | null}
   */
  hit(px, py) {
    if (!this.layout) return null;
    const { boxes, cell: side } = this.layout;
    const [x, y] = [px / this.sight.k + this.sight.x, py / this.sight.k + this.sight.y];
    const box = boxes.find((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h);
    for (const area of box?.areas ?? []) {
      const { grid, cols } = area;
      const [col, row] = [Math.floor((x - area.x) / side), Math.floor((y - area.y) / side)];
      const cell = row * cols + col;
      if (col < 0 || row < 0 || col >= cols || cell >= grid.cells) continue;
      return { grid, cell, page: this.#pageAt(area, cell, px, py) };
    }
    return null;
  }

  /** @type {(area: Area, cell: number, px: number, py: number) => number | undefined} */
  #pageAt(area, cell, px, py) {
    const { grid } = area;
    if (!this.isOpen(grid, cell)) return grid.scale === 1 ? cell : undefined;
    const { x, y, w, h, cols, cells } = this.inner(area, cell);
    const [col, row] = [clamp(Math.floor((px - x) / w), 0, cols - 1), Math.max(0, Math.floor((py - y) / h))];
    return cell * grid.scale + Math.min(row * cols + col, cells - 1);
  }
}
