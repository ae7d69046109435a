/** The operation just drawn, told once more over `speed` ms above the finished picture. The next draw ends it. */

import { between, clamp, ease } from "./geometry.js";

/** @import { Box } from "./geometry.js" */
/** @import { Overlay } from "./overlay.js" */
/** @import { Places } from "./places.js" */
/** @import { Effect } from "./protocol.js" */
/** @import { Grid } from "./records.js" */
/** @import { Store } from "./store.js" */

/**
 * An effect, and the words of the records that it changed.
 * @typedef {Effect & { before?: number, frameBefore?: number, oldBefore?: number }} Remembered
 */
/** @typedef {{ page: Box | null, old: Box | null, frame: Box | null }} Boxes */

const MOST = 12; // animated at once: more is noise

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Effects {
  /** @type {Remembered[]} */
  #list = [];
  #speed = 0;
  #began = 0;

  /** @param {{ overlay: Overlay, places: Places, store: Store }} map */
  constructor({ overlay, places, store }) {
    this.overlay = overlay;
    this.places = places;
    this.store = store;
  }

  get any() {
    return this.#list.length > 0;
  }

  /** How long they take, in ms. */
  get time() {
    return this.any ? this.#speed : 0;
  }

  /** Before a draw is applied: what the cells concerned look like. @param {Effect[]} effects */
  remember(effects) {
    const { store } = this;
    /** @type {(grid: Grid | undefined, cell: number) => number | undefined} */
    const word = (grid, cell) => (grid?.scale === 1 && cell >= 0 ? grid.data[2 * cell] : undefined);
    const frame = (/** @type {number} */ n) => word(store.frameGrid, store.cellOfFrame(n));
    this.#list = effects.slice(0, MOST).map((effect) => ({
      ...effect,
      before: word(store.find(effect.process, effect.mapping), effect.page),
      frameBefore: frame(effect.frame),
      oldBefore: frame(effect.old),
    }));
  }

  /** After it: begin; where nothing may move, outlines stay. @param {number} speed */
  start(speed) {
    if (!(speed > 0)) this.#list = [];
    this.#speed = still() ? 0 : speed;
    this.#began = performance.now();
  }

  /** Paint this moment. Returns whether there is more to come. */
  paint() {
    const time = this.#speed ? (performance.now() - this.#began) / this.#speed : 0;
    if (time >= 1) this.#list = [];
    for (const effect of this.#list) this.#moment(effect, this.#boxes(effect), time);
    return this.#speed > 0 && this.any;
  }

  /** @type {(effect: Effect) => Boxes} */
  #boxes({ process, mapping, page, old, frame }) {
    const { places, store } = this;
    const at = (/** @type {number} */ n) => places.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(n) });
    return { page: places.boxOf({ grid: store.find(process, mapping), cell: page }), old: at(old), frame: at(frame) };
  }

  /**
   * A copy flies; of all else a ring around the page and its frame closes in.
   * @type {(effect: Remembered, boxes: Boxes, time: number) => void}
   */
  #moment(effect, { page, old, frame }, time) {
    const { overlay } = this;
    const flies = effect.kind === "copy" && this.#speed > 0;
    if (flies && page && old && frame) return this.#copy(effect, page, old, frame, time);
    const grow = this.#speed ? 1 + 8 * (1 - ease(time)) : 1;
    for (const box of [page, frame]) overlay.outline(box, overlay.theme.brand, 2.5, grow);
  }

  /**
   * The old frame's cell flies to the new one, then the entry's line moves over.
   * @type {(effect: Remembered, page: Box, old: Box, frame: Box, time: number) => void}
   */
  #copy({ before = 0, frameBefore = 0, oldBefore = 0 }, page, old, frame, time) {
    const { overlay } = this;
    const { brand, ink } = overlay.theme;
    const [flight, turn] = [ease(clamp(time / 0.6, 0, 1)), ease(clamp((time - 0.6) / 0.4, 0, 1))];
    if (turn < 0.5) overlay.stamp(page, before);
    if (flight < 1) overlay.stamp(frame, frameBefore);
    overlay.curve(page, between(old, frame, turn), brand);
    overlay.outline(page, brand);
    if (flight === 1) return;
    const flying = between(old, frame, flight);
    flying.y -= 14 * Math.sin(Math.PI * flight);
    overlay.stamp(flying, oldBefore);
    overlay.outline(flying, ink, 1.5, 0);
  }
}
