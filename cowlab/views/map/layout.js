/** Where cards and frames stand, in css px at zoom 1, with the largest cells that fit. */

import { clamp } from "./geometry.js";
import { FRAMES_TITLE, notesOf } from "./labels.js";

/** @import { Box } from "./geometry.js" */
/** @import { FrameFacts } from "./protocol.js" */
/** @import { Grid } from "./records.js" */
/** @import { Card, Store } from "./store.js" */

/** The width of a text. @typedef {(text: string, px: number, bold?: boolean) => number} Measure */

/**
 * Sizes of texts and gaps, and what is tried: cells of this size, so many of them in a row, in w x h.
 * @typedef {object} Style
 * @property {number} w
 * @property {number} h
 * @property {number} unit how much larger than usual texts and lines are
 * @property {number} title
 * @property {number} text
 * @property {number} head
 * @property {number} label
 * @property {number} pad
 * @property {number} gap
 * @property {number} aisle
 * @property {boolean} [compact]
 * @property {Measure} measure
 */

/** @typedef {Style & { cell: number, columns: number }} Try */

/** The cells of a grid. @typedef {{ grid: Grid, cols: number, rows: number, x: number, y: number, w: number }} Area */
/** A process, or the frames. @typedef {Box & { card: Card | null, title: string, areas: Area[] }} CardBox */

/**
 * @typedef {Try & { common: Grid | null, boxes: CardBox[], room: { w: number, h: number }, fits: boolean }} Layout
 */

export const MAX_CELL = 40;
export const NUMBER_WIDTH = 17; // a cell this wide shows its frame's number
const COLUMNS = [32, 16, 64, 8, 128, 256]; // of cells in a mapping, the usual first

/** Many cards have only their names, and the smallest gaps. */
const FULL = { title: 13.5, text: 11.5, head: 22, label: 16, pad: 8, gap: 10, aisle: 32 };
const COMPACT = { title: 11.5, text: 11, head: 15, label: 14, pad: 4, gap: 4, aisle: 16 };

/**
 * The largest cells with which everything fits into w x h; `unit` scales text, `measure` gives a text's width.
 * @type {(store: Store, w: number, h: number, unit: number, measure: Measure) => Layout}
 */
export function layOut(store, w, h, unit, measure) {
  const full = largest(store, { w, h, ...scaled(FULL, unit), measure });
  if (full && full.cell >= NUMBER_WIDTH) return full;
  const compact = largest(store, { w, h, ...scaled(COMPACT, unit), compact: true, measure });
  if (compact && compact.cell > (full?.cell ?? 0)) return compact;
  return full ?? layOut(store, 1.15 * w, 1.15 * h, unit, measure); // a world larger than the view
}

/** @type {(style: typeof FULL, unit: number) => typeof FULL & { unit: number }} */
function scaled({ title, text, head, label, pad, gap, aisle }, unit) {
  return {
    ...{ unit, title: title * unit, text: text * unit, head: head * unit, label: label * unit },
    ...{ pad: pad * unit, gap: gap * unit, aisle: aisle * unit },
  };
}

/**
 * Try the numbers of columns one after the other, each with larger cells than fitted before.
 * @type {(store: Store, style: Style) => Layout | null}
 */
function largest(store, style) {
  let best = null;
  for (const columns of COLUMNS) {
    for (let cell = larger(best?.cell ?? 0); cell <= MAX_CELL * style.unit; cell = larger(cell)) {
      const made = place(store, { ...style, cell, columns });
      if (!made.fits) break;
      best = made;
    }
  }
  return best;
}

/** The next size of a cell to try. @type {(cell: number) => number} */
const larger = (cell) => cell + (cell < 5 ? 0.5 : 1);

/**
 * One try: cards in columns from the left, the frames to their right.
 * @type {(store: Store, style: Try) => Layout}
 */
