// Built from cowlab/views/map/ by `scripts/map build`: change it there, not here.

// cowlab/views/map/protocol.js
var PAGE_KIB = 4;
var FRAMES = 0;
var NONE = 4294967295;
var PRIVATE = 2;
var BY_TWO = 3;
var BY_MORE = 4;
var TABLE = 7;
var FREE = 13;
var DIFFERENT = 15;
var WRITABLE = 1;
var DIRTY = 2;
var DIFFERS = 4;
var EXCLUSIVE = 8;

// cowlab/views/map/acts.js
var Acts = class {
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
    return (
      /** @type {Op[]} */
      ["write", "read"].filter((mode) => this.can(mode))
    );
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
    const [start] = page === void 0 ? grid.span(Math.min(from, to)) : [page];
    const stop = page === void 0 ? grid.span(Math.max(from, to))[1] : page + 1;
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
};

// cowlab/views/map/geometry.js
var clamp = (x, low, high) => Math.max(low, Math.min(high, x));
var mix = (a, b, t) => a + (b - a) * t;
var ease = (t) => t * t * (3 - 2 * t);
var centre = ({ x, y, w, h }) => ({ x: x + w / 2, y: y + h / 2 });
var between = (a, b, t) => ({ ...a, x: mix(a.x, b.x, t), y: mix(a.y, b.y, t) });

// cowlab/views/map/camera.js
var EDGE = 8;
var STEP = 1.5;
var Camera = class {
  fitted = true;
  // it follows the layout until the reader moves it
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
    const within = (at, view, world) => clamp(at, -0.8 * view / k, world - 0.2 * view / k);
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
    const largest2 = (scale > 1 ? 60 * Math.sqrt(2 * scale) : 200) / layout.cell;
    const to = clamp(k * factor, 0.5 * this.whole(layout).k, largest2);
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
    if (!box || box.x >= 0 && box.y >= 0 && box.x + box.w <= places.w && box.y + box.h <= places.h) return;
    const margin = Math.min(40, places.h / 8);
    const need = (low, high, end) => low < margin ? margin - low : high > end - margin ? end - margin - high : 0;
    this.panBy(need(box.x, box.x + box.w, places.w), need(box.y, box.y + box.h, places.h));
  }
};

// cowlab/views/map/text.js
var format = new Intl.NumberFormat("en-US");
var number = (n) => format.format(n);
var plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
var pageRange = (start, stop) => stop - start < 2 ? `page ${number(start)}` : `pages ${number(start)} to ${number(stop - 1)}`;
function size(pages) {
  const kib = pages * PAGE_KIB;
  const [unit, one] = kib < 1024 ? ["KiB", 1] : kib < 1024 ** 2 ? ["MiB", 1024] : ["GiB", 1024 ** 2];
  return `${number(Math.round(kib / one * 10) / 10)} ${unit}`;
}
var titled = (word) => word[0].toUpperCase() + word.slice(1);
var ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
var escapeHtml = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);

// cowlab/views/map/cursor.js
var Cursor = class {
  /** @type {Target | null} */
  at = null;
  /** @type {Selection | null} */
  selection = null;
  /** @param {Parts} map @param {() => void} moved is called when it may be in another process */
  constructor(map, moved2) {
    this.map = map;
    this.moved = moved2;
  }
  /** Its process, or the first one. */
  get process() {
    return this.at?.grid.process ?? this.map.store.cards[0]?.id ?? null;
  }
  /** Be somewhere, if there is anything. */
  settle() {
    const grid = this.map.store.places[0];
    if (!this.at && grid) this.moveTo({ grid, cell: 0 });
    this.map.repaint();
  }
  /** @param {Target} target */
  moveTo({ grid, cell, page }) {
    this.at = { grid, cell, page: grid.scale === 1 ? cell : page };
    this.moved();
    this.map.repaint();
  }
  /** By key: bring it into view, and read it out. @param {Target} target */
  #travel(target) {
    this.moveTo(target);
    const at = this.at ?? target;
    this.map.camera.bring(at);
    this.map.tooltip.point(at);
    this.map.status.speak(this.map.words.sentence(at));
  }
  /** @type {(grid: Grid | undefined, cell: number, page?: number) => void} */
  #goTo(grid, cell, page) {
    if (!grid || cell < 0 || cell >= grid.cells || page !== void 0 && page >= grid.pages) return;
    this.selection = null;
    this.#travel({ grid, cell, page });
  }
  toFirst() {
    this.#goTo(this.at?.grid, 0);
  }
  toLast() {
    const grid = this.at?.grid;
    if (grid) this.#goTo(grid, grid.cells - 1);
  }
  /** To the previous or the next mapping; the frames come last. @param {number} by */
  turn(by) {
    const { places } = this.map.store;
    const now = this.at ? places.indexOf(this.at.grid) : -1;
    this.#goTo(places[clamp(now + by, 0, places.length - 1)], 0);
  }
  /**
   * An arrow: within a cell that shows its pages it goes from page to page.
   * @type {(dx: number, dy: number) => void}
   */
  step(dx, dy) {
    if (!this.at) return;
    const { grid, cell } = this.at;
    const { places } = this.map;
    if (!places.isOpen(grid, cell)) return this.#goTo(grid, cell + dx + dy * places.columns({ grid, cell }));
    const page = this.at.page ?? grid.span(cell)[0];
    const to = page + dx + dy * places.columns({ grid, cell, page });
    this.#goTo(grid, Math.floor(to / grid.scale), to);
  }
  /** An arrow with Shift: select up to there; frames are not selected. @type {(dx: number, dy: number) => void} */
  extend(dx, dy) {
    if (!this.at || this.at.grid.key === FRAMES) return this.step(dx, dy);
    const { grid, cell } = this.at;
    const to = cell + dx + dy * this.map.places.columns({ grid, cell });
    if (to < 0 || to >= grid.cells) return;
    this.selection = { grid, from: this.selection?.grid === grid ? this.selection.from : cell, to };
    this.#travel({ grid, cell: to });
    const [first, last] = [this.selection.from, to].sort((a, b) => a - b);
    const range = pageRange(grid.span(first)[0], grid.span(last)[1]);
    this.map.status.speak(`${range} of ${grid.name} selected`);
  }
  /** All is drawn anew: stay on the same mappings, if those are still there. */
  renew() {
    this.at = this.map.store.kept(this.at);
    if (this.selection && !this.map.store.grids.has(this.selection.grid.key)) this.selection = null;
    this.moved();
  }
};

// cowlab/views/map/effects.js
var MOST = 12;
var still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
var Effects = class {
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
    const word = (grid, cell) => grid?.scale === 1 && cell >= 0 ? grid.data[2 * cell] : void 0;
    const frame = (n) => word(store.frameGrid, store.cellOfFrame(n));
    this.#list = effects.slice(0, MOST).map((effect) => ({
      ...effect,
      before: word(store.find(effect.process, effect.mapping), effect.page),
      frameBefore: frame(effect.frame),
      oldBefore: frame(effect.old)
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
    const at = (n) => places.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(n) });
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
};

// cowlab/views/map/elements.js
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}
var button = (label, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, label);
function penOf(canvas, settings) {
  const pen = canvas.getContext("2d", settings);
  if (!pen) throw new Error("the browser gives the memory map nothing to draw with: it has too many canvases");
  return pen;
}

// cowlab/views/map/labels.js
var FRAMES_TITLE = "physical frames";
function notesOf({ used, tables, free }) {
  const inUse = `${number(used)} in use, of which ${plural(tables, "page table")}`;
  return [`${inUse}; ${number(free)} free`, inUse, `${number(used)} in use`];
}
function labelsOf({ name, kind, pages }) {
  const sized = `${name} · ${size(pages)}`;
  return [kind ? `${sized} · ${kind}` : sized, sized, name];
}
var notesOfCard = ({ parent, note }) => [parent && `child of ${parent}`, note].filter(Boolean).join(" · ");

