/** The canvas above the picture: outlines, curves, and cells in flight. */

import { drawCell } from "./cell.js";
import { penOf } from "./elements.js";
import { clamp } from "./geometry.js";

/** @import { Box } from "./geometry.js" */
/** @import { Looks } from "./looks.js" */
/** @import { Places } from "./places.js" */

export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {Places} places @param {Looks} looks */
  constructor(canvas, places, looks) {
    this.canvas = canvas;
    this.places = places;
    this.pen = penOf(canvas);
    this.looks = looks;
  }

  /** The view has another size. */
  resize() {
    const { w, h, ratio } = this.places;
    Object.assign(this.canvas, { width: Math.round(w * ratio), height: Math.round(h * ratio) });
  }

  /** A theme or a look has changed. @param {Looks} looks */
  dress(looks) {
    this.looks = looks;
  }

  get theme() {
    return this.looks.theme;
  }

  /** Where nothing lies above the picture, the browser need not blend two canvases. @param {boolean} needed */
  clear(needed) {
    const { w, h, ratio } = this.places;
    this.canvas.style.visibility = needed ? "visible" : "hidden";
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (needed) this.pen.clearRect(0, 0, w, h);
  }

  /**
   * A line that is seen on any ground: the theme's paper around its colour.
   * @type {(colour: string, width: number, path: Path2D) => void}
   */
  #stroke(colour, width, path) {
    for (const [style, line] of /** @type {[string, number][]} */ ([
      [this.theme.paper, width + 3],
      [colour, width],
    ])) {
      Object.assign(this.pen, { strokeStyle: style, lineWidth: line * this.places.unit });
      this.pen.stroke(path);
    }
  }

  /** @type {(box: Box | null, colour: string, width?: number, grow?: number) => void} */
  outline(box, colour, width = 2.5, grow = 1) {
    if (!box) return;
    const path = new Path2D();
    path.roundRect(box.x - grow, box.y - grow, box.w + 2 * grow, box.h + 2 * grow, 3);
    this.#stroke(colour, width, path);
  }

  /**
   * A curve from a page's box to a frame's, which ends in a dot.
   * @type {(page: Box, frame: Box, colour: string) => void}
   */
  curve(page, frame, colour) {
    const [from, to] = [
      { x: page.x + page.w / 2, y: page.y - 2 },
      { x: frame.x - 2, y: frame.y + 2 },
    ];
    const rise = clamp(Math.abs(to.x - from.x) * 0.12, 14, 60);
    const [path, dot] = [new Path2D(), new Path2D()];
    path.moveTo(from.x, from.y);
    path.bezierCurveTo(from.x, from.y - rise, to.x - 2 * rise, to.y - rise, to.x, to.y);
    dot.arc(to.x, to.y, 3.5, 0, 2 * Math.PI);
    this.#stroke(colour, 2.2, path);
    this.pen.fillStyle = colour;
    this.pen.fill(dot);
  }

  /** A cell as it looked with the word of a record, above the picture. @type {(box: Box, word: number) => void} */
  stamp({ x, y, w, h }, word) {
    const box = { x: x + 1, y: y + 1, w: w - 1, h: h - 1 };
    drawCell(this.pen, this.looks.of(word & 15), box, 1, 0, this.theme);
  }
}
