/**
 * The memory map in the browser: every process as a card of page cells, every physical frame as a cell beside them.
 *
 * The browser holds no rule of memory: it keeps what it was last sent, draws it, and sends back what the reader does.
 * A cell is a page; where `scale` > 1 it is many pages, and shows the mix of their states.
 */

import { MemoryMap } from "./map.js";

/** @import { Model } from "./protocol.js" */

export default {
  /** @param {{ model: Model, el: HTMLElement }} widget */
  render({ model, el }) {
    const map = new MemoryMap(model, el);
    return () => map.destroy();
  },
};