// cowlab/views/map/head.js
var Head = class {
  #title = element("span", { class: "cowlab-title" });
  scale = element("span", { class: "cowlab-scale" });
  #counters = element("ul", { class: "cowlab-counters", "aria-label": "Counters" });
  line = element("div", { class: "cowlab-head" }, this.#title, this.scale, this.#counters);
  /** @type {Record<string, number>} */
  #counted = {};
  /** What is true of all cells is said once. @type {(title: string, scale: number, common: Grid | null) => void} */
  say(title, scale, common) {
    const facts = [
      scale > 1 && `a cell is ${number(scale)} pages, ${size(scale)}, and shows their mix`,
      common && `each card is one mapping: ${labelsOf(common)[0]}`
    ];
    this.#title.textContent = title;
    this.scale.textContent = facts.filter(Boolean).join("; ");
  }
  /** Show counters; those that changed tick. @param {Record<string, number>} counters */
  count(counters) {
    const before = this.#counted;
    const items = Object.entries(counters).map(([name, value]) => {
      const ticked = name in before && before[name] !== value;
      return element("li", { class: ticked && "cowlab-tick" }, element("b", {}, number(value)), ` ${name}`);
    });
    this.#counters.replaceChildren(...items);
    this.#counted = counters;
  }
};

// cowlab/views/map/help.js
var KEYS = {
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
  Escape: "close, or drop the selection"
};
var MOUSE = {
  Click: "write or read the page, as the switch says; with Shift: read",
  "Drag over pages": "the same for all of them",
  Point: "a page shows its frame and who else maps it; a frame shows its pages",
  Wheel: "zoom, once the map was clicked; with Ctrl or ⌘: always",
  "Drag beside the pages": "move the picture; also with the middle button, with Space held, or with two fingers"
};
var HINT = "Arrows move over pages, Enter writes, Space reads, question mark shows all keys. The list “Pages in words” says the same as the picture.";
var ABOUT = "Each card is a process. A cell is a page; the number in it is its frame. On the right are the physical frames, the page tables last. A bar in a cell says writable, a dot dirty; a corner turned down, or a line in two tones around small cells, says that pages differ from the other side.";
function section(title, rows) {
  const items = Object.entries(rows).flatMap(([key, does]) => [element("dt", {}, key), element("dd", {}, does)]);
  return element("section", {}, element("h4", {}, title), element("dl", {}, ...items));
}
function helpDialog(id) {
  const dialog = element(
    "dialog",
    { class: "cowlab-help", "aria-labelledby": `${id}-help` },
    button("Close", () => dialog.close()),
    element("h3", { id: `${id}-help` }, "How to use the map"),
    element("p", {}, ABOUT),
    element("div", { class: "cowlab-columns" }, section("Mouse and touch", MOUSE), section("Keyboard", KEYS))
  );
  return dialog;
}

// cowlab/views/map/inside.js
var Inside = class {
  /** @type {Step[]} */
  #steps = [];
  #at = 0;
  #title = element("h3");
  #list = element("ol", { tabindex: 0, "aria-label": "Steps" });
  // has the focus to be scrolled by key
  #back = button("Back", () => this.#go(-1), { "data-go": "back" });
  #next = button("Next", () => this.#go(1), { "data-go": "next" });
  #finish = button("Finish", () => this.#end(), { "data-go": "finish" });
  panel = element(
    "section",
    { class: "cowlab-inside", "aria-label": "Inside the fault", hidden: true },
    this.#title,
    this.#list,
    element("div", { class: "cowlab-group" }, this.#back, this.#next, this.#finish)
  );
  /** @param {Send} send */
  constructor(send) {
    this.send = send;
    this.panel.addEventListener("keydown", (event) => this.#key(event));
  }
  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step && event.key !== "Escape") return;
    event.preventDefault();
    if (step) this.#go(step);
    else this.#end();
  }
  /** @param {number} by */
  #go(by) {
    const at = this.#at + by;
    if (this.#steps[at]) this.send({ type: "inside_go", at });
  }
  #end() {
    this.send({ type: "inside_end" });
  }
  /** What of the panel has the focus. */
  get #active() {
    const root = (
      /** @type {Document | ShadowRoot} */
      this.panel.getRootNode()
    );
    return this.panel.contains(root.activeElement) ? root.activeElement : null;
  }
  /** Whether a part of the panel has the focus. */
  get focused() {
    return this.#active !== null;
  }
  /** Show the steps up to `at`. @param {InsideSteps} message */
  show({ steps: steps2, at, title }) {
    const focuses = this.panel.hidden || this.focused;
    this.#steps = steps2;
    this.#at = at;
    this.panel.hidden = false;
    this.#title.textContent = title ?? "Inside the fault";
    const items = steps2.map((step, i) => this.#item(step, i));
    const list = this.#list;
    list.replaceChildren(...items);
    list.scrollTop = items[at].offsetTop - list.offsetTop - list.clientHeight / 2;
    this.#back.disabled = at === 0;
    this.#next.disabled = at >= steps2.length - 1;
    if (!focuses || this.#active?.matches(":not(:disabled)")) return;
    (this.#next.disabled ? this.#finish : this.#next).focus({ preventScroll: true });
  }
  /** @type {(step: Step, i: number) => HTMLLIElement} */
  #item({ question, answer, line, number: number2, function: name, file = "faults.py" }, i) {
    const source = number2 ? `${file}:${number2} ${name}` : name;
    return element(
      "li",
      { "aria-current": i === this.#at && "step", class: i > this.#at ? "cowlab-later" : "" },
      element("span", { class: "cowlab-question" }, question),
      " ",
      element("span", { class: "cowlab-answer" }, answer),
      element("code", {}, element("small", {}, source), line)
    );
  }
};

// cowlab/views/map/keyboard.js
var ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
var SAME = { "=": "+", "−": "-", PageUp: "[", PageDown: "]" };
var Keyboard = class {
  /** The space bar reads when it goes up, unless the picture was dragged with it. @type {"up" | "held" | "panned"} */
  #space = "up";
  /** @param {Parts} map */
  constructor(map) {
    this.map = map;
    map.stage.addEventListener("keydown", (event) => this.#goDown(event));
    map.stage.addEventListener("keyup", (event) => this.#goUp(event));
  }
  /** A button goes down: with Space held it moves the picture. */
  pansWithSpace() {
    if (this.#space !== "up") this.#space = "panned";
    return this.#space === "panned";
  }
  /** @param {KeyboardEvent} event */
  #goDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.map.stage) return;
    const act = this.#actOf(event);
    if (!act) return;
    event.preventDefault();
    if (!this.map.cursor.at) this.map.cursor.settle();
    act();
  }
  /** @param {KeyboardEvent} event */
  #goUp(event) {
    if (event.key !== " ") return;
    if (this.#space === "held") this.map.acts.actHere("read");
    this.#space = "up";
  }
  /** What a key does. @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  #actOf(event) {
    const { camera, cursor, acts } = this.map;
    const arrow = ARROWS[event.key];
    if (arrow) return () => event.shiftKey ? cursor.extend(...arrow) : cursor.step(...arrow);
    const keys = {
      home: () => cursor.toFirst(),
      end: () => cursor.toLast(),
      "[": () => cursor.turn(-1),
      "]": () => cursor.turn(1),
      enter: () => acts.actHere("write"),
      " ": () => this.#holdSpace(),
      f: () => acts.act("fork"),
      x: () => acts.act("exit"),
      z: () => acts.act("back"),
      s: () => acts.act("step"),
      i: () => acts.askInside(cursor.at),
      "+": () => camera.zoomBy(),
      "-": () => camera.zoomOut(),
      0: () => camera.fit(),
      "?": () => this.map.help.showModal(),
      escape: () => this.#escape()
    };
    return keys[SAME[event.key] ?? event.key.toLowerCase()];
  }
  #holdSpace() {
    if (this.#space === "up") this.#space = "held";
  }
  #escape() {
    if (!this.map.inside.panel.hidden) this.map.send({ type: "inside_end" });
    this.map.cursor.selection = null;
    this.map.tooltip.point(null);
    this.map.acts.setAsking(false);
    this.map.repaint();
  }
};

// cowlab/views/map/cell.js
var PLATE = 8;
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
  const bar = clamp(0.07 * h, 1.5 * ratio, 4 * ratio);
  if (flags & WRITABLE) pen.fillRect(x + 0.16 * w, y + 0.9 * h - bar, 0.34 * w, bar);
  if (flags & DIRTY) pen.fillRect(x + 0.72 * w, y + 0.9 * h - bar, bar, bar);
  pen.restore();
}
function drawTint(pen, look, x, y, w, h) {
  pen.globalAlpha = 0.16;
  pen.fillStyle = look.ink;
  pen.fillRect(x, y, w, h);
  pen.globalAlpha = 1;
}
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
var GLYPHS = { bang: "!", question: "?", notequal: "≠" };
var steps = (from, to, by) => Array.from({ length: Math.ceil((to - from) / by) }, (_, i) => from + i * by);
var rising = ({ w, h }, by) => steps(-h + by / 2, w, by).map((d) => [d, h, d + h, 0]);
var falling = ({ w, h }, by) => steps(-h + by / 2, w, by).map((d) => [d, 0, d + h, h]);
var level = ({ w, h }, by) => steps(by / 2, h, by).map((d) => [0, d, w, d]);
var upright = ({ w, h }, by) => steps(by / 2, w, by).map((d) => [d, 0, d, h]);
var LINES = {
  stripe: rising,
  hatch: (box, by) => [...rising(box, by), ...falling(box, by)],
  lines: (box, by) => level(box, 0.75 * by),
  grid: (box, by) => [...level(box, by), ...upright(box, by)],
  cross: ({ w, h }) => [
    [0, 0, w, h],
    [0, h, w, 0]
  ],
  dots: (box, by) => level(box, by).map(([x0, y, x1]) => [x0 + by / 3, y, x1, y])
};

// cowlab/views/map/legend.js
var OFTEN = [PRIVATE, BY_TWO, BY_MORE, FREE];
var SIDE = 18;
var Legend = class {
  list = element("ul", { class: "cowlab-legend", "aria-label": "Legend" });
  /** What is shown: bit s for state s, bit 16 for "differs". */
  #shown = 0;
  /** @param {{ store: Store, words: Words }} map */
  constructor({ store, words }) {
    this.store = store;
    this.words = words;
  }
  /** Show what occurs now. @type {(looks: Looks, ratio: number) => void} */
  update(looks, ratio) {
    let bits = OFTEN.reduce((all, code) => all | 1 << code, 0);
    for (const grid of this.store.grids.values()) bits |= grid.occurring;
    if (bits === this.#shown) return;
    this.#shown = bits;
    const states = Array.from({ length: DIFFERENT }, (_, code) => code).filter((code) => bits & 1 << code);
    const items = states.map((code) => item(looks, ratio, code, 0, this.words.word(code)));
    if (bits & 1 << 16) items.push(item(looks, ratio, FREE, DIFFERS, this.words.word(DIFFERENT)));
    this.list.replaceChildren(...items);
  }
  /** Looks have changed: draw all of it anew. @type {(looks: Looks, ratio: number) => void} */
  dress(looks, ratio) {
    this.#shown = 0;
    this.update(looks, ratio);
  }
};
function item(looks, ratio, code, flags, word) {
  const side = SIDE * ratio;
  const canvas = element("canvas", { width: side, height: side, "aria-hidden": "true" });
  drawCell(penOf(canvas), looks.of(code), { x: 0, y: 0, w: side, h: side }, ratio, flags, looks.theme);
  return element("li", {}, canvas, word);
}

// cowlab/views/map/looks.js
var UNKNOWN = { word: "", light: "#888", dark: "#888", text_light: "#fff", text_dark: "#fff", mark: "question" };
var MOST_SIZES = 24;
var Looks = class {
  #pen = penOf(document.createElement("canvas"), { willReadFrequently: true });
  /** @type {Map<string, Uint32Array[]>} */
  #sizes = /* @__PURE__ */ new Map();
  /** @param {Look[]} looks @param {Theme} theme */
  constructor(looks, theme) {
    this.looks = looks;
    this.theme = theme;
    this.#pen.fillStyle = theme.card;
    this.#pen.fillRect(0, 0, 1, 1);
    this.ground = this.#read(1, 1)[0];
  }
  /** A state's look in this theme. @type {(code: number) => Dressed} */
  of(code) {
    const look = this.looks[code] ?? UNKNOWN;
    const [fill, ink] = this.theme.dark ? [look.dark, look.text_dark] : [look.light, look.text_light];
    return { mark: look.mark, fill, ink };
  }
  /**
   * Pictures of cells whose sides are `width` and `height`, rounded up or down.
   * @type {(width: number, height: number, ratio: number) => Sprite}
   */
  sized(width, height, ratio) {
    const [w0, h0] = [Math.floor(width + 1e-6), Math.floor(height + 1e-6)];
    const key = `${w0},${h0},${ratio}`;
    if (this.#sizes.size > MOST_SIZES) this.#sizes.clear();
    const table = this.#sizes.get(key) ?? [];
    this.#sizes.set(key, table);
    return (variant, w, h) => {
      const at = variant << 4 | clamp(w - w0, 0, 3) << 2 | clamp(h - h0, 0, 3);
      return table[at] ??= this.#pixels(variant, w, h, ratio);
    };
  }
  /** @type {(variant: number, w: number, h: number, ratio: number) => Uint32Array} */
  #pixels(variant, w, h, ratio) {
    const pen = this.#pen;
    const { canvas } = pen;
    const gap = Math.min(w, h) < 5 * ratio ? 0 : Math.max(1, Math.round(ratio));
    if (canvas.width < w || canvas.height < h) [canvas.width, canvas.height] = [w + 32, h + 32];
    pen.fillStyle = this.theme.card;
    pen.fillRect(0, 0, w, h);
    const box = { x: gap, y: gap, w: w - gap, h: h - gap };
    drawCell(pen, this.of(variant & 15), box, ratio, variant >> 4, this.theme);
    return this.#read(w, h);
  }
  /** @type {(w: number, h: number) => Uint32Array} */
  #read(w, h) {
    return new Uint32Array(this.#pen.getImageData(0, 0, w, h).data.buffer);
  }
};

// cowlab/views/map/records.js
var MARK_BYTE = 15;
function decode(word, frame) {
  return { code: word & 15, flags: word >>> 8 & 255, mappers: word >>> 16, frame: frame === NONE ? -1 : frame };
}
function bytesOf(view) {
  const part = ArrayBuffer.isView(view) ? view : new Uint8Array(view);
  return new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
}
var Grid = class {
  cells = 0;
  pages = 0;
  name = "";
  kind = "";
  /** @type {string | null} */
  process = null;
  /** Cell -> records of its pages, until they may have changed. @type {Map<number, Uint32Array>} */
  opened = /* @__PURE__ */ new Map();
  /** @param {number} key @param {number} scale */
  constructor(key, scale) {
    this.key = key;
    this.scale = scale;
    this.each = scale === 1 ? 2 : 16;
    this.data = this.#room(0);
  }
  /** @param {number} cells */
  #room(cells) {
    return this.scale === 1 ? new Uint32Array(2 * cells) : new Uint8Array(16 * cells);
  }
  /** Have so many cells; those that stay keep their records. @param {number} cells */
  resize(cells) {
    const data = this.#room(cells);
    data.set(this.data.subarray(0, data.length));
    this.cells = cells;
    this.data = data;
  }
  /** Take new records, from a cell on. @type {(from: number, bytes: Uint8Array<ArrayBuffer>) => void} */
  patch(from, bytes) {
    const records = this.scale === 1 ? new Uint32Array(bytes.buffer) : bytes;
    this.data.set(records.subarray(0, this.data.length - from * this.each), from * this.each);
    this.opened.clear();
  }
  /** Make a cell all of one state, without frames. @type {(cell: number, state: number) => void} */
  fill(cell, state) {
    if (this.scale === 1) this.data.set([state, NONE], 2 * cell);
    else this.data.fill(0, 16 * cell, 16 * cell + 16)[16 * cell + state] = 255;
  }
  /** What occurs here: bit s for state s, bit 16 for "differs". */
  get occurring() {
    const { data } = this;
    let bits = 0;
    if (this.scale === 1) {
      for (let i = 0; i < data.length; i += 2) bits |= 1 << (data[i] & 15) | (data[i] & DIFFERS << 8) << 6;
    } else {
      for (let i = 0; i < data.length; i++) if (data[i]) bits |= 1 << ((i & 15) === MARK_BYTE ? 16 : i & 15);
    }
    return bits;
  }
  /** @param {number} cell */
  differs(cell) {
    return Boolean(this.scale === 1 ? this.data[2 * cell] >> 8 & DIFFERS : this.data[16 * cell + MARK_BYTE]);
  }
  /**
   * The record of a page, or null if only its cell's mix is known.
   * @type {(cell: number, page?: number) => PageRecord | null}
   */
  record(cell, page) {
    if (this.scale === 1) return decode(this.data[2 * cell], this.data[2 * cell + 1]);
    const pages = this.opened.get(cell);
    if (!pages || page === void 0) return null;
    const at = 2 * (page - cell * this.scale);
    return at < pages.length ? decode(pages[at], pages[at + 1]) : null;
  }
  /** How much of a cell is in each state, in 255ths. @param {number} cell */
  shares(cell) {
    return this.data.subarray(16 * cell, 16 * cell + MARK_BYTE);
  }
  /** The pages that a cell stands for, as [start, stop). @type {(cell: number) => [number, number]} */
  span(cell) {
    return [cell * this.scale, Math.min(this.pages, (cell + 1) * this.scale)];
  }
};

// cowlab/views/map/opening.js
var MOST_REQUESTS = 8;
var Opening = class {
  /** Cells whose pages were asked for. @type {Set<string>} */
  #asked = /* @__PURE__ */ new Set();
  /** @param {{ places: Places, store: Store, send: Send }} map */
  constructor({ places, store, send }) {
    this.places = places;
    this.store = store;
    this.send = send;
  }
  /** All is drawn anew: what was asked for is answered no more. */
  renew() {
    this.#asked.clear();
  }
  /** Ask for the pages of what is in view. */
  askForVisible() {
    const { places } = this;
    if (this.store.scale === 1 || !places.canOpen) return;
    for (const area of places.areas) {
      if (area.grid.key !== FRAMES) places.each(places.tile(area), (cell) => this.#ask(area.grid, cell));
    }
  }
  /** @type {(grid: Grid, cell: number) => void} */
  #ask(grid, cell) {
    const id = `${grid.key},${cell}`;
    if (grid.opened.has(cell) || this.#asked.has(id) || this.#asked.size >= MOST_REQUESTS) return;
    this.#asked.add(id);
    const [start, stop] = grid.span(cell);
    this.send({ type: "open", key: grid.key, start, stop });
  }
  /**
   * Take pages that have come. Returns whether they are to be shown.
   * @type {(message: Pages, buffers: ArrayBufferView<ArrayBuffer>[]) => boolean}
   */
  take({ key, start, buffer = 0 }, buffers) {
    const grid = this.store.grids.get(key);
    if (!grid || grid.scale === 1) return false;
    const cell = Math.floor(start / grid.scale);
    grid.opened.set(cell, new Uint32Array(bytesOf(buffers[buffer]).buffer));
    this.#asked.delete(`${key},${cell}`);
    return true;
  }
};

// cowlab/views/map/overlay.js
var Overlay = class {
  /** @param {HTMLCanvasElement} canvas @param {Places} places @param {Looks} looks */
  constructor(canvas, places, looks) {
    this.canvas = canvas;
    this.places = places;
    this.pen = penOf(canvas);
    this.looks = looks;
  }
  /** The view has another size. */
  resize() {
    const { w, h, ratio } = this.places;
    Object.assign(this.canvas, { width: Math.round(w * ratio), height: Math.round(h * ratio) });
  }
  /** A theme or a look has changed. @param {Looks} looks */
  dress(looks) {
    this.looks = looks;
  }
  get theme() {
    return this.looks.theme;
  }
  /** Where nothing lies above the picture, the browser need not blend two canvases. @param {boolean} needed */
  clear(needed) {
    const { w, h, ratio } = this.places;
    this.canvas.style.visibility = needed ? "visible" : "hidden";
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (needed) this.pen.clearRect(0, 0, w, h);
  }
  /**
   * A line that is seen on any ground: the theme's paper around its colour.
   * @type {(colour: string, width: number, path: Path2D) => void}
   */
  #stroke(colour, width, path) {
    for (
      const [style, line] of
      /** @type {[string, number][]} */
      [
        [this.theme.paper, width + 3],
        [colour, width]
      ]
    ) {
      Object.assign(this.pen, { strokeStyle: style, lineWidth: line * this.places.unit });
      this.pen.stroke(path);
    }
  }
  /** @type {(box: Box | null, colour: string, width?: number, grow?: number) => void} */
  outline(box, colour, width = 2.5, grow = 1) {
    if (!box) return;
    const path = new Path2D();
    path.roundRect(box.x - grow, box.y - grow, box.w + 2 * grow, box.h + 2 * grow, 3);
    this.#stroke(colour, width, path);
  }
  /**
   * A curve from a page's box to a frame's, which ends in a dot.
   * @type {(page: Box, frame: Box, colour: string) => void}
   */
  curve(page, frame, colour) {
    const [from, to] = [
      { x: page.x + page.w / 2, y: page.y - 2 },
      { x: frame.x - 2, y: frame.y + 2 }
    ];
    const rise = clamp(Math.abs(to.x - from.x) * 0.12, 14, 60);
    const [path, dot] = [new Path2D(), new Path2D()];
    path.moveTo(from.x, from.y);
    path.bezierCurveTo(from.x, from.y - rise, to.x - 2 * rise, to.y - rise, to.x, to.y);
    dot.arc(to.x, to.y, 3.5, 0, 2 * Math.PI);
    this.#stroke(colour, 2.2, path);
    this.pen.fillStyle = colour;
    this.pen.fill(dot);
  }
  /** A cell as it looked with the word of a record, above the picture. @type {(box: Box, word: number) => void} */
  stamp({ x, y, w, h }, word) {
    const box = { x: x + 1, y: y + 1, w: w - 1, h: h - 1 };
    drawCell(this.pen, this.looks.of(word & 15), box, 1, 0, this.theme);
  }
};

// cowlab/views/map/highlights.js
var MOST_CURVES = 64;
function paintHighlights(parts) {
  const { stage, overlay, places, effects, tooltip } = parts;
  const { selection } = parts.cursor;
  const { target } = tooltip;
  const cursor = stage.matches(":focus") ? parts.cursor.at : null;
  overlay.clear(Boolean(target || selection || cursor || effects.any));
  const moving = effects.paint();
  if (target && !moving) paintTarget(parts, target);
  if (selection) paintSelection(parts, selection);
  if (cursor) overlay.outline(places.boxOf(cursor), overlay.theme.brand, 3, 2);
  return moving;
}
function paintTarget({ overlay, places, store }, target) {
  const { brand, ink } = overlay.theme;
  const box = places.boxOf(target);
  const number2 = store.frameOf(target);
  const frame = places.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(number2) });
  const holders = store.holdersOf(number2).flatMap((holder) => places.boxOf(holder) ?? []);
  const from = target.grid.key === FRAMES ? holders.slice(0, MOST_CURVES) : box ? [box] : [];
  if (frame && box && store.scale === 1) for (const page of from) overlay.curve(page, frame, brand);
  for (const holder of holders) overlay.outline(holder, ink);
  for (const one of [frame, box]) overlay.outline(one, brand);
}
function paintSelection({ overlay, places }, { grid, from, to }) {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  const cols = places.columns({ grid, cell: first });
  for (let row = Math.floor(first / cols); row <= Math.floor(last / cols); row++) {
    const a = places.boxOf({ grid, cell: Math.max(first, row * cols) });
    const b = places.boxOf({ grid, cell: Math.min(last, (row + 1) * cols - 1) });
    if (a && b) overlay.outline({ ...a, w: b.x + b.w - a.x }, overlay.theme.brand, 2.5, 0);
  }
}

// cowlab/views/map/layout.js
var MAX_CELL = 40;
var NUMBER_WIDTH = 17;
var COLUMNS = [32, 16, 64, 8, 128, 256];
var FULL = { title: 13.5, text: 11.5, head: 22, label: 16, pad: 8, gap: 10, aisle: 32 };
var COMPACT = { title: 11.5, text: 11, head: 15, label: 14, pad: 4, gap: 4, aisle: 16 };
function layOut(store, w, h, unit, measure) {
  const full = largest(store, { w, h, ...scaled(FULL, unit), measure });
  if (full && full.cell >= NUMBER_WIDTH) return full;
  const compact = largest(store, { w, h, ...scaled(COMPACT, unit), compact: true, measure });
  if (compact && compact.cell > (full?.cell ?? 0)) return compact;
  return full ?? layOut(store, 1.15 * w, 1.15 * h, unit, measure);
}
function scaled({ title, text, head, label, pad, gap, aisle }, unit) {
  return {
    ...{ unit, title: title * unit, text: text * unit, head: head * unit, label: label * unit },
    ...{ pad: pad * unit, gap: gap * unit, aisle: aisle * unit }
  };
}
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
var larger = (cell) => cell + (cell < 5 ? 0.5 : 1);
function place(store, style) {
  const { w, h, aisle } = style;
  const common = style.compact ? store.common : null;
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
function cardBox(card, style, label) {
  const { pad, head, title, measure } = style;
  const areas = shelves(card.grids, style, label);
  const w = Math.max(measure(card.title, title, true) + 4, ...areas.map((area) => area.x + area.w));
  const h = Math.max(head, ...areas.map((area) => area.y + area.rows * style.cell));
  for (const area of areas) area.x += pad;
  return { card, title: card.title, x: 0, y: 0, w: w + 2 * pad, h: h + pad, areas };
}
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
var eights = (n) => 8 * Math.ceil(n / 8);
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

// cowlab/views/map/published.js
function publish(root, { stage, places, store }, fps) {
  const client = (target) => {
    const box = places.boxOf(target);
    if (!box) return null;
    const { left, top } = stage.getBoundingClientRect();
    const { x, y } = centre(box);
    return { x: left + stage.clientLeft + x, y: top + stage.clientTop + y };
  };
  const where = ({ process, mapping, page }) => {
    const grid = store.find(process, mapping);
    return grid ? client({ grid, cell: Math.floor(page / grid.scale), page }) : null;
  };
  const frame = (n) => client({ grid: store.frameGrid, cell: store.cellOfFrame(n) });
  return Object.assign(root, { cowlab: { drawn: 0, lastSeq: -1, paintMs: 0, where, frame, fps } }).cowlab;
}

// cowlab/views/map/painting.js
var FRAME_MS = 12;
var Painting = class {
  #relayout = false;
  #dirty = false;
  // the picture is to be painted, and not only what lies above it
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
    return this.#times.filter((time) => now - time < 1e3);
  }
};

// cowlab/views/map/places.js
var MARGIN = 128;
var OPEN_WIDTH = 96;
var Places = class {
  /** @type {Layout | null} */
  layout = null;
  /** @type {Sight} */
  sight = { x: 0, y: 0, k: 1 };
  // The view in css px, how many pixels of the screen one is, and how much larger than usual texts and lines are.
  w = 0;
  h = 0;
  ratio = 1;
  unit = 1;
  /** The side of a cell in css px. */
  get side() {
    return this.layout ? this.layout.cell * this.sight.k : 0;
  }
  /** The picture in pixels. */
  get width() {
    return Math.round((this.w + 2 * MARGIN) * this.ratio);
  }
  get height() {
    return Math.round((this.h + 2 * MARGIN) * this.ratio);
  }
  /** The world's x in the view. @param {number} x */
  sx(x) {
    return (x - this.sight.x) * this.sight.k;
  }
  /** @param {number} y */
  sy(y) {
    return (y - this.sight.y) * this.sight.k;
  }
  // Where something is
  /** The cells of a grid. @param {Area} area @returns {Tile} */
  tile({ grid, cols, x, y }) {
    return { cells: grid.cells, cols, x: this.sx(x), y: this.sy(y), w: this.side, h: this.side };
  }
  /**
   * The pages inside an opened cell; columns a power of two, so that rows start at round page numbers.
   * @type {(area: Area, cell: number) => Tile}
   */
  inner(area, cell) {
    const { grid } = area;
    const outer = this.#boxIn(this.tile(area), cell);
    const cols = 2 ** Math.ceil(Math.log2(grid.scale) / 2);
    const [w, h] = [(outer.w - 3) / cols, (outer.h - 3) / Math.ceil(grid.scale / cols)];
    return { cells: (grid.opened.get(cell)?.length ?? 0) / 2, cols, x: outer.x + 2, y: outer.y + 2, w, h };
  }
  /** @type {(grid: Grid, cell: number) => boolean} */
  isOpen(grid, cell) {
    return this.canOpen && grid.scale > 1 && grid.opened.has(cell);
  }
  /** Whether cells are wide enough to show the pages they stand for. */
  get canOpen() {
    return this.side >= OPEN_WIDTH;
  }
  get areas() {
    return (this.layout?.boxes ?? []).flatMap((box) => box.areas);
  }
  /** @param {Grid} grid */
  area(grid) {
    for (const box of this.layout?.boxes ?? []) for (const area of box.areas) if (area.grid === grid) return area;
    return null;
  }
  /** The box of a cell, or of a page inside an opened one; null if there is none. @param {Partial<Target>} target */
  boxOf({ grid, cell = -1, page }) {
    const area = grid && this.area(grid);
    if (!area || cell < 0 || cell >= grid.cells) return null;
    if (page === void 0 || !this.isOpen(grid, cell)) return this.#boxIn(this.tile(area), cell);
    return this.#boxIn(this.inner(area, cell), page - cell * grid.scale);
  }
  /** In whole pixels, as it is painted. @type {(tile: Tile, index: number) => Box} */
  #boxIn({ cols, x, y, w, h }, index) {
    const at = (value) => Math.round(value * this.ratio) / this.ratio;
    const [left, top] = [x + index % cols * w, y + Math.floor(index / cols) * h];
    return { x: at(left), y: at(top), w: at(left + w) - at(left), h: at(top + h) - at(top) };
  }
  /** Columns of the mapping, or of the opened cell, that a target is in. @param {Target} target */
  columns({ grid, cell, page }) {
    const area = this.area(grid);
    if (!area) return 1;
    return page !== void 0 && this.isOpen(grid, cell) ? this.inner(area, cell).cols : area.cols;
  }
  /**
   * Call visit(cell, x, y, w, h) for each cell of a tile that lies on the picture: pixels from its corner, all whole.
   * @type {(tile: Tile, visit: Visit) => void}
   */
  each({ cells, cols, x, y, w, h }, visit) {
    const { ratio, width, height } = this;
    const [left, top, stepX, stepY] = [(x + MARGIN) * ratio, (y + MARGIN) * ratio, w * ratio, h * ratio];
    const seen = (start, step, end, count) => [Math.floor(-start / step), Math.ceil((end - start) / step)].map((at) => clamp(at, 0, count));
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
  // What is at a point
  /**
   * The cell at a point of the view, and its page; null beside them.
   * @type {(px: number, py: number) => Target | null}
   */
  hit(px, py) {
    if (!this.layout) return null;
    const { boxes, cell: side } = this.layout;
    const [x, y] = [px / this.sight.k + this.sight.x, py / this.sight.k + this.sight.y];
    const box = boxes.find((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h);
    for (const area of box?.areas ?? []) {
      const { grid, cols } = area;
      const [col, row] = [Math.floor((x - area.x) / side), Math.floor((y - area.y) / side)];
      const cell = row * cols + col;
      if (col < 0 || row < 0 || col >= cols || cell >= grid.cells) continue;
      return { grid, cell, page: this.#pageAt(area, cell, px, py) };
    }
    return null;
  }
  /** @type {(area: Area, cell: number, px: number, py: number) => number | undefined} */
  #pageAt(area, cell, px, py) {
    const { grid } = area;
    if (!this.isOpen(grid, cell)) return grid.scale === 1 ? cell : void 0;
    const { x, y, w, h, cols, cells } = this.inner(area, cell);
    const [col, row] = [clamp(Math.floor((px - x) / w), 0, cols - 1), Math.max(0, Math.floor((py - y) / h))];
    return cell * grid.scale + Math.min(row * cols + col, cells - 1);
  }
};

// cowlab/views/map/captions.js
var Captions = class {
  /** @type {Map<string, number>} */
  #widths = /* @__PURE__ */ new Map();
  /** @param {CanvasRenderingContext2D} pen @param {Places} places @param {Looks} looks */
  constructor(pen, places, looks) {
    this.pen = pen;
    this.places = places;
    this.looks = looks;
  }
  /** @type {(px: number, bold?: boolean) => CanvasRenderingContext2D} */
  #font(px, bold = false) {
    this.pen.font = `${bold ? 600 : 400} ${px}px ${this.looks.theme.font}`;
    return this.pen;
  }
  /** The width of a text, which a layout asks often. @type {Measure} */
  measure(text, px, bold = false) {
    const key = `${px}|${bold}|${text}`;
    const width = this.#widths.get(key) ?? this.#font(px, bold).measureText(text).width;
    this.#widths.set(key, width);
    return width;
  }
  /** What stands on a card. @type {(box: CardBox, layout: Layout, frames: FrameFacts | null) => void} */
  paintTexts({ card, title, x, y, w, areas }, layout, frames) {
    const { pen, places } = this;
    const { theme } = this.looks;
    const { k } = places.sight;
    const [big, small] = [Math.min(layout.title * k, 24), Math.min(layout.text * k, 20)];
    const [left, line] = [places.sx(x + layout.pad), places.sy(y) + 0.74 * layout.head * k];
    const width = (w - 2 * layout.pad) * k;
    if (small < 7) return;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = theme.ink;
    const past = this.#write(left, line, width, big, true, title) + 0.6 * big;
    pen.fillStyle = theme.quiet;
    if (frames && !card) this.#write(left, line + layout.label * k, width, small, false, ...notesOf(frames));
    if (!card) return;
    this.#write(left + past, line, width - past, small, false, notesOfCard(card), card.note, "");
    if (layout.common) return;
    for (const area of areas) {
      const [from, above] = [places.sx(area.x), places.sy(area.y) - 0.4 * small];
      this.#write(from, above, area.w * k, small, false, ...labelsOf(area.grid));
    }
  }
  /**
   * The first of `texts` that fits the width, else the last one, cut. Returns the width it takes.
   * @type {(x: number, y: number, width: number, px: number, bold: boolean, ...texts: string[]) => number}
   */
  #write(x, y, width, px, bold, ...texts) {
    const pen = this.#font(px, bold);
    const fits = (text) => pen.measureText(text).width <= width + 1;
    let shown = texts.find(fits) ?? texts[texts.length - 1];
    while (shown.length > 1 && !fits(shown)) shown = `${shown.slice(0, shown.endsWith("…") ? -2 : -1)}…`;
    pen.fillText(shown, x, y);
    return pen.measureText(shown).width;
  }
  /** The frame's number in each cell that has one: an entry of a page table in its plainest form. @param {Area} area */
  paintNumbers(area) {
    const { pen, places } = this;
    const { grid } = area;
    const tile = places.tile(area);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    if (grid.scale === 1) return this.#writeNumbers(tile, grid.data);
    places.each(tile, (cell) => {
      const pages = places.canOpen && grid.opened.get(cell);
      if (!pages) return;
      const inner = places.inner(area, cell);
      if (inner.w >= NUMBER_WIDTH) this.#writeNumbers(inner, pages);
    });
  }
  /** @type {(tile: Tile, data: Uint32Array | Uint8Array) => void} */
  #writeNumbers(tile, data) {
    const { pen, places, looks } = this;
    const { ratio } = places;
    places.each(tile, (cell, x, y, w, h) => {
      const frame = data[2 * cell + 1];
      const text = String(frame);
      const px = Math.min(Math.max(0.42 * h / ratio, 9), 1.3 * w / ratio / text.length, 22);
      if (frame === NONE || px < 8) return;
      this.#font(px, true).fillStyle = looks.of(data[2 * cell] & 15).ink;
      pen.fillText(text, (x + w / 2) / ratio - MARGIN + 0.5, (y + h / 2) / ratio - MARGIN + 0.5);
    });
  }
};

