/**
 * The memory map: every process as a card of page cells, every physical frame as a cell beside them.
 *
 * The browser holds no rule of memory: it keeps what it was last sent, draws it, and sends back what the reader does.
 * A cell is a page; where `scale` > 1 it is many pages, and shows the mix of their states.
 *
 *    1  Protocol     the numbers that Python and this file share
 *    2  Helpers      text, elements
 *    3  Store        what was sent: Grid (the cells of a mapping), Store (all of them)
 *    4  Layout       where cards and frames stand, with the largest cells that fit
 *    5  Looks        the picture of a cell, as pixels
 *    6  Painter      the canvas: cards, cells, texts; and above it outlines and curves
 *    7  Words        the same facts in sentences
 *    8  Twin         the picture as a list, for screen readers and tests
 *    9  Effects      a copy as it happens
 *   10  Panels       help, and the steps of a fault
 *   11  MapView      all of it together: messages, toolbar, camera, pointer, keyboard
 */

// 1 Protocol -----------------------------------------------------------------------------------------------------

const NONE = 0xffffffff; // "no frame" in a record
const PAGE_KIB = 4;
const FRAMES = 0; // the key of the frames' grid
const [PRIVATE, BY_TWO, BY_MORE, TABLE, FREE, DIFFERENT] = [2, 3, 4, 7, 13, 15]; // states named here
const [WRITABLE, DIRTY, DIFFERS, EXCLUSIVE] = [1, 2, 4, 8]; // flags of a record
const MARK_BYTE = 15; // at scale > 1: not a share, but "has pages that differ"
const OFTEN = [PRIVATE, BY_TWO, BY_MORE, FREE]; // always in the legend

const MAX_EFFECTS = 12; // animated at once: more is noise
const MAX_CURVES = 64; // drawn to the mappers of a frame; all of them are outlined
const MAX_RUNS = 300; // of a mapping, in the list of words
const MAX_REQUESTS = 8; // for pages of cells, unanswered

// Sizes in css px.
const MAX_CELL = 40;
const NUMBER_WIDTH = 17; // a cell this wide shows its frame's number
const CORNER_WIDTH = 8; // ... has room for a turned-down corner, the mark of a difference
const OPEN_WIDTH = 96; // ... shows the pages it stands for
const EDGE = 8; // around the picture
const FRAME_MS = 12; // somewhat less than a frame of the screen takes
const MARGIN = 128; // of the canvas beyond the view on each side: so far the picture moves without being painted anew

// 2 Helpers ------------------------------------------------------------------------------------------------------

const clamp = (x, low, high) => Math.max(low, Math.min(high, x));
const mix = (a, b, t) => a + (b - a) * t;
const ease = (t) => t * t * (3 - 2 * t);
const eights = (n) => 8 * Math.ceil(n / 8);
const centre = (box) => ({ x: box.x + box.w / 2, y: box.y + box.h / 2 });
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const format = new Intl.NumberFormat("en-US"); // made once: n.toLocaleString() makes one at each call
const number = (n) => format.format(n);
const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const pageRange = (start, stop) =>
  stop - start < 2 ? `page ${number(start)}` : `pages ${number(start)} to ${number(stop - 1)}`;

/** Pages as people say sizes: 4 KiB, 2 MiB, 1.5 GiB. */
function size(pages) {
  let value = pages * PAGE_KIB;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    if (value < 1024 || unit === "GiB") return `${number(Math.round(value * 10) / 10)} ${unit}`;
    value /= 1024;
  }
}

/** An element: attributes, `on...` listeners, then children (elements or text). */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const button = (label, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, label);

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeHtml = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);

/** A message's buffer as bytes of its own: a DataView may start anywhere, typed arrays must be aligned. */
function bytesOf(view) {
  return new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).slice();
}

// 3 Store --------------------------------------------------------------------------------------------------------

/** The cells of one mapping, or of the physical frames: two uint32 a cell, at scale > 1 sixteen bytes. */
class Grid {
  constructor(key, scale) {
    Object.assign(this, { key, scale, cells: 0, pages: 0 });
    this.each = scale === 1 ? 2 : 16;
    this.data = this._room(0);
    this.opened = new Map(); // cell -> records of its pages, until they may have changed
  }

  _room(cells) {
    return this.scale === 1 ? new Uint32Array(2 * cells) : new Uint8Array(16 * cells);
  }

  /** Have so many cells; those that stay keep their records. */
  resize(cells) {
    const data = this._room(cells);
    data.set(this.data.subarray(0, data.length));
    Object.assign(this, { cells, data });
  }

  patch(from, bytes) {
    const records = this.scale === 1 ? new Uint32Array(bytes.buffer) : bytes;
    this.data.set(records.subarray(0, this.data.length - from * this.each), from * this.each);
    this.opened.clear();
  }

  /** Make a cell all of one state, without frames. */
  fill(cell, state) {
    if (this.scale === 1) this.data.set([state, NONE], 2 * cell);
    else this.data.fill(0, 16 * cell, 16 * cell + 16)[16 * cell + state] = 255;
  }

  /** What occurs here: bit s for state s, bit 16 for "differs". */
  get occurring() {
    const { data } = this;
    let bits = 0;
    if (this.scale === 1) {
      for (let i = 0; i < data.length; i += 2) bits |= (1 << (data[i] & 15)) | ((data[i] & (DIFFERS << 8)) << 6);
    } else {
      for (let i = 0; i < data.length; i++) if (data[i]) bits |= 1 << ((i & 15) === MARK_BYTE ? 16 : i & 15);
    }
    return bits;
  }

  differs(cell) {
    return this.scale === 1 ? (this.data[2 * cell] >> 8) & DIFFERS : this.data[16 * cell + MARK_BYTE];
  }

  /** The record of a page, or null if only its cell's mix is known. */
  record(cell, page) {
    if (this.scale === 1) return decode(this.data[2 * cell], this.data[2 * cell + 1]);
    const pages = this.opened.get(cell);
    const at = 2 * (page - cell * this.scale);
    return pages && at < pages.length ? decode(pages[at], pages[at + 1]) : null;
  }

  shares(cell) {
    return this.data.subarray(16 * cell, 16 * cell + MARK_BYTE);
  }

  /** The pages that a cell stands for, as [start, stop). */
  span(cell) {
    return [cell * this.scale, Math.min(this.pages, (cell + 1) * this.scale)];
  }
}

function decode(word, frame) {
  return { code: word & 15, flags: (word >>> 8) & 255, mappers: word >>> 16, frame: frame === NONE ? -1 : frame };
}

/** Everything that Python last sent. */
class Store {
  started = false;

  /** Take a "draw". Returns the keys that changed, or null for a draw before the first full one. */
  apply(message, buffers) {
    if (message.full) {
      Object.assign(this, { started: true, scale: message.scale, cards: [], grids: new Map(), frames: null });
    }
    if (!this.started) return null;
    const changed = new Set();
    if (message.frames) this._setFrames(message.frames, changed);
    if (message.cards) this._setCards(message.cards, changed);
    for (const patch of message.patches ?? []) {
      this.grids.get(patch.key)?.patch(patch.from, bytesOf(buffers[patch.buffer]));
      changed.add(patch.key);
    }
    return changed;
  }

  /** Page tables are counted and have no numbers here: their cells come after those of the frames. */
  _setFrames(facts, changed) {
    this.frames = facts;
    const grid = this._grid(FRAMES, facts.cells + Math.ceil(facts.tables / this.scale), changed);
    Object.assign(grid, { pages: facts.shown ?? facts.total, name: "physical frames", process: null });
    for (let cell = facts.cells; cell < grid.cells; cell++) grid.fill(cell, TABLE);
    changed.add(FRAMES);
  }

  _setCards(cards, changed) {
    const kept = new Set([FRAMES]);
    this.cards = cards;
    for (const card of this.cards) {
      card.grids = card.mappings.map(({ key, cells, name, kind, pages }) => {
        kept.add(key);
        return Object.assign(this._grid(key, cells, changed), { name, kind, pages, process: card.id });
      });
    }
    for (const key of [...this.grids.keys()]) if (!kept.has(key)) this.grids.delete(key);
  }

  _grid(key, cells, changed) {
    const grid = this.grids.get(key) ?? new Grid(key, this.scale);
    if (!this.grids.has(key) || grid.cells !== cells) changed.add(key);
    if (grid.cells !== cells) grid.resize(cells);
    this.grids.set(key, grid);
    return grid;
  }

  get frameGrid() {
    return this.grids?.get(FRAMES);
  }

  find(process, mapping) {
    return [...this.grids.values()].find((grid) => grid.process === process && grid.name === mapping);
  }

  /** The cell of a frame in the frames' grid, or -1. */
  cellOfFrame(frame) {
    const cell = Math.floor(frame / this.scale);
    return this.frames && cell < this.frames.cells ? cell : -1;
  }

  /** Whether a cell of the frames' grid stands for page tables. */
  isTable({ grid, cell }) {
    return grid.key === FRAMES && cell >= this.frames.cells;
  }

  /** The frame of a page or of a cell of the frames' grid; -1 for none, or where only a mix is known. */
  frameOf({ grid, cell, page }) {
    if (grid.key !== FRAMES) return grid.record(cell, page)?.frame ?? -1;
    return grid.scale === 1 && cell < this.frames.cells ? cell : -1;
  }

  /** All cells that map `frame` (scale 1). A pass over 100,000 records takes 0.2 ms: no index is needed. */
  holdersOf(frame) {
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
    const same = ({ grids: [grid, other] }) =>
      grid && !other && grid.name === first.name && grid.kind === first.kind && grid.pages === first.pages;
    return first && this.cards.length > 1 && this.cards.every(same) ? first : null;
  }
}

// 4 Layout: css px at zoom 1 -------------------------------------------------------------------------------------

const FRAMES_TITLE = "physical frames";
const COLUMNS = [32, 16, 64, 8, 128, 256]; // of cells in a mapping, the usual first

/** Sizes of texts and gaps. Many cards have only their names, and the smallest gaps. */
const FULL = { title: 13.5, text: 11.5, head: 22, label: 16, pad: 8, gap: 10, aisle: 32 };
const COMPACT = { title: 11.5, text: 11, head: 15, label: 14, pad: 4, gap: 4, aisle: 16 };

/** The largest cells with which everything fits into w x h; `unit` scales text, `measure` gives a text's width. */
function layOut(store, w, h, unit, measure) {
  const full = largest(store, { w, h, ...scaled(FULL, unit), measure });
  if (full?.cell >= NUMBER_WIDTH) return full;
  const compact = largest(store, { w, h, ...scaled(COMPACT, unit), compact: true, measure });
  if (compact && compact.cell > (full?.cell ?? 0)) return compact;
  return full ?? layOut(store, 1.15 * w, 1.15 * h, unit, measure); // a world larger than the view
}

