/** What the tests of the map are made of: machines as Python would send them. */

import { FRAMES, NONE } from "../../../cowlab/views/map/protocol.js";
import { Places } from "../../../cowlab/views/map/places.js";
import { Store } from "../../../cowlab/views/map/store.js";
import { layOut } from "../../../cowlab/views/map/layout.js";

/** Texts are half as wide as they are high, per letter. */
export const measure = (text, px) => (text.length * px) / 2;

/** Records of pages as [state, flags, mappers, frame], as they travel. */
export function records(...pages) {
  const words = pages.flatMap(([state, flags = 0, mappers = 0, frame = NONE]) => [
    (state | (flags << 8) | (mappers << 16)) >>> 0,
    frame,
  ]);
  return new DataView(Uint32Array.from(words).buffer);
}

/** Cards of processes p1, p2, ..., each with a mapping of so many pages. */
export function cardsOf(sizes, scale = 1) {
  return sizes.map((pages, i) => {
    const mapping = { key: i + 1, name: "heap", kind: "private", pages, cells: Math.ceil(pages / scale) };
    return { id: `p${i + 1}`, title: `p${i + 1}`, note: "", parent: "", mappings: [mapping] };
  });
}

/** A draw of such processes beside so many frames. */
export function drawOf(sizes, { scale = 1, frames = 64, tables = 2, ...more } = {}) {
  const cells = Math.ceil(frames / scale);
  const counts = { key: FRAMES, cells, shown: frames, used: 10, tables, free: frames - 10 - tables, total: frames };
  return { type: "draw", seq: 1, full: true, scale, cards: cardsOf(sizes, scale), frames: counts, ...more };
}

/** What the map keeps of a draw. */
export function storeOf(sizes, more) {
  const store = new Store();
  store.apply(drawOf(sizes, more), []);
  return store;
}

/** A store as it is laid out in a view of w x h. */
export function placesOf(store, { w = 1000, h = 400, ratio = 1 } = {}) {
  const places = Object.assign(new Places(), { w, h, ratio });
  places.layout = layOut(store, w, h, 1, measure);
  return places;
}