export function place(store, style) {
  const { w, h, aisle } = style;
  const common = style.compact ? store.common : null; // is said once, above the picture
  const cards = store.cards.map((card) => cardBox(card, style, common ? 0 : style.label));
  const left = flow(cards, style);
  const boxes = [...cards];
  let [width, height] = [left.w, left.h];
  if (store.frames && store.frameGrid) {
    const x = cards.length ? left.w + aisle : 0;
    const frames = moved(framesBox(store.frameGrid, store.frames, style, w - x), x, 0);
    boxes.push(frames);
    [width, height] = [x + frames.w, Math.max(height, frames.h)];
  }
  return { ...style, common, boxes, w: width, h: height, room: { w, h }, fits: width <= w && height <= h };
}

/**
 * Boxes below each other, in a new column where one is full.
 * @type {(boxes: CardBox[], style: Try) => { w: number, h: number }}
 */
function flow(boxes, { h, gap }) {
  let [x, y, columnWidth, bottom] = [0, 0, 0, 0];
  for (const box of boxes) {
    if (y > 0 && y + box.h > h) [x, y, columnWidth] = [x + columnWidth + gap, 0, 0];
    moved(box, x, y);
    columnWidth = Math.max(columnWidth, box.w);
    bottom = Math.max(bottom, y + box.h);
    y += box.h + gap;
  }
  return { w: x + columnWidth, h: bottom };
}

/** @type {(box: CardBox, dx: number, dy: number) => CardBox} */
function moved(box, dx, dy) {
  for (const one of [box, ...box.areas]) Object.assign(one, { x: one.x + dx, y: one.y + dy });
  return box;
}

/**
 * A process: its title, and its mappings from left to right as far as they have room.
 * @type {(card: Card, style: Try, label: number) => CardBox}
 */
function cardBox(card, style, label) {
  const { pad, head, title, measure } = style;
  const areas = shelves(card.grids, style, label);
  const w = Math.max(measure(card.title, title, true) + 4, ...areas.map((area) => area.x + area.w));
  const h = Math.max(head, ...areas.map((area) => area.y + area.rows * style.cell));
  for (const area of areas) area.x += pad;
  return { card, title: card.title, x: 0, y: 0, w: w + 2 * pad, h: h + pad, areas };
}

/**
 * Mappings as blocks on shelves: a label, the grid below it.
 * @type {(grids: Grid[], style: Try, label: number) => Area[]}
 */
function shelves(grids, { cell, columns, head, measure, text }, label) {
  let [x, top, height] = [0, head, 0];
  return grids.map((grid) => {
    const cols = clamp(grid.cells, 1, columns);
    const rows = Math.ceil(grid.cells / cols);
    const w = Math.max(cols * cell, label && measure(grid.name, text) + 4);
    if (x > 0 && x + w > columns * cell) [x, top, height] = [0, top + height + label / 3, 0];
    const area = { grid, cols, rows, x, y: top + label, w };
    x += w + label;
    height = Math.max(height, label + rows * cell);
    return area;
  });
}

/** @type {(n: number) => number} */
const eights = (n) => 8 * Math.ceil(n / 8);

/**
 * The physical frames: about square, or as wide as the height asks for; a note stands below the title.
 * @type {(grid: Grid, facts: FrameFacts, style: Try, room: number) => CardBox}
 */
function framesBox(grid, facts, { h, pad, head, label, cell, title, text, measure }, room) {
  const top = head + label;
  const least = eights(grid.cells / Math.max(1, Math.floor((h - top - pad) / cell)));
  const most = 8 * Math.floor((room - 2 * pad) / cell / 8);
  const cols = Math.max(8, least, Math.min(most, eights(1.4 * Math.sqrt(grid.cells))));
  const rows = Math.ceil(grid.cells / cols);
  const note = Math.min(measure(notesOf(facts)[0], text) + 4, room - 2 * pad);
  const w = Math.max(cols * cell, measure(FRAMES_TITLE, title, true) + 4, note);
  const area = { grid, cols, rows, x: pad, y: top, w };
  return { card: null, title: FRAMES_TITLE, x: 0, y: 0, w: w + 2 * pad, h: top + rows * cell + pad, areas: [area] };
}
