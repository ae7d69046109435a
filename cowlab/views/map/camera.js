/** Moves what is seen of the layout: zoom, pan, all of it. */

import { clamp } from "./geometry.js";

/** @import { Places, Sight } from "./places.js" */
/** @import { Store, Target } from "./store.js" */

const EDGE = 8; // css px around the picture
const STEP = 1.5; // of a button or a key

export class Camera {
  fitted = true; // it follows the layout until the reader moves it

  /** @param {{ places: Places, store: Store, repaint: () => void, layOutAnew: () => void }} map */
  constructor({ places, store, repaint, layOutAnew }) {
    this.places = places;
    this.store = store;
    this.repaint = repaint;
    this.layOutAnew = layOutAnew;
  }

  /** Room for a layout in the view. */
  get room() {
    return { w: this.places.w - 2 * EDGE, h: this.places.h - 2 * EDGE };
  }

  /** What shows all of a layout, in the middle. @param {{ w: number, h: number }} layout @returns {Sight} */
  whole(layout) {
    const { places, room } = this;
    const k = Math.min(1, room.w / layout.w, room.h / layout.h);
    const [x, y] = [(layout.w - places.w / k) / 2, (layout.h - places.h / k) / 2];
    return { x: Math.round(x), y: Math.round(y), k };
  }

  /** Show all, with the cells that fit best. */
  fit() {
    this.fitted = true;
    this.layOutAnew();
  }

  /** There is a new layout. */
  follow() {
    const { layout } = this.places;
    if (this.fitted && layout) this.places.sight = this.whole(layout);
  }

  /** @param {Sight} sight */
  #set({ x, y, k }) {
    const { layout, w, h } = this.places;
    if (!layout) return;
    /** @type {(at: number, view: number, world: number) => number} */
    const within = (at, view, world) => clamp(at, (-0.8 * view) / k, world - (0.2 * view) / k);
    this.places.sight = { k, x: within(x, w, layout.w), y: within(y, h, layout.h) };
    this.fitted = false;
    this.repaint();
  }

  /** Make all so much larger, while the point at px, py stays where it is. */
  zoomBy(factor = STEP, px = this.places.w / 2, py = this.places.h / 2) {
    const { layout, sight } = this.places;
    if (!layout) return;
    const { x, y, k } = sight;
    const { scale } = this.store;
    const largest = (scale > 1 ? 60 * Math.sqrt(2 * scale) : 200) / layout.cell;
    const to = clamp(k * factor, 0.5 * this.whole(layout).k, largest);
    this.#set({ k: to, x: x + px / k - px / to, y: y + py / k - py / to });
  }

  zoomOut() {
    this.zoomBy(1 / STEP);
  }

  /** Move the picture by css px. @type {(dx: number, dy: number) => void} */
  panBy(dx, dy) {
    const { x, y, k } = this.places.sight;
    this.#set({ k, x: x - dx / k, y: y - dy / k });
  }

  /** Move the picture so far that a target is in the view. @param {Target} target */
  bring(target) {
    const { places } = this;
    const box = places.boxOf(target);
    if (!box || (box.x >= 0 && box.y >= 0 && box.x + box.w <= places.w && box.y + box.h <= places.h)) return;
    const margin = Math.min(40, places.h / 8);
    /** @type {(low: number, high: number, end: number) => number} */
    const need = (low, high, end) => (low < margin ? margin - low : high > end - margin ? end - margin - high : 0);
    this.panBy(need(box.x, box.x + box.w, places.w), need(box.y, box.y + box.h, places.h));
  }
}
