/** The buttons above the picture. Which there are follows from what the reader may do. */

import { button, element } from "./elements.js";
import { titled } from "./text.js";

/** @import { Acts } from "./acts.js" */
/** @import { Camera } from "./camera.js" */
/** @import { Cursor } from "./cursor.js" */
/** @import { Op } from "./protocol.js" */

/**
 * @typedef {object} Parts
 * @property {Acts} acts
 * @property {Camera} camera
 * @property {Cursor} cursor
 * @property {HTMLDialogElement} help
 * @property {() => void} repaint
 */

/** A group of buttons, or none. @param {(HTMLElement | false)[]} buttons @returns {HTMLElement | false} */
function group(...buttons) {
  const shown = buttons.filter((one) => one !== false);
  return shown.length > 0 && element("div", { class: "cowlab-group" }, ...shown);
}

export class Toolbar {
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
      this.#switch("A click", modes, acts.mode, (mode) => (acts.mode = mode)),
      this.#switch("A tap takes", reaches, acts.reach, (reach) => (acts.reach = reach), "cowlab-touch"),
      group(this.#act("fork", "F"), this.#act("exit", "X")),
      group(this.#inside),
      element("span", { class: "cowlab-space" }),
      this.#view(),
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
      button("?", () => help.showModal(), { "aria-label": "Help", "aria-haspopup": "dialog" }),
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
    const press = (/** @type {Choice | undefined} */ choice) => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.value === choice));
    };
    const buttons = choices.map((choice) =>
      button(titled(choice), () => this.#choose(choice, choose, press), { "data-value": choice }),
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
}