// cowlab/views/map/pixels.js
var CORNER_WIDTH = 8;
var Pixels = class {
  /** @param {CanvasRenderingContext2D} pen @param {Places} places */
  constructor(pen, places) {
    this.pen = pen;
    this.places = places;
    const { width, height } = places;
    this.width = width;
    this.height = height;
    this.image = pen.createImageData(width, height);
    this.data = new Uint32Array(this.image.data.buffer);
  }
  /**
   * Write the cells of a mapping that are in view, and put them on the canvas.
   * @type {(area: Area, looks: Looks) => void}
   */
  paint(area, looks) {
    const { places, image, data, width, height } = this;
    const tile = places.tile(area);
    const pixel = (at, end) => clamp(Math.round((at + MARGIN) * places.ratio), 0, end);
    const [left, right] = [tile.x, tile.x + area.cols * tile.w].map((x) => pixel(x, width));
    const [top, bottom] = [tile.y, tile.y + area.rows * tile.h].map((y) => pixel(y, height));
    if (left >= right || top >= bottom) return;
    for (let row = top; row < bottom; row++) {
      const start = row * width;
      data.fill(looks.ground, start + left, start + right);
    }
    if (area.grid.scale === 1) this.#writePages(tile, area.grid.data, looks);
    else this.#writeMixes(tile, area, looks);
    this.pen.putImageData(image, 0, 0, left, top, right - left, bottom - top);
  }
  /** @type {(tile: Tile, data: Uint32Array | Uint8Array, looks: Looks) => void} */
  #writePages(tile, data, looks) {
    const sprite = this.#sprite(tile, looks);
    const side = Math.min(tile.w, tile.h);
    const flags = side >= NUMBER_WIDTH ? 112 : side >= CORNER_WIDTH ? DIFFERS << 4 : 0;
    const plate = side >= NUMBER_WIDTH ? PLATE << 4 : 0;
    this.places.each(tile, (cell, x, y, w, h) => {
      const word = data[2 * cell];
      const variant = word & 15 | word >>> 4 & flags | (data[2 * cell + 1] === NONE ? 0 : plate);
      this.#copy(sprite(variant, w, h), x, y, w, 0, h);
    });
  }
  /** @type {(tile: Tile, area: Area, looks: Looks) => void} */
  #writeMixes(tile, area, looks) {
    const { places } = this;
    const { grid } = area;
    const sprite = this.#sprite(tile, looks);
    places.each(tile, (cell, x, y, w, h) => {
      const pages = places.canOpen && grid.opened.get(cell);
      if (pages) this.#writePages(places.inner(area, cell), pages, looks);
      else this.#writeBands(grid, sprite, cell, x, y, w, h);
    });
  }
  /** @type {(tile: Tile, looks: Looks) => Sprite} */
  #sprite(tile, looks) {
    const { ratio } = this.places;
    return looks.sized(tile.w * ratio, tile.h * ratio, ratio);
  }
  /**
   * A cell of many pages: a band for each state; even the smallest share is seen.
   * @type {(grid: Grid, sprite: Sprite, cell: number, x: number, y: number, w: number, h: number) => void}
   */
  #writeBands(grid, sprite, cell, x, y, w, h) {
    const mark = this.places.side >= CORNER_WIDTH && grid.differs(cell) ? DIFFERS << 4 : 0;
    let [sum, from] = [0, 0];
    for (let state = 0; state < MARK_BYTE && sum < 255; state++) {
      const share = grid.data[16 * cell + state];
      if (!share) continue;
      sum += share;
      const to = clamp(Math.round(h * sum / 255), Math.min(from + 1, h), h);
      this.#copy(sprite(state | mark, w, h), x, y, w, from, to);
      from = to;
    }
  }
  /**
   * Rows [from, to) of a picture that is w pixels wide, to x, y.
   * @type {(picture: Uint32Array, x: number, y: number, w: number, from: number, to: number) => void}
   */
  #copy(picture, x, y, w, from, to) {
    const { data } = this;
    const { width, height } = this;
    const [x0, x1] = [Math.max(0, -x), Math.min(w, width - x)];
    const [y0, y1] = [Math.max(from, -y), Math.min(to, height - y)];
    for (let row = y0; row < y1; row++) {
      const out = (y + row) * width + x;
      for (let i = x0; i < x1; i++) data[out + i] = picture[row * w + i];
    }
  }
};

