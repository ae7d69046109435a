/** What is pointed at, and the text about it: at once what is known here, then Python's whole answer. */

import { element } from "./elements.js";
import { clamp } from "./geometry.js";
import { FRAMES } from "./protocol.js";

/** @import { Inside } from "./inside.js" */
/** @import { Places } from "./places.js" */
/** @import { Answer, Send, Subject } from "./protocol.js" */
/** @import { Store, Target } from "./store.js" */
/** @import { Words } from "./words.js" */

const ASK_MS = 60; // so long the pointer rests before Python is asked

/** What a question or its answer is about. @param {Subject} subject */
const subjectOf = ({ process, mapping, page, frame }) => [process, mapping, page, frame].join();

/** @type {(a: Target | null, b: Target | null) => boolean} */
const same = (a, b) => a?.grid === b?.grid && a?.cell === b?.cell && a?.page === b?.page;

/**
 * @typedef {object} Parts
 * @property {Places} places
 * @property {Store} store
 * @property {Words} words
 * @property {Inside} inside
 * @property {Send} send
 * @property {() => void} repaint
 */

export class Tooltip {
  box = element("div", { class: "cowlab-tip", "aria-hidden": "true", hidden: true });
  /** What is pointed at. @type {Target | null} */
  target = null;
  /** Python's words, until the next draw. @type {Map<string, string>} */
  #answers = new Map();
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
    if (this.map.inside.focused) return; // the panel is read now
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
    return page === undefined ? null : { type: "look", process: grid.process, mapping: grid.name, page };
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
}
