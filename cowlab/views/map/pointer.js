/** The mouse, fingers and the wheel: pressing, dragging, pinching. */

import { FRAMES } from "./protocol.js";

/** @import { Acts } from "./acts.js" */
/** @import { Camera } from "./camera.js" */
/** @import { Cursor } from "./cursor.js" */
/** @import { Keyboard } from "./keyboard.js" */
/** @import { Places } from "./places.js" */
/** @import { Op } from "./protocol.js" */
/** @import { Status } from "./status.js" */
/** @import { Target } from "./store.js" */
/** @import { Tooltip } from "./tooltip.js" */
/** @import { Words } from "./words.js" */

/** @typedef {{ x: number, y: number }} Point */
/**
 * How a button went down.
 * @typedef {{ target: Target | null, pans: boolean, read: boolean, button: number, touch: boolean }} Press
 */

/**
 * @typedef {object} Parts
 * @property {HTMLElement} stage
 * @property {Places} places
 * @property {Camera} camera
 * @property {Tooltip} tooltip
 * @property {Cursor} cursor
 * @property {Acts} acts
 * @property {Keyboard} keyboard
 * @property {Words} words
 * @property {Status} status
 * @property {() => void} repaint
 */

export class Pointer {
  /** Those that are down. @type {Map<number, Point>} */
  #down = new Map();
  /** @type {Press | null} */
  #press = null;
  /** Two fingers: how far apart, and their middle. @type {Point & { distance: number } | null} */
  #pinched = null;

  /** @param {Parts} map */
  constructor(map) {
    this.map = map;
    this.#listen();
  }

  #listen() {
    const { stage, tooltip } = this.map;
    stage.addEventListener("pointerdown", (event) => this.#goDown(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#goUp(event));
    stage.addEventListener("pointercancel", (event) => this.#cancel(event));
    stage.addEventListener("pointerleave", () => tooltip.point(null));
    // Else the browser would scroll the page and zoom it.
    const ours = { passive: false };
    const fingers = (/** @type {TouchEvent} */ event) => event.touches.length > 1 && event.preventDefault();
    stage.addEventListener("wheel", (event) => this.#wheel(event), ours);
    stage.addEventListener("touchstart", fingers, ours);
    stage.addEventListener("touchmove", fingers, ours);
  }

  /** Where an event is in the view. @param {MouseEvent} event @returns {Point} */
  #at(event) {
    const { left, top } = this.map.stage.getBoundingClientRect();
    return { x: event.clientX - left - this.map.stage.clientLeft, y: event.clientY - top - this.map.stage.clientTop };
  }

  /** @param {Point} point */
  #hit({ x, y }) {
    return this.map.places.hit(x, y);
  }

  /** @param {PointerEvent} event */
  #goDown(event) {
    this.map.stage.focus({ preventScroll: true });
    const point = this.#at(event);
    this.#down.set(event.pointerId, point);
    if (this.#down.size > 1) return this.#pinch();
    const touch = event.pointerType === "touch";
    if (!touch) this.map.stage.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault();
    const target = this.#hit(point);
    const beside = event.button === 0 && !target && !touch;
    const pans = this.map.keyboard.pansWithSpace() || event.button === 1 || beside;
    this.#press = { target, pans, read: event.shiftKey, button: event.button, touch };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const point = this.#at(event);
    const before = this.#down.get(event.pointerId);
    if (!before) return this.map.tooltip.point(this.#hit(point));
    this.#down.set(event.pointerId, point);
    if (this.#down.size > 1) return this.#pinch();
    const press = this.#press;
    if (press?.pans) return this.#drag(point.x - before.x, point.y - before.y);
    const target = this.#hit(point);
    if (press?.button === 0 && !press.touch) this.#dragOver(press.target, target);
    this.map.tooltip.point(target);
  }

  /** @type {(dx: number, dy: number) => void} */
  #drag(dx, dy) {
    this.map.tooltip.point(null);
    this.map.stage.classList.add("cowlab-panning");
    this.map.camera.panBy(dx, dy);
  }

  /**
   * A drag over pages of one mapping selects them; it acts when the button goes up.
   * @type {(from: Target | null, to: Target | null) => void}
   */
  #dragOver(from, to) {
    const { acts, cursor } = this.map;
    if (!from || from.grid.key === FRAMES || acts.asking || !acts.mode) return;
    if (to?.grid !== from.grid || (to.cell === from.cell && !cursor.selection)) return;
    cursor.selection = { grid: from.grid, from: from.cell, to: to.cell };
    this.map.repaint();
  }

  /** Two fingers move the picture and zoom it. */
  #pinch() {
    const [a, b] = [...this.#down.values()];
    const now = { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    const before = this.#pinched ?? now;
    this.#pinched = now;
    this.#press = null;
    this.map.cursor.selection = null;
    this.map.tooltip.point(null);
    this.map.camera.panBy(now.x - before.x, now.y - before.y);
    this.map.camera.zoomBy(now.distance / Math.max(1, before.distance), now.x, now.y);
  }

  /** @param {PointerEvent} event */
  #goUp(event) {
    const press = this.#press;
    this.#letGo(event);
    if (press && !press.pans && press.button === 0) this.#release(press, this.#hit(this.#at(event)));
  }

  /** @param {PointerEvent} event */
  #cancel(event) {
    this.#letGo(event);
    this.map.cursor.selection = null;
    this.map.repaint();
  }

  /** @param {PointerEvent} event */
  #letGo(event) {
    this.#down.delete(event.pointerId);
    this.#press = null;
    this.#pinched = null;
    this.map.stage.classList.remove("cowlab-panning");
  }

  /** A click, or the end of a drag over pages. @type {(press: Press, target: Target | null) => void} */
  #release(press, target) {
    const { acts, cursor } = this.map;
    const op = press.read && acts.can("read") ? "read" : acts.mode;
    if (cursor.selection && !press.touch) return acts.actOn(op, cursor.selection);
    if (!target || target.grid !== press.target?.grid || target.cell !== press.target.cell) return;
    cursor.moveTo(target);
    if (press.touch) this.map.tooltip.point(target);
    if (target.grid.key === FRAMES) return;
    if (acts.asking) acts.askInside(target);
    else if (press.touch && acts.reach === "range") this.#tapRange(op, target);
    else acts.actOn(op, { ...target, from: target.cell, to: target.cell });
  }

  /**
   * First tap: one end of a range. Second tap in the same mapping: the other, and the act.
   * @type {(op: Op | undefined, target: Target) => void}
   */
  #tapRange(op, { grid, cell }) {
    const { selection } = this.map.cursor;
    if (selection?.grid === grid) return this.map.acts.actOn(op, { ...selection, to: cell });
    this.map.cursor.selection = { grid, from: cell, to: cell };
    this.map.status.say(`Range from ${this.map.words.place({ grid, cell })}: tap its other end.`);
    this.map.repaint();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const wanted = event.ctrlKey || event.metaKey || this.map.stage.matches(":focus");
    if (!wanted || !this.map.places.layout) return;
    event.preventDefault();
    const lines = [1, 16, 400][event.deltaMode];
    const speed = event.ctrlKey && Math.abs(event.deltaY) < 50 ? 0.01 : 0.0016; // a pinch sends small steps
    const point = this.#at(event);
    this.map.tooltip.point(null);
    this.map.camera.zoomBy(Math.exp(-event.deltaY * lines * speed), point.x, point.y);
    this.map.tooltip.point(this.#hit(point));
  }
}