// cowlab/views/map/picture.js
var Picture = class {
  /** How it was painted last. @type {Sight | null} */
  #painted = null;
  /** @param {HTMLCanvasElement} canvas @param {Places} places @param {Looks} looks */
  constructor(canvas, places, looks) {
    this.canvas = canvas;
    this.places = places;
    this.pen = penOf(canvas, { alpha: false });
    this.pixels = new Pixels(this.pen, places);
    this.looks = looks;
    this.captions = new Captions(this.pen, places, looks);
  }
  /** The view has another size. */
  resize() {
    const { width, height } = this.places;
    Object.assign(this.canvas, { width, height });
    this.pixels = new Pixels(this.pen, this.places);
  }
  /** A theme or a look has changed: all pictures of cells are made anew. @param {Looks} looks */
  dress(looks) {
    this.looks = looks;
    this.captions = new Captions(this.pen, this.places, looks);
  }
  /** Move the picture to where it is seen now. Returns false if it must be painted instead. */
  slide() {
    const painted = this.#painted;
    const { sight, ratio } = this.places;
    if (!painted || sight.k !== painted.k) return false;
    const moved2 = (by) => Math.round(by * sight.k * ratio) / ratio;
    const [dx, dy] = [moved2(painted.x - sight.x), moved2(painted.y - sight.y)];
    if (Math.abs(dx) > MARGIN || Math.abs(dy) > MARGIN) return false;
    this.canvas.style.transform = dx || dy ? `translate(${dx}px, ${dy}px)` : "";
    return true;
  }
  /** @type {(layout: Layout, frames: FrameFacts | null) => void} */
  paint(layout, frames) {
    const { pen, places, looks, pixels, captions } = this;
    const { ratio, side } = places;
    this.#painted = places.sight;
    this.canvas.style.transform = "";
    pen.setTransform(ratio, 0, 0, ratio, MARGIN * ratio, MARGIN * ratio);
    pen.fillStyle = looks.theme.paper;
    pen.fillRect(-MARGIN, -MARGIN, places.w + 2 * MARGIN, places.h + 2 * MARGIN);
    for (const box of layout.boxes.filter((one) => this.#sees(one))) {
      this.#paintCard(box, layout.pad);
      for (const area of box.areas) {
        if (!area.grid.cells) continue;
        pixels.paint(area, looks);
        if (side < CORNER_WIDTH) this.#outlineDiffering(area);
      }
      captions.paintTexts(box, layout, frames);
      if (side >= NUMBER_WIDTH) for (const area of box.areas) captions.paintNumbers(area);
    }
  }
  /** @param {CardBox} box */
  #sees({ x, y, w, h }) {
    const { places } = this;
    const [left, top, right, bottom] = [places.sx(x), places.sy(y), places.sx(x + w), places.sy(y + h)];
    return left < places.w + MARGIN && right > -MARGIN && top < places.h + MARGIN && bottom > -MARGIN;
  }
  /** @type {(box: CardBox, pad: number) => void} */
  #paintCard({ x, y, w, h }, pad) {
    const { pen, places } = this;
    const { theme } = this.looks;
    const { k } = places.sight;
    pen.beginPath();
    pen.roundRect(places.sx(x), places.sy(y), w * k, h * k, Math.min(8, pad * k));
    pen.fillStyle = theme.card;
    pen.fill();
    pen.strokeStyle = theme.line;
    pen.lineWidth = 1;
    pen.stroke();
  }
  /**
   * Small cells have no corner to turn down: a line in two tones goes around those that differ.
   * @param {Area} area
   */
  #outlineDiffering(area) {
    const { pen, places } = this;
    const { theme } = this.looks;
    const { grid } = area;
    const tile = places.tile(area);
    const { cols, cells } = tile;
    const path = new Path2D();
    const edge = (x0, y0, x1, y1) => {
      path.moveTo(x0, y0);
      path.lineTo(x1, y1);
    };
    places.each(tile, (cell, x, y, w, h) => {
      if (!grid.differs(cell)) return;
      if (cell < cols || !grid.differs(cell - cols)) edge(x, y, x + w, y);
      if (cell + cols >= cells || !grid.differs(cell + cols)) edge(x, y + h, x + w, y + h);
      if (cell % cols === 0 || !grid.differs(cell - 1)) edge(x, y, x, y + h);
      if ((cell + 1) % cols === 0 || !grid.differs(cell + 1)) edge(x + w, y, x + w, y + h);
    });
    pen.save();
    pen.resetTransform();
    pen.lineCap = "square";
    for (
      const [style, width] of
      /** @type {[string, number][]} */
      [
        [theme.paper, 4],
        [theme.dark ? "#ffffff" : "#000000", 2]
      ]
    ) {
      Object.assign(pen, { strokeStyle: style, lineWidth: width * places.ratio * places.unit });
      pen.stroke(path);
    }
    pen.restore();
  }
};

