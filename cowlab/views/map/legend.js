/** A small picture and a word for each state that occurs, and for the usual ones. */

import { drawCell } from "./cell.js";
import { element, penOf } from "./elements.js";
import { BY_MORE, BY_TWO, DIFFERENT, DIFFERS, FREE, PRIVATE } from "./protocol.js";

/** @import { Looks } from "./looks.js" */
/** @import { Store } from "./store.js" */
/** @import { Words } from "./words.js" */

const OFTEN = [PRIVATE, BY_TWO, BY_MORE, FREE]; // are always shown
const SIDE = 18; // css px

export class Legend {
  list = element("ul", { class: "cowlab-legend", "aria-label": "Legend" });
  /** What is shown: bit s for state s, bit 16 for "differs". */
  #shown = 0;

  /** @param {{ store: Store, words: Words }} map */
  constructor({ store, words }) {
    this.store = store;
    this.words = words;
  }

  /** Show what occurs now. @type {(looks: Looks, ratio: number) => void} */
  update(looks, ratio) {
    let bits = OFTEN.reduce((all, code) => all | (1 << code), 0);
    for (const grid of this.store.grids.values()) bits |= grid.occurring;
    if (bits === this.#shown) return;
    this.#shown = bits;
    const states = Array.from({ length: DIFFERENT }, (_, code) => code).filter((code) => bits & (1 << code));
    const items = states.map((code) => item(looks, ratio, code, 0, this.words.word(code)));
    if (bits & (1 << 16)) items.push(item(looks, ratio, FREE, DIFFERS, this.words.word(DIFFERENT)));
    this.list.replaceChildren(...items);
  }

  /** Looks have changed: draw all of it anew. @type {(looks: Looks, ratio: number) => void} */
  dress(looks, ratio) {
    this.#shown = 0;
    this.update(looks, ratio);
  }
}

/** @type {(looks: Looks, ratio: number, code: number, flags: number, word: string) => HTMLElement} */
function item(looks, ratio, code, flags, word) {
  const side = SIDE * ratio;
  const canvas = element("canvas", { width: side, height: side, "aria-hidden": "true" });
  drawCell(penOf(canvas), looks.of(code), { x: 0, y: 0, w: side, h: side }, ratio, flags, looks.theme);
  return element("li", {}, canvas, word);
}
