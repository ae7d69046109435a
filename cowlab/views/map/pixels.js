/**
 * Cells as pixels of one image. Copying rows of small pictures costs the same for any number of cells, and a canvas
 * takes one image faster than 100,000 shapes.
 */

import { PLATE } from "./cell.js";
import { clamp } from "./geometry.js";
import { NUMBER_WIDTH } from "./layout.js";
import { DIFFERS, NONE } from "./protocol.js";
import { MARK_BYTE } from "./records.js";
import { MARGIN } from "./places.js";

/** @import { Area } from "./layout.js" */
/** @import { Looks, Sprite } from "./looks.js" */
/** @import { Places, Tile } from "./places.js" */
/** @import { Grid } from "./records.js" */

export const CORNER_WIDTH = 8; // a cell this wide has room for a turned-down corner, the mark of a difference

export class Pixels {
  /** @param {CanvasRenderingContext2D} pen @param {Places} places */
  constructor(pen, places) {
    this.pen = pen;
    this.places = places;
    const { width, height } = places;
    this.width = width; // an image asks the browser for its own at each look
    this.height = height;
    this.image = pen.createImageData(width, height);
    this.data = new Uint32Array(this.image.data.buffer);
  }

  /**
   * Write the cells of a mapping that are in view, and put them on the canvas.
   * @type {(area: Area, looks: Looks) => void}
   */
  paint(area, looks) {
    const { places, image, data, width, height } = this;
    const tile = places.tile(area);
    /** @type {(at: number, end: number) => number} */
    const pixel = (at, end) => clamp(Math.round((at + MARGIN) * places.ratio), 0, end);
    const [left, right] = [tile.x, tile.x + area.cols * tile.w].map((x) => pixel(x, width));
    const [top, bottom] = [tile.y, tile.y + area.rows * tile.h].map((y) => pixel(y, height));
    if (left >= right || top >= bottom) return;
    for (let row = top; row < bottom; row++) {
      const start = row * width; // the ground is seen where the last row of cells ends early
      data.fill(looks.ground, start + left, start + right);
    }
    if (area.grid.scale === 1) this.#writePages(tile, area.grid.data, looks);
    else this.#writeMixes(tile, area, looks);
    this.pen.putImageData(image, 0, 0, left, top, right - left, bottom - top);
  }

  /** @type {(tile: Tile, data: Uint32Array | Uint8Array, looks: Looks) => void} */
  #writePages(tile, data, looks) {
    const sprite = this.#sprite(tile, looks);
    const side = Math.min(tile.w, tile.h);
    const flags = side >= NUMBER_WIDTH ? 0x70 : side >= CORNER_WIDTH ? DIFFERS << 4 : 0; // what there is room for
    const plate = side >= NUMBER_WIDTH ? PLATE << 4 : 0;
    this.places.each(tile, (cell, x, y, w, h) => {
      const word = data[2 * cell];
      const variant = (word & 15) | ((word >>> 4) & flags) | (data[2 * cell + 1] === NONE ? 0 : plate);
      this.#copy(sprite(variant, w, h), x, y, w, 0, h);
    });
  }

  /** @type {(tile: Tile, area: Area, looks: Looks) => void} */
  #writeMixes(tile, area, looks) {
    const { places } = this;
    const { grid } = area;
    const sprite = this.#sprite(tile, looks);
    places.each(tile, (cell, x, y, w, h) => {
      const pages = places.canOpen && grid.opened.get(cell);
      if (pages) this.#writePages(places.inner(area, cell), pages, looks);
      else this.#writeBands(grid, sprite, cell, x, y, w, h);
    });
  }

  /** @type {(tile: Tile, looks: Looks) => Sprite} */
  #sprite(tile, looks) {
    const { ratio } = this.places;
    return looks.sized(tile.w * ratio, tile.h * ratio, ratio);
  }

  /**
   * A cell of many pages: a band for each state; even the smallest share is seen.
   * @type {(grid: Grid, sprite: Sprite, cell: number, x: number, y: number, w: number, h: number) => void}
   */
  #writeBands(grid, sprite, cell, x, y, w, h) {
    const mark = this.places.side >= CORNER_WIDTH && grid.differs(cell) ? DIFFERS << 4 : 0;
    let [sum, from] = [0, 0];
    for (let state = 0; state < MARK_BYTE && sum < 255; state++) {
      const share = grid.data[16 * cell + state];
      if (!share) continue;
      sum += share;
      const to = clamp(Math.round((h * sum) / 255), Math.min(from + 1, h), h);
      this.#copy(sprite(state | mark, w, h), x, y, w, from, to);
      from = to;
    }
  }

  /**
   * Rows [from, to) of a picture that is w pixels wide, to x, y.
   * @type {(picture: Uint32Array, x: number, y: number, w: number, from: number, to: number) => void}
   */
  #copy(picture, x, y, w, from, to) {
    const { data } = this;
    const { width, height } = this;
    const [x0, x1] = [Math.max(0, -x), Math.min(w, width - x)];
    const [y0, y1] = [Math.max(from, -y), Math.min(to, height - y)];
    for (let row = y0; row < y1; row++) {
      const out = (y + row) * width + x;
      for (let i = x0; i < x1; i++) data[out + i] = picture[row * w + i];
    }
  }
}
