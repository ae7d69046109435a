import assert from "node:assert/strict";
import { test } from "node:test";

import { DIFFERS, DIRTY, NONE, WRITABLE } from "../../../cowlab/views/map/protocol.js";
import { Grid, MARK_BYTE, bytesOf, decode } from "../../../cowlab/views/map/records.js";
import { records } from "./made.js";

const bytes = (...pages) => bytesOf(records(...pages));

function gridOf(pages, scale = 1) {
  const grid = new Grid(1, scale);
  grid.resize(Math.ceil(pages / scale));
  grid.pages = pages;
  return grid;
}

test("a record has a state, flags, mappers and a frame, up to their largest", () => {
  assert.deepEqual(decode(0xffff_ff_0f, 7), { code: 15, flags: 255, mappers: 65_535, frame: 7 });
  assert.deepEqual(decode(3 | (WRITABLE << 8) | (2 << 16), NONE), { code: 3, flags: WRITABLE, mappers: 2, frame: -1 });
});

test("bytes are taken from where they are in a message, and are aligned", () => {
  const message = Uint8Array.from([9, 9, 9, 1, 0, 0, 0, 2, 0, 0, 0, 9]);
  const taken = bytesOf(new DataView(message.buffer, 3, 8));
  assert.deepEqual([...new Uint32Array(taken.buffer)], [1, 2]);
  message.fill(0);
  assert.equal(taken[0], 1);
});

test("a patch changes the pages from where it begins, and no other", () => {
  const grid = gridOf(4);
  grid.patch(0, bytes([1, 0, 1, 10], [1, 0, 1, 11], [1, 0, 1, 12], [1, 0, 1, 13]));
  grid.patch(2, bytes([2, DIRTY, 1, 22]));
  assert.deepEqual(
    [0, 1, 2, 3].map((page) => grid.record(page, page).frame),
    [10, 11, 22, 13],
  );
  assert.deepEqual(grid.record(2, 2), { code: 2, flags: DIRTY, mappers: 1, frame: 22 });
});

test("of a patch longer than the grid the rest is left out", () => {
  const grid = gridOf(2);
  grid.patch(1, bytes([2, 0, 1, 5], [3, 0, 1, 6]));
  assert.equal(grid.data.length, 4);
  assert.equal(grid.record(1, 1).frame, 5);
});

test("a grid that grows or shrinks keeps the records that stay", () => {
  const grid = gridOf(2);
  grid.patch(0, bytes([2, 0, 1, 5], [3, 0, 2, 6]));
  grid.resize(3);
  assert.deepEqual(
    [0, 1, 2].map((page) => grid.record(page, page).code),
    [2, 3, 0],
  );
  grid.resize(1);
  assert.equal(grid.record(0, 0).frame, 5);
  assert.equal(grid.data.length, 2);
});

test("a cell of many pages is its shares; a page is known once its cell was opened, until the next patch", () => {
  const grid = gridOf(8, 4);
  const mix = new Uint8Array(16);
  [mix[2], mix[4], mix[MARK_BYTE]] = [155, 100, 1];
  grid.patch(1, mix);
  assert.deepEqual([...grid.shares(1)].slice(0, 5), [0, 0, 155, 0, 100]);
  assert.equal(grid.shares(1).length, MARK_BYTE);
  assert.equal(grid.record(1, 5), null);
  grid.opened.set(1, new Uint32Array(bytes([2, 0, 1, 40], [3, 0, 2, 41]).buffer));
  assert.equal(grid.record(1, 5).frame, 41);
  assert.equal(grid.record(1, 6), null);
  assert.equal(grid.record(1), null);
  grid.patch(0, new Uint8Array(16));
  assert.equal(grid.record(1, 5), null);
});

test("what differs is marked, in pages and in mixes", () => {
  const pages = gridOf(2);
  pages.patch(0, bytes([2], [2, DIFFERS | DIRTY]));
  assert.deepEqual([pages.differs(0), pages.differs(1)], [false, true]);
  const mixes = gridOf(8, 4);
  mixes.data[16 + MARK_BYTE] = 1;
  assert.deepEqual([mixes.differs(0), mixes.differs(1)], [false, true]);
});

test("the states that occur are bits, and bit 16 says that something differs", () => {
  const pages = gridOf(3);
  pages.patch(0, bytes([2], [14], [2, DIFFERS]));
  assert.equal(pages.occurring, (1 << 2) | (1 << 14) | (1 << 16));
  const mixes = gridOf(4, 4);
  [mixes.data[3], mixes.data[13]] = [1, 254];
  assert.equal(mixes.occurring, (1 << 3) | (1 << 13));
  mixes.data[MARK_BYTE] = 1;
  assert.equal(mixes.occurring, (1 << 3) | (1 << 13) | (1 << 16));
});

test("the last cell stands for the pages that are left", () => {
  assert.deepEqual(gridOf(10, 4).span(2), [8, 10]);
  assert.deepEqual(gridOf(10).span(9), [9, 10]);
});

test("a cell is filled with one state", () => {
  const pages = gridOf(1);
  pages.fill(0, 7);
  assert.deepEqual(pages.record(0, 0), { code: 7, flags: 0, mappers: 0, frame: -1 });
  const mixes = gridOf(8, 4);
  mixes.data.fill(9);
  mixes.fill(1, 7);
  assert.equal(mixes.data[16 + 7], 255);
  assert.equal(mixes.data[16 + 6], 0);
  assert.equal(mixes.data[15], 9);
});