// cowlab/views/map/pointer.js
var Pointer = class {
  /** Those that are down. @type {Map<number, Point>} */
  #down = /* @__PURE__ */ new Map();
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
    const ours = { passive: false };
    const fingers = (event) => event.touches.length > 1 && event.preventDefault();
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
    if (to?.grid !== from.grid || to.cell === from.cell && !cursor.selection) return;
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
    const speed = event.ctrlKey && Math.abs(event.deltaY) < 50 ? 0.01 : 16e-4;
    const point = this.#at(event);
    this.map.tooltip.point(null);
    this.map.camera.zoomBy(Math.exp(-event.deltaY * lines * speed), point.x, point.y);
    this.map.tooltip.point(this.#hit(point));
  }
};

// cowlab/views/map/status.js
var Status = class {
  line = element("p", { class: "cowlab-status", role: "status" });
  spoken = element("p", { class: "cowlab-hidden", "aria-live": "polite" });
  /** Show a sentence. @param {string} text */
  say(text, error = false) {
    this.line.textContent = text;
    this.line.classList.toggle("cowlab-error", error);
  }
  /** Read a sentence out. @param {string} text */
  speak(text) {
    this.spoken.textContent = text;
  }
};

// cowlab/views/map/store.js
var Store = class {
  started = false;
  scale = 1;
  /** @type {Card[]} */
  cards = [];
  /** @type {Map<number, Grid>} */
  grids = /* @__PURE__ */ new Map();
  /** @type {FrameFacts | null} */
  frames = null;
  /**
   * Take a "draw". Returns the keys that changed, or null for a draw before the first full one.
   * @type {(message: Draw, buffers: ArrayBufferView<ArrayBuffer>[]) => Set<number> | null}
   */
  apply(message, buffers) {
    if (message.full) {
      Object.assign(this, { started: true, scale: message.scale, cards: [], grids: /* @__PURE__ */ new Map(), frames: null });
    }
    if (!this.started) return null;
    const changed = /* @__PURE__ */ new Set();
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
    const kept = /* @__PURE__ */ new Set([FRAMES]);
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
    return all.filter((grid) => grid !== void 0 && grid.cells > 0);
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
    const same2 = ({ grids: [grid, other] }) => grid && !other && grid.name === first.name && grid.kind === first.kind && grid.pages === first.pages;
    return first && this.cards.length > 1 && this.cards.every(same2) ? first : null;
  }
};

