/**
 * The canvas with cards, cells and texts.
 *
 * The picture is larger than the view, so that the browser can move it without any painting. What follows the pointer
 * is on a second canvas above it (overlay.js). Pixels are counted from the picture's corner, css px from the view's.
 */

import { Captions } from "./captions.js";
import { penOf } from "./elements.js";
import { NUMBER_WIDTH } from "./layout.js";
import { CORNER_WIDTH, Pixels } from "./pixels.js";
import { MARGIN } from "./places.js";

/** @import { Area, CardBox, Layout } from "./layout.js" */
/** @import { Looks } from "./looks.js" */
/** @import { Places, Sight } from "./places.js" */
/** @import { FrameFacts } from "./protocol.js" */

export class Picture {
  /** How it was painted last. @type {Sight | null} */
  #painted = null;

  /** @param {HTMLCanvasElement} canvas @param {Places} places @param {Looks} looks */
  constructor(canvas, places, looks) {
    this.canvas = canvas;
    this.places = places;
    this.pen = penOf(canvas, { alpha: false });
    this.pixels = new Pixels(this.pen, places);
    this.looks = looks;
    this.captions = new Captions(this.pen, places, looks);
  }

  /** The view has another size. */
  resize() {
    const { width, height } = this.places;
    Object.assign(this.canvas, { width, height });
    this.pixels = new Pixels(this.pen, this.places);
  }

  /** A theme or a look has changed: all pictures of cells are made anew. @param {Looks} looks */
  dress(looks) {
    this.looks = looks;
    this.captions = new Captions(this.pen, this.places, looks);
  }

  /** Move the picture to where it is seen now. Returns false if it must be painted instead. */
  slide() {
    const painted = this.#painted;
    const { sight, ratio } = this.places;
    if (!painted || sight.k !== painted.k) return false;
    const moved = (/** @type {number} */ by) => Math.round(by * sight.k * ratio) / ratio;
    const [dx, dy] = [moved(painted.x - sight.x), moved(painted.y - sight.y)];
    if (Math.abs(dx) > MARGIN || Math.abs(dy) > MARGIN) return false;
    this.canvas.style.transform = dx || dy ? `translate(${dx}px, ${dy}px)` : "";
    return true;
  }

  /** @type {(layout: Layout, frames: FrameFacts | null) => void} */
  paint(layout, frames) {
    const { pen, places, looks, pixels, captions } = this;
    const { ratio, side } = places;
    this.#painted = places.sight;
    this.canvas.style.transform = "";
    pen.setTransform(ratio, 0, 0, ratio, MARGIN * ratio, MARGIN * ratio);
    pen.fillStyle = looks.theme.paper;
    pen.fillRect(-MARGIN, -MARGIN, places.w + 2 * MARGIN, places.h + 2 * MARGIN);
    for (const box of layout.boxes.filter((one) => this.#sees(one))) {
      this.#paintCard(box, layout.pad);
      for (const area of box.areas) {
        if (!area.grid.cells) continue;
        pixels.paint(area, looks);
        if (side < CORNER_WIDTH) this.#outlineDiffering(area);
      }
      captions.paintTexts(box, layout, frames);
      if (side >= NUMBER_WIDTH) for (const area of box.areas) captions.paintNumbers(area);
    }
  }

  /** @param {CardBox} box */
  #sees({ x, y, w, h }) {
    const { places } = this;
    const [left, top, right, bottom] = [places.sx(x), places.sy(y), places.sx(x + w), places.sy(y + h)];
    return left < places.w + MARGIN && right > -MARGIN && top < places.h + MARGIN && bottom > -MARGIN;
  }

  /** @type {(box: CardBox, pad: number) => void} */
  #paintCard({ x, y, w, h }, pad) {
    const { pen, places } = this;
    const { theme } = this.looks;
    const { k } = places.sight;
    pen.beginPath();
    pen.roundRect(places.sx(x), places.sy(y), w * k, h * k, Math.min(8, pad * k));
    pen.fillStyle = theme.card;
    pen.fill();
    pen.strokeStyle = theme.line;
    pen.lineWidth = 1;
    pen.stroke();
  }

  /**
   * Small cells have no corner to turn down: a line in two tones goes around those that differ.
   * @param {Area} area
   */
  #outlineDiffering(area) {
    const { pen, places } = this;
    const { theme } = this.looks;
    const { grid } = area;
    const tile = places.tile(area);
    const { cols, cells } = tile;
    const path = new Path2D();
    /** @type {(x0: number, y0: number, x1: number, y1: number) => void} */
    const edge = (x0, y0, x1, y1) => {
      path.moveTo(x0, y0);
      path.lineTo(x1, y1);
    };
    places.each(tile, (cell, x, y, w, h) => {
      if (!grid.differs(cell)) return;
      if (cell < cols || !grid.differs(cell - cols)) edge(x, y, x + w, y);
      if (cell + cols >= cells || !grid.differs(cell + cols)) edge(x, y + h, x + w, y + h);
      if (cell % cols === 0 || !grid.differs(cell - 1)) edge(x, y, x, y + h);
      if ((cell + 1) % cols === 0 || !grid.differs(cell + 1)) edge(x + w, y, x + w, y + h);
    });
    pen.save();
    pen.resetTransform();
    pen.lineCap = "square";
    for (const [style, width] of /** @type {[string, number][]} */ ([
      [theme.paper, 4],
      [theme.dark ? "#ffffff" : "#000000", 2],
    ])) {
      Object.assign(pen, { strokeStyle: style, lineWidth: width * places.ratio * places.unit });
      pen.stroke(path);
    }
    pen.restore();
  }
}