function scaled(style, unit) {
  return Object.fromEntries(Object.entries({ ...style, unit: 1 }).map(([name, px]) => [name, px * unit]));
}

/** Try the numbers of columns one after the other, each with larger cells than fitted before. */
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

/** The next size of a cell to try. */
const larger = (cell) => cell + (cell < 5 ? 0.5 : 1);

/** One try: cards in columns from the left, the frames to their right. */
function place(store, style) {
  const { w, h, aisle } = style;
  const common = style.compact && store.common; // is said once, above the picture
  const cards = store.cards.map((card) => cardBox(card, style, common ? 0 : style.label));
  const left = flow(cards, style);
  const boxes = [...cards];
  let [width, height] = [left.w, left.h];
  if (store.frames) {
    const x = cards.length ? left.w + aisle : 0;
    const frames = moved(framesBox(store, style, w - x), x, 0);
    boxes.push(frames);
    [width, height] = [x + frames.w, Math.max(height, frames.h)];
  }
  return { ...style, common, boxes, w: width, h: height, room: { w, h }, fits: width <= w && height <= h };
}

/** Boxes below each other, in a new column where one is full. */
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

function moved(box, dx, dy) {
  for (const one of [box, ...box.areas]) Object.assign(one, { x: one.x + dx, y: one.y + dy });
  return box;
}

/** A process: its title, and its mappings from left to right as far as they have room. */
function cardBox(card, style, label) {
  const { pad, head, title, measure } = style;
  const areas = shelves(card.grids, style, label);
  const w = Math.max(measure(card.title, title, true) + 4, ...areas.map((area) => area.x + area.w));
  const h = Math.max(head, ...areas.map((area) => area.y + area.rows * style.cell));
  for (const area of areas) area.x += pad;
  return { card, title: card.title, x: 0, y: 0, w: w + 2 * pad, h: h + pad, areas };
}

/** Mappings as blocks on shelves: a label, the grid below it. */
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

/** The physical frames: about square, or as wide as the height asks for; a note stands below the title. */
function framesBox(store, { h, pad, head, label, cell, title, text, measure }, room) {
  const grid = store.frameGrid;
  const top = head + label;
  const least = eights(grid.cells / Math.max(1, Math.floor((h - top - pad) / cell)));
  const most = 8 * Math.floor((room - 2 * pad) / cell / 8);
  const cols = Math.max(8, least, Math.min(most, eights(1.4 * Math.sqrt(grid.cells))));
  const rows = Math.ceil(grid.cells / cols);
  const note = Math.min(measure(notesOf(store.frames)[0], text) + 4, room - 2 * pad);
  const w = Math.max(cols * cell, measure(FRAMES_TITLE, title, true) + 4, note);
  const area = { grid, cols, rows, x: pad, y: top, w };
  return { card: null, title: FRAMES_TITLE, x: 0, y: 0, w: w + 2 * pad, h: top + rows * cell + pad, areas: [area] };
}

/** Ways to say how many frames are in use, the longest first. */
function notesOf({ used, tables, free }) {
  const inUse = `${number(used)} in use, of which ${plural(tables, "page table")}`;
  return [`${inUse}; ${number(free)} free`, inUse, `${number(used)} in use`];
}

/** Ways to name a mapping, the longest first. */
function labelsOf({ name, kind, pages }) {
  const sized = `${name} · ${size(pages)}`;
  return [kind ? `${sized} · ${kind}` : sized, sized, name];
}

/** What stands beside a process's name: whose child it is, and its group. */
const notesOfCard = ({ parent, note }) => [parent && `child of ${parent}`, note].filter(Boolean).join(" · ");

// 5 Looks --------------------------------------------------------------------------------------------------------

/** The colours of the style sheet, which are JupyterLab's. */
function readTheme(root) {
  const style = getComputedStyle(root);
  const names = ["paper", "card", "ink", "line", "brand"];
  return {
    ...Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])),
    quiet: getComputedStyle(root.querySelector(".cowlab-scale")).color, // a mix: resolved only as a colour
    dark: document.body.dataset.jpThemeLight === "false",
    font: style.fontFamily,
  };
}

const UNKNOWN = { light: "#888", dark: "#888", text_light: "#fff", text_dark: "#fff", mark: "question" };
const PLATE = 8; // with the flags of a record: leave a quiet place for a number

/** Pictures of cells as pixels, made once for each size they have on the screen. */
class Looks {
  constructor(looks, theme) {
    this.looks = looks;
    this.theme = theme;
    this.pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    this.sizes = new Map();
    this.pen.fillStyle = theme.card;
    this.pen.fillRect(0, 0, 1, 1);
    this.ground = this._read(1, 1)[0]; // the colour of cards: cells are written over it
  }

  of(code) {
    const look = this.looks[code] ?? UNKNOWN;
    const { dark } = this.theme;
    return { ...look, fill: dark ? look.dark : look.light, ink: dark ? look.text_dark : look.text_light };
  }

  /** A function (variant, w, h) -> pixels, for cells whose sides are `width` and `height`, rounded up or down. */
  sized(width, height, ratio) {
    const [w0, h0] = [Math.floor(width + 1e-6), Math.floor(height + 1e-6)];
    const key = `${w0},${h0},${ratio}`;
    if (this.sizes.size > 24) this.sizes.clear();
    if (!this.sizes.has(key)) this.sizes.set(key, []);
    const table = this.sizes.get(key);
    return (variant, w, h) => {
      const at = (variant << 4) | (clamp(w - w0, 0, 3) << 2) | clamp(h - h0, 0, 3);
      return (table[at] ??= this._pixels(variant, w, h, ratio));
    };
  }

  _pixels(variant, w, h, ratio) {
    const { pen } = this;
    const { canvas } = pen;
    const gap = Math.min(w, h) < 5 * ratio ? 0 : Math.max(1, Math.round(ratio)); // tiny cells have none
    if (canvas.width < w || canvas.height < h) [canvas.width, canvas.height] = [w + 32, h + 32];
    pen.fillStyle = this.theme.card;
    pen.fillRect(0, 0, w, h);
    const box = { x: gap, y: gap, w: w - gap, h: h - gap };
    drawCell(pen, this.of(variant & 15), box, ratio, variant >> 4, this.theme);
    return this._read(w, h);
  }

  _read(w, h) {
    return new Uint32Array(this.pen.getImageData(0, 0, w, h).data.buffer);
  }
}

/** One cell in a box; `ratio` is the pixels of a css px, `flags` as in a record. */
function drawCell(pen, look, { x, y, w, h }, ratio, flags, theme) {
  const side = Math.min(w, h);
  const textured = !["none", "outline"].includes(look.mark);
  pen.save();
  pen.beginPath();
  pen.roundRect(x, y, w, h, side > 14 * ratio ? 2.5 * ratio : 0);
  pen.clip();
  pen.fillStyle = look.fill;
  pen.fillRect(x, y, w, h);
  if (side >= 5 * ratio) drawMark(pen, look, { x, y, w, h, side, ratio });
  else if (look.mark === "outline") drawTint(pen, look, x, y, w, h);
  pen.fillStyle = look.fill;
  if (flags & PLATE && textured) pen.fillRect(x + 0.14 * w, y + 0.24 * h, 0.72 * w, 0.52 * h);
  if (flags & DIFFERS) drawCorner(pen, x + w, y, 0.44 * side, theme);
  pen.fillStyle = look.ink;
  const bar = clamp(0.07 * h, 1.5 * ratio, 4 * ratio); // below the number
  if (flags & WRITABLE) pen.fillRect(x + 0.16 * w, y + 0.9 * h - bar, 0.34 * w, bar);
  if (flags & DIRTY) pen.fillRect(x + 0.72 * w, y + 0.9 * h - bar, bar, bar);
  pen.restore();
}

/** What is empty has no room for its outline: a tint shows how far the mapping goes. */
function drawTint(pen, look, x, y, w, h) {
  pen.globalAlpha = 0.16;
  pen.fillStyle = look.ink;
  pen.fillRect(x, y, w, h);
  pen.globalAlpha = 1;
}

/** A corner turned down: this page differs from the other side. */
function drawCorner(pen, right, top, fold, theme) {
  pen.fillStyle = theme.dark ? "#ffffff" : "#000000";
  pen.strokeStyle = theme.dark ? "#000000" : "#ffffff";
  pen.lineWidth = Math.max(1, 0.14 * fold);
  const path = new Path2D();
  path.moveTo(right - fold, top);
  path.lineTo(right, top + fold);
  path.lineTo(right, top);
  pen.fill(path);
  pen.stroke(path);
}

/** The texture that says a state without colour. */
function drawMark(pen, { mark, ink }, box) {
  const { x, y, w, h, side, ratio } = box;
  const by = clamp(side / 3.5, 4 * ratio, 12 * ratio);
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = clamp(side * 0.055, ratio, 3 * ratio);
  pen.globalAlpha = 0.6;
  pen.beginPath();
  for (const [x0, y0, x1, y1] of LINES[mark]?.(box, by) ?? []) {
    pen.moveTo(x + x0, y + y0);
    pen.lineTo(x + x1, y + y1);
  }
  if (mark === "ring") pen.arc(x + w / 2, y + h / 2, side * 0.3, 0, 2 * Math.PI);
  if (mark === "dots") {
    pen.lineWidth = clamp(side * 0.09, 1.4 * ratio, 4 * ratio);
    pen.setLineDash([pen.lineWidth, by - pen.lineWidth]);
  }
  pen.stroke();
  if (mark === "outline" || mark === "border") drawBorder(pen, box, mark === "border" ? 0.14 * side : ratio);
  if (GLYPHS[mark]) drawGlyph(pen, GLYPHS[mark], box);
  pen.globalAlpha = 1;
}

function drawBorder(pen, { x, y, w, h }, width) {
  pen.lineWidth = width;
  pen.strokeRect(x + width / 2, y + width / 2, w - width, h - width);
}