// cowlab/views/map/theme.js
function readTheme(root, quiet) {
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: colour("paper"),
    card: colour("card"),
    ink: colour("ink"),
    line: colour("line"),
    brand: colour("brand"),
    quiet: getComputedStyle(quiet).color,
    // a mix: resolved only as a colour
    dark: document.body.dataset.jpThemeLight === "false",
    font: style.fontFamily
  };
}

// cowlab/views/map/toolbar.js
function group(...buttons) {
  const shown = buttons.filter((one) => one !== false);
  return shown.length > 0 && element("div", { class: "cowlab-group" }, ...shown);
}
var Toolbar = class {
  bar = element("div", { class: "cowlab-tools", role: "toolbar", "aria-label": "Memory map" });
  /** Fork and Exit say whom they concern. @type {[Op, HTMLElement][]} */
  #named = [];
  /** @type {HTMLElement | false} */
  #inside = false;
  /** @param {Parts} map */
  constructor(map) {
    this.map = map;
  }
  /** Make all buttons anew. */
  build() {
    const { acts } = this.map;
    const modes = acts.modes;
    if (!acts.mode || !modes.includes(acts.mode)) acts.mode = modes[0];
    this.#named = [];
    this.#inside = this.#insideButton();
    const reaches = modes.length ? ["page", "range"] : [];
    const groups = [
      this.#switch("A click", modes, acts.mode, (mode) => acts.mode = mode),
      this.#switch("A tap takes", reaches, acts.reach, (reach) => acts.reach = reach, "cowlab-touch"),
      group(this.#act("fork", "F"), this.#act("exit", "X")),
      group(this.#inside),
      element("span", { class: "cowlab-space" }),
      this.#view()
    ];
    this.bar.replaceChildren(...groups.filter((one) => one !== false));
    acts.setAsking(false);
    this.nameProcess();
  }
  /** @type {(op: Op, key: string) => HTMLElement | false} */
  #act(op, key) {
    if (!this.map.acts.can(op)) return false;
    const made = button(titled(op), () => this.map.acts.act(op), { "data-op": op, title: `Key: ${key}` });
    this.#named.push([op, made]);
    return made;
  }
  #insideButton() {
    const { acts } = this.map;
    const named = { "aria-pressed": "false", "aria-label": "Step inside a fault", title: "Key: I" };
    return acts.can("inside") && button("Inside a fault", () => acts.setAsking(!acts.asking), named);
  }
  /** What is seen. */
  #view() {
    const { camera, help } = this.map;
    return group(
      button("−", () => camera.zoomOut(), { "aria-label": "Zoom out", title: "Key: −" }),
      button("+", () => camera.zoomBy(), { "aria-label": "Zoom in", title: "Key: +" }),
      button("Fit", () => camera.fit(), { title: "Show all. Key: 0" }),
      button("?", () => help.showModal(), { "aria-label": "Help", "aria-haspopup": "dialog" })
    );
  }
  /**
   * Buttons of which one is pressed.
   * @template {string} Choice
   * @param {string} label
   * @param {Choice[]} choices
   * @param {Choice | undefined} chosen
   * @param {(choice: Choice) => void} choose
   * @returns {HTMLElement | false}
   */
  #switch(label, choices, chosen, choose, more = "") {
    if (!choices.length) return false;
    const press = (choice) => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.value === choice));
    };
    const buttons = choices.map(
      (choice) => button(titled(choice), () => this.#choose(choice, choose, press), { "data-value": choice })
    );
    press(chosen);
    const named = { class: `cowlab-group cowlab-switch ${more}`, role: "group", "aria-label": label };
    return element("div", named, ...buttons);
  }
  /**
   * @template {string} Choice
   * @param {Choice} choice
   * @param {((choice: Choice) => void)[]} told
   */
  #choose(choice, ...told) {
    for (const tell of told) tell(choice);
    this.map.cursor.selection = null;
    this.map.repaint();
  }
  /** Fork and Exit say whom they concern: the cursor's process. */
  nameProcess() {
    const process = this.map.cursor.process ?? "";
    for (const [op, one] of this.#named) one.textContent = `${titled(op)} ${process}`.trim();
  }
  /** Whether a click asks for the steps of its fault. @param {boolean} asking */
  showAsking(asking) {
    if (this.#inside) this.#inside.setAttribute("aria-pressed", String(asking));
  }
};

// cowlab/views/map/tooltip.js
var ASK_MS = 60;
var subjectOf = ({ process, mapping, page, frame }) => [process, mapping, page, frame].join();
var same = (a, b) => a?.grid === b?.grid && a?.cell === b?.cell && a?.page === b?.page;
var Tooltip = class {
  box = element("div", { class: "cowlab-tip", "aria-hidden": "true", hidden: true });
  /** What is pointed at. @type {Target | null} */
  target = null;
  /** Python's words, until the next draw. @type {Map<string, string>} */
  #answers = /* @__PURE__ */ new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #asking;
  /** @param {Parts} map */
  constructor(map) {
    this.map = map;
  }
  /** The pointer is at this target, or at none. @param {Target | null} target */
  point(target) {
    const before = this.target;
    this.target = target;
    if (same(target, before)) return;
    this.hide();
    this.map.repaint();
    if (target) this.#tell(target);
  }
  /** All is drawn anew: ask again about the target, after `wait` ms. @param {number} wait */
  renew(wait) {
    this.#answers.clear();
    this.target = this.map.store.kept(this.target);
    this.hide();
    if (this.target) this.#asking = setTimeout(() => this.target && this.#tell(this.target), wait);
  }
  /** @param {Target} target */
  #tell(target) {
    if (this.map.inside.focused) return;
    const question = this.#question(target);
    const answer = question && this.#answers.get(subjectOf(question));
    this.#show(target, answer ?? this.map.words.facts(target).join("\n"));
    if (question && !answer) this.#asking = setTimeout(() => this.map.send(question), ASK_MS);
  }
  /** What to ask about a target; null where only a mix is known. @param {Target} target */
  #question(target) {
    const { grid, page } = target;
    const frame = this.map.store.frameOf(target);
    if (grid.key === FRAMES) return frame < 0 ? null : { type: "frame", frame };
    return page === void 0 ? null : { type: "look", process: grid.process, mapping: grid.name, page };
  }
  /** Python's words have come. @param {Answer} message */
  answer(message) {
    this.#answers.set(subjectOf(message), message.text);
    const question = this.target && this.#question(this.target);
    const awaited = question && subjectOf(question) === subjectOf(message);
    if (this.target && awaited && !this.box.hidden) this.#show(this.target, message.text);
  }
  /** The picture has moved, and the target with it. */
  follow() {
    if (this.target && !this.box.hidden) this.#show(this.target, this.box.textContent ?? "");
  }
  /** A text below a target, or above it where there is no room. @type {(target: Target, text: string) => void} */
  #show(target, text) {
    const { box } = this;
    const { places } = this.map;
    const around = places.boxOf(target);
    if (!around) return;
    box.textContent = text;
    box.hidden = false;
    const below = around.y + around.h + 10;
    const x = clamp(around.x + (around.w - box.offsetWidth) / 2, 4, places.w - box.offsetWidth - 4);
    const y = below + box.offsetHeight < places.h ? below : around.y - box.offsetHeight - 10;
    box.style.transform = `translate(${Math.round(x)}px, ${Math.round(Math.max(4, y))}px)`;
  }
  hide() {
    clearTimeout(this.#asking);
    this.box.hidden = true;
  }
};

