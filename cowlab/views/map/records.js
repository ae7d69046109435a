/** Records as they come from Python, and the cells of one mapping that keep them. */

import { DIFFERS, NONE } from "./protocol.js";

export const MARK_BYTE = 15; // at scale > 1: not a share, but "has pages that differ"

/** @typedef {{ code: number, flags: number, mappers: number, frame: number }} PageRecord */

/**
 * A record as facts; the frame is -1 where there is none.
 * @type {(word: number, frame: number) => PageRecord}
 */
export function decode(word, frame) {
  return { code: word & 15, flags: (word >>> 8) & 255, mappers: word >>> 16, frame: frame === NONE ? -1 : frame };
}

/**
 * A message's buffer as bytes of its own: a DataView may start anywhere, typed arrays must be aligned.
 * @param {ArrayBuffer | ArrayBufferView<ArrayBuffer>} view
 */
export function bytesOf(view) {
  const part = ArrayBuffer.isView(view) ? view : new Uint8Array(view);
  return new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
}

/** The cells of one mapping, or of the physical frames: two uint32 a cell, at scale > 1 a byte for each state. */
export class Grid {
  cells = 0;
  pages = 0;
  name = "";
  kind = "";
  /** @type {string | null} */
  process = null;
  /** Cell -> records of its pages, until they may have changed. @type {Map<number, Uint32Array>} */
  opened = new Map();

  /** @param {number} key @param {number} scale */
  constructor(key, scale) {
    this.key = key;
    this.scale = scale;
    this.each = scale === 1 ? 2 : 16;
    this.data = this.#room(0);
  }

  /** @param {number} cells */
  #room(cells) {
    return this.scale === 1 ? new Uint32Array(2 * cells) : new Uint8Array(16 * cells);
  }

  /** Have so many cells; those that stay keep their records. @param {number} cells */
  resize(cells) {
    const data = this.#room(cells);
    data.set(this.data.subarray(0, data.length));
    this.cells = cells;
    this.data = data;
  }

  /** Take new records, from a cell on. @type {(from: number, bytes: Uint8Array<ArrayBuffer>) => void} */
  patch(from, bytes) {
    const records = this.scale === 1 ? new Uint32Array(bytes.buffer) : bytes;
    this.data.set(records.subarray(0, this.data.length - from * this.each), from * this.each);
    this.opened.clear();
  }

  /** Make a cell all of one state, without frames. @type {(cell: number, state: number) => void} */
  fill(cell, state) {
    if (this.scale === 1) this.data.set([state, NONE], 2 * cell);
    else this.data.fill(0, 16 * cell, 16 * cell + 16)[16 * cell + state] = 255;
  }

  /** What occurs here: bit s for state s, bit 16 for "differs". */
  get occurring() {
    const { data } = this;
    let bits = 0;
    if (this.scale === 1) {
      for (let i = 0; i < data.length; i += 2) bits |= (1 << (data[i] & 15)) | ((data[i] & (DIFFERS << 8)) << 6);
    } else {
      for (let i = 0; i < data.length; i++) if (data[i]) bits |= 1 << ((i & 15) === MARK_BYTE ? 16 : i & 15);
    }
    return bits;
  }

  /** @param {number} cell */
  differs(cell) {
    return Boolean(this.scale === 1 ? (this.data[2 * cell] >> 8) & DIFFERS : this.data[16 * cell + MARK_BYTE]);
  }

  /**
   * The record of a page, or null if only its cell's mix is known.
   * @type {(cell: number, page?: number) => PageRecord | null}
   */
  record(cell, page) {
    if (this.scale === 1) return decode(this.data[2 * cell], this.data[2 * cell + 1]);
    const pages = this.opened.get(cell);
    if (!pages || page === undefined) return null;
    const at = 2 * (page - cell * this.scale);
    return at < pages.length ? decode(pages[at], pages[at + 1]) : null;
  }

  /** How much of a cell is in each state, in 255ths. @param {number} cell */
  shares(cell) {
    return this.data.subarray(16 * cell, 16 * cell + MARK_BYTE);
  }

  /** The pages that a cell stands for, as [start, stop). @type {(cell: number) => [number, number]} */
  span(cell) {
    return [cell * this.scale, Math.min(this.pages, (cell + 1) * this.scale)];
  }
}