function drawGlyph(pen, text, { x, y, w, h, side }) {
  pen.globalAlpha = 0.95;
  pen.font = `700 ${Math.round(side * 0.72)}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x + w / 2, y + h / 2 + side * 0.04);
}

const GLYPHS = { bang: "!", question: "?", notequal: "≠" };
const steps = (from, to, by) => Array.from({ length: Math.ceil((to - from) / by) }, (_, i) => from + i * by);
const rising = ({ w, h }, by) => steps(-h + by / 2, w, by).map((d) => [d, h, d + h, 0]);
const falling = ({ w, h }, by) => steps(-h + by / 2, w, by).map((d) => [d, 0, d + h, h]);
const level = ({ w, h }, by) => steps(by / 2, h, by).map((d) => [0, d, w, d]);
const upright = ({ w, h }, by) => steps(by / 2, w, by).map((d) => [d, 0, d, h]);

/** Textures of lines: (box, distance between lines) -> [x0, y0, x1, y1] of each. */
const LINES = {
  stripe: rising,
  hatch: (box, by) => [...rising(box, by), ...falling(box, by)],
  lines: (box, by) => level(box, 0.75 * by),
  grid: (box, by) => [...level(box, by), ...upright(box, by)],
  cross: ({ w, h }) => [
    [0, 0, w, h],
    [0, h, w, 0],
  ],
  dots: (box, by) => level(box, by).map(([x0, y, x1]) => [x0 + by / 3, y, x1, y]),
};

// 6 Painter ------------------------------------------------------------------------------------------------------

/**
 * Draws a layout through a camera {x, y, k}: the world's point at the view's corner, and the zoom.
 *
 * The picture is larger than the view, so that the browser can move it without any painting. A second canvas above it
 * has what follows the pointer. Cells are written as pixels: copying rows of small pictures costs the same for any
 * number of cells, and a canvas takes one image faster than 100,000 shapes. Pixels are counted from the picture's
 * corner, css px from the view's.
 */
class Painter {
  constructor(base, over) {
    Object.assign(this, { base, over });
    this.pen = base.getContext("2d", { alpha: false });
    this.top = over.getContext("2d");
  }

  /** `unit`: how much larger than usual texts and lines are. */
  resize(w, h, unit) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [w, h].map((side) => Math.round((side + 2 * MARGIN) * ratio));
    Object.assign(this, { w, h, ratio, width, height, unit });
    Object.assign(this.base, { width, height });
    Object.assign(this.over, { width: Math.round(w * ratio), height: Math.round(h * ratio) });
    this.image = this.pen.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** A theme or a look has changed: all pictures of cells are made anew. */
  dress(looks, theme) {
    this.theme = theme;
    this.looks = new Looks(looks, theme);
    const widths = new Map();
    this.measure = (text, px, bold = false) => {
      const key = `${px}|${bold}|${text}`;
      if (!widths.has(key)) widths.set(key, this._font(px, bold).measureText(text).width);
      return widths.get(key);
    };
  }

  _font(px, bold = false) {
    this.pen.font = `${bold ? 600 : 400} ${px}px ${this.theme.font}`;
    return this.pen;
  }

  sx(x) {
    return (x - this.camera.x) * this.camera.k;
  }

  sy(y) {
    return (y - this.camera.y) * this.camera.k;
  }

  /** Move the picture to where a camera has it. Returns false if it must be painted instead. */
  slide(camera) {
    const { painted, ratio } = this;
    const [dx, dy] = ["x", "y"].map((axis) => Math.round((painted[axis] - camera[axis]) * camera.k * ratio) / ratio);
    if (camera.k !== painted.k || Math.abs(dx) > MARGIN || Math.abs(dy) > MARGIN) return false;
    this.camera = camera;
    this.base.style.transform = dx || dy ? `translate(${dx}px, ${dy}px)` : "";
    return true;
  }

  /** The picture without what follows the pointer. */
  paint(layout, store, camera) {
    Object.assign(this, { layout, store, camera, painted: camera, side: layout.cell * camera.k });
    const { pen, ratio } = this;
    this.base.style.transform = "";
    pen.setTransform(ratio, 0, 0, ratio, MARGIN * ratio, MARGIN * ratio);
    pen.fillStyle = this.theme.paper;
    pen.fillRect(-MARGIN, -MARGIN, this.w + 2 * MARGIN, this.h + 2 * MARGIN);
    for (const box of layout.boxes.filter((one) => this._sees(one))) {
      this._paintCard(box);
      for (const area of box.areas) if (area.grid.cells) this._paintCells(area);
      this._paintTexts(box);
      if (this.side >= NUMBER_WIDTH) for (const area of box.areas) this._paintNumbers(area);
    }
  }

  _sees(box) {
    const [x, y, x1, y1] = [this.sx(box.x), this.sy(box.y), this.sx(box.x + box.w), this.sy(box.y + box.h)];
    return x < this.w + MARGIN && x1 > -MARGIN && y < this.h + MARGIN && y1 > -MARGIN;
  }

  _paintCard({ x, y, w, h }) {
    const { pen, theme } = this;
    const { k } = this.camera;
    pen.beginPath();
    pen.roundRect(this.sx(x), this.sy(y), w * k, h * k, Math.min(8, this.layout.pad * k));
    pen.fillStyle = theme.card;
    pen.fill();
    pen.strokeStyle = theme.line;
    pen.lineWidth = 1;
    pen.stroke();
  }

  // Cells

  /** The cells of a mapping as a tile: a grid of boxes of w x h css px. */
  _tile({ grid, cols, x, y }) {
    return { cells: grid.cells, cols, x: this.sx(x), y: this.sy(y), w: this.side, h: this.side };
  }

  /** The pages inside an opened cell as a tile; columns a power of two, so that rows start at round page numbers. */
  _inner(grid, cell) {
    const outer = this.boxOf({ grid, cell });
    const cols = 2 ** Math.ceil(Math.log2(grid.scale) / 2);
    const [w, h] = [(outer.w - 3) / cols, (outer.h - 3) / Math.ceil(grid.scale / cols)];
    return { cells: grid.opened.get(cell).length / 2, cols, x: outer.x + 2, y: outer.y + 2, w, h };
  }

  /** Call visit(cell, x, y, w, h) for each cell of a tile that lies on the picture, in whole pixels. */
  _each({ cells, cols, x, y, w, h }, visit) {
    const { ratio, width, height } = this;
    const [left, top, stepX, stepY] = [(x + MARGIN) * ratio, (y + MARGIN) * ratio, w * ratio, h * ratio];
    const seen = (start, step, end, count) =>
      [Math.floor(-start / step), Math.ceil((end - start) / step)].map((at) => clamp(at, 0, count));
    const [c0, c1] = seen(left, stepX, width, cols);
    const [r0, r1] = seen(top, stepY, height, Math.ceil(cells / cols));
    const edges = Int32Array.from({ length: c1 - c0 + 1 }, (_, i) => Math.round(left + (c0 + i) * stepX));
    for (let row = r0; row < r1; row++) {
      const upper = Math.round(top + row * stepY);
      const tall = Math.round(top + (row + 1) * stepY) - upper;
      const end = Math.min(c1, cells - row * cols);
      for (let col = c0; tall && col < end; col++) {
        const wide = edges[col - c0 + 1] - edges[col - c0];
        if (wide) visit(row * cols + col, edges[col - c0], upper, wide, tall);
      }
    }
  }

  /** Write the cells of a mapping that are in view, and put them on the canvas. */
  _paintCells(area) {
    const { grid } = area;
    const tile = this._tile(area);
    const pixel = (at, end) => clamp(Math.round((at + MARGIN) * this.ratio), 0, end);
    const [left, right] = [tile.x, tile.x + area.cols * tile.w].map((x) => pixel(x, this.width));
    const [top, bottom] = [tile.y, tile.y + area.rows * tile.h].map((y) => pixel(y, this.height));
    if (left >= right || top >= bottom) return;
    for (let row = top; row < bottom; row++) {
      const start = row * this.width; // the ground is seen where the last row of cells ends early
      this.pixels.fill(this.looks.ground, start + left, start + right);
    }
    if (grid.scale === 1) this._writePages(tile, grid.data);
    else this._writeMixes(tile, grid);
    this.pen.putImageData(this.image, 0, 0, left, top, right - left, bottom - top);
    if (this.side < CORNER_WIDTH) this._outlineDiffering(tile, grid);
  }

  _writePages(tile, data) {
    const sprite = this.looks.sized(tile.w * this.ratio, tile.h * this.ratio, this.ratio);
    const side = Math.min(tile.w, tile.h);
    const flags = side >= NUMBER_WIDTH ? 0x70 : side >= CORNER_WIDTH ? DIFFERS << 4 : 0; // what there is room for
    const plate = side >= NUMBER_WIDTH ? PLATE << 4 : 0;
    this._each(tile, (cell, x, y, w, h) => {
      const word = data[2 * cell];
      const variant = (word & 15) | ((word >>> 4) & flags) | (data[2 * cell + 1] === NONE ? 0 : plate);
      this._copy(sprite(variant, w, h), x, y, w, h, 0, h);
    });
  }

  _writeMixes(tile, grid) {
    const sprite = this.looks.sized(tile.w * this.ratio, tile.h * this.ratio, this.ratio);
    this._each(tile, (cell, x, y, w, h) => {
      if (this.isOpen(grid, cell)) this._writePages(this._inner(grid, cell), grid.opened.get(cell));
      else this._writeBands(grid, sprite, cell, x, y, w, h);
    });
  }

  /** A cell of many pages: a band for each state; even the smallest share is seen. */
  _writeBands(grid, sprite, cell, x, y, w, h) {
    const mark = this.side >= CORNER_WIDTH && grid.differs(cell) ? DIFFERS << 4 : 0;
    let [sum, from] = [0, 0];
    for (let state = 0; state < MARK_BYTE && sum < 255; state++) {
      const share = grid.data[16 * cell + state];
      if (!share) continue;
      sum += share;
      const to = clamp(Math.round((h * sum) / 255), Math.min(from + 1, h), h);
      this._copy(sprite(state | mark, w, h), x, y, w, h, from, to);
      from = to;
    }
  }

  /** Rows [from, to) of a picture of w x h pixels, to x, y. */
  _copy(picture, x, y, w, h, from, to) {
    const { pixels, width, height } = this;
    const [x0, x1] = [Math.max(0, -x), Math.min(w, width - x)];
    const [y0, y1] = [Math.max(from, -y), Math.min(to, height - y)];
    for (let row = y0; row < y1; row++) {
      const out = (y + row) * width + x;
      for (let i = x0; i < x1; i++) pixels[out + i] = picture[row * w + i];
    }
  }

  /** Small cells have no corner to turn down: a line in two tones goes around those that differ. */
  _outlineDiffering(tile, grid) {
    const { pen, ratio, theme } = this;
    const { cols, cells } = tile;
    const path = new Path2D();
    const edge = (x0, y0, x1, y1) => path.moveTo(x0, y0) ?? path.lineTo(x1, y1);
    this._each(tile, (cell, x, y, w, h) => {
      if (!grid.differs(cell)) return;
      if (cell < cols || !grid.differs(cell - cols)) edge(x, y, x + w, y);
      if (cell + cols >= cells || !grid.differs(cell + cols)) edge(x, y + h, x + w, y + h);
      if (cell % cols === 0 || !grid.differs(cell - 1)) edge(x, y, x, y + h);
      if ((cell + 1) % cols === 0 || !grid.differs(cell + 1)) edge(x + w, y, x + w, y + h);
    });
    pen.save();
    pen.resetTransform();
    pen.lineCap = "square";
    for (const [style, width] of [
      [theme.paper, 4],
      [theme.dark ? "#ffffff" : "#000000", 2],
    ]) {
      Object.assign(pen, { strokeStyle: style, lineWidth: width * ratio * this.unit });
      pen.stroke(path);
    }
    pen.restore();
  }

  // Texts

  _paintTexts({ card, title, x, y, w, areas }) {
    const { pen, theme, layout } = this;
    const { k } = this.camera;
    const [big, small] = [Math.min(layout.title * k, 24), Math.min(layout.text * k, 20)];
    const [left, line, width] = [
      this.sx(x + layout.pad),
      this.sy(y) + 0.74 * layout.head * k,
      (w - 2 * layout.pad) * k,
    ];
    if (small < 7) return;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = theme.ink;
    const past = this._write(left, line, width, big, true, title) + 0.6 * big;
    pen.fillStyle = theme.quiet;
    if (!card) return this._write(left, line + layout.label * k, width, small, false, ...notesOf(this.store.frames));
    this._write(left + past, line, width - past, small, false, notesOfCard(card), card.note, "");
    if (layout.common) return;
    for (const area of areas) {
      this._write(this.sx(area.x), this.sy(area.y) - 0.4 * small, area.w * k, small, false, ...labelsOf(area.grid));
    }
  }

  /** The first of `texts` that fits the width, else the last one, cut. Returns the width it takes. */
  _write(x, y, width, px, bold, ...texts) {
    const pen = this._font(px, bold);
    const fits = (text) => pen.measureText(text).width <= width + 1;
    let shown = texts.find(fits) ?? texts.at(-1);
    while (shown.length > 1 && !fits(shown)) shown = `${shown.slice(0, shown.endsWith("…") ? -2 : -1)}…`;
    pen.fillText(shown, x, y);
    return pen.measureText(shown).width;
  }

  /** The frame's number in each cell that has one: an entry of a page table in its plainest form. */
  _paintNumbers(area) {
    const { grid } = area;
    const tile = this._tile(area);
    this.pen.textAlign = "center";
    this.pen.textBaseline = "middle";
    if (grid.scale === 1) return this._writeNumbers(tile, grid.data);
    this._each(tile, (cell) => {
      if (!this.isOpen(grid, cell)) return;
      const inner = this._inner(grid, cell);
      if (inner.w >= NUMBER_WIDTH) this._writeNumbers(inner, grid.opened.get(cell));
    });
  }

  _writeNumbers(tile, data) {
    const { ratio } = this;
    this._each(tile, (cell, x, y, w, h) => {
      const frame = data[2 * cell + 1];
      const text = String(frame);
      const px = Math.min(Math.max((0.42 * h) / ratio, 9), (1.3 * w) / ratio / text.length, 22);
      if (frame === NONE || px < 8) return;
      this._font(px, true).fillStyle = this.looks.of(data[2 * cell] & 15).ink;
      this.pen.fillText(text, (x + w / 2) / ratio - MARGIN + 0.5, (y + h / 2) / ratio - MARGIN + 0.5);
    });
  }

  // Places in the view

  area(grid) {
    for (const box of this.layout?.boxes ?? []) for (const area of box.areas) if (area.grid === grid) return area;
    return null;
  }

  isOpen(grid, cell) {
    return grid.scale > 1 && this.side >= OPEN_WIDTH && grid.opened.has(cell);
  }

  /** The box of a cell, or of a page inside an opened one; null if there is none. */
  boxOf({ grid, cell, page }) {
    const area = grid && this.area(grid);
    if (!area || cell < 0 || cell >= grid.cells) return null;
    const open = page !== undefined && this.isOpen(grid, cell);
    const { cols, x, y, w, h } = open ? this._inner(grid, cell) : this._tile(area);
    const index = open ? page - cell * grid.scale : cell;
    const at = (value) => Math.round(value * this.ratio) / this.ratio;
    const [left, top] = [x + (index % cols) * w, y + Math.floor(index / cols) * h];
    return { x: at(left), y: at(top), w: at(left + w) - at(left), h: at(top + h) - at(top) };
  }

  /** Columns of the mapping, or of the opened cell, that a target is in. */
  columns({ grid, cell, page }) {
    if (page !== undefined && this.isOpen(grid, cell)) return this._inner(grid, cell).cols;
    return this.area(grid)?.cols ?? 1;
  }

  /** What lies at a point of the view: {grid, cell, page} on a cell, {} on a card, null on the paper. */
  hit(px, py) {
    if (!this.layout) return null;
    const [x, y] = [px / this.camera.k + this.camera.x, py / this.camera.k + this.camera.y];
    const box = this.layout.boxes.find((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h);
    for (const { grid, cols, x: left, y: top } of box?.areas ?? []) {
      const [col, row] = [Math.floor((x - left) / this.layout.cell), Math.floor((y - top) / this.layout.cell)];
      const cell = row * cols + col;
      if (col < 0 || row < 0 || col >= cols || cell >= grid.cells) continue;
      return { grid, cell, page: this._pageAt(grid, cell, px, py) };
    }
    return box ? {} : null;
  }

  _pageAt(grid, cell, px, py) {
    if (!this.isOpen(grid, cell)) return grid.scale === 1 ? cell : undefined;
    const { x, y, w, h, cols, cells } = this._inner(grid, cell);
    const [col, row] = [clamp(Math.floor((px - x) / w), 0, cols - 1), Math.max(0, Math.floor((py - y) / h))];
    return cell * grid.scale + Math.min(row * cols + col, cells - 1);
  }

  // Above the picture

  /** Where nothing lies above the picture, the browser need not blend two canvases. */
  clearTop(needed) {
    this.over.style.visibility = needed ? "visible" : "hidden";
    this.top.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    if (needed) this.top.clearRect(0, 0, this.w, this.h);
  }

  /** A line that is seen on any ground: the theme's paper around its colour. */
  _stroke(colour, width, path) {
    const { top, theme } = this;
    for (const [style, line] of [
      [theme.paper, width + 3],
      [colour, width],
    ]) {
      Object.assign(top, { strokeStyle: style, lineWidth: line * this.unit });
      top.stroke(path);
    }
  }

  outline(box, colour, width = 2.5, grow = 1) {
    if (!box) return;
    const path = new Path2D();
    path.roundRect(box.x - grow, box.y - grow, box.w + 2 * grow, box.h + 2 * grow, 3);
    this._stroke(colour, width, path);
  }

  /** A curve from a page's box to a frame's, which ends in a dot. */
  curve(page, frame, colour) {
    const [from, to] = [
      { x: page.x + page.w / 2, y: page.y - 2 },
      { x: frame.x - 2, y: frame.y + 2 },
    ];
    const rise = clamp(Math.abs(to.x - from.x) * 0.12, 14, 60);
    const [path, dot] = [new Path2D(), new Path2D()];
    path.moveTo(from.x, from.y);
    path.bezierCurveTo(from.x, from.y - rise, to.x - 2 * rise, to.y - rise, to.x, to.y);
    dot.arc(to.x, to.y, 3.5, 0, 2 * Math.PI);
    this._stroke(colour, 2.2, path);
    this.top.fillStyle = colour;
    this.top.fill(dot);
  }

  /** A cell as it looked with this record, above the picture. */
  stamp({ x, y, w, h }, word) {
    const box = { x: x + 1, y: y + 1, w: w - 1, h: h - 1 };
    drawCell(this.top, this.looks.of(word & 15), box, 1, 0, this.theme);
  }
}

// 7 Words --------------------------------------------------------------------------------------------------------

/** The facts of a target {grid, cell, page} for the tooltip, the live region and the list. */
class Words {
  constructor(store, looks) {
    Object.assign(this, { store, looks });
  }

  word(code) {
    return this.looks()[code]?.word ?? `state ${code}`;
  }

  state(code, mappers) {
    return code === BY_MORE && mappers > 2 ? `shared by ${number(mappers)}` : this.word(code);
  }

  mix(shares) {
    const parts = [...shares].map((share, code) => [share, code]).filter(([share]) => share > 0);
    if (parts.length === 1) return `all ${this.word(parts[0][1])}`;
    const percent = (share) => (share < 2.55 ? "under 1 %" : `${Math.round(share / 2.55)} %`);
    return parts
      .sort((a, b) => b[0] - a[0])
      .map(([share, code]) => `${percent(share)} ${this.word(code)}`)
      .join(", ");
  }

  place({ grid, cell, page }) {
    const [start, stop] = page === undefined ? grid.span(cell) : [page, page + 1];
    if (this.store.isTable({ grid, cell })) return grid.scale > 1 ? "page tables" : "a page table";
    if (grid.key === FRAMES) return pageRange(start, stop).replace("page", "frame");
    return `${pageRange(start, stop)} of ${grid.name} in ${grid.process}`;
  }

  /** One sentence for the cursor. */
  sentence(target) {
    const [place, ...facts] = this.facts(target);
    return `${place}: ${facts.join(", ")}`;
  }

  /** What the browser knows of a target, a line each; Python's own words say more. */
  facts(target) {
    const { grid, cell, page } = target;
    const record = grid.record(cell, page);
    const place = this.place(target);
    if (this.store.isTable(target)) return [place, "counted with the frames in use, without a number here"];
    const facts = record ? this._entry(grid, record) : [this.mix(grid.shares(cell))];
    return [place, ...facts, grid.differs(cell) && this.word(DIFFERENT)].filter(Boolean);
  }

  _entry({ key }, { code, frame, mappers, flags }) {
    const rights = [flags & WRITABLE && "writable", flags & DIRTY && "dirty", flags & EXCLUSIVE && "exclusive"];
    return [this.state(code, mappers), key !== FRAMES && frame >= 0 && `frame ${number(frame)}`, ...rights];
  }
}

// 8 Twin ---------------------------------------------------------------------------------------------------------

/** The picture as a list: processes, their mappings, and runs of pages that are alike. */
class Twin {
  constructor(store, words) {
    Object.assign(this, { store, words });
    this.list = element("ul", { class: "cowlab-twin cowlab-hidden", "aria-label": "Pages in words" });
    this.lists = new Map(); // key -> the list of a mapping's runs
    this.changed = new Set();
  }

  /** Rewrite, when the browser has time, what a draw has changed. */
  update(changed, cards) {
    for (const key of changed) this.changed.add(key);
    this.cards ||= cards;
    const later = window.requestIdleCallback ?? setTimeout;
    this.waiting ||= later(() => this._work(), { timeout: 400 });
  }

  _work() {
    this.waiting = null;
    if (this.cards) this._rewriteCards();
    this.cards = false;
    for (const key of this.changed) this._rewrite(key);
    this.changed.clear();
  }

  _rewriteCards() {
    this.lists.clear();
    this.frames = element("li", { "data-frames": true });
    this.list.replaceChildren(...this.store.cards.map((card) => this._card(card)), this.frames);
    for (const key of this.store.grids.keys()) this.changed.add(key);
  }

  _card(card) {
    const mappings = card.grids.map((grid) => {
      const runs = element("ul");
      this.lists.set(grid.key, runs);
      return element("li", { "data-mapping": grid.name }, `${grid.name}, ${plural(grid.pages, "page")}`, runs);
    });
    const title = [card.title, notesOfCard(card)].filter(Boolean).join(", ");
    return element("li", { "data-process": card.id }, title, element("ul", {}, ...mappings));
  }

  _rewrite(key) {
    const grid = this.store.grids.get(key);
    if (key === FRAMES && this.frames && this.store.frames) this._rewriteFrames(this.store.frames);
    else if (grid && this.lists.has(key)) this.lists.get(key).innerHTML = this._runs(grid);
  }

  _rewriteFrames(facts) {
    const { used, tables, free } = facts;
    Object.assign(this.frames.dataset, { used, tables, free });
    this.frames.textContent = `${FRAMES_TITLE}: ${notesOf(facts)[0]}`;
  }

  _runs(grid) {
    const items = [];
    let runs = 0;
    for (let from = 0, to; from < grid.cells; from = to) {
      for (to = from + 1; to < grid.cells && this._alike(grid, from, to);) to++;
      if (runs++ < MAX_RUNS) items.push(this._run(grid, from, to));
    }
    if (runs > MAX_RUNS) items.push(`<li>and ${plural(runs - MAX_RUNS, "more run")}</li>`);
    return items.join("");
  }

  /** Alike are pages in the same state, with as many mappers; their frames and rights may differ. */
  _alike({ scale, data }, a, b) {
    const facts = 0xffff00ff | (DIFFERS << 8);
    if (scale === 1) return (data[2 * a] & facts) === (data[2 * b] & facts);
    for (let i = 0; i < 16; i++) if (data[16 * a + i] !== data[16 * b + i]) return false;
    return true;
  }

  _run(grid, from, to) {
    const [start, stop] = [grid.span(from)[0], grid.span(to - 1)[1]];
    const facts = { process: grid.process, mapping: grid.name, start, stop, ...this._facts(grid, from) };
    const data = Object.entries(facts).map(([name, value]) => `data-${name}="${escapeHtml(value)}"`);
    return `<li ${data.join(" ")}>${pageRange(start, stop)}: ${escapeHtml(this._said(grid, from))}</li>`;
  }

  _facts(grid, cell) {
    if (grid.scale > 1) return { scale: grid.scale, mix: this.words.mix(grid.shares(cell)) };
    const { code, mappers, frame } = grid.record(cell, cell);
    return { state: this.words.word(code), mappers, frame: frame < 0 ? "" : frame };
  }

  _said(grid, cell) {
    const record = grid.record(cell, cell);
    const state = record ? this.words.state(record.code, record.mappers) : this.words.mix(grid.shares(cell));
    return grid.differs(cell) ? `${state}, ${this.words.word(DIFFERENT)}` : state;
  }
}

// 9 Effects ------------------------------------------------------------------------------------------------------

/** The operation just drawn, told once more over `speed` ms above the finished picture. The next draw ends it. */
class Effects {
  constructor(painter, store) {
    Object.assign(this, { painter, store, list: [] });
  }

  /** Before a draw is applied: what the cells concerned look like. */
  remember(effects) {
    const { store } = this;
    const word = (grid, cell) => (grid?.scale === 1 && cell >= 0 ? grid.data[2 * cell] : undefined);
    const frame = (n) => word(store.frameGrid, store.cellOfFrame(n));
    this.list = effects.slice(0, MAX_EFFECTS).map((effect) => ({
      ...effect,
      before: word(store.find(effect.process, effect.mapping), effect.page),
      frameBefore: frame(effect.frame),
      oldBefore: frame(effect.old),
    }));
  }

  /** After it: begin; where nothing may move, outlines stay. */
  start(speed) {
    if (!(speed > 0)) this.list = [];
    this.speed = still() ? 0 : speed;
    this.began = performance.now();
  }

  /** Paint this moment. Returns whether there is more to come. */
  paint() {
    const time = this.speed ? (performance.now() - this.began) / this.speed : 0;
    if (time >= 1) this.list = [];
    for (const effect of this.list) this._moment(effect, this._boxes(effect), time);
    return Boolean(this.speed && this.list.length);
  }

  _boxes({ process, mapping, page, old, frame }) {
    const { painter, store } = this;
    const at = (n) => painter.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(n) });
    return { page: painter.boxOf({ grid: store.find(process, mapping), cell: page }), old: at(old), frame: at(frame) };
  }

  /** A copy flies; of all else a ring around the page and its frame closes in. */
  _moment(effect, boxes, time) {
    const { painter } = this;
    if (effect.kind === "copy" && this.speed && boxes.page && boxes.old && boxes.frame) {
      return this._copy(effect, boxes, time);
    }
    const grow = this.speed ? 1 + 8 * (1 - ease(time)) : 1;
    for (const box of [boxes.page, boxes.frame]) painter.outline(box, painter.theme.brand, 2.5, grow);
  }

  /** The old frame's cell flies to the new one, then the entry's line moves over. */
  _copy({ before, frameBefore, oldBefore }, { page, old, frame }, time) {
    const { painter } = this;
    const [flight, turn] = [ease(clamp(time / 0.6, 0, 1)), ease(clamp((time - 0.6) / 0.4, 0, 1))];
    if (turn < 0.5) painter.stamp(page, before);
    if (flight < 1) painter.stamp(frame, frameBefore);
    painter.curve(page, between(old, frame, turn), painter.theme.brand);
    painter.outline(page, painter.theme.brand);
    if (flight === 1) return;
    const flying = between(old, frame, flight);
    flying.y -= 14 * Math.sin(Math.PI * flight);
    painter.stamp(flying, oldBefore);
    painter.outline(flying, painter.theme.ink, 1.5, 0);
  }
}

const between = (a, b, t) => ({ ...a, x: mix(a.x, b.x, t), y: mix(a.y, b.y, t) });

// 10 Panels ------------------------------------------------------------------------------------------------------

const KEYS = {
  Arrows: "move the cursor",
  "[ and ]": "previous and next mapping; also Page Up and Page Down",
  "Home, End": "first and last page of the mapping",
  Enter: "write the page, or the selected pages",
  Space: "read them",
  "Shift + arrows": "select pages",
  F: "fork the cursor's process",
  X: "end the cursor's process",
  "Z, S": "step back, step forward",
  I: "step inside the fault that a write would take",
  "+, −, 0": "zoom in, zoom out, show all",
  "?": "this help",
  Escape: "close, or drop the selection",
};

const MOUSE = {
  Click: "write or read the page, as the switch says; with Shift: read",
  "Drag over pages": "the same for all of them",
  Point: "a page shows its frame and who else maps it; a frame shows its pages",
  Wheel: "zoom, once the map was clicked; with Ctrl or ⌘: always",
  "Drag beside the pages": "move the picture; also with the middle button, with Space held, or with two fingers",
};

const HINT =
  "Arrows move over pages, Enter writes, Space reads, question mark shows all keys. " +
  "The list “Pages in words” says the same as the picture.";

const ABOUT =
  "Each card is a process. A cell is a page; the number in it is its frame. On the right are the physical frames, " +
  "the page tables last. A bar in a cell says writable, a dot dirty; a corner turned down, or a line in two tones " +
  "around small cells, says that pages differ from the other side.";

/** What can be done, in a dialog above the page. */
function helpDialog(id) {
  const rows = (list) =>
    Object.entries(list).flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]);
  const section = (title, list) => element("section", {}, element("h4", {}, title), element("dl", {}, ...rows(list)));
  const dialog = element(
    "dialog",
    { class: "cowlab-help", "aria-labelledby": `${id}-help` },
    button("Close", () => dialog.close()),
    element("h3", { id: `${id}-help` }, "How to use the map"),
    element("p", {}, ABOUT),
    element("div", { class: "cowlab-columns" }, section("Mouse and touch", MOUSE), section("Keyboard", KEYS)),
  );
  return dialog;
}

/** The questions of a fault, answered so far, each with the line of code that asks it. */
class Inside {
  constructor(send) {
    const go = (by) => this.steps[this.at + by] && send({ type: "inside_go", at: this.at + by });
    const end = () => send({ type: "inside_end" });
    this.title = element("h3");
    this.list = element("ol", { tabindex: 0, "aria-label": "Steps" }); // has the focus to be scrolled by key
    this.back = button("Back", () => go(-1), { "data-go": "back" });
    this.next = button("Next", () => go(1), { "data-go": "next" });
    this.finish = button("Finish", end, { "data-go": "finish" });
    const group = element("div", { class: "cowlab-group" }, this.back, this.next, this.finish);
    const named = { class: "cowlab-inside", "aria-label": "Inside the fault", hidden: true };
    this.panel = element("section", named, this.title, this.list, group);
    const keys = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), Escape: end };
    this.panel.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  /** Whether a part of the panel has the focus. */
  get focused() {
    return this.panel.contains(this.panel.getRootNode().activeElement);
  }

  /** Show the steps up to `at`. */
  show({ steps, at, title }) {
    const { list, back, next, finish, panel } = this;
    const focuses = panel.hidden || this.focused;
    Object.assign(this, { steps, at });
    panel.hidden = false;
    this.title.textContent = title ?? "Inside the fault";
    list.replaceChildren(...steps.map((step, i) => this._step(step, i)));
    list.scrollTop = list.children[at].offsetTop - list.offsetTop - list.clientHeight / 2;
    back.disabled = at === 0;
    next.disabled = at >= steps.length - 1;
    if (focuses && !(this.focused && panel.getRootNode().activeElement.matches(":not(:disabled)"))) {
      (next.disabled ? finish : next).focus({ preventScroll: true });
    }
  }

  _step({ question, answer, line, number: lineNumber, function: name, file = "faults.py" }, i) {
    const source = lineNumber ? `${file}:${lineNumber} ${name}` : name;
    return element(
      "li",
      { "aria-current": i === this.at && "step", class: i > this.at ? "cowlab-later" : "" },
      element("span", { class: "cowlab-question" }, question),
      " ",
      element("span", { class: "cowlab-answer" }, answer),
      element("code", {}, element("small", {}, source), line),
    );
  }
}

// 11 MapView -----------------------------------------------------------------------------------------------------

const titled = (op) => op[0].toUpperCase() + op.slice(1);
/** What a question or its answer is about. */
const subjectOf = ({ process, mapping, page, frame }) => [process, mapping, page, frame].join();

let views = 0; // for ids

class MapView {
  constructor(model, el) {
    this.model = model;
    this.id = `cowlab-map-${++views}`;
    this.store = new Store();
    this.words = new Words(this.store, () => model.get("look") ?? []);
    this.twin = new Twin(this.store, this.words);
    this.camera = { x: 0, y: 0, k: 1 };
    this.fitted = true; // the camera follows the layout until the reader moves it
    this.answers = new Map(); // Python's words for pages, until the next draw
    this.requests = new Set(); // cells whose pages were asked for
    this.pointers = new Map(); // those that are down: id -> {x, y}
    this.paints = []; // when, in the last second
    this._build(el);
    this.painter = new Painter(this.base, this.over);
    this.effects = new Effects(this.painter, this.store);
    this._publish();
    this._listen();
    this._actionsChanged();
    this._resize();
    this.send({ type: "ready" });
  }

  can(action) {
    return (this.model.get("actions") ?? []).includes(action);
  }

  send(message) {
    this.model.send(message);
  }

  // Elements

  _build(el) {
    this.help = helpDialog(this.id);
    this.inside = new Inside((message) => this.send(message));
    this.title = element("span", { class: "cowlab-title" });
    this.scaleText = element("span", { class: "cowlab-scale" });
    this.counters = element("ul", { class: "cowlab-counters", "aria-label": "Counters" });
    this.tools = element("div", { class: "cowlab-tools", role: "toolbar", "aria-label": "Memory map" });
    [this.base, this.over] = [0, 1].map(() => element("canvas", { "aria-hidden": "true" }));
    this.tip = element("div", { class: "cowlab-tip", "aria-hidden": "true", hidden: true });
    const named = { role: "application", "aria-label": "Memory map", "aria-describedby": `${this.id}-hint` };
    this.stage = element("div", { class: "cowlab-stage", tabindex: 0, ...named }, this.base, this.over, this.tip);
    this.status = element("p", { class: "cowlab-status", role: "status" });
    this.legend = element("ul", { class: "cowlab-legend", "aria-label": "Legend" });
    this.spoken = element("p", { class: "cowlab-hidden", "aria-live": "polite" });
    this.root = element(
      "div",
      { class: "cowlab-map", "data-lm-suppress-shortcuts": "true" },
      element("div", { class: "cowlab-head" }, this.title, this.scaleText, this.counters),
      this.tools,
      element("span", { class: "cowlab-hidden", id: `${this.id}-hint` }, HINT),
      element("div", { class: "cowlab-body" }, this.stage, this.inside.panel),
      this.status,
      this.legend,
      this.spoken,
      this.twin.list,
      this.help,
    );
    el.append(this.root);
  }

  _actionsChanged() {
    const modes = ["write", "read"].filter((mode) => this.can(mode));
    if (!modes.includes(this.mode)) this.mode = modes[0];
    const act = (op, key) =>
      this.can(op) && button(titled(op), () => this._act(op), { "data-op": op, title: `Key: ${key}` });
    const zoom = (sign, label, by) =>
      button(sign, () => this._zoomBy(by), { "aria-label": label, title: `Key: ${sign}` });
    const pressed = { "aria-pressed": "false", "aria-label": "Step inside a fault", title: "Key: I" };
    this.insideButton =
      this.can("inside") && button("Inside a fault", () => this._setInside(!this.insideMode), pressed);
    const reaches = modes.length ? ["page", "range"] : [];
    const groups = [
      this._switch("A click", modes, "mode"),
      this._switch("A tap takes", reaches, "reach", "cowlab-touch"),
      this._group(act("fork", "F"), act("exit", "X")),
      this._group(this.insideButton),
      element("span", { class: "cowlab-space" }),
      this._group(
        zoom("−", "Zoom out", 1 / 1.5),
        zoom("+", "Zoom in", 1.5),
        button("Fit", () => this._fit(), { title: "Show all. Key: 0" }),
        button("?", () => this.help.showModal(), { "aria-label": "Help", "aria-haspopup": "dialog" }),
      ),
    ];
    this.tools.replaceChildren(...groups.filter(Boolean));
    this._setInside(false);
    this._nameProcess();
  }

  _group(...buttons) {
    const shown = buttons.filter(Boolean);
    return shown.length > 0 && element("div", { class: "cowlab-group" }, ...shown);
  }

  /** Buttons of which one is pressed; `this[field]` says which. */
  _switch(label, choices, field, more = "") {
    if (!choices.length) return null;
    this[field] ??= choices[0];
    const buttons = choices.map((value) => button(titled(value), () => choose(value), { "data-value": value }));
    const choose = (value) => {
      this[field] = value;
      this.selection = null;
      for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.value === value));
      this.invalidate();
    };
    choose(this[field]);
    const named = { class: `cowlab-group cowlab-switch ${more}`, role: "group", "aria-label": label };
    return element("div", named, ...buttons);
  }

  /** Fork and Exit say whom they concern: the cursor's process. */
  _nameProcess() {
    const process = this._process() ?? "";
    for (const one of this.tools.querySelectorAll("[data-op]")) {
      one.textContent = `${titled(one.dataset.op)} ${process}`.trim();
    }
  }

  /** What is true of all cells is said once, above them. */
  _heads() {
    const { scale } = this.store;
    const common = this.layout?.common;
    const facts = [
      scale > 1 && `a cell is ${number(scale)} pages, ${size(scale)}, and shows their mix`,
      common && `each card is one mapping: ${labelsOf(common)[0]}`,
    ];
    this.title.textContent = this.model.get("title") ?? "";
    this.scaleText.textContent = facts.filter(Boolean).join("; ");
  }

  /** Counters; those that changed tick. */
  _count(counters) {
    const before = this.counted ?? {};
    const items = Object.entries(counters).map(([name, value]) => {
      const ticked = name in before && before[name] !== value;
      return element("li", { class: ticked && "cowlab-tick" }, element("b", {}, number(value)), ` ${name}`);
    });
    this.counters.replaceChildren(...items);
    this.counted = counters;
  }

  _say(text, error = false) {
    this.status.textContent = text;
    this.status.classList.toggle("cowlab-error", Boolean(error));
  }

  /** A small picture and a word for each state that occurs, and for the usual ones. */
  _legend() {
    let bits = OFTEN.reduce((all, code) => all | (1 << code), 0);
    for (const grid of this.store.grids.values()) bits |= grid.occurring;
    if (bits === this.legendBits) return;
    this.legendBits = bits;
    const states = Array.from({ length: DIFFERENT }, (_, code) => code).filter((code) => bits & (1 << code));
    const items = states.map((code) => this._legendItem(code, 0, this.words.word(code)));
    if (bits & (1 << 16)) items.push(this._legendItem(FREE, DIFFERS, this.words.word(DIFFERENT)));
    this.legend.replaceChildren(...items);
  }

  _legendItem(code, flags, word) {
    const { looks, theme, ratio } = this.painter;
    const side = 18 * ratio;
    const canvas = element("canvas", { width: side, height: side, "aria-hidden": "true" });
    drawCell(canvas.getContext("2d"), looks.of(code), { x: 0, y: 0, w: side, h: side }, ratio, flags, theme);
    return element("li", {}, canvas, word);
  }

  // Events

  _listen() {
    const { stage, model } = this;
    const handlers = {
      pointerdown: (event) => this._down(event),
      pointermove: (event) => this._move(event),
      pointerup: (event) => this._up(event),
      pointercancel: (event) => this._cancel(event),
      pointerleave: () => this._point(null),
      keydown: (event) => this._key(event),
      keyup: (event) => this._keyUp(event),
      focus: () => this._focus(),
      blur: () => this.invalidate(),
      wheel: (event) => this._wheel(event),
      touchstart: (event) => event.touches.length > 1 && event.preventDefault(),
      touchmove: (event) => event.touches.length > 1 && event.preventDefault(),
    };
    for (const [name, act] of Object.entries(handlers)) stage.addEventListener(name, act, { passive: false });
    this.root.addEventListener("keydown", (event) => !(event.ctrlKey || event.metaKey) && event.stopPropagation());
    this.heard = {
      "msg:custom": (message, buffers) => this._receive(message, buffers),
      "change:look": () => this.painter.w && this._dress(),
      "change:title": () => this._heads(),
      "change:actions": () => this._actionsChanged(),
      "change:height": () => this._resize(),
    };
    for (const [name, act] of Object.entries(this.heard)) model.on(name, act);
    this.sizes = new ResizeObserver(() => this._resize());
    this.sizes.observe(stage);
    this.themes = new MutationObserver(() => this.painter.w && this._dress());
    this.themes.observe(document.body, { attributes: true });
  }

  destroy() {
    for (const [name, act] of Object.entries(this.heard)) this.model.off(name, act);
    this.sizes.disconnect();
    this.themes.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.asking);
    this.root.remove();
  }

  _receive(message, buffers) {
    if (message.type === "draw") this._draw(message, buffers);
    else if (message.type === "pages") this._pages(message, buffers);
    else if (message.type === "look") this._answer(message);
    else if (message.type === "say") this._say(message.text, message.error);
    else if (message.type === "inside") this._showInside(message);
  }

  _draw(message, buffers) {
    const { store, effects } = this;
    if (store.started && !message.full) effects.remember(message.effects ?? []);
    else effects.list = [];
    const framesBefore = store.frameGrid?.cells;
    const changed = store.apply(message, buffers);
    if (!changed) return;
    effects.start(this.model.get("speed") ?? 0);
    this.relayout ||= Boolean(message.full || message.cards || store.frameGrid?.cells !== framesBefore);
    this.answers.clear();
    this.requests.clear();
    this._keepTargets();
    if (message.counters) this._count(message.counters);
    if (message.said || message.clear) this._say(message.said ?? "");
    if (this.painter.looks) this._legend();
    this._heads();
    this.pending = message.seq;
    this._paintSoon();
    this.twin.update(changed, Boolean(message.cards || message.full));
  }

  /** After a draw: the cursor and the pointer stay on the same mappings, if those are still there. */
  _keepTargets() {
    const { store } = this;
    const kept = (target) => {
      const grid = target && store.grids.get(target.grid.key);
      return grid && target.cell < grid.cells ? { ...target, grid } : null;
    };
    this.cursor = kept(this.cursor);
    this.hover = kept(this.hover);
    if (this.selection && !store.grids.has(this.selection.grid.key)) this.selection = null;
    this._hideTip();
    const wait = this.effects.list.length ? this.effects.speed : 0;
    if (this.hover) this.asking = setTimeout(() => this.hover && this._tell(this.hover), wait);
    this._nameProcess();
  }

  // Painting

  /** Take on the colours of the page. */
  _dress() {
    this.painter.dress(this.model.get("look") ?? [], readTheme(this.root));
    this.legendBits = null;
    if (this.store.started) this._legend();
    this.relayout = true;
    this.invalidate(true);
  }

  /**
   * Text and height grow on wide screens, which are read from further away. Slides ask for more (--cowlab-enlarge), and
   * for a map that leaves room for its controls (--cowlab-share of the window's height).
   */
  _resize() {
    const style = getComputedStyle(this.root);
    const asked = (name, usual) => Number(style.getPropertyValue(name)) || usual;
    const unit = asked("--cowlab-enlarge", 1) * clamp(this.root.clientWidth / 1400, 1, 1.5);
    const most = asked("--cowlab-share", Infinity) * innerHeight;
    const height = Math.round(Math.min((this.model.get("height") || 420) * unit, most));
    this.root.style.setProperty("--cowlab-unit", unit);
    this.stage.style.height = `${height}px`;
    const [w, h] = [this.stage.clientWidth, this.stage.clientHeight];
    const { painter } = this;
    if (!w || (painter.w === w && painter.h === h && painter.ratio === devicePixelRatio)) return;
    painter.resize(w, h, unit);
    this.unit = unit;
    this._dress(); // before the map is on the page, it has no colours
  }

  /** Paint in the next frame; with `data`, the picture too and not only what lies above it. */
  invalidate(data = false) {
    this.dirty ||= data;
    this.frame ??= requestAnimationFrame(() => this._paint());
  }

  /** Paint what was just sent without waiting for the next frame, which then has it ready; at most once a frame. */
  _paintSoon() {
    this.invalidate(true);
    if (performance.now() - (this.paints.at(-1) ?? -Infinity) < FRAME_MS) return;
    cancelAnimationFrame(this.frame);
    this._paint();
  }

  _paint() {
    this.frame = null;
    const { painter, store } = this;
    if (!store.started || !painter.w) return;
    const began = performance.now();
    if (this.relayout) this._layOut();
    if (this.dirty || !painter.slide(this.camera)) {
      painter.paint(this.layout, store, this.camera);
      if (this.hover && !this.tip.hidden) this._showTip(this.hover, this.tip.textContent); // its box has moved
    }
    this.dirty = false;
    const moving = this._paintTop();
    this.root.cowlab.paintMs = performance.now() - began;
    this._painted();
    if (moving) this.invalidate();
  }

  _painted() {
    const now = performance.now();
    this.paints = [...this.paints.filter((time) => now - time < 1000), now];
    if (this.store.scale > 1) this._openVisible();
    if (this.pending === undefined) return;
    Object.assign(this.root.cowlab, { drawn: this.root.cowlab.drawn + 1, lastSeq: this.pending });
    this.root.dispatchEvent(new CustomEvent("cowlab:drawn", { detail: { seq: this.pending, at: now } }));
    this.pending = undefined;
  }

  /** Where the reader has zoomed in, cards keep the size of their cells. */
  _layOut() {
    const { painter, store, layout } = this;
    const [w, h] = [painter.w - 2 * EDGE, painter.h - 2 * EDGE];
    if (this.fitted || !layout) this.layout = layOut(store, w, h, this.unit, painter.measure);
    else this.layout = place(store, { ...layout, ...layout.room, measure: painter.measure });
    if (this.fitted) this.camera = this._whole();
    this.relayout = false;
    this.dirty = true;
    this._heads();
  }

  /** The camera that shows all, in the middle. */
  _whole() {
    const { painter, layout } = this;
    const k = Math.min(1, (painter.w - 2 * EDGE) / layout.w, (painter.h - 2 * EDGE) / layout.h);
    const [x, y] = [(layout.w - painter.w / k) / 2, (layout.h - painter.h / k) / 2];
    return { x: Math.round(x), y: Math.round(y), k };
  }

  _paintTop() {
    const { painter } = this;
    const cursor = this.stage.matches(":focus") ? this.cursor : null;
    painter.clearTop(Boolean(this.hover || this.selection || cursor || this.effects.list.length));
    const moving = this.effects.paint();
    if (this.hover && !moving) this._paintHover(this.hover); // one curve at a time
    if (this.selection) this._paintSelection(this.selection);
    if (cursor) painter.outline(painter.boxOf(cursor), painter.theme.brand, 3, 2);
    return moving;
  }

  /** From the page to its frame, and around all that share it. */
  _paintHover(target) {
    const { painter, store } = this;
    const box = painter.boxOf(target);
    const frame = painter.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(store.frameOf(target)) });
    const holders = store.holdersOf(store.frameOf(target)).flatMap((holder) => painter.boxOf(holder) ?? []);
    const from = target.grid.key === FRAMES ? holders.slice(0, MAX_CURVES) : [box];
    if (frame && box && store.scale === 1) for (const page of from) painter.curve(page, frame, painter.theme.brand);
    for (const holder of holders) painter.outline(holder, painter.theme.ink);
    for (const one of [frame, box]) painter.outline(one, painter.theme.brand);
  }

  _paintSelection({ grid, from, to }) {
    const { painter } = this;
    const [first, last, cols] = [Math.min(from, to), Math.max(from, to), painter.columns({ grid })];
    for (let row = Math.floor(first / cols); row <= Math.floor(last / cols); row++) {
      const a = painter.boxOf({ grid, cell: Math.max(first, row * cols) });
      const b = painter.boxOf({ grid, cell: Math.min(last, (row + 1) * cols - 1) });
      if (a && b) painter.outline({ ...a, w: b.x + b.w - a.x }, painter.theme.brand, 2.5, 0);
    }
  }

  // Camera

  _setCamera({ x, y, k }) {
    const { painter, layout } = this;
    const within = (at, view, world) => clamp(at, (-0.8 * view) / k, world - (0.2 * view) / k);
    this.camera = { k, x: within(x, painter.w, layout.w), y: within(y, painter.h, layout.h) };
    this.fitted = false;
    this.invalidate();
  }

  _zoomBy(factor, px = this.painter.w / 2, py = this.painter.h / 2) {
    if (!this.layout) return;
    const { x, y, k } = this.camera;
    const { scale } = this.store;
    const largest = (scale > 1 ? 60 * Math.sqrt(2 * scale) : 200) / this.layout.cell;
    const to = clamp(k * factor, 0.5 * this._whole().k, largest);
    this._setCamera({ k: to, x: x + px / k - px / to, y: y + py / k - py / to });
  }

  _panBy(dx, dy) {
    const { x, y, k } = this.camera;
    this._setCamera({ k, x: x - dx / k, y: y - dy / k });
  }

  _fit() {
    Object.assign(this, { fitted: true, relayout: true });
    this.invalidate(true);
  }

  _intoView(target) {
    const { painter } = this;
    const box = painter.boxOf(target);
    if (!box || (box.x >= 0 && box.y >= 0 && box.x + box.w <= painter.w && box.y + box.h <= painter.h)) return;
    const margin = Math.min(40, painter.h / 8);
    const need = (low, high, end) => (low < margin ? margin - low : high > end - margin ? end - margin - high : 0);
    this._panBy(need(box.x, box.x + box.w, painter.w), need(box.y, box.y + box.h, painter.h));
  }

  // Cells of many pages that are wide enough ask for their pages

  _openVisible() {
    const { painter } = this;
    if (painter.side < OPEN_WIDTH) return;
    for (const area of this.layout.boxes.flatMap((box) => box.areas)) {
      if (area.grid.key !== FRAMES) painter._each(painter._tile(area), (cell) => this._askPages(area.grid, cell));
    }
  }

  _askPages(grid, cell) {
    const id = `${grid.key},${cell}`;
    if (grid.opened.has(cell) || this.requests.has(id) || this.requests.size >= MAX_REQUESTS) return;
    this.requests.add(id);
    const [start, stop] = grid.span(cell);
    this.send({ type: "open", key: grid.key, start, stop });
  }

  _pages({ key, start, buffer }, buffers) {
    const grid = this.store.grids?.get(key);
    if (!grid || grid.scale === 1) return;
    const cell = Math.floor(start / grid.scale);
    grid.opened.set(cell, new Uint32Array(bytesOf(buffers[buffer ?? 0]).buffer));
    this.requests.delete(`${key},${cell}`);
    this.invalidate(true);
  }

  // Pointing

  /** The pointer is at this target, or at none. */
  _point(target) {
    const { hover } = this;
    this.hover = target?.grid ? target : null;
    if (["grid", "cell", "page"].every((name) => this.hover?.[name] === hover?.[name])) return;
    this._hideTip();
    this.invalidate();
    if (this.hover) this._tell(this.hover);
  }

  /** Say at once what is known here, and ask Python for the whole text. */
  _tell(target) {
    if (this.inside.focused) return; // the panel is read now
    const question = this._question(target);
    const answer = question && this.answers.get(subjectOf(question));
    this._showTip(target, answer ?? this.words.facts(target).join("\n"));
    if (question && !answer) this.asking = setTimeout(() => this.send(question), 60);
  }

  /** What to ask about a target; null where only a mix is known. */
  _question(target) {
    const { grid, page } = target;
    const frame = this.store.frameOf(target);
    if (grid.key === FRAMES) return frame < 0 ? null : { type: "frame", frame };
    return page === undefined ? null : { type: "look", process: grid.process, mapping: grid.name, page };
  }

  _answer(message) {
    this.answers.set(subjectOf(message), message.text);
    const question = this.hover && this._question(this.hover);
    const awaited = question && subjectOf(question) === subjectOf(message);
    if (awaited && !this.tip.hidden) this._showTip(this.hover, message.text);
  }

  /** A text below a box, or above it where there is no room. */
  _showTip(target, text) {
    const { painter, tip } = this;
    const box = painter.boxOf(target);
    if (!box) return;
    tip.textContent = text;
    tip.hidden = false;
    const below = box.y + box.h + 10;
    const x = clamp(box.x + (box.w - tip.offsetWidth) / 2, 4, painter.w - tip.offsetWidth - 4);
    const y = below + tip.offsetHeight < painter.h ? below : box.y - tip.offsetHeight - 10;
    tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(Math.max(4, y))}px)`;
  }

  _hideTip() {
    clearTimeout(this.asking);
    this.tip.hidden = true;
  }

  /** Where an event is in the view. */
  _at(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return { x: event.clientX - left - this.stage.clientLeft, y: event.clientY - top - this.stage.clientTop };
  }

  // Pressing, dragging, pinching

  _down(event) {
    this.stage.focus({ preventScroll: true });
    const point = this._at(event);
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size > 1) return this._pinch();
    const touch = event.pointerType === "touch";
    if (!touch) this.stage.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault();
    const target = this.painter.hit(point.x, point.y);
    const beside = event.button === 0 && !target?.grid && !touch;
    const pans = event.button === 1 || this.space || beside;
    this.press = { target, pans, read: event.shiftKey, button: event.button, touch };
    if (this.space) this.space = "panned";
  }

  _move(event) {
    const point = this._at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this._point(this.painter.hit(point.x, point.y));
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size > 1) return this._pinch();
    if (this.press?.pans) return this._drag(point.x - before.x, point.y - before.y);
    const target = this.painter.hit(point.x, point.y);
    if (this.press?.button === 0 && !this.press.touch) this._dragOver(target);
    this._point(target);
  }

  _drag(dx, dy) {
    this._point(null);
    this.stage.classList.add("cowlab-panning");
    this._panBy(dx, dy);
  }

  /** A drag over pages of one mapping selects them; it acts when the button goes up. */
  _dragOver(target) {
    const { grid, cell } = this.press.target ?? {};
    if (!grid || grid.key === FRAMES || this.insideMode || !this.mode) return;
    if (target?.grid !== grid || (target.cell === cell && !this.selection)) return;
    this.selection = { grid, from: cell, to: target.cell };
    this.invalidate();
  }

  /** Two fingers move the picture and zoom it. */
  _pinch() {
    const [a, b] = [...this.pointers.values()];
    const now = { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    const before = this.pinch ?? now;
    Object.assign(this, { pinch: now, press: null, selection: null });
    this._point(null);
    this._panBy(now.x - before.x, now.y - before.y);
    this._zoomBy(now.distance / Math.max(1, before.distance), now.x, now.y);
  }

  _up(event) {
    const { press } = this;
    const { x, y } = this._at(event);
    this._letGo(event);
    if (press && !press.pans && press.button === 0) this._release(press, this.painter.hit(x, y));
  }

  _cancel(event) {
    this._letGo(event);
    this.selection = null;
    this.invalidate();
  }

  _letGo(event) {
    this.pointers.delete(event.pointerId);
    Object.assign(this, { press: null, pinch: null });
    this.stage.classList.remove("cowlab-panning");
  }

  _release(press, target) {
    const op = press.read && this.can("read") ? "read" : this.mode;
    if (this.selection && !press.touch) return this._actOn(op, this.selection);
    if (!target?.grid || target.grid !== press.target?.grid || target.cell !== press.target.cell) return;
    this._moveCursor(target, false);
    if (press.touch) this._point(target);
    if (target.grid.key === FRAMES) return;
    if (this.insideMode) this._askInside(target);
    else if (press.touch && this.reach === "range") this._tapRange(op, target);
    else this._actOn(op, { ...target, from: target.cell, to: target.cell });
  }

  /** First tap: one end of a range. Second tap in the same mapping: the other, and the act. */
  _tapRange(op, { grid, cell }) {
    if (this.selection?.grid === grid) return this._actOn(op, { ...this.selection, to: cell });
    this.selection = { grid, from: cell, to: cell };
    this._say(`Range from ${this.words.place({ grid, cell })}: tap its other end.`);
    this.invalidate();
  }

  _wheel(event) {
    const wanted = event.ctrlKey || event.metaKey || this.stage.matches(":focus");
    if (!wanted || !this.layout) return;
    event.preventDefault();
    const lines = [1, 16, 400][event.deltaMode];
    const speed = event.ctrlKey && Math.abs(event.deltaY) < 50 ? 0.01 : 0.0016; // a pinch sends small steps
    const { x, y } = this._at(event);
    this._point(null);
    this._zoomBy(Math.exp(-event.deltaY * lines * speed), x, y);
    this._point(this.painter.hit(x, y));
  }

  // Acts

  /** The process of the cursor, or the first one. */
  _process() {
    return this.cursor?.grid.process ?? this.store.cards?.[0]?.id ?? null;
  }

  /** Fork, exit, back, step. */
  _act(op) {
    if (!this.can(op)) return;
    const process = op === "fork" || op === "exit" ? this._process() : null;
    this.send({ type: "act", op, process, mapping: null, start: null, stop: null });
  }

  /** Write or read pages: a selection of cells, or one page of an opened cell. */
  _actOn(op, { grid, from, to, page }) {
    this.selection = null;
    this.invalidate();
    if (!op || !this.can(op) || grid.key === FRAMES) return;
    const [start] = page === undefined ? grid.span(Math.min(from, to)) : [page];
    const stop = page === undefined ? grid.span(Math.max(from, to))[1] : page + 1;
    this.send({ type: "act", op, process: grid.process, mapping: grid.name, start, stop });
  }

  _askInside({ grid, cell, page }) {
    if (!this.can("inside") || grid.key === FRAMES) return;
    this.send({ type: "inside", process: grid.process, mapping: grid.name, page: page ?? grid.span(cell)[0] });
  }

  _setInside(on) {
    this.insideMode = Boolean(on && this.can("inside"));
    if (this.insideButton) this.insideButton.setAttribute("aria-pressed", String(this.insideMode));
    this.stage.classList.toggle("cowlab-asking", this.insideMode);
    if (this.insideMode) this._say("Click a page: its fault is then shown step by step.");
  }

  _showInside(message) {
    const { steps, at } = message;
    if (steps.length) {
      this.inside.show(message);
      this._say(`${steps[at].question} ${steps[at].answer}`);
      this._hideTip();
    } else if (!this.inside.panel.hidden) {
      this.inside.panel.hidden = true;
      this._setInside(false);
      this.stage.focus({ preventScroll: true });
    }
  }

  // Keyboard

  _places() {
    const { cards = [], frameGrid } = this.store;
    return [...cards.flatMap((card) => card.grids), frameGrid].filter((grid) => grid?.cells);
  }

  _focus() {
    if (!this.cursor) this._moveCursor({ grid: this._places()[0], cell: 0 }, false);
    this.invalidate();
  }

  _moveCursor({ grid, cell, page }, speak = true) {
    if (!grid) return;
    this.cursor = { grid, cell, page: grid.scale === 1 ? cell : page };
    this._nameProcess();
    this.invalidate();
    if (!speak) return;
    this._intoView(this.cursor);
    this._point(this.cursor);
    this.spoken.textContent = this.words.sentence(this.cursor);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const act = this._keyAct(event);
    if (!act) return;
    event.preventDefault();
    if (!this.cursor) this._focus();
    act();
  }

  _keyAct(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) return () => this._step(...move, event.shiftKey);
    const key = { "=": "+", "−": "-", PageUp: "[", PageDown: "]" }[event.key] ?? event.key.toLowerCase();
    const acts = {
      home: () => this._goTo(this.cursor?.grid, 0),
      end: () => this._goTo(this.cursor?.grid, this.cursor?.grid.cells - 1),
      "[": () => this._turn(-1),
      "]": () => this._turn(1),
      enter: () => this._actHere("write"),
      " ": () => (this.space ??= "held"), // reads when it goes up, unless the picture was dragged with it
      f: () => this._act("fork"),
      x: () => this._act("exit"),
      z: () => this._act("back"),
      s: () => this._act("step"),
      i: () => this.cursor && this._askInside(this.cursor),
      "+": () => this._zoomBy(1.5),
      "-": () => this._zoomBy(1 / 1.5),
      0: () => this._fit(),
      "?": () => this.help.showModal(),
      escape: () => this._escape(),
    };
    return acts[key];
  }

  _keyUp(event) {
    if (event.key !== " " || !this.space) return;
    if (this.space === "held") this._actHere("read");
    this.space = null;
  }

  /** Within a cell that shows its pages, an arrow goes from page to page. */
  _step(dx, dy, extend) {
    if (!this.cursor) return;
    const { painter, cursor } = this;
    const { grid, cell } = cursor;
    const inside = painter.isOpen(grid, cell) && !extend;
    const from = inside ? { grid, cell, page: cursor.page ?? grid.span(cell)[0] } : { grid, cell };
    const by = dx + dy * painter.columns(from);
    if (inside) return this._goTo(grid, Math.floor((from.page + by) / grid.scale), from.page + by);
    if (!extend || grid.key === FRAMES) return this._goTo(grid, cell + by);
    if (cell + by < 0 || cell + by >= grid.cells) return;
    this.selection = { grid, from: this.selection?.grid === grid ? this.selection.from : cell, to: cell + by };
    this._moveCursor({ grid, cell: cell + by });
    const ends = [this.selection.from, this.selection.to].sort((a, b) => a - b);
    const range = pageRange(grid.span(ends[0])[0], grid.span(ends[1])[1]);
    this.spoken.textContent = `${range} of ${grid.name} selected`;
  }

  _goTo(grid, cell, page) {
    if (!grid || cell < 0 || cell >= grid.cells || page >= grid.pages) return;
    this.selection = null;
    this._moveCursor({ grid, cell, page });
  }

  /** To the previous or the next mapping; the frames come last. */
  _turn(by) {
    const places = this._places();
    this._goTo(places[clamp(places.indexOf(this.cursor?.grid) + by, 0, places.length - 1)], 0);
  }

  _actHere(op) {
    if (!this.cursor) return;
    const { cell } = this.cursor;
    this._actOn(op, this.selection ?? { ...this.cursor, from: cell, to: cell });
  }

  _escape() {
    if (!this.inside.panel.hidden) this.send({ type: "inside_end" });
    this.selection = null;
    this._point(null);
    this._setInside(false);
    this.invalidate();
  }

  // For tests and benchmarks

  _publish() {
    const client = (box) => {
      if (!box) return null;
      const { left, top } = this.stage.getBoundingClientRect();
      const { x, y } = centre(box);
      return { x: left + this.stage.clientLeft + x, y: top + this.stage.clientTop + y };
    };
    const where = ({ process, mapping, page }) => {
      const grid = this.store.find(process, mapping);
      return grid ? client(this.painter.boxOf({ grid, cell: Math.floor(page / grid.scale), page })) : null;
    };
    const frame = (n) => client(this.painter.boxOf({ grid: this.store.frameGrid, cell: this.store.cellOfFrame(n) }));
    const fps = () => this.paints.filter((time) => performance.now() - time < 1000).length;
    this.root.cowlab = { drawn: 0, lastSeq: -1, paintMs: 0, where, frame, fps };
  }
}

export default {
  render({ model, el }) {
    const view = new MapView(model, el);
    return () => view.destroy();
  },
};
