/** How states look in a theme, and pictures of cells as pixels, made once for each size they have on the screen. */

import { drawCell } from "./cell.js";
import { penOf } from "./elements.js";
import { clamp } from "./geometry.js";

/** @import { Dressed } from "./cell.js" */
/** @import { Look } from "./protocol.js" */
/** @import { Theme } from "./theme.js" */

/**
 * The pixels of a cell; `variant` is a state | flags << 4.
 * @typedef {(variant: number, w: number, h: number) => Uint32Array} Sprite
 */

const UNKNOWN = { word: "", light: "#888", dark: "#888", text_light: "#fff", text_dark: "#fff", mark: "question" };
const MOST_SIZES = 24;

export class Looks {
  #pen = penOf(document.createElement("canvas"), { willReadFrequently: true });
  /** @type {Map<string, Uint32Array[]>} */
  #sizes = new Map();

  /** @param {Look[]} looks @param {Theme} theme */
  constructor(looks, theme) {
    this.looks = looks;
    this.theme = theme;
    this.#pen.fillStyle = theme.card;
    this.#pen.fillRect(0, 0, 1, 1);
    this.ground = this.#read(1, 1)[0]; // the colour of cards: cells are written over it
  }

  /** A state's look in this theme. @type {(code: number) => Dressed} */
  of(code) {
    const look = this.looks[code] ?? UNKNOWN;
    const [fill, ink] = this.theme.dark ? [look.dark, look.text_dark] : [look.light, look.text_light];
    return { mark: look.mark, fill, ink };
  }

  /**
   * Pictures of cells whose sides are `width` and `height`, rounded up or down.
   * @type {(width: number, height: number, ratio: number) => Sprite}
   */
  sized(width, height, ratio) {
    const [w0, h0] = [Math.floor(width + 1e-6), Math.floor(height + 1e-6)];
    const key = `${w0},${h0},${ratio}`;
    if (this.#sizes.size > MOST_SIZES) this.#sizes.clear();
    const table = this.#sizes.get(key) ?? [];
    this.#sizes.set(key, table);
    return (variant, w, h) => {
      const at = (variant << 4) | (clamp(w - w0, 0, 3) << 2) | clamp(h - h0, 0, 3);
      return (table[at] ??= this.#pixels(variant, w, h, ratio));
    };
  }

  /** @type {(variant: number, w: number, h: number, ratio: number) => Uint32Array} */
  #pixels(variant, w, h, ratio) {
    const pen = this.#pen;
    const { canvas } = pen;
    const gap = Math.min(w, h) < 5 * ratio ? 0 : Math.max(1, Math.round(ratio)); // tiny cells have none
    if (canvas.width < w || canvas.height < h) [canvas.width, canvas.height] = [w + 32, h + 32];
    pen.fillStyle = this.theme.card;
    pen.fillRect(0, 0, w, h);
    const box = { x: gap, y: gap, w: w - gap, h: h - gap };
    drawCell(pen, this.of(variant & 15), box, ratio, variant >> 4, this.theme);
    return this.#read(w, h);
  }

  /** @type {(w: number, h: number) => Uint32Array} */
  #read(w, h) {
    return new Uint32Array(this.#pen.getImageData(0, 0, w, h).data.buffer);
  }
}
