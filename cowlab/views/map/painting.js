/** When what is painted: at most once a frame of the screen, and no more than has changed. */

import { paintHighlights } from "./highlights.js";
import { layOut, place } from "./layout.js";
import { publish } from "./published.js";

/** @import { Camera } from "./camera.js" */
/** @import { Parts as Highlighted } from "./highlights.js" */
/** @import { Measure } from "./layout.js" */
/** @import { Opening } from "./opening.js" */
/** @import { Picture } from "./picture.js" */

const FRAME_MS = 12; // somewhat less than a frame of the screen takes

/** @typedef {Highlighted & { root: HTMLElement, picture: Picture, camera: Camera, opening: Opening }} Parts */

export class Painting {
  #relayout = false;
  #dirty = false; // the picture is to be painted, and not only what lies above it
  /** @type {number | null} */
  #frame = null;
  /** When it was done in the last second. @type {number[]} */
  #times = [];
  /** The number of the draw that is not painted yet. @type {number | null} */
  #pending = null;

  /** @param {Parts} map @param {() => void} laidOut is called when there is a new layout */
  constructor(map, laidOut) {
    this.map = map;
    this.laidOut = laidOut;
    this.published = publish(map.root, map, () => this.#recent().length);
  }

  /** Paint in the next frame; with `picture`, it too and not only what lies above it. */
  later(picture = false) {
    this.#dirty ||= picture;
    this.#frame ??= requestAnimationFrame(() => this.#paint());
  }

  /** Place all cells anew, and paint them. */
  layOutAnew() {
    this.#relayout = true;
    this.later(true);
  }

  /**
   * Paint what was just sent without waiting for the next frame, which then has it ready; at most once a frame.
   * @type {(seq: number, relayout: boolean) => void}
   */
  soon(seq, relayout) {
    this.#pending = seq;
    this.#relayout ||= relayout;
    this.later(true);
    const last = this.#times[this.#times.length - 1] ?? -Infinity;
    if (performance.now() - last < FRAME_MS) return;
    this.stop();
    this.#paint();
  }

  stop() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
  }

  #paint() {
    this.#frame = null;
    const { places, store, picture, tooltip } = this.map;
    if (!store.started || !places.w) return;
    const began = performance.now();
    const layout = !places.layout || this.#relayout ? this.#layOut() : places.layout;
    if (this.#dirty || !picture.slide()) {
      picture.paint(layout, store.frames);
      tooltip.follow();
    }
    this.#dirty = false;
    const moving = paintHighlights(this.map);
    this.published.paintMs = performance.now() - began;
    this.#painted();
    if (moving) this.later();
  }

  /** Where the reader has zoomed in, cards keep the size of their cells. */
  #layOut() {
    const { places, store, camera, picture } = this.map;
    const { w, h } = camera.room;
    const before = places.layout;
    /** @type {Measure} */
    const measure = (text, px, bold) => picture.captions.measure(text, px, bold);
    if (camera.fitted || !before) places.layout = layOut(store, w, h, places.unit, measure);
    else places.layout = place(store, { ...before, ...before.room, measure });
    camera.follow();
    this.#relayout = false;
    this.#dirty = true;
    this.laidOut();
    return places.layout;
  }

  #painted() {
    const now = performance.now();
    this.#times = [...this.#recent(), now];
    this.map.opening.askForVisible();
    if (this.#pending === null) return;
    Object.assign(this.published, { drawn: this.published.drawn + 1, lastSeq: this.#pending });
    this.map.root.dispatchEvent(new CustomEvent("cowlab:drawn", { detail: { seq: this.#pending, at: now } }));
    this.#pending = null;
  }

  #recent() {
    const now = performance.now();
    return this.#times.filter((time) => now - time < 1000);
  }
}
