/** What the reader does to memory: it is sent to Python, which does it. */

import { FRAMES } from "./protocol.js";

/** @import { Cursor } from "./cursor.js" */
/** @import { Model, Op } from "./protocol.js" */
/** @import { Grid } from "./records.js" */
/** @import { Status } from "./status.js" */
/** @import { Target } from "./store.js" */

/**
 * A selection of cells, or one page of an opened cell.
 * @typedef {{ grid: Grid, from: number, to: number, page?: number }} Range
 */

/**
 * @typedef {object} Parts
 * @property {Model} model
 * @property {Cursor} cursor
 * @property {Status} status
 * @property {() => void} repaint
 */

export class Acts {
  /** What a click does. @type {Op | undefined} */
  mode;
  /** What a tap takes: a page, or one end of a range. */
  reach = "page";
  /** Whether a click asks what its fault would be. */
  asking = false;

  /** @param {Parts} map @param {(asking: boolean) => void} asked is called when a click begins or ceases to ask */
  constructor(map, asked) {
    this.map = map;
    this.asked = asked;
  }

  /** @param {string} action @returns {boolean} */
  can(action) {
    return (this.map.model.get("actions") ?? []).includes(action);
  }

  /** What a click may do. */
  get modes() {
    return /** @type {Op[]} */ (["write", "read"]).filter((mode) => this.can(mode));
  }

  /** Fork, exit, back, step. @param {Op} op */
  act(op) {
    if (!this.can(op)) return;
    const process = op === "fork" || op === "exit" ? this.map.cursor.process : null;
    this.map.model.send({ type: "act", op, process, mapping: null, start: null, stop: null });
  }

  /** Write or read pages. @type {(op: Op | undefined, range: Range) => void} */
  actOn(op, { grid, from, to, page }) {
    this.map.cursor.selection = null;
    this.map.repaint();
    if (!op || !this.can(op) || grid.key === FRAMES) return;
    const [start] = page === undefined ? grid.span(Math.min(from, to)) : [page];
    const stop = page === undefined ? grid.span(Math.max(from, to))[1] : page + 1;
    this.map.model.send({ type: "act", op, process: grid.process, mapping: grid.name, start, stop });
  }

  /** Write or read what is selected, or else the page of the cursor. @param {Op} op */
  actHere(op) {
    const { at, selection } = this.map.cursor;
    if (at) this.actOn(op, selection ?? { ...at, from: at.cell, to: at.cell });
  }

  /** Step inside the fault that a write here would take. @param {Target | null} target */
  askInside(target) {
    if (!target || !this.can("inside") || target.grid.key === FRAMES) return;
    const { grid, cell, page = grid.span(cell)[0] } = target;
    this.map.model.send({ type: "inside", process: grid.process, mapping: grid.name, page });
  }

  /** @param {boolean} on */
  setAsking(on) {
    this.asking = on && this.can("inside");
    this.asked(this.asking);
    if (this.asking) this.map.status.say("Click a page: its fault is then shown step by step.");
  }
}
