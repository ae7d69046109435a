/** What is marked above the picture: the page that is pointed at, its frame, the selection, the cursor. */

import { FRAMES } from "./protocol.js";

/** @import { Cursor, Selection } from "./cursor.js" */
/** @import { Effects } from "./effects.js" */
/** @import { Overlay } from "./overlay.js" */
/** @import { Places } from "./places.js" */
/** @import { Store, Target } from "./store.js" */
/** @import { Tooltip } from "./tooltip.js" */

const MOST_CURVES = 64; // drawn to the mappers of a frame; all of them are outlined

/**
 * @typedef {object} Parts
 * @property {HTMLElement} stage
 * @property {Overlay} overlay
 * @property {Places} places
 * @property {Store} store
 * @property {Effects} effects
 * @property {Tooltip} tooltip
 * @property {Cursor} cursor
 */

/** Paint them. Returns whether something moves. @param {Parts} parts */
export function paintHighlights(parts) {
  const { stage, overlay, places, effects, tooltip } = parts;
  const { selection } = parts.cursor;
  const { target } = tooltip;
  const cursor = stage.matches(":focus") ? parts.cursor.at : null;
  overlay.clear(Boolean(target || selection || cursor || effects.any));
  const moving = effects.paint();
  if (target && !moving) paintTarget(parts, target); // one curve at a time
  if (selection) paintSelection(parts, selection);
  if (cursor) overlay.outline(places.boxOf(cursor), overlay.theme.brand, 3, 2);
  return moving;
}

/** From the page to its frame, and around all that share it. @type {(parts: Parts, target: Target) => void} */
function paintTarget({ overlay, places, store }, target) {
  const { brand, ink } = overlay.theme;
  const box = places.boxOf(target);
  const number = store.frameOf(target);
  const frame = places.boxOf({ grid: store.frameGrid, cell: store.cellOfFrame(number) });
  const holders = store.holdersOf(number).flatMap((holder) => places.boxOf(holder) ?? []);
  const from = target.grid.key === FRAMES ? holders.slice(0, MOST_CURVES) : box ? [box] : [];
  if (frame && box && store.scale === 1) for (const page of from) overlay.curve(page, frame, brand);
  for (const holder of holders) overlay.outline(holder, ink);
  for (const one of [frame, box]) overlay.outline(one, brand);
}

/** A box around the pages of each row. @type {(parts: Parts, selection: Selection) => void} */
function paintSelection({ overlay, places }, { grid, from, to }) {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  const cols = places.columns({ grid, cell: first });
  for (let row = Math.floor(first / cols); row <= Math.floor(last / cols); row++) {
    const a = places.boxOf({ grid, cell: Math.max(first, row * cols) });
    const b = places.boxOf({ grid, cell: Math.min(last, (row + 1) * cols - 1) });
    if (a && b) overlay.outline({ ...a, w: b.x + b.w - a.x }, overlay.theme.brand, 2.5, 0);
  }
}