// cowlab/views/map/twin.js
var MOST_RUNS = 300;
var Twin = class {
  list = element("ul", { class: "cowlab-twin cowlab-hidden", "aria-label": "Pages in words" });
  #frames = element("li", { "data-frames": true });
  /** The list of a mapping's runs, by its key. @type {Map<number, HTMLElement>} */
  #lists = /* @__PURE__ */ new Map();
  /** Keys of mappings that are to be written anew. @type {Set<number>} */
  #changed = /* @__PURE__ */ new Set();
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
      for (to = from + 1; to < grid.cells && alike(grid, from, to); ) to++;
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
};
function alike({ scale, data }, a, b) {
  const facts = 4294902015 | DIFFERS << 8;
  if (scale === 1) return (data[2 * a] & facts) === (data[2 * b] & facts);
  for (let i = 0; i < 16; i++) if (data[16 * a + i] !== data[16 * b + i]) return false;
  return true;
}

// cowlab/views/map/words.js
var Words = class {
  /** @param {Store} store @param {() => Look[]} looks */
  constructor(store, looks) {
    this.store = store;
    this.looks = looks;
  }
  /** @param {number} code */
  word(code) {
    return this.looks()[code]?.word ?? `state ${code}`;
  }
  /** @type {(code: number, mappers: number) => string} */
  state(code, mappers) {
    return code === BY_MORE && mappers > 2 ? `shared by ${number(mappers)}` : this.word(code);
  }
  /** A cell of many pages. @param {Iterable<number>} shares in 255ths */
  mix(shares) {
    const parts = [...shares].map((share, code) => ({ share, code })).filter(({ share }) => share > 0);
    if (parts.length === 1) return `all ${this.word(parts[0].code)}`;
    const percent = (share) => share < 2.55 ? "under 1 %" : `${Math.round(share / 2.55)} %`;
    return parts.sort((a, b) => b.share - a.share).map(({ share, code }) => `${percent(share)} ${this.word(code)}`).join(", ");
  }
  /** @param {Target} target */
  place({ grid, cell, page }) {
    const [start, stop] = page === void 0 ? grid.span(cell) : [page, page + 1];
    if (this.store.isTable({ grid, cell })) return grid.scale > 1 ? "page tables" : "a page table";
    if (grid.key === FRAMES) return pageRange(start, stop).replace("page", "frame");
    return `${pageRange(start, stop)} of ${grid.name} in ${grid.process}`;
  }
  /** One sentence for the cursor. @param {Target} target */
  sentence(target) {
    const [place2, ...facts] = this.facts(target);
    return `${place2}: ${facts.join(", ")}`;
  }
  /** What the browser knows of a target, a line each; Python's own words say more. @param {Target} target */
  facts(target) {
    const { grid, cell, page } = target;
    const record = grid.record(cell, page);
    const place2 = this.place(target);
    if (this.store.isTable(target)) return [place2, "counted with the frames in use, without a number here"];
    const facts = record ? this.#entry(grid, record) : [this.mix(grid.shares(cell))];
    return [place2, ...facts, grid.differs(cell) && this.word(DIFFERENT)].filter((fact) => typeof fact === "string");
  }
  /** @type {(grid: Grid, record: PageRecord) => (string | number | false)[]} */
  #entry({ key }, { code, frame, mappers, flags }) {
    const rights = [flags & WRITABLE && "writable", flags & DIRTY && "dirty", flags & EXCLUSIVE && "exclusive"];
    return [this.state(code, mappers), key !== FRAMES && frame >= 0 && `frame ${number(frame)}`, ...rights];
  }
};

