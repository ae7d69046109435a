/** Numbers and ranges as people say them. */

import { PAGE_KIB } from "./protocol.js";

const format = new Intl.NumberFormat("en-US"); // made once: n.toLocaleString() makes one at each call

/** @param {number} n */
export const number = (n) => format.format(n);

/** @type {(n: number, one: string, many?: string) => string} */
export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** Pages [start, stop). @type {(start: number, stop: number) => string} */
export const pageRange = (start, stop) =>
  stop - start < 2 ? `page ${number(start)}` : `pages ${number(start)} to ${number(stop - 1)}`;

/** Pages as people say sizes: 4 KiB, 2 MiB, 1.5 GiB. @param {number} pages */
export function size(pages) {
  const kib = pages * PAGE_KIB;
  const [unit, one] = kib < 1024 ? ["KiB", 1] : kib < 1024 ** 2 ? ["MiB", 1024] : ["GiB", 1024 ** 2];
  return `${number(Math.round((kib / one) * 10) / 10)} ${unit}`;
}

/** @param {string} word */
export const titled = (word) => word[0].toUpperCase() + word.slice(1);

/** @type {Record<string, string>} */
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @param {unknown} text */
export const escapeHtml = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);
