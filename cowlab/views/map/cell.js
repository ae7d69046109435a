/** The picture of one cell: a fill, the texture that says its state without colour, and the marks of its flags. */

import { clamp } from "./geometry.js";
import { DIFFERS, DIRTY, WRITABLE } from "./protocol.js";

/** @import { Box } from "./geometry.js" */
/** @import { Theme } from "./theme.js" */

/** A look in a theme's colours. @typedef {{ mark: string, fill: string, ink: string }} Dressed */
/**
 * A box whose shorter side is `side`, at `ratio` pixels a css px.
 * @typedef {Box & { side: number, ratio: number }} Sized
 */
/** @typedef {CanvasRenderingContext2D} Pen */

export const PLATE = 8; // with the flags of a record: leave a quiet place for a number

/**
 * One cell in a box; `ratio` is the pixels of a css px, `flags` as in a record.
 * @type {(pen: Pen, look: Dressed, box: Box, ratio: number, flags: number, theme: Theme) => void}
 */
export function drawCell(pen, look, { x, y, w, h }, ratio, flags, theme) {
  const side = Math.min(w, h);
  const textured = !["none", "outline"].includes(look.mark);
  pen.save();
  pen.beginPath();
  pen.roundRect(x, y, w, h, side > 14 * ratio ? 2.5 * ratio : 0);
  pen.clip();
  pen.fillStyle = look.fill;
  pen.fillRect(x, y, w, h);
  if (side >= 5 * ratio) drawMark(pen, look, { x, y, w, h, side, ratio });
  else if (look.mark === "outline") drawTint(pen, look, x, y, w, h);
  pen.fillStyle = look.fill;
  if (flags & PLATE && textured) pen.fillRect(x + 0.14 * w, y + 0.24 * h, 0.72 * w, 0.52 * h);
  if (flags & DIFFERS) drawCorner(pen, x + w, y, 0.44 * side, theme);
  pen.fillStyle = look.ink;
  const bar = clamp(0.07 * h, 1.5 * ratio, 4 * ratio); // below the number
  if (flags & WRITABLE) pen.fillRect(x + 0.16 * w, y + 0.9 * h - bar, 0.34 * w, bar);
  if (flags & DIRTY) pen.fillRect(x + 0.72 * w, y + 0.9 * h - bar, bar, bar);
  pen.restore();
}

/**
 * What is empty has no room for its outline: a tint shows how far the mapping goes.
 * @type {(pen: Pen, look: Dressed, x: number, y: number, w: number, h: number) => void}
 */
function drawTint(pen, look, x, y, w, h) {
  pen.globalAlpha = 0.16;
  pen.fillStyle = look.ink;
  pen.fillRect(x, y, w, h);
  pen.globalAlpha = 1;
}

/**
 * A corner turned down: this page differs from the other side.
 * @type {(pen: Pen, right: number, top: number, fold: number, theme: Theme) => void}
 */
function drawCorner(pen, right, top, fold, theme) {
  pen.fillStyle = theme.dark ? "#ffffff" : "#000000";
  pen.strokeStyle = theme.dark ? "#000000" : "#ffffff";
  pen.lineWidth = Math.max(1, 0.14 * fold);
  const path = new Path2D();
  path.moveTo(right - fold, top);
  path.lineTo(right, top + fold);
  path.lineTo(right, top);
  pen.fill(path);
  pen.stroke(path);
}

/** @type {(pen: Pen, look: Dressed, box: Sized) => void} */
function drawMark(pen, { mark, ink }, box) {
  const { x, y, w, h, side, ratio } = box;
  const by = clamp(side / 3.5, 4 * ratio, 12 * ratio);
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = clamp(side * 0.055, ratio, 3 * ratio);
  pen.globalAlpha = 0.6;
  pen.beginPath();
  for (const [x0, y0, x1, y1] of LINES[mark]?.(box, by) ?? []) {
    pen.moveTo(x + x0, y + y0);
    pen.lineTo(x + x1, y + y1);
  }
  if (mark === "ring") pen.arc(x + w / 2, y + h / 2, side * 0.3, 0, 2 * Math.PI);
  if (mark === "dots") {
    pen.lineWidth = clamp(side * 0.09, 1.4 * ratio, 4 * ratio);
    pen.setLineDash([pen.lineWidth, by - pen.lineWidth]);
  }
  pen.stroke();
  if (mark === "outline" || mark === "border") drawBorder(pen, box, mark === "border" ? 0.14 * side : ratio);
  if (GLYPHS[mark]) drawGlyph(pen, GLYPHS[mark], box);
  pen.globalAlpha = 1;
}

/** @type {(pen: Pen, box: Box, width: number) => void} */
function drawBorder(pen, { x, y, w, h }, width) {
  pen.lineWidth = width;
  pen.strokeRect(x + width / 2, y + width / 2, w - width, h - width);
}

/** @type {(pen: Pen, text: string, box: Sized) => void} */
function drawGlyph(pen, text, { x, y, w, h, side }) {
  pen.globalAlpha = 0.95;
  pen.font = `700 ${Math.round(side * 0.72)}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x + w / 2, y + h / 2 + side * 0.04);
}

/** @type {Record<string, string>} */
const GLYPHS = { bang: "!", question: "?", notequal: "≠" };

/** [x0, y0, x1, y1] of each line in a box. @typedef {(box: Box, by: number) => number[][]} Lines */

/** @type {(from: number, to: number, by: number) => number[]} */
const steps = (from, to, by) => Array.from({ length: Math.ceil((to - from) / by) }, (_, i) => from + i * by);
/** @type {Lines} */
const rising = ({ w, h }, by) => steps(-h + by / 2, w, by).map((d) => [d, h, d + h, 0]);
/** @type {Lines} */
const falling = ({ w, h }, by) => steps(-h + by / 2, w, by).map((d) => [d, 0, d + h, h]);
/** @type {Lines} */
const level = ({ w, h }, by) => steps(by / 2, h, by).map((d) => [0, d, w, d]);
/** @type {Lines} */
const upright = ({ w, h }, by) => steps(by / 2, w, by).map((d) => [d, 0, d, h]);

/** Textures of lines, `by` from one line to the next. @type {Record<string, Lines>} */
const LINES = {
  stripe: rising,
  hatch: (box, by) => [...rising(box, by), ...falling(box, by)],
  lines: (box, by) => level(box, 0.75 * by),
  grid: (box, by) => [...level(box, by), ...upright(box, by)],
  cross: ({ w, h }) => [
    [0, 0, w, h],
    [0, h, w, 0],
  ],
  dots: (box, by) => level(box, by).map(([x0, y, x1]) => [x0 + by / 3, y, x1, y]),
};
