/**
 * The memory map: every process as a card of page cells, every physical frame as a cell beside them.
 *
 * The browser holds no rule of memory. It keeps the records it was last sent (Store), lays cards out (layOut), paints
 * them (Painter), and sends back what the reader does (MapView). A cell is a page; where `scale` > 1 it is many pages.
 *
 * In this order: the protocol, Store, layout, looks of cells, Painter, Words, Twin (the picture as a list), Effects
 * (a copy as it happens), MapView (elements, messages, camera, pointer, keyboard, panels).
 */

// Facts of the protocol ------------------------------------------------------------------------------------------

const NONE = 0xffffffff; // "no frame" in a record
const PAGE_KIB = 4;
const FRAMES = 0; // the key of the frames' grid
const PRIVATE = 2,
  BY_TWO = 3,
  BY_MORE = 4,
  TABLE = 7,
  COPIED = 9,
  FREE = 13,
  DIFFERENT = 15; // the looks that the code itself names
const WRITABLE = 1,
  DIRTY = 2,
  DIFFERS = 4,
  EXCLUSIVE = 8; // flags of a record
const MARK_BYTE = 15; // at scale > 1: not a share, but "has pages that differ"
const OFTEN = [PRIVATE, BY_TWO, BY_MORE, FREE]; // always in the legend

const MAX_EFFECTS = 12; // animated at once: more is noise
const MAX_CURVES = 64; // drawn to the mappers of a frame; all of them are outlined
const MAX_RUNS = 300; // of a mapping, in the list of words
const MAX_REQUESTS = 8; // for pages of cells, unanswered
const NUMBER_WIDTH = 17; // css px: a cell this wide shows its frame's number
const OPEN_WIDTH = 96; // css px: a cell this wide shows its pages

// Small helpers --------------------------------------------------------------------------------------------------

const clamp = (x, low, high) => Math.max(low, Math.min(high, x));
const mix = (a, b, t) => a + (b - a) * t;
const ease = (t) => t * t * (3 - 2 * t);
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
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const button = (label, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, label);

function escapeHtml(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A message's buffer as bytes of its own: a DataView may start anywhere, typed arrays must be aligned. */
function bytesOf(view) {
  return new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).slice();
}

// Store: what was sent -------------------------------------------------------------------------------------------

/** The cells of one mapping, or of the physical frames. */
class Grid {
  constructor(key, scale) {
    this.key = key;
    this.scale = scale;
    this.cells = 0;
    this.pages = 0;
    this.opened = new Map(); // cell -> records of its pages, until they may have changed
    this.resize(0);
  }

  /** Keep the records of the cells that stay. */
  resize(cells) {
    const kept = this.data;
    this.data = this.scale === 1 ? new Uint32Array(2 * cells) : new Uint8Array(16 * cells);
    this.pure = new Uint8Array(cells).fill(255); // scale > 1: the only state of a cell, 255 for a mix
    if (kept) this.data.set(kept.subarray(0, this.data.length));
    this.cells = cells;
    this._findPure(0, cells);
    this.stale = true;
  }

  patch(from, bytes) {
    const each = this.scale === 1 ? 8 : 16;
    const records = this.scale === 1 ? new Uint32Array(bytes.buffer) : bytes;
    const room = (this.cells - from) * (this.scale === 1 ? 2 : 16);
    this.data.set(records.length > room ? records.subarray(0, room) : records, (from * each) / (each === 8 ? 4 : 1));
    this._findPure(from, Math.min(this.cells, from + bytes.length / each));
    this.opened.clear();
    this.stale = true;
  }

  _findPure(from, to) {
    if (this.scale === 1) return;
    for (let i = from; i < to; i++) {
      const shares = this.data.subarray(16 * i, 16 * i + MARK_BYTE);
      this.pure[i] = shares.some((share) => share === 255) ? shares.indexOf(255) : 255;
    }
  }

  /** What occurs here: bit s for state s, bit 16 for "differs". Counted again only after a change. */
  get occurring() {
    if (this.stale) this._occurring = this.scale === 1 ? this._states() : this._sharedStates();
    this.stale = false;
    return this._occurring;
  }

  _states() {
    let bits = 0;
    for (let i = 0; i < this.data.length; i += 2) {
      bits |= (1 << (this.data[i] & 15)) | ((this.data[i] & (DIFFERS << 8)) << 6);
    }
    return bits;
  }

