/** The keys of the map; help.js lists them. */

/** @import { Acts } from "./acts.js" */
/** @import { Camera } from "./camera.js" */
/** @import { Cursor } from "./cursor.js" */
/** @import { Inside } from "./inside.js" */
/** @import { Send } from "./protocol.js" */
/** @import { Tooltip } from "./tooltip.js" */

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @type {Record<string, string>} */
const SAME = { "=": "+", "−": "-", PageUp: "[", PageDown: "]" };

/**
 * @typedef {object} Parts
 * @property {HTMLElement} stage
 * @property {Camera} camera
 * @property {Tooltip} tooltip
 * @property {Cursor} cursor
 * @property {Acts} acts
 * @property {Inside} inside
 * @property {HTMLDialogElement} help
 * @property {Send} send
 * @property {() => void} repaint
 */

export class Keyboard {
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
    if (arrow) return () => (event.shiftKey ? cursor.extend(...arrow) : cursor.step(...arrow));
    /** @type {Record<string, () => void>} */
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
      escape: () => this.#escape(),
    };
    return keys[SAME[event.key] ?? event.key.toLowerCase()];
  }

  #holdSpace() {
    if (this.#space === "up") this.#space = "held"; // the key repeats while it is held
  }

  #escape() {
    if (!this.map.inside.panel.hidden) this.map.send({ type: "inside_end" });
    this.map.cursor.selection = null;
    this.map.tooltip.point(null);
    this.map.acts.setAsking(false);
    this.map.repaint();
  }
}
