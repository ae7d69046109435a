/** Small arithmetic of places and movements. */

/** @typedef {{ x: number, y: number, w: number, h: number }} Box */

/** @type {(x: number, low: number, high: number) => number} */
export const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

/** @type {(a: number, b: number, t: number) => number} */
const mix = (a, b, t) => a + (b - a) * t;

/** From 0 to 1, slow at both ends. @param {number} t */
export const ease = (t) => t * t * (3 - 2 * t);

/** @param {Box} box */
export const centre = ({ x, y, w, h }) => ({ x: x + w / 2, y: y + h / 2 });

/** A box on its way from a to b. @type {(a: Box, b: Box, t: number) => Box} */
export const between = (a, b, t) => ({ ...a, x: mix(a.x, b.x, t), y: mix(a.y, b.y, t) });
