/** The facts of a cell in sentences: for the tooltip, for who hears the map, and for the list. */

import { BY_MORE, DIFFERENT, DIRTY, EXCLUSIVE, FRAMES, WRITABLE } from "./protocol.js";
import { number, pageRange } from "./text.js";

/** @import { Look } from "./protocol.js" */
/** @import { Grid, PageRecord } from "./records.js" */
/** @import { Store, Target } from "./store.js" */

export class Words {
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
    const percent = (/** @type {number} */ share) => (share < 2.55 ? "under 1 %" : `${Math.round(share / 2.55)} %`);
    return parts
      .sort((a, b) => b.share - a.share)
      .map(({ share, code }) => `${percent(share)} ${this.word(code)}`)
      .join(", ");
  }

  /** @param {Target} target */
  place({ grid, cell, page }) {
    const [start, stop] = page === undefined ? grid.span(cell) : [page, page + 1];
    if (this.store.isTable({ grid, cell })) return grid.scale > 1 ? "page tables" : "a page table";
    if (grid.key === FRAMES) return pageRange(start, stop).replace("page", "frame");
    return `${pageRange(start, stop)} of ${grid.name} in ${grid.process}`;
  }

  /** One sentence for the cursor. @param {Target} target */
  sentence(target) {
    const [place, ...facts] = this.facts(target);
    return `${place}: ${facts.join(", ")}`;
  }

  /** What the browser knows of a target, a line each; Python's own words say more. @param {Target} target */
  facts(target) {
    const { grid, cell, page } = target;
    const record = grid.record(cell, page);
    const place = this.place(target);
    if (this.store.isTable(target)) return [place, "counted with the frames in use, without a number here"];
    const facts = record ? this.#entry(grid, record) : [this.mix(grid.shares(cell))];
    return [place, ...facts, grid.differs(cell) && this.word(DIFFERENT)].filter((fact) => typeof fact === "string");
  }

  /** @type {(grid: Grid, record: PageRecord) => (string | number | false)[]} */
  #entry({ key }, { code, frame, mappers, flags }) {
    const rights = [flags & WRITABLE && "writable", flags & DIRTY && "dirty", flags & EXCLUSIVE && "exclusive"];
    return [this.state(code, mappers), key !== FRAMES && frame >= 0 && `frame ${number(frame)}`, ...rights];
  }
}
