/** What tests and benchmarks ask a map: where things are in the window, and what was painted when. */

import { centre } from "./geometry.js";

/** @import { Places } from "./places.js" */
/** @import { Store, Target } from "./store.js" */

/** @typedef {{ x: number, y: number }} Point */

/**
 * @typedef {object} Published
 * @property {number} drawn draws that were painted
 * @property {number} lastSeq the number of the last one
 * @property {number} paintMs how long the last painting took
 * @property {(place: { process: string, mapping: string, page: number }) => Point | null} where
 * @property {(frame: number) => Point | null} frame
 * @property {() => number} fps paintings in the last second
 */

/** @typedef {{ stage: HTMLElement, places: Places, store: Store }} Parts */

/**
 * Put it on the map's element, as `cowlab`.
 * @param {HTMLElement} root
 * @param {Parts} map
 * @param {() => number} fps
 * @returns {Published}
 */
export function publish(root, { stage, places, store }, fps) {
  /** @type {(target: Partial<Target>) => Point | null} */
  const client = (target) => {
    const box = places.boxOf(target);
    if (!box) return null;
    const { left, top } = stage.getBoundingClientRect();
    const { x, y } = centre(box);
    return { x: left + stage.clientLeft + x, y: top + stage.clientTop + y };
  };
  /** @type {Published["where"]} */
  const where = ({ process, mapping, page }) => {
    const grid = store.find(process, mapping);
    return grid ? client({ grid, cell: Math.floor(page / grid.scale), page }) : null;
  };
  /** @type {Published["frame"]} */
  const frame = (n) => client({ grid: store.frameGrid, cell: store.cellOfFrame(n) });
  return Object.assign(root, { cowlab: { drawn: 0, lastSeq: -1, paintMs: 0, where, frame, fps } }).cowlab;
}