// cowlab/views/map/map.js
var maps = 0;
var MemoryMap = class {
  #id = `cowlab-map-${++maps}`;
  #stopListening = () => {
  };
  store = new Store();
  places = new Places();
  // What the parts do with the map
  /** @type {Send} */
  send = (message) => this.model.send(message);
  repaint = () => this.painting.later();
  layOutAnew = () => this.painting.layOutAnew();
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.words = new Words(this.store, () => this.#lookOfStates);
    this.twin = new Twin(this);
    this.legend = new Legend(this);
    this.head = new Head();
    this.status = new Status();
    this.help = helpDialog(this.#id);
    this.inside = new Inside(this.send);
    this.tooltip = new Tooltip(this);
    this.opening = new Opening(this);
    this.camera = new Camera(this);
    this.cursor = new Cursor(this, () => this.toolbar.nameProcess());
    this.acts = new Acts(this, (asking) => this.#showAsking(asking));
    this.toolbar = new Toolbar(this);
    const [base, over] = [0, 1].map(() => element("canvas", { "aria-hidden": "true" }));
    this.stage = this.#makeStage(base, over);
    this.root = this.#makeRoot();
    el.append(this.root);
    this.looks = this.#readLooks();
    this.picture = new Picture(base, this.places, this.looks);
    this.overlay = new Overlay(over, this.places, this.looks);
    this.effects = new Effects(this);
    this.keyboard = new Keyboard(this);
    this.pointer = new Pointer(this);
    this.painting = new Painting(this, () => this.#sayHead());
    this.#listen();
    this.toolbar.build();
    this.#resize();
    this.send({ type: "ready" });
  }
  // Elements
  /** @type {(base: HTMLElement, over: HTMLElement) => HTMLElement} */
  #makeStage(base, over) {
    const named = { role: "application", "aria-label": "Memory map", "aria-describedby": `${this.#id}-hint` };
    return element("div", { class: "cowlab-stage", tabindex: 0, ...named }, base, over, this.tooltip.box);
  }
  #makeRoot() {
    return element(
      "div",
      { class: "cowlab-map", "data-lm-suppress-shortcuts": "true" },
      this.head.line,
      this.toolbar.bar,
      element("span", { class: "cowlab-hidden", id: `${this.#id}-hint` }, HINT),
      element("div", { class: "cowlab-body" }, this.stage, this.inside.panel),
      this.status.line,
      this.legend.list,
      this.status.spoken,
      this.twin.list,
      this.help
    );
  }
  #sayHead() {
    this.head.say(this.model.get("title") ?? "", this.store.scale, this.places.layout?.common ?? null);
  }
  /** @param {boolean} asking */
  #showAsking(asking) {
    this.toolbar.showAsking(asking);
    this.stage.classList.toggle("cowlab-asking", asking);
  }
  // Messages
  #listen() {
    const { model } = this;
    this.stage.addEventListener("focus", () => this.cursor.settle());
    this.stage.addEventListener("blur", this.repaint);
    this.root.addEventListener("keydown", (event) => !(event.ctrlKey || event.metaKey) && event.stopPropagation());
    const heard = {
      "msg:custom": (message, buffers) => this.#receive(message, buffers),
      "change:look": () => this.#dress(),
      "change:title": () => this.#sayHead(),
      "change:actions": () => this.toolbar.build(),
      "change:height": () => this.#resize()
    };
    for (const [name, act] of Object.entries(heard)) model.on(name, act);
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(this.stage);
    const themes = new MutationObserver(() => this.#dress());
    themes.observe(document.body, { attributes: true });
    this.#stopListening = () => {
      for (const [name, act] of Object.entries(heard)) model.off(name, act);
      sizes.disconnect();
      themes.disconnect();
    };
  }
  destroy() {
    this.#stopListening();
    this.painting.stop();
    this.tooltip.hide();
    this.root.remove();
  }
  /** @type {(message: Message, buffers: DataView<ArrayBuffer>[]) => void} */
  #receive(message, buffers) {
    if (message.type === "draw") this.#draw(message, buffers);
    else if (message.type === "pages") this.opening.take(message, buffers) && this.painting.later(true);
    else if (message.type === "look") this.tooltip.answer(message);
    else if (message.type === "say") this.status.say(message.text, message.error);
    else if (message.type === "inside") this.#showInside(message);
  }
  /** @type {(message: Draw, buffers: DataView<ArrayBuffer>[]) => void} */
  #draw(message, buffers) {
    const { store, effects } = this;
    effects.remember(store.started && !message.full ? message.effects ?? [] : []);
    const framesBefore = store.frameGrid?.cells;
    const changed = store.apply(message, buffers);
    if (!changed) return;
    effects.start(this.model.get("speed") ?? 0);
    const relayout = Boolean(message.full || message.cards || store.frameGrid?.cells !== framesBefore);
    this.opening.renew();
    this.cursor.renew();
    this.tooltip.renew(effects.time);
    if (message.counters) this.head.count(message.counters);
    if (message.said) this.status.say(message.said);
    if (this.places.w) this.legend.update(this.looks, this.places.ratio);
    this.#sayHead();
    this.painting.soon(message.seq, relayout);
    this.twin.update(changed, Boolean(message.cards || message.full));
  }
  /** @param {InsideSteps} message */
  #showInside(message) {
    const { steps: steps2, at } = message;
    const { inside, status } = this;
    if (steps2.length) {
      inside.show(message);
      status.say(`${steps2[at].question} ${steps2[at].answer}`);
      this.tooltip.hide();
    } else if (!inside.panel.hidden) {
      inside.panel.hidden = true;
      this.acts.setAsking(false);
      this.stage.focus({ preventScroll: true });
    }
  }
  // Looks and size
  get #lookOfStates() {
    return this.model.get("look") ?? [];
  }
  #readLooks() {
    return new Looks(this.#lookOfStates, readTheme(this.root, this.head.scale));
  }
  /** Take on the colours of the page; before the map is on it, there are none. */
  #dress() {
    if (!this.places.w) return;
    this.looks = this.#readLooks();
    this.picture.dress(this.looks);
    this.overlay.dress(this.looks);
    if (this.store.started) this.legend.dress(this.looks, this.places.ratio);
    this.layOutAnew();
  }
  /**
   * Text and height grow on wide screens, which are read from further away. Slides ask for more (--cowlab-enlarge), and
   * for a map that leaves room for its controls (--cowlab-share of the window's height).
   */
  #resize() {
    const { places, stage, root } = this;
    const style = getComputedStyle(root);
    const asked = (name, usual) => Number(style.getPropertyValue(name)) || usual;
    const unit = asked("--cowlab-enlarge", 1) * clamp(root.clientWidth / 1400, 1, 1.5);
    const most = asked("--cowlab-share", Infinity) * innerHeight;
    const height = Math.round(Math.min((this.model.get("height") || 420) * unit, most));
    root.style.setProperty("--cowlab-unit", String(unit));
    stage.style.height = `${height}px`;
    const [w, h, ratio] = [stage.clientWidth, stage.clientHeight, devicePixelRatio || 1];
    if (!w || places.w === w && places.h === h && places.ratio === ratio) return;
    Object.assign(places, { w, h, ratio, unit });
    this.picture.resize();
    this.overlay.resize();
    this.#dress();
  }
};

// cowlab/views/map/index.js
var index_default = {
  /** @param {{ model: Model, el: HTMLElement }} widget */
  render({ model, el }) {
    const map = new MemoryMap(model, el);
    return () => map.destroy();
  }
};
export {
  index_default as default
};
