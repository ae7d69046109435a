/** The memory map: all parts together. It hands on what Python sends. */

import { Acts } from "./acts.js";
import { Camera } from "./camera.js";
import { Cursor } from "./cursor.js";
import { Effects } from "./effects.js";
import { element } from "./elements.js";
import { clamp } from "./geometry.js";
import { Head } from "./head.js";
import { HINT, helpDialog } from "./help.js";
import { Inside } from "./inside.js";
import { Keyboard } from "./keyboard.js";
import { Legend } from "./legend.js";
import { Looks } from "./looks.js";
import { Opening } from "./opening.js";
import { Overlay } from "./overlay.js";
import { Painting } from "./painting.js";
import { Picture } from "./picture.js";
import { Places } from "./places.js";
import { Pointer } from "./pointer.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { readTheme } from "./theme.js";
import { Toolbar } from "./toolbar.js";
import { Tooltip } from "./tooltip.js";
import { Twin } from "./twin.js";
import { Words } from "./words.js";

/** @import { Draw, InsideSteps, Message, Model, Send } from "./protocol.js" */

let maps = 0; // for ids

export class MemoryMap {
  #id = `cowlab-map-${++maps}`;
  #stopListening = () => {};
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
      this.help,
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
    /** @type {Record<string, (...told: any[]) => void>} */
    const heard = {
      "msg:custom": (message, buffers) => this.#receive(message, buffers),
      "change:look": () => this.#dress(),
      "change:title": () => this.#sayHead(),
      "change:actions": () => this.toolbar.build(),
      "change:height": () => this.#resize(),
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
    effects.remember(store.started && !message.full ? (message.effects ?? []) : []);
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
    const { steps, at } = message;
    const { inside, status } = this;
    if (steps.length) {
      inside.show(message);
      status.say(`${steps[at].question} ${steps[at].answer}`);
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
    /** @type {(name: string, usual: number) => number} */
    const asked = (name, usual) => Number(style.getPropertyValue(name)) || usual;
    const unit = asked("--cowlab-enlarge", 1) * clamp(root.clientWidth / 1400, 1, 1.5);
    const most = asked("--cowlab-share", Infinity) * innerHeight;
    const height = Math.round(Math.min((this.model.get("height") || 420) * unit, most));
    root.style.setProperty("--cowlab-unit", String(unit));
    stage.style.height = `${height}px`;
    const [w, h, ratio] = [stage.clientWidth, stage.clientHeight, devicePixelRatio || 1];
    if (!w || (places.w === w && places.h === h && places.ratio === ratio)) return;
    Object.assign(places, { w, h, ratio, unit });
    this.picture.resize();
    this.overlay.resize();
    this.#dress();
  }
}
