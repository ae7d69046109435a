/** The picture as a list, for screen readers and tests: processes, their mappings, and runs of pages that are alike. */

import { element } from "./elements.js";
import { FRAMES_TITLE, notesOf, notesOfCard } from "./labels.js";
import { DIFFERENT, DIFFERS, FRAMES } from "./protocol.js";
import { escapeHtml, pageRange, plural } from "./text.js";

/** @import { FrameFacts } from "./protocol.js" */
/** @import { Grid } from "./records.js" */
/** @import { Card, Store } from "./store.js" */
/** @import { Words } from "./words.js" */

const MOST_RUNS = 300; // of a mapping

export class Twin {
  list = element("ul", { class: "cowlab-twin cowlab-hidden", "aria-label": "Pages in words" });
  #frames = element("li", { "data-frames": true });
  /** The list of a mapping's runs, by its key. @type {Map<number, HTMLElement>} */
  #lists = new Map();
  /** Keys of mappings that are to be written anew. @type {Set<number>} */
  #changed = new Set();
  #cardsChanged = false;
  #waiting = false;

  /** @param {{ store: Store, words: Words }} map */
  constructor({ store, words }) {
    this.store = store;
    this.words = words;
  }

  /**
   * Write anew, when the browser has time, what a draw has changed.
   * @type {(changed: Iterable<number>, cards: boolean) => void}
   */
  update(changed, cards) {
    for (const key of changed) this.#changed.add(key);
    this.#cardsChanged ||= cards;
    if (this.#waiting) return;
    this.#waiting = true;
    const work = () => this.#work();
    if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 400 });
    else setTimeout(work);
  }

  #work() {
    this.#waiting = false;
    if (this.#cardsChanged) this.#writeCards();
    this.#cardsChanged = false;
    for (const key of this.#changed) this.#write(key);
    this.#changed.clear();
  }

  #writeCards() {
    this.#lists.clear();
    this.#frames = element("li", { "data-frames": true });
    this.list.replaceChildren(...this.store.cards.map((card) => this.#card(card)), this.#frames);
    for (const key of this.store.grids.keys()) this.#changed.add(key);
  }

  /** @param {Card} card */
  #card(card) {
    const mappings = card.grids.map((grid) => {
      const runs = element("ul");
      this.#lists.set(grid.key, runs);
      return element("li", { "data-mapping": grid.name }, `${grid.name}, ${plural(grid.pages, "page")}`, runs);
    });
    const title = [card.title, notesOfCard(card)].filter(Boolean).join(", ");
    return element("li", { "data-process": card.id }, title, element("ul", {}, ...mappings));
  }

  /** @param {number} key */
  #write(key) {
    const [grid, list] = [this.store.grids.get(key), this.#lists.get(key)];
    if (key === FRAMES && this.store.frames) this.#writeFrames(this.store.frames);
    else if (grid && list) list.innerHTML = this.#runs(grid);
  }

  /** @param {FrameFacts} facts */
  #writeFrames(facts) {
    const { used, tables, free } = facts;
    Object.assign(this.#frames.dataset, { used, tables, free });
    this.#frames.textContent = `${FRAMES_TITLE}: ${notesOf(facts)[0]}`;
  }

  /** @param {Grid} grid */
  #runs(grid) {
    const items = [];
    let runs = 0;
    for (let from = 0, to; from < grid.cells; from = to) {
      for (to = from + 1; to < grid.cells && alike(grid, from, to);) to++;
      if (runs++ < MOST_RUNS) items.push(this.#run(grid, from, to));
    }
    if (runs > MOST_RUNS) items.push(`<li>and ${plural(runs - MOST_RUNS, "more run")}</li>`);
    return items.join("");
  }

  /** @type {(grid: Grid, from: number, to: number) => string} */
  #run(grid, from, to) {
    const [start, stop] = [grid.span(from)[0], grid.span(to - 1)[1]];
    const facts = { process: grid.process, mapping: grid.name, start, stop, ...this.#facts(grid, from) };
    const data = Object.entries(facts).map(([name, value]) => `data-${name}="${escapeHtml(value)}"`);
    return `<li ${data.join(" ")}>${pageRange(start, stop)}: ${escapeHtml(this.#said(grid, from))}</li>`;
  }

  /** @type {(grid: Grid, cell: number) => Record<string, unknown>} */
  #facts(grid, cell) {
    const record = grid.scale === 1 && grid.record(cell);
    if (!record) return { scale: grid.scale, mix: this.words.mix(grid.shares(cell)) };
    const { code, mappers, frame } = record;
    return { state: this.words.word(code), mappers, frame: frame < 0 ? "" : frame };
  }

  /** @type {(grid: Grid, cell: number) => string} */
  #said(grid, cell) {
    const record = grid.record(cell);
    const state = record ? this.words.state(record.code, record.mappers) : this.words.mix(grid.shares(cell));
    return grid.differs(cell) ? `${state}, ${this.words.word(DIFFERENT)}` : state;
  }
}

/**
 * Alike are pages in the same state, with as many mappers; their frames and rights may differ.
 * @type {(grid: Grid, a: number, b: number) => boolean}
 */
function alike({ scale, data }, a, b) {
  const facts = 0xffff00ff | (DIFFERS << 8);
  if (scale === 1) return (data[2 * a] & facts) === (data[2 * b] & facts);
  for (let i = 0; i < 16; i++) if (data[16 * a + i] !== data[16 * b + i]) return false;
  return true;
}
