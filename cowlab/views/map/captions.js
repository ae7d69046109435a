/** The texts of the picture: on cards, above mappings, in cells. */

import { NUMBER_WIDTH } from "./layout.js";
import { labelsOf, notesOf, notesOfCard } from "./labels.js";
import { MARGIN } from "./places.js";
import { NONE } from "./protocol.js";

/** @import { Area, CardBox, Layout, Measure } from "./layout.js" */
/** @import { Looks } from "./looks.js" */
/** @import { Places, Tile } from "./places.js" */
/** @import { FrameFacts } from "./protocol.js" */

export class Captions {
  /** @type {Map<string, number>} */
  #widths = new Map();

  /** @param {CanvasRenderingContext2D} pen @param {Places} places @param {Looks} looks */
  constructor(pen, places, looks) {
    this.pen = pen;
    this.places = places;
    this.looks = looks;
  }

  /** @type {(px: number, bold?: boolean) => CanvasRenderingContext2D} */
  #font(px, bold = false) {
    this.pen.font = `${bold ? 600 : 400} ${px}px ${this.looks.theme.font}`;
    return this.pen;
  }

  /** The width of a text, which a layout asks often. @type {Measure} */
  measure(text, px, bold = false) {
    const key = `${px}|${bold}|${text}`;
    const width = this.#widths.get(key) ?? this.#font(px, bold).measureText(text).width;
    this.#widths.set(key, width);
    return width;
  }

  /** What stands on a card. @type {(box: CardBox, layout: Layout, frames: FrameFacts | null) => void} */
  paintTexts({ card, title, x, y, w, areas }, layout, frames) {
    const { pen, places } = this;
    const { theme } = this.looks;
    const { k } = places.sight;
    const [big, small] = [Math.min(layout.title * k, 24), Math.min(layout.text * k, 20)];
    const [left, line] = [places.sx(x + layout.pad), places.sy(y) + 0.74 * layout.head * k];
    const width = (w - 2 * layout.pad) * k;
    if (small < 7) return;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = theme.ink;
    const past = this.#write(left, line, width, big, true, title) + 0.6 * big;
    pen.fillStyle = theme.quiet;
    if (frames && !card) this.#write(left, line + layout.label * k, width, small, false, ...notesOf(frames));
    if (!card) return;
    this.#write(left + past, line, width - past, small, false, notesOfCard(card), card.note, "");
    if (layout.common) return;
    for (const area of areas) {
      const [from, above] = [places.sx(area.x), places.sy(area.y) - 0.4 * small];
      this.#write(from, above, area.w * k, small, false, ...labelsOf(area.grid));
    }
  }

  /**
   * The first of `texts` that fits the width, else the last one, cut. Returns the width it takes.
   * @type {(x: number, y: number, width: number, px: number, bold: boolean, ...texts: string[]) => number}
   */
  #write(x, y, width, px, bold, ...texts) {
    const pen = this.#font(px, bold);
    const fits = (/** @type {string} */ text) => pen.measureText(text).width <= width + 1;
    let shown = texts.find(fits) ?? texts[texts.length - 1];
    while (shown.length > 1 && !fits(shown)) shown = `${shown.slice(0, shown.endsWith("…") ? -2 : -1)}…`;
    pen.fillText(shown, x, y);
    return pen.measureText(shown).width;
  }

  /** The frame's number in each cell that has one: an entry of a page table in its plainest form. @param {Area} area */
  paintNumbers(area) {
    const { pen, places } = this;
    const { grid } = area;
    const tile = places.tile(area);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    if (grid.scale === 1) return this.#writeNumbers(tile, grid.data);
    places.each(tile, (cell) => {
      const pages = places.canOpen && grid.opened.get(cell);
      if (!pages) return;
      const inner = places.inner(area, cell);
      if (inner.w >= NUMBER_WIDTH) this.#writeNumbers(inner, pages);
    });
  }

  /** @type {(tile: Tile, data: Uint32Array | Uint8Array) => void} */
  #writeNumbers(tile, data) {
    const { pen, places, looks } = this;
    const { ratio } = places;
    places.each(tile, (cell, x, y, w, h) => {
      const frame = data[2 * cell + 1];
      const text = String(frame);
      const px = Math.min(Math.max((0.42 * h) / ratio, 9), (1.3 * w) / ratio / text.length, 22);
      if (frame === NONE || px < 8) return;
      this.#font(px, true).fillStyle = looks.of(data[2 * cell] & 15).ink;
      pen.fillText(text, (x + w / 2) / ratio - MARGIN + 0.5, (y + h / 2) / ratio - MARGIN + 0.5);
    });
  }
}