  _sharedStates() {
    let bits = 0;
    for (let i = 0; i < this.data.length; i++) {
      if (this.data[i]) bits |= (i & 15) === MARK_BYTE ? 1 << 16 : 1 << (i & 15);
    }
    return bits;
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
  cards = [];
  grids = new Map();
  frames = null;
  scale = 1;
  seq = -1;
  started = false;

  /** Take a "draw". Returns the keys that changed, or null for a draw before the first full one. */
  apply(message, buffers) {
    if (message.full) this._forget(message.scale);
    if (!this.started) return null;
    this.seq = message.seq;
    const changed = new Set(message.full ? this.grids.keys() : []);
    if (message.frames) this._setFrames(message.frames, changed);
    if (message.cards) this._setCards(message.cards, changed);
    for (const patch of message.patches ?? []) {
      this.grids.get(patch.key)?.patch(patch.from, bytesOf(buffers[patch.buffer]));
      changed.add(patch.key);
    }
    this.holders = new Map(); // frame -> the cells that map it
    return changed;
  }

  _forget(scale) {
    this.scale = scale;
    this.cards = [];
    this.grids = new Map();
    this.frames = null;
    this.started = true;
  }

  _setFrames(facts, changed) {
    this.frames = facts;
    const grid = this._grid(FRAMES, facts.cells, changed);
    Object.assign(grid, { pages: facts.shown ?? facts.total, name: "physical frames", process: null });
  }

  _setCards(cards, changed) {
    const kept = new Set([FRAMES]);
    this.cards = inFamilyOrder(cards);
    for (const card of this.cards) {
      card.grids = card.mappings.map((mapping) => {
        kept.add(mapping.key);
        const grid = this._grid(mapping.key, mapping.cells, changed);
        const { name, kind, pages } = mapping;
        const label = [name, size(pages), kind].filter(Boolean).join(" · ");
        return Object.assign(grid, { pages, name, kind, label, process: card.id });
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
    return this.grids.get(FRAMES);
  }

  find(process, mapping) {
    for (const grid of this.grids.values()) if (grid.process === process && grid.name === mapping) return grid;
    return null;
  }

  /** The cell of a frame in the frames' grid, or -1. Frames mostly stand at their own number. */
  cellOfFrame(frame) {
    const grid = this.frameGrid;
    if (!grid || frame < 0) return -1;
    if (grid.scale > 1) return Math.floor(frame / grid.scale) < grid.cells ? Math.floor(frame / grid.scale) : -1;
    if (grid.data[2 * frame + 1] === frame) return frame;
    for (let i = 0; i < grid.cells; i++) if (grid.data[2 * i + 1] === frame) return i;
    return grid.data[2 * frame + 1] === NONE && frame < grid.cells ? frame : -1;
  }

  /** The number of the frame in a cell of the frames' grid. */
  frameAt(cell) {
    const frame = this.frameGrid.data[2 * cell + 1];
    return frame === NONE ? cell : frame;
  }

  /** All cells that map `frame` (scale 1). A pass over 100,000 records takes 0.1 ms: an index would cost more. */
  holdersOf(frame) {
    if (frame < 0) return [];
    if (!this.holders.has(frame)) this.holders.set(frame, this._scan(frame));
    return this.holders.get(frame);
  }

  _scan(frame) {
    const found = [];
    for (const grid of this.grids.values()) {
      if (grid.key === FRAMES || grid.scale > 1) continue;
      for (let i = 1; i < grid.data.length; i += 2) if (grid.data[i] === frame) found.push({ grid, cell: i >> 1 });
    }
    return found;
  }
}

/** Cards with each child after its parent, and how deep each one stands. */
function inFamilyOrder(cards) {
  const ids = new Set(cards.map((card) => card.id));
  const children = new Map();
  for (const card of cards) {
    const parent = ids.has(card.parent) && card.parent !== card.id ? card.parent : null;
    children.set(parent, [...(children.get(parent) ?? []), card]);
  }
  const ordered = [];
  const visit = (parent, depth) => {
    for (const card of children.get(parent) ?? []) {
      ordered.push(Object.assign(card, { depth, parentId: parent }));
      visit(card.id, depth + 1);
    }
  };
  visit(null, 0);
  return ordered;
}

// Layout: where cards stand, in css px at zoom 1 -----------------------------------------------------------------

const MAX_CELL = 26,
  MIN_CELL = 3;
const TINY = [2.5, 2, 1.5, 1]; // only for more cells than fit at MIN_CELL
const LARGEST_FIT = 1.6; // a small picture fills its view, up to this zoom
const COLUMNS = [32, 16, 64, 8, 128, 256]; // of a mapping, the usual first

/** The largest cells with which everything fits into w x h; `unit` scales text and gaps. */
function layOut(store, w, h, unit, measure) {
  const largest = Math.round(MAX_CELL * unit);
  const whole = Array.from({ length: largest - MIN_CELL + 1 }, (_, i) => largest - i);
  for (const cell of [...whole, ...TINY]) {
    for (const columns of COLUMNS) {
      const made = place(store, w, h, { cell, columns, unit, measure });
      if (made.fits) return made;
    }
  }
  return layOutLarger(store, w, h, unit, measure);
}

/** Too much for the smallest cells: a world larger than the view, which "fit" shows from further away. */
function layOutLarger(store, w, h, unit, measure) {
  for (let zoom = 0.85; ; zoom *= 0.85) {
    for (const columns of COLUMNS) {
      const made = place(store, w / zoom, h / zoom, { cell: TINY[0], columns, unit, measure });
      if (made.fits || zoom < 0.02) return made;
    }
  }
}

/** One try: cards in columns from the left, the frames to their right. */
function place(store, w, h, options) {
  const { unit } = options;
  const frames = store.frames ? frameCard(store, h, options) : null;
  const gap = frames && store.cards.length ? 56 * unit : 0;
  const room = w - gap - (frames ? frames.w : 0);
  const cards = store.cards.map((card) => cardBox(card, options, Math.min(room, w)));
  const left = flow(cards, h, unit);
  if (frames) Object.assign(frames, moved(frames, left.w + gap, 0));
  const boxes = frames ? [...cards, frames] : cards;
  const width = left.w + gap + (frames ? frames.w : 0);
  const height = Math.max(left.h, frames ? frames.h : 0);
  return { ...options, boxes, w: width, h: height, fits: width <= w && height <= h };
}

/** Put boxes below each other, and start a new column where one is full. */
function flow(boxes, h, unit) {
  const gap = 12 * unit;
  let x = 0,
    y = 0,
    columnWidth = 0,
    column = 0,
    bottom = 0;
  for (const box of boxes) {
    const indent = Math.min(box.card.depth, 6) * 14 * unit;
    if (y > 0 && y + box.h > h) {
      x += columnWidth + gap;
      [y, columnWidth, column] = [0, 0, column + 1];
    }
    Object.assign(box, moved(box, x + indent, y), { column });
    columnWidth = Math.max(columnWidth, indent + box.w);
    y += box.h + gap;
    bottom = Math.max(bottom, box.y + box.h);
  }
  return { w: x + columnWidth, h: bottom };
}

function moved(box, x, y) {
  const areas = box.areas.map((area) => ({ ...area, x: area.x + x, y: area.y + y, top: area.top + y }));
  return { x, y, areas };
}

/** A process: its title and note, and its mappings from left to right as far as they have room. */
function cardBox(card, options, room) {
  const { cell, columns, unit, measure } = options;
  const pad = 9 * unit;
  const head = (card.note ? 36 : 21) * unit;
  const family = card.parentId ? measure(childOf(card)) + 10 * unit : 0;
  const texts = Math.max(measure(card.title, true) + family, card.note ? measure(card.note) : 0) + 14 * unit;
  const limit = Math.max(Math.min(columns * cell, room - 2 * pad), texts, 120 * unit);
  const areas = shelves(card.grids, limit, head, { cell, columns, unit, measure });
  const w = Math.max(texts, ...areas.map((area) => area.x + area.w));
  const h = Math.max(head, ...areas.map((area) => area.y + area.h));
  for (const area of areas) Object.assign(area, { x: area.x + pad, y: area.y + pad, top: area.top + pad });
  return { card, title: card.title, note: card.note, w: w + 2 * pad, h: h + 2 * pad, areas };
}

/** Mappings as blocks on shelves: a label, the grid below it. */
function shelves(grids, limit, head, { cell, columns, unit, measure }) {
  const label = 17 * unit;
  let x = 0,
    top = head,
    height = 0;
  return grids.map((grid) => {
    const cols = Math.max(1, Math.min(columns, grid.cells));
    const rows = Math.ceil(grid.cells / cols);
    const w = Math.max(cols * cell, Math.min(limit, measure(grid.label) + 4 * unit));
    if (x > 0 && x + w > limit) [x, top, height] = [0, top + height + 5 * unit, 0];
    const area = { grid, cols, rows, x, y: top + label, top, w, h: rows * cell };
    x += w + 14 * unit;
    height = Math.max(height, label + rows * cell);
    return area;
  });
}

const childOf = (card) => `child of ${card.parentId}`;

const noteOf = ({ used, tables, free }) =>
  `${number(used)} in use, of which ${plural(tables, "page table")}; ${number(free)} free`;

/** The physical frames: as many columns, in eights, as the height asks for. */
function frameCard(store, h, { cell, unit, measure }) {
  const pad = 9 * unit;
  const head = 39 * unit;
  const { frames } = store;
  const rowsThatFit = Math.max(1, Math.floor((h - head - 2 * pad) / cell));
  const cols = Math.max(8, 8 * Math.ceil(Math.ceil(frames.cells / rowsThatFit) / 8));
  const rows = Math.ceil(frames.cells / cols);
  const note = noteOf(frames);
  const w = Math.max(cols * cell, measure(note) + 4 * unit);
  const area = { grid: store.frameGrid, cols, rows, x: pad, y: head + pad, top: head + pad, w, h: rows * cell };
  return { card: null, title: "physical frames", note, w: w + 2 * pad, h: head + rows * cell + 2 * pad, areas: [area] };
}

// Look: colours of the theme, and a picture of each state --------------------------------------------------------

/** JupyterLab's colours, or ours where there is no JupyterLab. */
function readTheme(root) {
  const dark = document.body.dataset.jpThemeLight === "false";
  const style = getComputedStyle(root);
  const variable = (name, light, darkValue) => style.getPropertyValue(name).trim() || (dark ? darkValue : light);
  return {
    dark,
    paper: variable("--jp-layout-color0", "#ffffff", "#111111"),
    card: variable("--jp-layout-color1", "#ffffff", "#1b1b1b"),
    raised: variable("--jp-layout-color2", "#f3f3f3", "#262626"),
    ink: variable("--jp-ui-font-color1", "#1d2430", "#f0f0f0"),
    quiet: getComputedStyle(root.querySelector(".cowlab-scale")).color, // mixed in the style sheet
    line: variable("--jp-border-color2", "#d3d6db", "#454545"),
    brand: variable("--jp-brand-color1", "#1565c0", "#64b5f6"),
    font: variable("--jp-ui-font-family", "system-ui, sans-serif", "system-ui, sans-serif"),
  };
}

const FALLBACK_LOOK = {
  word: "?",
  light: "#888",
  dark: "#888",
  text_light: "#fff",
  text_dark: "#fff",
  mark: "question",
};

/** Pictures of cells as pixels, made once for each size they have on the screen. */
class Looks {
  constructor(looks, theme) {
    this.looks = looks;
    this.theme = theme;
    this.canvas = document.createElement("canvas");
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.sizes = new Map();
    this.ground = this._ground();
  }

  /** The colour of cards as a pixel: cells are written over it. */
  _ground() {
    this.pen.fillStyle = this.theme.card;
    this.pen.fillRect(0, 0, 1, 1);
    return new Uint32Array(this.pen.getImageData(0, 0, 1, 1).data.buffer)[0];
  }

  of(code) {
    const look = this.looks[code] ?? FALLBACK_LOOK;
    const { dark } = this.theme;
    return { ...look, fill: dark ? look.dark : look.light, ink: dark ? look.text_dark : look.text_light };
  }

  /** A function (variant, w, h) -> pixels for cells whose sides are between two whole numbers. */
  sized(width, height, ratio) {
    const [w0, h0] = [Math.floor(width + 1e-6), Math.floor(height + 1e-6)];
    const key = `${w0},${h0},${ratio}`;
    if (this.sizes.size > 24) this.sizes.clear();
    if (!this.sizes.has(key)) this.sizes.set(key, []);
    const table = this.sizes.get(key);
    const gap = Math.min(w0, h0) < 4 * ratio ? 0 : Math.max(1, Math.round(ratio)); // tiny cells have none
    return (variant, w, h) => {
      const at = (variant << 4) | (clamp(w - w0, 0, 3) << 2) | clamp(h - h0, 0, 3);
      return (table[at] ??= this._pixels(variant, w, h, gap, ratio));
    };
  }

  _pixels(variant, w, h, gap, ratio) {
    const { canvas, pen } = this;
    if (canvas.width < w || canvas.height < h) [canvas.width, canvas.height] = [w + 32, h + 32];
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = this.theme.card;
    pen.fillRect(0, 0, w, h);
    drawCell(pen, this.of(variant & 15), gap, gap, w - gap, h - gap, ratio, variant >> 4, this.theme);
    return new Uint32Array(pen.getImageData(0, 0, w, h).data.buffer);
  }
}

const PLATE = 8; // with the flags of a record: leave a quiet place for a number

/** One cell at x, y; `ratio` is the pixels of a css px, `flags` as in a record. */
function drawCell(pen, look, x, y, w, h, ratio, flags, theme) {
  const side = Math.min(w, h) / ratio;
  pen.save();
  pen.beginPath();
  pen.roundRect(x, y, w, h, side > 14 ? 2.5 * ratio : 0);
  pen.clip();
  pen.fillStyle = look.fill;
  pen.fillRect(x, y, w, h);
  if (side >= 5) drawMark(pen, look, x, y, w, h, ratio);
  else if (look.mark === "outline") drawTint(pen, look, x, y, w, h);
  if (flags & PLATE && look.mark !== "none" && look.mark !== "outline") drawPlate(pen, look, x, y, w, h);
  if (flags & DIFFERS) drawNotch(pen, look, x, y, w, h, theme);
  if (side >= 18) drawBits(pen, look, x, y, w, h, ratio, flags);
  pen.restore();
}

/** What is empty has no room for its outline: a tint shows how far the mapping goes. */
function drawTint(pen, look, x, y, w, h) {
  pen.globalAlpha = 0.16;
  pen.fillStyle = look.ink;
  pen.fillRect(x, y, w, h);
  pen.globalAlpha = 1;
}

function drawPlate(pen, look, x, y, w, h) {
  pen.fillStyle = look.fill;
  pen.beginPath();
  pen.roundRect(x + 0.14 * w, y + 0.24 * h, 0.72 * w, 0.52 * h, 0.16 * h);
  pen.fill();
}

/** A corner turned down: this page differs from the other side. */
function drawNotch(pen, look, x, y, w, h, theme) {
  const side = Math.max(2, 0.44 * Math.min(w, h));
  pen.beginPath();
  pen.moveTo(x + w - side, y);
  pen.lineTo(x + w, y);
  pen.lineTo(x + w, y + side);
  pen.closePath();
  pen.fillStyle = theme.dark ? "#ffffff" : "#000000";
  pen.fill();
  pen.strokeStyle = theme.dark ? "#000000" : "#ffffff";
  pen.lineWidth = Math.max(1, 0.06 * Math.min(w, h));
  pen.stroke();
}

/** Small marks below the number: a bar for writable, and where there is room a dot for dirty. */
function drawBits(pen, look, x, y, w, h, ratio, flags) {
  pen.fillStyle = look.ink;
  const bar = clamp(0.07 * h, 1.5 * ratio, 4 * ratio);
  if (flags & WRITABLE) pen.fillRect(x + 0.16 * w, y + h - 0.1 * h - bar, 0.34 * w, bar);
  if (!(flags & DIRTY) || h < 30 * ratio) return;
  pen.beginPath();
  pen.arc(x + 0.78 * w, y + h - 0.1 * h - bar / 2, bar * 0.95, 0, 2 * Math.PI);
  pen.fill();
}

/** The texture that says a state without colour. */
function drawMark(pen, look, x, y, w, h, ratio) {
  const side = Math.min(w, h);
  pen.strokeStyle = pen.fillStyle = look.ink;
  pen.lineWidth = clamp(side * 0.055, ratio, 3 * ratio);
  pen.globalAlpha = 0.55;
  MARKS[look.mark]?.(pen, x, y, w, h, side, ratio);
  pen.globalAlpha = 1;
}

function strokes(pen, lines) {
  pen.beginPath();
  for (const [x0, y0, x1, y1] of lines) {
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
  }
  pen.stroke();
}

const steps = (from, to, by) =>
  Array.from({ length: Math.max(0, Math.ceil((to - from) / by)) }, (_, i) => from + i * by);
const pitch = (side, ratio) => clamp(side / 4, 3.2 * ratio, 10 * ratio);
const slants = (x, y, w, h, by) => steps(-h + by / 2, w, by).map((d) => [x + d, y + h, x + d + h, y]);
const levels = (x, y, w, h, by) => steps(by / 2, h, by).map((d) => [x, y + d, x + w, y + d]);
const plumbs = (x, y, w, h, by) => steps(by / 2, w, by).map((d) => [x + d, y, x + d, y + h]);

function glyph(pen, text, x, y, w, h, side) {
  pen.globalAlpha = 0.95;
  pen.font = `700 ${Math.round(side * 0.72)}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x + w / 2, y + h / 2 + side * 0.04);
}

function inset(pen, x, y, w, h, width, by = width / 2) {
  pen.lineWidth = width;
  pen.strokeRect(x + by, y + by, w - 2 * by, h - 2 * by);
}

const MARKS = {
  none() {},
  stripe: (pen, x, y, w, h, side, ratio) => strokes(pen, slants(x, y, w, h, 1.4 * pitch(side, ratio))),
  hatch: (pen, x, y, w, h, side, ratio) => {
    const lines = slants(x, y, w, h, 1.4 * pitch(side, ratio));
    strokes(pen, [...lines, ...lines.map(([x0, y0, x1, y1]) => [x0, y1, x1, y0])]);
  },
  lines: (pen, x, y, w, h, side, ratio) => strokes(pen, levels(x, y, w, h, pitch(side, ratio))),
  grid: (pen, x, y, w, h, side, ratio) => {
    const by = 1.2 * pitch(side, ratio);
    strokes(pen, [...levels(x, y, w, h, by), ...plumbs(x, y, w, h, by)]);
  },
  dots: (pen, x, y, w, h, side, ratio) => {
    const by = pitch(side, ratio);
    pen.globalAlpha = 0.75;
    pen.beginPath();
    for (const dy of steps(by / 2, h, by)) {
      for (const dx of steps(by / 2, w, by)) {
        pen.moveTo(x + dx, y + dy);
        pen.arc(x + dx, y + dy, Math.max(0.7 * ratio, by * 0.2), 0, 2 * Math.PI);
      }
    }
    pen.fill();
  },
  ring: (pen, x, y, w, h, side) => {
    pen.globalAlpha = 0.8;
    pen.beginPath();
    pen.arc(x + w / 2, y + h / 2, side * 0.3, 0, 2 * Math.PI);
    pen.stroke();
  },
  cross: (pen, x, y, w, h) =>
    strokes(pen, [
      [x, y, x + w, y + h],
      [x, y + h, x + w, y],
    ]),
  border: (pen, x, y, w, h, side, ratio) => {
    pen.globalAlpha = 0.95;
    inset(pen, x, y, w, h, Math.max(1.5 * ratio, side * 0.12), Math.max(1.5 * ratio, side * 0.12));
  },
  outline: (pen, x, y, w, h, side, ratio) => inset(pen, x, y, w, h, ratio),
  bang: (pen, ...box) => glyph(pen, "!", ...box),
  question: (pen, ...box) => glyph(pen, "?", ...box),
  notequal: (pen, ...box) => glyph(pen, "≠", ...box),
};

// Painter: cards, cells and what lies above them -----------------------------------------------------------------

/** Draws a layout through a camera {x, y, k}: the world's point at the view's corner, and the zoom. */
class Painter {
  constructor(base, over) {
    this.base = base;
    this.over = over;
    this.pen = base.getContext("2d", { alpha: false });
    this.top = over.getContext("2d");
    this.widths = new Map();
  }

  resize(w, h) {
    this.ratio = window.devicePixelRatio || 1;
    [this.w, this.h] = [w, h];
    const [width, height] = [Math.max(1, Math.round(w * this.ratio)), Math.max(1, Math.round(h * this.ratio))];
    for (const canvas of [this.base, this.over]) [canvas.width, canvas.height] = [width, height];
    this.image = this.pen.createImageData(width, height); // cells are written here, pixel by pixel
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** A theme or a look has changed: all pictures of cells are made anew. */
  dress(looks, theme) {
    this.theme = theme;
    this.looks = new Looks(looks, theme);
    this.widths.clear();
  }

  /** How wide a text is in the world, for the layout. */
  measure(unit) {
    return (text, bold = false) => {
      const key = `${unit}|${bold}|${text}`;
      if (!this.widths.has(key)) {
        this.pen.font = this.font(bold ? 13.5 * unit : 11.5 * unit, bold);
        this.widths.set(key, this.pen.measureText(text).width);
      }
      return this.widths.get(key);
    };
  }

  font(px, bold = false) {
    return `${bold ? 600 : 400} ${px}px ${this.theme.font}`;
  }

  sx(x) {
    return (x - this.camera.x) * this.camera.k;
  }

  sy(y) {
    return (y - this.camera.y) * this.camera.k;
  }

  /** The picture without what follows the pointer. */
  paint(layout, store, camera) {
    Object.assign(this, { layout, store, camera });
    const { pen, theme, ratio } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = theme.paper;
    pen.fillRect(0, 0, this.w, this.h);
    this._paintFamily();
    const seen = layout.boxes.filter((box) => this._sees(box));
    for (const box of seen) this._paintCard(box);
    this._paintCells(seen);
    for (const box of seen) this._paintTexts(box);
    if (layout.cell * camera.k >= NUMBER_WIDTH) for (const box of seen) this._paintNumbers(box);
    this._paintWhere();
  }

  /** Far inside a card, whose title is out of view: say in the corner where this is. */
  _paintWhere() {
    const target = this.hit(this.w / 2, this.h / 2);
    if (!target || this.sy(target.box.y) + 21 * this.camera.k * this.layout.unit > 0) return;
    const { pen, theme, layout } = this;
    const text = target.grid && target.box.card ? `${target.box.title} · ${target.grid.label}` : target.box.title;
    const px = 13 * layout.unit;
    pen.font = this.font(px, true);
    const w = pen.measureText(text).width + 18;
    pen.beginPath();
    pen.roundRect(8, 8, w, 2 * px, 6);
    pen.fillStyle = theme.card;
    pen.fill();
    pen.strokeStyle = theme.quiet;
    pen.lineWidth = 1;
    pen.stroke();
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillStyle = theme.ink;
    pen.fillText(text, 17, 8.5 + px);
  }

  _sees(box) {
    return (
      this.sx(box.x) < this.w && this.sx(box.x + box.w) > 0 && this.sy(box.y) < this.h && this.sy(box.y + box.h) > 0
    );
  }

  _paintCard(box) {
    const { pen, theme, camera } = this;
    pen.beginPath();
    pen.roundRect(this.sx(box.x), this.sy(box.y), box.w * camera.k, box.h * camera.k, Math.min(8, 7 * camera.k));
    pen.fillStyle = theme.card;
    pen.fill();
    pen.strokeStyle = theme.line;
    pen.lineWidth = 1;
    pen.stroke();
  }

  /** A thin line from a parent's card down to each child's, where they share a column. */
  _paintFamily() {
    const { pen, theme, layout } = this;
    pen.strokeStyle = theme.quiet;
    pen.lineWidth = 1.25;
    pen.beginPath();
    for (const box of layout.boxes) {
      const parent = this._parentOf(box);
      if (!parent || parent.column !== box.column) continue;
      const x = this.sx(parent.x + 6 * layout.unit);
      const y = this.sy(box.y + 17 * layout.unit);
      pen.moveTo(x, this.sy(parent.y + parent.h));
      pen.lineTo(x, y);
      pen.lineTo(this.sx(box.x), y);
    }
    pen.stroke();
  }

  _parentOf(box) {
    return box.card?.parentId ? this.layout.boxes.find((one) => one.card?.id === box.card.parentId) : null;
  }

  /** In another column a line would cross the cards between: words say whose child it is. */
  _farFromParent(box) {
    const parent = this._parentOf(box);
    return parent && parent.column !== box.column;
  }

  // Cells are written as pixels: copying rows of small pictures costs the same for any number of cells, and a
  // canvas takes one image faster than 100,000 shapes.

  _paintCells(boxes) {
    for (const box of boxes) for (const area of box.areas) if (area.grid.cells) this._putArea(area);
  }

  /** Write the cells of a mapping that are in view, and put them on the canvas. */
  _putArea({ grid, cols, rows, x, y }) {
    const { ratio, layout, camera } = this;
    const { width, height } = this.image;
    const side = layout.cell * camera.k * ratio;
    const spot = { x: this.sx(x) * ratio, y: this.sy(y) * ratio, w: side, h: side };
    const [left, right] = [spot.x, spot.x + cols * side].map((edge) => clamp(Math.round(edge), 0, width));
    const [top, bottom] = [spot.y, spot.y + rows * side].map((edge) => clamp(Math.round(edge), 0, height));
    if (left >= right || top >= bottom) return;
    for (let row = top; row < bottom; row++) {
      this.pixels.fill(this.looks.ground, row * width + left, row * width + right); // the last row may end early
    }
    const write = grid.scale === 1 ? this._pageWriter(grid.data, side, side) : this._mixWriter(grid, side);
    this._writeGrid(spot, cols, grid.cells, write);
    this.pen.putImageData(this.image, 0, 0, left, top, right - left, bottom - top);
  }

  /** Call write(cell, x, y, w, h) for each cell in view; edges lie on whole pixels. */
  _writeGrid({ x, y, w, h }, cols, cells, write) {
    const { width, height } = this.image;
    const rows = Math.ceil(cells / cols);
    const [c0, c1] = [clamp(Math.floor(-x / w), 0, cols), clamp(Math.ceil((width - x) / w), 0, cols)];
    const [r0, r1] = [clamp(Math.floor(-y / h), 0, rows), clamp(Math.ceil((height - y) / h), 0, rows)];
    const edges = Int32Array.from({ length: Math.max(0, c1 - c0 + 1) }, (_, i) => Math.round(x + (c0 + i) * w));
    for (let row = r0; row < r1; row++) {
      const top = Math.round(y + row * h);
      const tall = Math.round(y + (row + 1) * h) - top;
      const end = Math.min(c1, cells - row * cols);
      for (let col = c0; tall > 0 && col < end; col++) {
        const wide = edges[col - c0 + 1] - edges[col - c0];
        if (wide > 0) write(row * cols + col, edges[col - c0], top, wide, tall);
      }
    }
  }

  /** Writes cells of records of the 8-byte form. */
  _pageWriter(data, width, height) {
    const sprite = this.looks.sized(width, height, this.ratio);
    const side = Math.min(width, height) / this.ratio;
    const flags = side >= 18 ? 0x70 : side >= 4 ? DIFFERS << 4 : 0; // small cells have no room for small marks
    const plate = side >= NUMBER_WIDTH ? PLATE << 4 : 0;
    return (cell, x, y, w, h) => {
      const word = data[2 * cell];
      const variant = (word & 15) | ((word >>> 4) & flags) | (data[2 * cell + 1] === NONE ? 0 : plate);
      this._copy(sprite(variant, w, h), w, h, x, y, 0, h);
    };
  }

  /** Writes cells of shares: a band for each state, or the pages themselves where they are known and large enough. */
  _mixWriter(grid, side) {
    const sprite = this.looks.sized(side, side, this.ratio);
    return (cell, x, y, w, h) => {
      const pages = side / this.ratio >= OPEN_WIDTH && grid.opened.get(cell);
      if (pages) this._writePages(grid, cell, pages, x, y, w, h);
      else this._writeBands(grid, cell, sprite, x, y, w, h);
    };
  }

  _writeBands(grid, cell, sprite, x, y, w, h) {
    const mark = grid.data[16 * cell + MARK_BYTE] ? DIFFERS << 4 : 0;
    if (grid.pure[cell] !== 255) return this._copy(sprite(grid.pure[cell] | mark, w, h), w, h, x, y, 0, h);
    let sum = 0,
      from = 0;
    for (let state = 0; state < MARK_BYTE; state++) {
      const share = grid.data[16 * cell + state];
      if (!share) continue;
      sum += share;
      const to = clamp(Math.round((h * sum) / 255), Math.min(from + 1, h), h); // even the smallest share is seen
      this._copy(sprite(state | mark, w, h), w, h, x, y, from, to);
      from = to;
    }
  }

  _writePages(grid, cell, pages, x, y, w, h) {
    const inner = innerGrid(grid.scale, x, y, w, h, 2 * this.ratio);
    this._writeGrid(inner, inner.cols, pages.length / 2, this._pageWriter(pages, inner.w, inner.h));
  }

  /** Rows [from, to) of a picture of w x h pixels, to x, y. */
  _copy(picture, w, h, x, y, from, to) {
    const { pixels } = this;
    const { width, height } = this.image;
    const [x0, x1] = [Math.max(0, -x), Math.min(w, width - x)];
    const [y0, y1] = [Math.max(from, -y), Math.min(to, height - y)];
    for (let row = y0; row < y1; row++) {
      const out = (y + row) * width + x;
      const source = row * w;
      for (let i = x0; i < x1; i++) pixels[out + i] = picture[source + i];
    }
  }

  // Texts

  _paintTexts(box) {
    const { pen, theme, camera, layout } = this;
    const k = camera.k * layout.unit;
    if (13.5 * k < 6) return;
    const [x, width] = [this.sx(box.x) + 9 * k, box.w * camera.k - 18 * k];
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    this._write(box.title, x, this.sy(box.y) + 21 * k, Math.min(13.5 * k, 24), width, theme.ink, true);
    if (box.note) this._write(box.note, x, this.sy(box.y) + 37 * k, Math.min(11.5 * k, 20), width, theme.quiet);
    if (!box.card) return;
    if (this._farFromParent(box)) {
      const past = this.measure(layout.unit)(box.title, true) * camera.k + 10 * k;
      this._write(
        childOf(box.card),
        x + past,
        this.sy(box.y) + 21 * k,
        Math.min(11.5 * k, 20),
        width - past,
        theme.quiet,
      );
    }
    for (const area of box.areas) {
      this._write(
        area.grid.label,
        this.sx(area.x),
        this.sy(area.y) - 5 * k,
        Math.min(11.5 * k, 20),
        area.w * camera.k,
        theme.quiet,
      );
    }
  }

  /** A text, cut with an ellipsis where it does not fit. */
  _write(text, x, y, px, width, colour, bold = false) {
    if (px < 6 || y < -20 || y > this.h + 40) return;
    const { pen } = this;
    pen.font = this.font(px, bold);
    pen.fillStyle = colour;
    let shown = text;
    while (shown.length > 1 && pen.measureText(shown).width > width + 1) {
      shown = `${shown.slice(0, shown.endsWith("…") ? -2 : -1)}…`;
    }
    pen.fillText(shown, x, y);
  }

  /** The frame's number in each cell that has one: an entry of a page table in its plainest form. */
  _paintNumbers(box) {
    const { pen, layout, camera } = this;
    const side = layout.cell * camera.k;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const area of box.areas) {
      const { grid } = area;
      this._eachInView(area, (cell, x, y) => {
        if (grid.scale === 1) this._paintNumber(grid.data, cell, x, y, side, side);
        else if (this.isOpen(grid, cell)) this._paintNumbersInside(grid, cell);
      });
    }
  }

  _paintNumber(data, at, x, y, w, h) {
    const frame = data[2 * at + 1];
    if (frame === NONE) return;
    const text = String(frame);
    const px = Math.min(Math.max(0.42 * h, 9), (1.3 * w) / text.length, 22);
    if (px < 8.4) return;
    this.pen.font = this.font(px, true);
    this.pen.fillStyle = this.looks.of(data[2 * at] & 15).ink;
    this.pen.fillText(text, x + w / 2 + 0.5, y + h / 2 + 0.5);
  }

  _paintNumbersInside(grid, cell) {
    const pages = grid.opened.get(cell);
    const first = cell * grid.scale;
    for (let at = 0; at < pages.length / 2; at++) {
      const { x, y, w, h } = this.boxOf({ grid, cell, page: first + at });
      if (w < NUMBER_WIDTH) return;
      this._paintNumber(pages, at, x, y, w, h);
    }
  }

  _eachInView({ grid, cols, rows, x, y }, visit) {
    const side = this.layout.cell * this.camera.k;
    const [left, top] = [this.sx(x), this.sy(y)];
    const [c0, c1] = [clamp(Math.floor(-left / side), 0, cols), clamp(Math.ceil((this.w - left) / side), 0, cols)];
    const [r0, r1] = [clamp(Math.floor(-top / side), 0, rows), clamp(Math.ceil((this.h - top) / side), 0, rows)];
    for (let row = r0; row < r1; row++) {
      for (let col = c0; col < Math.min(c1, grid.cells - row * cols); col++) {
        visit(row * cols + col, left + col * side, top + row * side);
      }
    }
  }

  // Places on the screen

  area(grid) {
    for (const box of this.layout?.boxes ?? []) for (const area of box.areas) if (area.grid === grid) return area;
    return null;
  }

  /** The box of a cell, or of a page inside an opened one, in css px; null if its mapping is not laid out. */
  boxOf({ grid, cell, page }) {
    const area = this.area(grid);
    if (!area || cell < 0) return null;
    const side = this.layout.cell * this.camera.k;
    const at = (value) => Math.round(value * this.ratio) / this.ratio;
    const [left, top] = [
      this.sx(area.x) + (cell % area.cols) * side,
      this.sy(area.y) + Math.floor(cell / area.cols) * side,
    ];
    const box = { x: at(left), y: at(top), w: at(left + side) - at(left), h: at(top + side) - at(top) };
    if (page === undefined || !this.isOpen(grid, cell)) return box;
    const inner = innerGrid(grid.scale, box.x, box.y, box.w, box.h, 2);
    const index = page - cell * grid.scale;
    const row = Math.floor(index / inner.cols);
    return { x: inner.x + (index % inner.cols) * inner.w, y: inner.y + row * inner.h, w: inner.w, h: inner.h };
  }

  isOpen(grid, cell) {
    return grid.scale > 1 && this.layout.cell * this.camera.k >= OPEN_WIDTH && grid.opened.has(cell);
  }

  /** What lies at a point of the view: {box} with {grid, cell, page} on a cell, or null on the paper. */
  hit(px, py) {
    if (!this.layout) return null;
    const [x, y] = [px / this.camera.k + this.camera.x, py / this.camera.k + this.camera.y];
    const box = this.layout.boxes.find((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h);
    if (!box) return null;
    for (const area of box.areas) {
      const col = Math.floor((x - area.x) / this.layout.cell);
      const row = Math.floor((y - area.y) / this.layout.cell);
      const cell = row * area.cols + col;
      if (col < 0 || row < 0 || col >= area.cols || cell >= area.grid.cells) continue;
      return { box, grid: area.grid, cell, page: this._pageAt(area.grid, cell, px, py) };
    }
    return { box };
  }

  _pageAt(grid, cell, px, py) {
    if (!this.isOpen(grid, cell)) return grid.scale === 1 ? cell : undefined;
    const outer = this.boxOf({ grid, cell });
    const inner = innerGrid(grid.scale, outer.x, outer.y, outer.w, outer.h, 2);
    const col = clamp(Math.floor((px - inner.x) / inner.w), 0, inner.cols - 1);
    const row = Math.max(0, Math.floor((py - inner.y) / inner.h));
    const [start, stop] = grid.span(cell);
    return Math.min(start + row * inner.cols + col, stop - 1);
  }

  // Above the picture

  /** Where nothing lies above the picture, the browser need not blend two canvases. */
  clearTop(needed) {
    this.over.style.visibility = needed ? "visible" : "hidden";
    if (!needed) return;
    this.top.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.top.clearRect(0, 0, this.w, this.h);
  }

  /** An outline that is seen on any cell: the theme's paper around its colour. */
  outline(box, colour, width = 2.5, grow = 1) {
    if (!box) return;
    const { top, theme } = this;
    const [x, y, w, h] = [box.x - grow, box.y - grow, box.w + 2 * grow, box.h + 2 * grow];
    for (const [style, line] of [
      [theme.paper, width + 3],
      [colour, width],
    ]) {
      top.strokeStyle = style;
      top.lineWidth = line;
      top.beginPath();
      top.roundRect(x, y, w, h, 3);
      top.stroke();
    }
  }

  /** A curve up from the box of a page, and into a frame's from the nearer edge of the grid: it hides few numbers. */
  curve(page, frame, colour, alpha = 1) {
    const { top, theme } = this;
    const area = this.area(this.store.frameGrid);
    const above = frame.y - this.sy(area.y) <= frame.x - this.sx(area.x);
    const from = { x: page.x + page.w / 2, y: page.y - 2 };
    const to = above ? { x: frame.x + frame.w / 2, y: frame.y - 2 } : { x: frame.x - 2, y: frame.y + frame.h / 2 };
    const bend = Math.max(24, Math.abs(to.x - from.x) * 0.4);
    const rise = clamp(Math.abs(to.x - from.x) * 0.12, 14, 60);
    const [endX, endY] = above ? [to.x - bend / 8, to.y - 2 * rise] : [to.x - bend, to.y];
    top.globalAlpha = alpha;
    for (const [style, line] of [
      [theme.paper, 5],
      [colour, 2.2],
    ]) {
      top.strokeStyle = style;
      top.lineWidth = line;
      top.beginPath();
      top.moveTo(from.x, from.y);
      top.bezierCurveTo(from.x, from.y - rise, endX, endY, to.x, to.y);
      top.stroke();
    }
    top.fillStyle = colour;
    top.beginPath();
    top.arc(to.x, to.y, 3.5, 0, 2 * Math.PI);
    top.fill();
    top.globalAlpha = 1;
  }

  /** A cell as it looked with this record, above the picture. */
  stamp(box, word, alpha = 1) {
    if (!box) return;
    this.top.globalAlpha = alpha;
    drawCell(this.top, this.looks.of(word & 15), box.x + 1, box.y + 1, box.w - 1, box.h - 1, 1, 0, this.theme);
    this.top.globalAlpha = 1;
  }
}

/** Pages inside a cell: columns a power of two, so that rows start at round page numbers. */
function innerGrid(scale, x, y, w, h, pad) {
  const cols = 2 ** Math.ceil(Math.log2(scale) / 2);
  const rows = Math.ceil(scale / cols);
  return { cols, x: x + pad, y: y + pad, w: (w - 1.5 * pad) / cols, h: (h - 1.5 * pad) / rows };
}

const meet = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
const centre = (box) => ({ x: box.x + box.w / 2, y: box.y + box.h / 2 });

// Words: the same facts for the tooltip, the live region and the list --------------------------------------------

class Words {
  constructor(view) {
    this.view = view;
  }

  state(code, mappers) {
    const word = this.view.look[code]?.word ?? `state ${code}`;
    return code === BY_MORE && mappers > 2 ? `shared by ${number(mappers)}` : word;
  }

  percent(share) {
    const percent = (100 * share) / 255;
    return percent < 1 ? "under 1 %" : `${Math.round(percent)} %`;
  }

  mix(shares) {
    const parts = [...shares].map((share, code) => [share, code]).filter(([share]) => share > 0);
    parts.sort((a, b) => b[0] - a[0]);
    if (parts.length === 1) return `all ${this.state(parts[0][1])}`;
    return parts.map(([share, code]) => `${this.percent(share)} ${this.state(code)}`).join(", ");
  }

  place({ grid, cell, page }) {
    const [start, stop] = page === undefined ? grid.span(cell) : [page, page + 1];
    if (grid.key !== FRAMES) return `${pageRange(start, stop)} of ${grid.name} in ${grid.process}`;
    if (grid.scale > 1) return pageRange(start, stop).replace("page", "frame");
    return `frame ${number(this.view.store.frameAt(cell))}`;
  }

  /** One sentence for the cursor. */
  sentence(target) {
    const { grid, cell, page } = target;
    const record = grid.record(cell, page);
    if (!record) return `${this.place(target)}: ${this.mix(grid.shares(cell))}`;
    const frame = grid.key !== FRAMES && record.frame >= 0 ? `, frame ${number(record.frame)}` : "";
    return `${this.place(target)}: ${this.state(record.code, record.mappers)}${frame}`;
  }

  /** What the record alone tells, until Python's own words come. */
  tooltip(target) {
    const { grid, cell, page } = target;
    const record = grid.record(cell, page);
    if (!record) return `${this.place(target)}\n${this.mix(grid.shares(cell))}${this._wholeCell(target)}`;
    const lines = [this.place(target), this.state(record.code, record.mappers)];
    if (grid.key !== FRAMES && record.frame >= 0) lines.push(`frame ${number(record.frame)}`);
    if (record.mappers) lines.push(`mapped by ${plural(record.mappers, "page")}`);
    if (record.flags) lines.push(this._flags(record.flags));
    return lines.join("\n");
  }

  _flags(flags) {
    const names = [
      [WRITABLE, "writable"],
      [DIRTY, "dirty"],
      [EXCLUSIVE, "exclusive"],
      [DIFFERS, "differs from the other side"],
    ];
    return names
      .filter(([bit]) => flags & bit)
      .map(([, word]) => word)
      .join(", ");
  }

  _wholeCell({ grid, cell }) {
    const mode = this.view.mode;
    if (grid.key === FRAMES || !mode) return "";
    const [start, stop] = grid.span(cell);
    return `\nA click ${mode}s ${stop - start === 1 ? "this page" : `all ${number(stop - start)} pages`}.`;
  }
}

// Twin: the picture as a list, for screen readers and tests ------------------------------------------------------

class Twin {
  constructor(view) {
    this.view = view;
    this.list = element("ul", { class: "cowlab-twin cowlab-hidden", "aria-label": "Pages in words" });
    this.lists = new Map(); // key -> the list of a mapping's runs
    this.changed = new Set();
  }

  /** Rewrite, when the browser has time, what a draw has changed. */
  update(changed, cards) {
    for (const key of changed) this.changed.add(key);
    this.cards ||= cards;
    const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 30));
    this.waiting ||= later((deadline) => this._work(deadline), { timeout: 400 });
  }

  _work(deadline) {
    this.waiting = null;
    if (this.cards) this._cards();
    this.cards = false;
    for (const key of this.changed) {
      this._rewrite(key);
      this.changed.delete(key);
      if (deadline && !deadline.didTimeout && deadline.timeRemaining() < 2) break;
    }
    if (this.changed.size) this.update([], false);
  }

  _cards() {
    this.lists.clear();
    const items = this.view.store.cards.map((card) => this._card(card));
    this.frames = element("li", { "data-frames": true });
    this.list.replaceChildren(...items, this.frames);
    for (const key of this.view.store.grids.keys()) this.changed.add(key);
  }

  _card(card) {
    const mappings = card.grids.map((grid) => {
      const runs = element("ul");
      this.lists.set(grid.key, runs);
      return element("li", { "data-mapping": grid.name }, `${grid.name}, ${plural(grid.pages, "page")}`, runs);
    });
    const title = [card.title, card.note].filter(Boolean).join(", ");
    return element("li", { "data-process": card.id }, title, element("ul", {}, ...mappings));
  }

  _rewrite(key) {
    const { store } = this.view;
    const grid = store.grids.get(key);
    if (key === FRAMES && this.frames) this._rewriteFrames(store.frames);
    else if (grid && this.lists.has(key)) this.lists.get(key).innerHTML = this._runs(grid);
  }

  _rewriteFrames(frames) {
    const { used, tables, free } = frames ?? { used: 0, tables: 0, free: 0 };
    Object.assign(this.frames.dataset, { used, tables, free });
    this.frames.textContent = `physical frames: ${noteOf({ used, tables, free })}`;
  }

  _runs(grid) {
    const items = [];
    let runs = 0;
    for (let from = 0, to; from < grid.cells; from = to) {
      to = grid.scale === 1 ? this._endOfRun(grid.data, from, grid.cells) : this._endOfMix(grid.data, from, grid.cells);
      if (runs++ < MAX_RUNS) items.push(this._run(grid, from, to));
    }
    if (runs > MAX_RUNS) items.push(`<li>and ${plural(runs - MAX_RUNS, "more run")}</li>`);
    return items.join("");
  }

  /** Cells alike in state and mappers; their frames and flags may differ. */
  _endOfRun(data, from, cells) {
    const facts = data[2 * from] & 0xffff00ff;
    let to = from + 1;
    while (to < cells && (data[2 * to] & 0xffff00ff) === facts) to++;
    return to;
  }

  _endOfMix(data, from, cells) {
    let to = from + 1;
    while (to < cells && sameBytes(data, 16 * from, 16 * to, 16)) to++;
    return to;
  }

  _run(grid, from, to) {
    const [start, stop] = [grid.span(from)[0], grid.span(to - 1)[1]];
    const place = `data-process="${escapeHtml(grid.process)}" data-mapping="${escapeHtml(grid.name)}"
      data-start="${start}" data-stop="${stop}"`;
    if (grid.scale > 1) {
      const mix = escapeHtml(this.view.words.mix(grid.shares(from)));
      return `<li ${place} data-scale="${grid.scale}" data-mix="${mix}">${pageRange(start, stop)}: ${mix}</li>`;
    }
    const { code, mappers, frame } = grid.record(from, from);
    const state = escapeHtml(this.view.look[code]?.word ?? `state ${code}`);
    return (
      `<li ${place} data-state="${state}" data-mappers="${mappers}" data-frame="${frame < 0 ? "" : frame}">` +
      `${pageRange(start, stop)}: ${escapeHtml(this.view.words.state(code, mappers))}</li>`
    );
  }
}

function sameBytes(data, a, b, n) {
  for (let i = 0; i < n; i++) if (data[a + i] !== data[b + i]) return false;
  return true;
}

// Effects: a copy, as it happens ---------------------------------------------------------------------------------

/** The operation just drawn, told once more over `speed` ms above the finished picture. The next draw ends it. */
class Effects {
  constructor(painter, store) {
    this.painter = painter;
    this.store = store;
    this.list = [];
  }

  /** Before a draw is applied: what the cells concerned look like. */
  remember(effects) {
    this.list = effects.slice(0, MAX_EFFECTS).map((effect) => ({
      ...effect,
      pageBefore: this._word(this.store.find(effect.process, effect.mapping), effect.page),
      frameBefore: this._word(this.store.frameGrid, this.store.cellOfFrame(effect.frame)),
      oldBefore: this._word(this.store.frameGrid, this.store.cellOfFrame(effect.old)),
    }));
  }

  _word(grid, cell) {
    return grid && grid.scale === 1 && cell >= 0 && cell < grid.cells ? grid.data[2 * cell] : null;
  }

  /** After it: begin, or leave still outlines where nothing may move. */
  start(speed) {
    this.speed = still() ? 0 : speed;
    this.began = performance.now();
    if (!(speed > 0)) this.list = [];
  }

  stop() {
    this.list = [];
  }

  /** Paint this moment. Returns whether there is more to come. */
  paint() {
    if (!this.list.length) return false;
    if (this.speed === 0) {
      for (const effect of this.list) this._outline(effect);
      return false;
    }
    const time = (performance.now() - this.began) / this.speed;
    if (time >= 1) return this.stop() ?? false;
    const spread = this.list.length > 1 ? 0.4 : 0; // several start one after the other
    this.list.forEach((effect, i) => {
      const start = (spread * i) / this.list.length;
      this._moment(effect, clamp((time - start) / (1 - spread), 0, 1));
    });
    return true;
  }

  _boxes(effect) {
    const { painter, store } = this;
    const grid = store.find(effect.process, effect.mapping);
    const at = (frame) => painter.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(frame) });
    return {
      page: grid && effect.page < grid.cells ? painter.boxOf({ grid, cell: effect.page }) : null,
      old: store.frameGrid ? at(effect.old) : null,
      frame: store.frameGrid ? at(effect.frame) : null,
    };
  }

  _outline(effect) {
    const boxes = this._boxes(effect);
    for (const box of [boxes.page, boxes.frame]) this.painter.outline(box, this.painter.theme.brand);
  }

  _moment(effect, t) {
    const boxes = this._boxes(effect);
    if (!boxes.page) return;
    if (effect.kind === "copy" && boxes.old && boxes.frame) this._copy(effect, boxes, t);
    else if (effect.kind === "zero_fill" && boxes.frame) this._fill(effect, boxes, t);
    else this._pulse(boxes, t);
  }

  /** The old frame's cell flies to the new one, then the entry's line moves over. */
  _copy(effect, { page, old, frame }, t) {
    const { painter } = this;
    const flight = ease(clamp(t / 0.6, 0, 1));
    const turn = ease(clamp((t - 0.6) / 0.4, 0, 1));
    if (turn < 0.5 && effect.pageBefore !== null) painter.stamp(page, effect.pageBefore);
    if (flight < 1 && effect.frameBefore !== null) painter.stamp(frame, effect.frameBefore);
    const [from, to] = [centre(old), centre(frame)];
    const end = { ...frame, x: mix(old.x, frame.x, turn), y: mix(old.y, frame.y, turn) };
    painter.curve(page, end, painter.theme.brand);
    painter.outline(page, painter.theme.brand);
    if (flight === 1) return;
    const lift = Math.sin(Math.PI * flight) * Math.min(18, Math.hypot(to.x - from.x, to.y - from.y) / 4);
    const grown = 1 + 0.35 * Math.sin(Math.PI * flight);
    const [w, h] = [old.w * grown, old.h * grown];
    const flying = { x: mix(from.x, to.x, flight) - w / 2, y: mix(from.y, to.y, flight) - lift - h / 2, w, h };
    painter.stamp(flying, effect.oldBefore ?? COPIED);
    painter.outline(flying, painter.theme.ink, 1.5, 0);
  }

  /** A frame of zeros grows where a free one was. */
  _fill(effect, { page, frame }, t) {
    const { painter } = this;
    const grown = ease(clamp(t / 0.6, 0, 1));
    const inset = ((1 - grown) * frame.w) / 2;
    if (effect.pageBefore !== null && t < 0.6) painter.stamp(page, effect.pageBefore);
    if (effect.frameBefore !== null && grown < 1) painter.stamp(frame, effect.frameBefore);
    const box = { x: frame.x + inset, y: frame.y + inset, w: frame.w - 2 * inset, h: frame.h - 2 * inset };
    painter.outline(box, painter.theme.brand, 2, 0);
    if (t >= 0.5) painter.curve(page, frame, painter.theme.brand, clamp((t - 0.5) * 4, 0, 1));
    painter.outline(page, painter.theme.brand);
  }

  /** Reuse, fork, kill: a ring around the page and its frame that closes in. */
  _pulse({ page, frame }, t) {
    const grow = 1 + 8 * (1 - ease(t));
    for (const box of [page, frame]) this.painter.outline(box, this.painter.theme.brand, 2.5, grow);
  }
}

// View: the parts together, and what the reader does -------------------------------------------------------------

const KEYS = [
  ["Arrows", "move the cursor"],
  ["[ and ]", "previous and next mapping; also Page Up and Page Down"],
  ["Home, End", "first and last page of the mapping"],
  ["Enter", "write the page, or the selected pages"],
  ["Space", "read them"],
  ["Shift + arrows", "select pages"],
  ["F", "fork the cursor's process"],
  ["X", "end the cursor's process"],
  ["Z, S", "step back, step forward"],
  ["I", "step inside the fault that a write would take"],
  ["+, −, 0", "zoom in, zoom out, show all"],
  ["?", "this help"],
  ["Escape", "close, or drop the selection"],
];

const MOUSE = [
  ["Click", "write or read the page, as the switch says; with Shift: read"],
  ["Drag over pages", "the same for all of them"],
  ["Point", "a page shows its frame and who else maps it; a frame shows its pages"],
  ["Wheel", "zoom, once the map was clicked; with Ctrl or ⌘: always"],
  ["Drag beside the pages", "move the picture; also with the middle button, with Space held, or with two fingers"],
  ["Double-click a card", "show that card as large as it fits; beside the cards: show all"],
];

const HINT =
  "Arrows move over pages, Enter writes, Space reads, question mark shows all keys. " +
  "The list “Pages in words” says the same as the picture.";

const ABOUT =
  "Each card is a process. A cell is a page; the number in it is its frame. On the right are the physical frames. " +
  "A bar in a cell says writable, a dot dirty; a corner turned down says that the page differs from the other side.";

const LABELS = { write: "Write", read: "Read" };
let views = 0; // for ids

class MapView {
  constructor(model, el) {
    this.model = model;
    this.store = new Store();
    this.words = new Words(this);
    this.twin = new Twin(this);
    this.camera = { x: 0, y: 0, k: 1 };
    this.fitted = true; // the camera follows the layout until the reader moves it
    this.answers = new Map(); // Python's words for pages, until the next draw
    this.pointers = new Map();
    this.paints = [];
    this.id = `cowlab-map-${++views}`;
    this._build(el);
    this.painter = new Painter(this.base, this.over);
    this.effects = new Effects(this.painter, this.store);
    this._listen();
    this._dress();
    this._actionsChanged();
    this._publish();
    this._resize();
    this.send({ type: "ready" });
  }

  /** The element that has the keys; the widget may live in a shadow tree. */
  get _focused() {
    return this.root.getRootNode().activeElement;
  }

  get look() {
    return this.model.get("look") ?? [];
  }

  get actions() {
    return this.model.get("actions") ?? [];
  }

  can(action) {
    return this.actions.includes(action);
  }

  send(message) {
    this.model.send(message);
  }

  // The page's elements

  _build(el) {
    this.title = element("span", { class: "cowlab-title" });
    this.scaleText = element("span", { class: "cowlab-scale" });
    this.counters = element("ul", { class: "cowlab-counters", "aria-label": "Counters" });
    this.tools = element("div", { class: "cowlab-tools", role: "toolbar", "aria-label": "Memory map" });
    this.base = element("canvas", { "aria-hidden": "true" });
    this.over = element("canvas", { "aria-hidden": "true" });
    this.tip = element("div", { class: "cowlab-tip", "aria-hidden": "true", hidden: true });
    this.stage = element(
      "div",
      {
        class: "cowlab-stage",
        tabindex: 0,
        role: "application",
        "aria-label": "Memory map",
        "aria-describedby": `${this.id}-hint`,
      },
      this.base,
      this.over,
      this.tip,
    );
    this.hint = element("span", { class: "cowlab-hidden", id: `${this.id}-hint` }, HINT);
    this.inside = element("section", { class: "cowlab-inside", "aria-label": "Inside the fault", hidden: true });
    this.inside.addEventListener("keydown", (event) => this._insideKey(event));
    this.status = element("p", { class: "cowlab-status", role: "status" });
    this.spoken = element("p", { class: "cowlab-hidden", "aria-live": "polite" });
    this.legend = element("ul", { class: "cowlab-legend", "aria-label": "Legend" });
    this.body = element("div", { class: "cowlab-body" }, this.stage, this.inside);
    this.root = element(
      "div",
      { class: "cowlab-map", "data-lm-suppress-shortcuts": "true" },
      element("div", { class: "cowlab-head" }, this.title, this.scaleText, this.counters),
      this.tools,
      this.hint,
      this.body,
      this.status,
      this.legend,
      this.spoken,
      this.twin.list,
    );
    this._buildHelp();
    el.append(this.root);
  }

  _buildHelp() {
    const rows = (list) =>
      element("dl", {}, ...list.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]));
    this.help = element(
      "div",
      { class: "cowlab-help", role: "dialog", "aria-labelledby": `${this.id}-help`, hidden: true },
      button("Close", () => this._showHelp(false)),
      element("h3", { id: `${this.id}-help` }, "How to use the map"),
      element("p", {}, ABOUT),
      element(
        "div",
        { class: "cowlab-columns" },
        element("section", {}, element("h4", {}, "Mouse and touch"), rows(MOUSE)),
        element("section", {}, element("h4", {}, "Keyboard"), rows(KEYS)),
      ),
    );
    this.help.addEventListener("keydown", (event) => this._helpKey(event));
    this.body.append(this.help);
  }

  _actionsChanged() {
    const modes = ["write", "read"].filter((mode) => this.can(mode));
    this.mode = modes.includes(this.mode) ? this.mode : (modes[0] ?? null);
    const act = (op, label, key) =>
      this.can(op) && button(label, () => this._act(op), { "data-op": op, title: `Key: ${key}` });
    this.insideButton =
      this.can("inside") &&
      button("Step inside a fault", () => this._setInside(!this.insideMode), {
        "aria-pressed": "false",
        title: "Key: I",
      });
    this.helpButton = button("?", () => this._showHelp(this.help.hidden), {
      "aria-label": "Help",
      "aria-expanded": "false",
    });
    const groups = [
      modes.length &&
        this._switch(
          "A click",
          modes.map((mode) => [mode, LABELS[mode]]),
          "mode",
        ),
      modes.length &&
        this._switch(
          "A tap takes",
          [
            ["page", "One page"],
            ["range", "Range"],
          ],
          "reach",
          "cowlab-touch",
        ),
      this._group(act("back", "Back", "Z"), act("step", "Step", "S")),
      this._group(act("fork", "Fork", "F"), act("exit", "Exit", "X")),
      this._group(this.insideButton),
      element("span", { class: "cowlab-space" }),
      this._group(
        button("−", () => this._zoomBy(1 / 1.5), { "aria-label": "Zoom out", title: "Key: −" }),
        button("+", () => this._zoomBy(1.5), { "aria-label": "Zoom in", title: "Key: +" }),
        button("Fit", () => this._fit(), { title: "Show all. Key: 0" }),
        this.helpButton,
      ),
    ];
    this.tools.replaceChildren(...groups.filter(Boolean));
    this._setInside(false);
    this._nameProcess();
  }

  _group(...buttons) {
    const shown = buttons.filter(Boolean);
    return shown.length ? element("div", { class: "cowlab-group" }, ...shown) : null;
  }

  /** Buttons of which one is pressed; `this[field]` says which. */
  _switch(label, choices, field, more = "") {
    this[field] ??= choices[0][0];
    const buttons = choices.map(([value, text]) => button(text, () => choose(value), { "data-value": value }));
    const choose = (value) => {
      this[field] = value;
      this.selection = null;
      for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.value === value));
      this.invalidate();
    };
    choose(this[field]);
    return element(
      "div",
      { class: `cowlab-group cowlab-switch ${more}`, role: "group", "aria-label": label },
      ...buttons,
    );
  }

  /** Fork and Exit say whom they concern: the cursor's process. */
  _nameProcess() {
    const process = this._process();
    for (const [op, label] of [
      ["fork", "Fork"],
      ["exit", "Exit"],
    ]) {
      const found = this.tools.querySelector(`[data-op=${op}]`);
      if (found) found.textContent = process ? `${label} ${process}` : label;
    }
  }

  // Events of the model, the page and the reader

  _listen() {
    const { stage, model } = this;
    this.undo = [];
    const on = (target, name, act, options) => {
      target.addEventListener(name, act, options);
      this.undo.push(() => target.removeEventListener(name, act, options));
    };
    const onModel = (name, act) => {
      model.on(name, act);
      this.undo.push(() => model.off(name, act));
    };
    onModel("msg:custom", (message, buffers) => this._receive(message, buffers));
    onModel("change:look", () => this._dress());
    onModel("change:title", () => this._heads());
    onModel("change:actions", () => this._actionsChanged());
    onModel("change:height", () => this._resize());
    on(stage, "pointerdown", (event) => this._down(event));
    on(stage, "pointermove", (event) => this._move(event));
    on(stage, "pointerup", (event) => this._up(event));
    on(stage, "pointercancel", (event) => this._cancel(event));
    on(stage, "pointerleave", () => this._point(null));
    on(stage, "wheel", (event) => this._wheel(event), { passive: false });
    on(stage, "touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    on(stage, "touchmove", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    on(stage, "dblclick", (event) => this._doubleClick(event));
    on(stage, "keydown", (event) => this._key(event));
    on(stage, "keyup", (event) => this._keyUp(event));
    on(stage, "focus", () => this._focus());
    on(stage, "blur", () => this.invalidate());
    on(this.root, "keydown", (event) => !(event.ctrlKey || event.metaKey) && event.stopPropagation());
    this.sizes = new ResizeObserver(() => this._resize());
    this.sizes.observe(stage);
    this.themes = new MutationObserver(() => this._dress());
    this.themes.observe(document.body, { attributes: true });
  }

  destroy() {
    for (const undo of this.undo) undo();
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
    if (this.store.started && !message.full) this.effects.remember(message.effects ?? []);
    else this.effects.stop();
    const framesBefore = this.store.frameGrid?.cells;
    const changed = this.store.apply(message, buffers);
    if (!changed) return;
    this.effects.start(this.model.get("speed") ?? 0);
    this.answers.clear();
    if (message.full) this.requests = new Map();
    for (const key of changed) this._forgetRequests(key);
    this._renew(message, framesBefore);
    this._keepCursor();
    if (message.counters) this._count(message.counters);
    if (message.said || message.clear) this._say(message.said ?? "");
    this._heads();
    this._legend();
    this.pending = message.seq;
    this.invalidate(true);
    this.twin.update(changed, Boolean(message.cards || message.full));
  }

  /** Lay out again what has other mappings or cells; other counts of frames only change a line of text. */
  _renew(message, framesBefore) {
    const { store, layout } = this;
    if (message.full || message.cards || store.frameGrid?.cells !== framesBefore) this.relayout = true;
    else if (message.frames && layout) layout.boxes.at(-1).note = noteOf(store.frames);
  }

  _heads() {
    const { scale } = this.store;
    this.title.textContent = this.model.get("title") ?? "";
    this.scaleText.textContent =
      scale > 1 ? `a cell is ${number(scale)} pages, ${size(scale)}, and shows their mix` : "";
  }

  /** Counters; those that changed tick. */
  _count(counters) {
    const before = this.counted ?? {};
    const items = Object.entries(counters).map(([name, value]) => {
      const ticked = name in before && before[name] !== value;
      return element("li", { class: ticked ? "cowlab-tick" : "" }, element("b", {}, number(value)), ` ${name}`);
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
    bits &= ~(1 << DIFFERENT); // a look, but no state
    if (bits === this.legendBits) return;
    this.legendBits = bits;
    const items = this.look.flatMap((look, code) => (bits & (1 << code) ? [this._legendItem(code, 0, look.word)] : []));
    if (bits & (1 << 16)) items.push(this._legendItem(FREE, DIFFERS, this.look[DIFFERENT]?.word ?? "differs"));
    this.legend.replaceChildren(...items);
  }

  _legendItem(code, flags, word) {
    const [side, ratio] = [18, window.devicePixelRatio || 1];
    const canvas = element("canvas", { width: side * ratio, height: side * ratio, "aria-hidden": "true" });
    const { looks, theme } = this.painter;
    drawCell(canvas.getContext("2d"), looks.of(code), 0, 0, side * ratio, side * ratio, ratio, flags, theme);
    return element("li", {}, canvas, word);
  }

  // Painting

  _dress() {
    this.painter.dress(this.look, readTheme(this.root));
    this.legendBits = null;
    if (this.store.started) this._legend();
    this.relayout = true;
    this.invalidate(true);
  }

  _resize() {
    const height = this.model.get("height") || 420;
    this.stage.style.height = `${height}px`;
    const w = this.stage.clientWidth;
    if (!w || (this.painter.w === w && this.painter.h === height && this.painter.ratio === devicePixelRatio)) return;
    this.root.style.setProperty("--cowlab-unit", this._unit(this.root.clientWidth));
    this.painter.resize(w, height);
    this.relayout = true;
    this.invalidate(true);
  }

  /** Text grows on wide screens, which are read from further away. */
  _unit(w) {
    return clamp(w / 1400, 1, 1.5);
  }

  invalidate(base = false) {
    this.dirty ||= base;
    this.frame ??= requestAnimationFrame(() => this._paint());
  }

  _paint() {
    this.frame = null;
    if (!this.store.started || !this.painter.w) return;
    const began = performance.now();
    if (this.painter.ratio !== devicePixelRatio) this.painter.resize(this.painter.w, this.painter.h);
    if (this.glide) this._advanceGlide();
    if (this.relayout) this._layOut();
    if (this.dirty) this.painter.paint(this.layout, this.store, this.camera);
    this.dirty = Boolean(this.glide);
    const moving = this._paintTop();
    this.root.cowlab.paintMs = performance.now() - began;
    this._painted();
    if (moving || this.glide) this.invalidate();
  }

  _painted() {
    const now = performance.now();
    this.paints = [...this.paints.filter((time) => now - time < 1000), now];
    if (this.pending !== undefined) {
      Object.assign(this.root.cowlab, { drawn: this.root.cowlab.drawn + 1, lastSeq: this.pending });
      this.root.dispatchEvent(new CustomEvent("cowlab:drawn", { detail: { seq: this.pending, at: now } }));
      this.pending = undefined;
    }
    if (this.store.scale > 1) this._openVisible();
  }

  _layOut() {
    const { painter, store } = this;
    const unit = this._unit(this.root.clientWidth);
    const measure = painter.measure(unit);
    const keep = this.layout && (!this.fitted || this._fitsBesidePanel());
    if (!keep) this.room = [painter.w - 24, painter.h - 24];
    this.layout = keep
      ? place(store, ...this.room, { ...this.layout, measure })
      : layOut(store, ...this.room, unit, measure);
    this.relayout = false;
    this.dirty = true;
    if (this.fitted) this.camera = this._showing({ x: 0, y: 0, ...pick(this.layout, "w", "h") }, LARGEST_FIT);
    if (this.hover && !this.tip.hidden) this._showTip(this.hover, this.tip.textContent); // its place has moved
  }

  /** Beside the panel the same picture, smaller, is better than another one, unless its numbers get lost. */
  _fitsBesidePanel() {
    const { layout } = this;
    const { k } = this._showing({ x: 0, y: 0, ...pick(layout, "w", "h") }, 1);
    return !this.inside.hidden && (k * layout.cell >= NUMBER_WIDTH || layout.cell < NUMBER_WIDTH);
  }

  /** The camera that shows a rectangle of the world in the middle, at most so large. */
  _showing({ x, y, w, h }, largest) {
    const { painter } = this;
    const k = Math.min(largest, (painter.w - 24) / w, (painter.h - 24) / h);
    return { x: x + w / 2 - painter.w / 2 / k, y: y + h / 2 - painter.h / 2 / k, k };
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
    const { grid } = target;
    const box = painter.boxOf(target);
    const frame = this._frameOf(target);
    const frameBox = store.frameGrid && painter.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(frame) });
    const holders = store
      .holdersOf(frame)
      .map((holder) => painter.boxOf(holder))
      .filter(Boolean);
    const others = grid.key === FRAMES ? holders.slice(0, MAX_CURVES) : [box];
    if (frameBox && box && grid.scale === 1)
      for (const from of others) painter.curve(from, frameBox, painter.theme.brand);
    for (const holder of holders) painter.outline(holder, painter.theme.ink, 2.5);
    if (frameBox && grid.scale === 1) painter.outline(frameBox, painter.theme.brand);
    painter.outline(box, painter.theme.brand);
  }

  _paintSelection({ grid, from, to }) {
    const { painter } = this;
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    const area = painter.area(grid);
    if (!area) return;
    for (let row = Math.floor(first / area.cols); row <= Math.floor(last / area.cols); row++) {
      const a = painter.boxOf({ grid, cell: Math.max(first, row * area.cols) });
      const b = painter.boxOf({ grid, cell: Math.min(last, (row + 1) * area.cols - 1) });
      painter.outline({ x: a.x, y: a.y, w: b.x + b.w - a.x, h: a.h }, painter.theme.brand, 2.5, 0);
    }
  }

  // Camera

  _setCamera(camera) {
    const { painter, layout } = this;
    const k = camera.k;
    this.camera = {
      k,
      x: clamp(camera.x, -0.8 * (painter.w / k), layout.w - 0.2 * (painter.w / k)),
      y: clamp(camera.y, -0.8 * (painter.h / k), layout.h - 0.2 * (painter.h / k)),
    };
    this.fitted = false;
    this.invalidate(true);
  }

  _zoomBy(factor, px = this.painter.w / 2, py = this.painter.h / 2) {
    if (!this.layout) return;
    this.glide = null;
    const { x, y, k } = this.camera;
    const { scale } = this.store;
    const largest = (scale > 1 ? 60 * innerGrid(scale, 0, 0, 1, 1, 0).cols : 200) / this.layout.cell;
    const smallest = 0.5 * Math.min(1, this._showing({ x: 0, y: 0, ...pick(this.layout, "w", "h") }, 1).k);
    const to = clamp(k * factor, smallest, largest);
    this._setCamera({ k: to, x: x + px / k - px / to, y: y + py / k - py / to });
  }

  _panBy(dx, dy) {
    const { x, y, k } = this.camera;
    this.glide = null;
    this._setCamera({ k, x: x - dx / k, y: y - dy / k });
  }

  _fit() {
    this.fitted = true;
    this.relayout = true;
    this.glide = null;
    this.invalidate(true);
  }

  /** Move the camera there in a moment, so that the eye can follow. */
  _glideTo(camera) {
    this.fitted = false;
    if (still()) return this._setCamera(camera);
    this.glide = { from: this.camera, to: camera, began: performance.now() };
    this.invalidate(true);
  }

  _advanceGlide() {
    const { from, to, began } = this.glide;
    const t = ease(clamp((performance.now() - began) / 180, 0, 1));
    const k = from.k * (to.k / from.k) ** t;
    const part = from.k === to.k ? t : (1 / from.k - 1 / k) / (1 / from.k - 1 / to.k); // zoom around one fixed point
    this.camera = { k, x: mix(from.x, to.x, part), y: mix(from.y, to.y, part) };
    this.dirty = true;
    if (t === 1) this.glide = null;
  }

  _intoView(target) {
    const box = this.painter.boxOf(target);
    if (!box) return;
    const margin = Math.min(40, this.painter.h / 8);
    const need = (low, high, end) => (low < margin ? margin - low : high > end - margin ? end - margin - high : 0);
    const [dx, dy] = [need(box.x, box.x + box.w, this.painter.w), need(box.y, box.y + box.h, this.painter.h)];
    const visible = box.x >= 0 && box.y >= 0 && box.x + box.w <= this.painter.w && box.y + box.h <= this.painter.h;
    if (!visible) this._panBy(dx, dy);
  }

  // Cells of many pages that are wide enough ask for their pages

  _openVisible() {
    const { painter, store } = this;
    this.requests ??= new Map();
    if (this.layout.cell * this.camera.k < OPEN_WIDTH) return;
    for (const box of this.layout.boxes.filter((one) => painter._sees(one))) {
      for (const area of box.areas) {
        if (area.grid.key !== FRAMES)
          painter._eachInView(area, (cell) => this._ask(store.grids.get(area.grid.key), cell));
      }
    }
  }

  _ask(grid, cell) {
    const id = `${grid.key},${cell}`;
    if (grid.opened.has(cell) || this.requests.has(id) || this.requests.size >= MAX_REQUESTS) return;
    this.requests.set(id, grid.key);
    const [start, stop] = grid.span(cell);
    this.send({ type: "open", key: grid.key, start, stop });
  }

  _forgetRequests(key) {
    for (const [id, of] of this.requests ?? []) if (of === key) this.requests.delete(id);
  }

  _pages({ key, start, cells, buffer }, buffers) {
    const grid = this.store.grids.get(key);
    if (!grid || grid.scale === 1) return;
    const records = new Uint32Array(bytesOf(buffers[buffer ?? 0]).buffer);
    for (let page = start; page < start + cells; page = (Math.floor(page / grid.scale) + 1) * grid.scale) {
      const cell = Math.floor(page / grid.scale);
      const stop = Math.min(start + cells, grid.span(cell)[1]);
      grid.opened.set(cell, records.slice(2 * (page - start), 2 * (stop - start)));
      this.requests?.delete(`${key},${cell}`);
    }
    this.invalidate(true);
  }

  // Pointing

  /** The pointer is at this target, or at none. */
  _point(target) {
    const same =
      target?.grid === this.hover?.grid && target?.cell === this.hover?.cell && target?.page === this.hover?.page;
    this.hover = target?.grid ? target : null;
    if (same) return;
    clearTimeout(this.asking);
    this.invalidate();
    if (this.hover && this._exists(this.hover)) this._tell(this.hover);
    else this._hideTip();
  }

  _exists({ grid, cell }) {
    return grid.scale === 1 || grid.pure[cell] !== 255 || grid.shares(cell).some((share) => share > 0);
  }

  /** Say at once what is known here, and ask Python for the whole text. */
  _tell(target) {
    if (this.inside.contains(this._focused)) return this._hideTip(); // the panel is read now
    const key = this._targetKey(target);
    this._showTip(target, this.answers.get(key) ?? this.words.tooltip(target));
    if (this.answers.has(key)) return;
    this.asking = setTimeout(() => this._askLook(target), 60);
  }

  _targetKey({ grid, cell, page }) {
    return grid.key === FRAMES ? `frame ${this.store.frameAt(cell)}` : `${grid.process}|${grid.name}|${page}`;
  }

  _askLook({ grid, cell, page }) {
    if (grid.key === FRAMES && grid.scale === 1) this.send({ type: "frame", frame: this.store.frameAt(cell) });
    else if (grid.key !== FRAMES && page !== undefined) {
      this.send({ type: "look", process: grid.process, mapping: grid.name, page });
    }
  }

  _answer(message) {
    const key =
      message.frame !== undefined && message.process == null
        ? `frame ${message.frame}`
        : `${message.process}|${message.mapping}|${message.page}`;
    this.answers.set(key, message.text);
    if (this.hover && this._targetKey(this.hover) === key) this._showTip(this.hover, message.text);
  }

  _showTip(target, text) {
    const box = this.painter.boxOf(target);
    if (!box) return;
    const { tip } = this;
    tip.textContent = text;
    tip.hidden = false;
    const { x, y } = this._tipPlace(box, tip.offsetWidth, tip.offsetHeight, this._outlined(target));
    tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  /** Beside the box, where the text hides the fewest of the boxes that are to be seen with it. */
  _tipPlace(box, w, h, others) {
    const { painter } = this;
    const [gap, middle] = [10, box.x + box.w / 2];
    const [right, left, below, above] = [box.x + box.w + gap, box.x - w - gap, box.y + box.h + gap, box.y - h - gap];
    const places = [
      [middle - w / 2, below],
      [middle - w / 2, above],
      [right, below],
      [right, above],
      [left, below],
      [left, above],
      [right, box.y],
      [left, box.y],
    ];
    const fitted = places.map(([x, y]) => ({
      x: clamp(x, 4, Math.max(4, painter.w - w - 4)),
      y: clamp(y, 4, Math.max(4, painter.h - h - 4)),
    }));
    const hidden = ({ x, y }) =>
      others.filter((one) => meet(one, { x, y, w, h })).length + 100 * meet(box, { x, y, w, h });
    return fitted.reduce((best, one) => (hidden(one) < hidden(best) ? one : best));
  }

  /** The boxes that pointing at a target outlines. */
  _outlined(target) {
    const { store, painter } = this;
    const frame = this._frameOf(target);
    const places = store.holdersOf(frame).slice(0, MAX_CURVES);
    if (store.frameGrid) places.push({ grid: store.frameGrid, cell: store.cellOfFrame(frame) });
    return places.map((place) => painter.boxOf(place)).filter(Boolean);
  }

  _frameOf({ grid, cell, page }) {
    if (grid.key === FRAMES) return grid.scale === 1 ? this.store.frameAt(cell) : -1;
    return grid.record(cell, page)?.frame ?? -1;
  }

  _hideTip() {
    this.tip.hidden = true;
  }

  _at(event) {
    const rect = this.stage.getBoundingClientRect();
    return { x: event.clientX - rect.left - this.stage.clientLeft, y: event.clientY - rect.top - this.stage.clientTop };
  }

  // Pressing, dragging, pinching

  _down(event) {
    if (event.target.closest("button")) return;
    this.stage.focus({ preventScroll: true });
    const point = this._at(event);
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 2) return this._beginPinch();
    if (event.pointerType !== "touch") this.stage.setPointerCapture(event.pointerId);
    const target = this.painter.hit(point.x, point.y);
    const pans =
      event.button === 1 || this.spaceHeld || (event.button === 0 && !target?.grid && event.pointerType !== "touch");
    if (event.button === 1) event.preventDefault();
    this.press = {
      pans,
      point,
      target,
      read: event.shiftKey,
      button: event.button,
      touch: event.pointerType === "touch",
    };
    this.spacePanned ||= this.spaceHeld;
  }

  _move(event) {
    const point = this._at(event);
    if (!this.pointers.has(event.pointerId)) return this._point(this.painter.hit(point.x, point.y));
    const before = this.pointers.get(event.pointerId);
    this.pointers.set(event.pointerId, point);
    if (this.pinch) return this._pinchOn();
    if (this.press?.pans) {
      this._hideTip();
      this.stage.classList.add("cowlab-panning");
      return this._panBy(point.x - before.x, point.y - before.y);
    }
    const target = this.painter.hit(point.x, point.y);
    if (this.press?.button === 0 && !this.press.touch) this._dragOver(target);
    this._point(target);
  }

  /** A drag over pages of one mapping selects them; it acts when the button goes up. */
  _dragOver(target) {
    const { press } = this;
    if (!press.target?.grid || press.target.grid.key === FRAMES || this.insideMode || !this.mode) return;
    if (target?.grid !== press.target.grid || (target.cell === press.target.cell && !this.selection)) return;
    this.selection = { grid: target.grid, from: press.target.cell, to: target.cell };
    this.invalidate();
  }

  _beginPinch() {
    const [a, b] = [...this.pointers.values()];
    this.press = null;
    this.selection = null;
    this._point(null);
    this.pinch = { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  _pinchOn() {
    const before = this.pinch;
    const [a, b] = [...this.pointers.values()];
    if (!b) return;
    this.pinch = { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    this._panBy(this.pinch.x - before.x, this.pinch.y - before.y);
    this._zoomBy(this.pinch.distance / Math.max(1, before.distance), this.pinch.x, this.pinch.y);
  }

  _up(event) {
    const point = this._at(event);
    this.pointers.delete(event.pointerId);
    if (this.pinch) {
      if (this.pointers.size === 0) this.pinch = null;
      return;
    }
    const { press } = this;
    this.press = null;
    this.stage.classList.remove("cowlab-panning");
    if (!press || press.pans || press.button !== 0) return;
    this._release(press, this.painter.hit(point.x, point.y));
  }

  _cancel(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.pinch = null;
    this.press = null;
    this.selection = null;
    this.invalidate();
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
    else if (op) this._actOn(op, { grid: target.grid, from: target.cell, to: target.cell, page: target.page });
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
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const speed = event.ctrlKey && Math.abs(event.deltaY) < 50 ? 0.01 : 0.0016; // a pinch sends small steps
    const { x, y } = this._at(event);
    this._hideTip();
    this._zoomBy(Math.exp(-event.deltaY * lines * speed), x, y);
    this._point(this.painter.hit(x, y));
  }

  _doubleClick(event) {
    const { x, y } = this._at(event);
    const target = this.painter.hit(x, y);
    if (target?.grid) return; // two clicks on a page are two acts
    if (!target) return this._fit();
    this._glideTo(this._showing(target.box, 6));
  }

  // Acts

  /** The process of the cursor, or the first one. */
  _process() {
    const { cards } = this.store;
    const process = this.cursor?.grid.process;
    return process && cards.some((card) => card.id === process) ? process : (cards[0]?.id ?? null);
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
    const one = page !== undefined;
    const start = one ? page : grid.span(Math.min(from, to))[0];
    const stop = one ? page + 1 : grid.span(Math.max(from, to))[1];
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

  // Keyboard

  _places() {
    const { store } = this;
    const grids = [...store.cards.flatMap((card) => card.grids), store.frameGrid];
    return grids.filter((grid) => grid?.cells);
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

  /** After a draw: stay on the same mapping if it is still there. */
  _keepCursor() {
    const { store, cursor, hover, selection } = this;
    const alive = (target) =>
      target && store.grids.get(target.grid.key) && target.cell < store.grids.get(target.grid.key).cells;
    this.cursor = alive(cursor) ? { ...cursor, grid: store.grids.get(cursor.grid.key) } : null;
    if (this.cursor && this.cursor.grid.scale === 1) this.cursor.page = this.cursor.cell;
    this.hover = alive(hover) ? { ...hover, grid: store.grids.get(hover.grid.key) } : null;
    if (this.hover) this._showTipLater();
    else this._hideTip();
    if (selection && store.grids.get(selection.grid.key) !== selection.grid) this.selection = null;
    this._nameProcess();
  }

  /** The page under the pointer may have changed: its text too, once the picture is laid out and nothing moves. */
  _showTipLater() {
    const { list, speed } = this.effects;
    if (list.length) this._hideTip();
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.hover && this._tell(this.hover), list.length ? speed : 0);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const act = this._keyAct(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  _keyAct(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this._columns(), ArrowDown: this._columns() }[event.key];
    if (move) return () => this._step(move, event.shiftKey);
    const acts = {
      Home: () => this._goTo(0),
      End: () => this._goTo(this.cursor.grid.cells - 1),
      PageUp: () => this._turn(-1),
      "[": () => this._turn(-1),
      PageDown: () => this._turn(1),
      "]": () => this._turn(1),
      Enter: () => this._actHere("write"),
      " ": () => this._holdSpace(event),
      f: () => this._act("fork"),
      x: () => this._act("exit"),
      z: () => this._act("back"),
      s: () => this._act("step"),
      i: () => this.cursor && this._askInside(this.cursor),
      "+": () => this._zoomBy(1.5),
      "=": () => this._zoomBy(1.5),
      "-": () => this._zoomBy(1 / 1.5),
      "−": () => this._zoomBy(1 / 1.5),
      0: () => this._fit(),
      "?": () => this._showHelp(this.help.hidden),
      Escape: () => this._escape(),
    };
    return acts[event.key] ?? acts[event.key.toLowerCase()];
  }

  _columns() {
    return this.cursor ? (this.painter.area(this.cursor.grid)?.cols ?? 1) : 1;
  }

  _step(by, extend) {
    if (!this.cursor) return this._focus();
    const { grid, cell } = this.cursor;
    const to = cell + by;
    if (to < 0 || to >= grid.cells) return;
    if (extend && grid.key !== FRAMES) {
      const from = this.selection?.grid === grid ? this.selection.from : cell;
      this.selection = { grid, from, to };
    } else this.selection = null;
    this._moveCursor({ grid, cell: to });
    if (this.selection) this.spoken.textContent = `${this._selected()} selected`;
  }

  _selected() {
    const { grid, from, to } = this.selection;
    return `${pageRange(grid.span(Math.min(from, to))[0], grid.span(Math.max(from, to))[1])} of ${grid.name}`;
  }

  _goTo(cell) {
    if (!this.cursor) return;
    this.selection = null;
    this._moveCursor({ grid: this.cursor.grid, cell });
  }

  /** To the previous or the next mapping; the frames come last. */
  _turn(by) {
    const places = this._places();
    const at = places.indexOf(this.cursor?.grid);
    const grid = places[clamp(at + by, 0, places.length - 1)];
    this.selection = null;
    this._moveCursor({ grid, cell: 0 });
  }

  _actHere(op) {
    if (!this.cursor) return;
    const { grid, cell, page } = this.cursor;
    this._actOn(op, this.selection ?? { grid, from: cell, to: cell, page });
  }

  /** Space reads when it goes up, unless the picture was dragged with it. */
  _holdSpace(event) {
    if (event.repeat) return;
    this.spaceHeld = true;
    this.spacePanned = false;
  }

  _keyUp(event) {
    if (event.key !== " " || !this.spaceHeld) return;
    this.spaceHeld = false;
    if (!this.spacePanned) this._actHere("read");
  }

  _escape() {
    if (!this.inside.hidden) this.send({ type: "inside_end" });
    this._showHelp(false);
    this.selection = null;
    this._point(null);
    this._setInside(false);
    this.invalidate();
  }

  // Panels

  _showHelp(shown) {
    if (shown === !this.help.hidden) return;
    if (shown) this.helpFrom = this.root.contains(this._focused) ? this._focused : this.helpButton;
    this.help.hidden = !shown;
    this.helpButton.setAttribute("aria-expanded", String(shown));
    if (shown) this.help.querySelector("button").focus();
    else (this.helpFrom ?? this.stage).focus();
  }

  _helpKey(event) {
    if (event.key !== "Escape" && event.key !== "?") return;
    event.preventDefault();
    this._showHelp(false);
  }

  /** The questions of a fault, answered so far, with the line of code that each comes from. */
  _showInside({ steps, at, title }) {
    const wasHidden = this.inside.hidden;
    this.inside.hidden = !steps.length;
    if (!steps.length) return wasHidden || this._leaveInside();
    const held = this.inside.contains(this._focused) ? this._focused.dataset.go : null;
    this.insideAt = { at, last: steps.length - 1 };
    const go = (to) => () => this.send({ type: "inside_go", at: to });
    const buttons = [
      button("Back", go(at - 1), { "data-go": "back", disabled: at === 0 }),
      button("Next", go(at + 1), { "data-go": "next", disabled: at >= steps.length - 1 }),
      button("Finish", () => this.send({ type: "inside_end" }), { "data-go": "finish" }),
    ];
    const list = element("ol", {}, ...steps.map((step, i) => this._insideStep(step, i, at)));
    this.inside.replaceChildren(
      element("h3", {}, title ?? "Inside the fault"),
      list,
      element("div", { class: "cowlab-group" }, ...buttons),
    );
    list.children[at]?.scrollIntoView({ block: "nearest" });
    this._say(`${steps[at].question} ${steps[at].answer}`);
    const wanted = this.inside.querySelector(`[data-go=${held ?? "next"}]:not(:disabled)`) ?? buttons[2];
    if (wasHidden || held) wanted.focus();
    this._hideTip();
  }

  _insideStep(step, i, at) {
    const source = step.number ? `${step.file ?? "faults.py"}:${step.number} ${step.function}` : step.function;
    return element(
      "li",
      { "aria-current": i === at ? "step" : null, class: i > at ? "cowlab-later" : "" },
      element("span", { class: "cowlab-question" }, step.question),
      " ",
      element("span", { class: "cowlab-answer" }, step.answer),
      element("code", {}, element("small", {}, source), step.line),
    );
  }

  _leaveInside() {
    this._setInside(false);
    this.stage.focus();
  }

  _insideKey(event) {
    const { at, last } = this.insideAt ?? {};
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1 }[event.key];
    if (event.key === "Escape") this.send({ type: "inside_end" });
    else if (to !== undefined && to >= 0 && to <= last) this.send({ type: "inside_go", at: to });
    else return;
    event.preventDefault();
  }

  // For tests and benchmarks

  _publish() {
    const client = (box) => {
      if (!box) return null;
      const rect = this.stage.getBoundingClientRect();
      const { x, y } = centre(box);
      return { x: rect.left + this.stage.clientLeft + x, y: rect.top + this.stage.clientTop + y };
    };
    this.root.cowlab = {
      drawn: 0,
      lastSeq: -1,
      paintMs: 0,
      where: ({ process, mapping, page }) => {
        const grid = this.store.find(process, mapping);
        return grid && client(this.painter.boxOf({ grid, cell: Math.floor(page / grid.scale), page }));
      },
      frame: (frame) => client(this.painter.boxOf({ grid: this.store.frameGrid, cell: this.store.cellOfFrame(frame) })),
      fps: () => this.paints.filter((time) => performance.now() - time < 1000).length,
    };
  }
}

const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]));

export default {
  render({ model, el }) {
    const view = new MapView(model, el);
    return () => view.destroy();
  },
};
