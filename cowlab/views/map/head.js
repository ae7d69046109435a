/** The line above the picture: a title, what is true of all cells, counters. */

import { element } from "./elements.js";
import { labelsOf } from "./labels.js";
import { number, size } from "./text.js";

/** @import { Grid } from "./records.js" */

export class Head {
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
      common && `each card is one mapping: ${labelsOf(common)[0]}`,
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
}
