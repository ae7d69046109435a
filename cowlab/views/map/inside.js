/** The steps of a fault: its questions, answered so far, each with the line of code that asks it. */

import { button, element } from "./elements.js";

/** @import { InsideSteps, Send, Step } from "./protocol.js" */

export class Inside {
  /** @type {Step[]} */
  #steps = [];
  #at = 0;
  #title = element("h3");
  #list = element("ol", { tabindex: 0, "aria-label": "Steps" }); // has the focus to be scrolled by key
  #back = button("Back", () => this.#go(-1), { "data-go": "back" });
  #next = button("Next", () => this.#go(1), { "data-go": "next" });
  #finish = button("Finish", () => this.#end(), { "data-go": "finish" });
  panel = element(
    "section",
    { class: "cowlab-inside", "aria-label": "Inside the fault", hidden: true },
    this.#title,
    this.#list,
    element("div", { class: "cowlab-group" }, this.#back, this.#next, this.#finish),
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
    const root = /** @type {Document | ShadowRoot} */ (this.panel.getRootNode());
    return this.panel.contains(root.activeElement) ? root.activeElement : null;
  }

  /** Whether a part of the panel has the focus. */
  get focused() {
    return this.#active !== null;
  }

  /** Show the steps up to `at`. @param {InsideSteps} message */
  show({ steps, at, title }) {
    const focuses = this.panel.hidden || this.focused;
    this.#steps = steps;
    this.#at = at;
    this.panel.hidden = false;
    this.#title.textContent = title ?? "Inside the fault";
    const items = steps.map((step, i) => this.#item(step, i));
    const list = this.#list;
    list.replaceChildren(...items);
    list.scrollTop = items[at].offsetTop - list.offsetTop - list.clientHeight / 2;
    this.#back.disabled = at === 0;
    this.#next.disabled = at >= steps.length - 1;
    if (!focuses || this.#active?.matches(":not(:disabled)")) return;
    (this.#next.disabled ? this.#finish : this.#next).focus({ preventScroll: true });
  }

  /** @type {(step: Step, i: number) => HTMLLIElement} */
  #item({ question, answer, line, number, function: name, file = "faults.py" }, i) {
    const source = number ? `${file}:${number} ${name}` : name;
    return element(
      "li",
      { "aria-current": i === this.#at && "step", class: i > this.#at ? "cowlab-later" : "" },
      element("span", { class: "cowlab-question" }, question),
      " ",
      element("span", { class: "cowlab-answer" }, answer),
      element("code", {}, element("small", {}, source), line),
    );
  }
}
