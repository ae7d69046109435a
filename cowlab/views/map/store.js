/** Everything that Python last sent: cards, grids of cells, and what is said of the frames. */

import { FRAMES, TABLE } from "./protocol.js";
import { Grid, bytesOf } from "./records.js";

/** @import { CardFacts, Draw, FrameFacts } from "./protocol.js" */

/** A process. @typedef {Omit<CardFacts, "mappings"> & { grids: Grid[] }} Card */
/** A cell, or a page of it. @typedef {{ grid: Grid, cell: number, page?: number }} Target */

export class Store {
  started = false;
  scale = 1;
  /** @type {Card[]} */
  cards = [];
  /** @type {Map<number, Grid>} */
  grids = new Map();
  /** @type {FrameFacts | null} */
  frames = null;

  /**
   * Take a "draw". Returns the keys that changed, or null for a draw before the first full one.
   * @type {(message: Draw, buffers: ArrayBufferView<ArrayBuffer>[]) => Set<number> | null}
   */
  apply(message, buffers) {
    if (message.full) {
      Object.assign(this, { started: true, scale: message.scale, cards: [], grids: new Map(), frames: null });
    }
    if (!this.started) return null;
    /** @type {Set<number>} */
    const changed = new Set();
    if (message.frames) this.#setFrames(message.frames, changed);
    if (message.cards) this.#setCards(message.cards, changed);
    for (const patch of message.patches ?? []) {
      this.grids.get(patch.key)?.patch(patch.from, bytesOf(buffers[patch.buffer]));
      changed.add(patch.key);
    }
    return changed;
  }

  /**
   * Page tables are counted and have no numbers here: their cells come after those of the frames.
   * @type {(facts: FrameFacts, changed: Set<number>) => void}
   */
  #setFrames(facts, changed) {
    this.frames = facts;
    const grid = this.#grid(FRAMES, facts.cells + Math.ceil(facts.tables / this.scale), changed);
    Object.assign(grid, { pages: facts.shown ?? facts.total, name: "physical frames" });
    for (let cell = facts.cells; cell < grid.cells; cell++) grid.fill(cell, TABLE);
    changed.add(FRAMES);
  }

  /** @type {(cards: CardFacts[], changed: Set<number>) => void} */
  #setCards(cards, changed) {
    const kept = new Set([FRAMES]);
    this.cards = cards.map(({ mappings, ...card }) => {
      const grids = mappings.map(({ key, cells, name, kind, pages }) => {
        kept.add(key);
        return Object.assign(this.#grid(key, cells, changed), { name, kind, pages, process: card.id });
      });
      return { ...card, grids };
    });
    for (const key of [...this.grids.keys()]) if (!kept.has(key)) this.grids.delete(key);
  }

  /** @type {(key: number, cells: number, changed: Set<number>) => Grid} */
  #grid(key, cells, changed) {
    const grid = this.grids.get(key) ?? new Grid(key, this.scale);
    if (!this.grids.has(key) || grid.cells !== cells) changed.add(key);
    if (grid.cells !== cells) grid.resize(cells);
    this.grids.set(key, grid);
    return grid;
  }

  get frameGrid() {
    return this.grids.get(FRAMES);
  }

  /** All grids in the order of the picture, the frames last. */
  get places() {
    const all = [...this.cards.flatMap((card) => card.grids), this.frameGrid];
    return all.filter((grid) => grid !== undefined && grid.cells > 0);
  }

  /** @type {(process: string, mapping: string) => Grid | undefined} */
  find(process, mapping) {
    return [...this.grids.values()].find((grid) => grid.process === process && grid.name === mapping);
  }

  /** The target on the grid that has its key now, or null if its cell is gone. @param {Target | null} target */
  kept(target) {
    const grid = target && this.grids.get(target.grid.key);
    return target && grid && target.cell < grid.cells ? { ...target, grid } : null;
  }

  /** The cell of a frame in the frames' grid, or -1. @param {number} frame */
  cellOfFrame(frame) {
    const cell = Math.floor(frame / this.scale);
    return this.frames && cell < this.frames.cells ? cell : -1;
  }

  /** Whether a cell of the frames' grid stands for page tables. @param {Target} target */
  isTable({ grid, cell }) {
    return grid.key === FRAMES && this.frames !== null && cell >= this.frames.cells;
  }

  /**
   * The frame of a page or of a cell of the frames' grid; -1 for none, or where only a mix is known.
   * @param {Target} target
   */
  frameOf({ grid, cell, page }) {
    if (grid.key !== FRAMES) return grid.record(cell, page)?.frame ?? -1;
    return grid.scale === 1 && this.frames !== null && cell < this.frames.cells ? cell : -1;
  }

  /**
   * All cells that map `frame` (scale 1). A pass over 100,000 records takes 0.2 ms: no index is needed.
   * @param {number} frame
   */
  holdersOf(frame) {
    /** @type {Target[]} */
    const found = [];
    for (const grid of frame < 0 ? [] : this.grids.values()) {
      if (grid.key === FRAMES || grid.scale > 1) continue;
      for (let i = 1; i < grid.data.length; i += 2) if (grid.data[i] === frame) found.push({ grid, cell: i >> 1 });
    }
    return found;
  }

  /** The mapping that every card has, and no other; or null. */
  get common() {
    const first = this.cards[0]?.grids[0];
    /** @type {(card: Card) => boolean | undefined} */
    const same = ({ grids: [grid, other] }) =>
      grid && !other && grid.name === first.name && grid.kind === first.kind && grid.pages === first.pages;
    return first && this.cards.length > 1 && this.cards.every(same) ? first : null;
  }
}
