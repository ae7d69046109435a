import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_CELL, layOut, place } from "../../../cowlab/views/map/layout.js";
import { measure, storeOf } from "./made.js";

const CASES = {
  "a process": storeOf([16]),
  "a few": storeOf([16, 16, 16, 16]),
  "of different sizes": storeOf([1, 300, 0, 64], { frames: 500 }),
  many: storeOf(Array(51).fill(16), { frames: 900, tables: 102 }),
  large: storeOf(Array(6).fill(16_384), { frames: 65_536 }),
  "many pages a cell": storeOf(Array(101).fill(524_288), { scale: 4096, frames: 4_000_000 }),
};
const VIEWS = [
  [1200, 404],
  [600, 404],
  [2000, 900],
];

function each(check) {
  for (const store of Object.values(CASES))
    for (const [w, h] of VIEWS) check(store, layOut(store, w, h, 1, measure), w, h);
}

const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test("all of it fits into the room that it was given", () => {
  each((store, layout) => {
    assert.ok(layout.fits);
    for (const { x, y, w, h } of layout.boxes) {
      assert.ok(x >= 0 && y >= 0 && x + w <= layout.room.w + 1e-9 && y + h <= layout.room.h + 1e-9);
    }
  });
});

test("no two cards lie on each other", () => {
  each((store, { boxes }) => {
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => assert.ok(!overlap(a, b))));
  });
});

test("every cell of every mapping lies on its card", () => {
  each((store, { boxes, cell, pad }) => {
    assert.deepEqual(
      new Set(boxes.flatMap((box) => box.areas.map((area) => area.grid))),
      new Set(store.grids.values()),
    );
    for (const box of boxes) {
      for (const { grid, cols, rows, x, y } of box.areas) {
        assert.ok(cols * rows >= grid.cells && cols * (rows - 1) <= grid.cells);
        assert.ok(x >= box.x + pad - 1e-9 && x + cols * cell <= box.x + box.w - pad + 1e-9);
        assert.ok(y > box.y && y + rows * cell <= box.y + box.h + 1e-9);
      }
    }
  });
});

test("larger cells would not fit, in any number of columns", () => {
  each((store, layout) => {
    if (layout.cell === MAX_CELL) return;
    const { w, h } = layout.room;
    for (const columns of [8, 16, 32, 64, 128, 256]) {
      assert.ok(!place(store, { ...layout, w, h, columns, cell: layout.cell + 1 }).fits);
    }
  });
});

test("where there is room, cells are as large as they may be and all is written", () => {
  const layout = layOut(CASES["a process"], 1200, 404, 1, measure);
  assert.equal(layout.cell, MAX_CELL);
  assert.equal(layout.common, null);
  assert.ok(!layout.compact);
});

test("many cards leave out what is true of all", () => {
  const layout = layOut(CASES.many, 1200, 404, 1, measure);
  assert.ok(layout.compact);
  assert.equal(layout.common, CASES.many.common);
});

test("what does not fit even with the smallest cells makes a world larger than the view", () => {
  const layout = layOut(storeOf(Array(400).fill(64)), 300, 200, 1, measure);
  assert.ok(layout.fits);
  assert.ok(layout.room.w > 300);
});

test("the frames stand to the right of all cards, in rows of eights", () => {
  each((store, { boxes }) => {
    const frames = boxes.at(-1);
    assert.equal(frames.card, null);
    assert.equal(frames.areas[0].cols % 8, 0);
    for (const box of boxes.slice(0, -1)) assert.ok(box.x + box.w < frames.x);
  });
});

test("where all is twice as large, so are texts, gaps and cells", () => {
  const [one, two] = [1, 2].map((unit) => layOut(CASES["a few"], 600 * unit, 404 * unit, unit, measure));
  assert.deepEqual([two.title, two.gap, two.aisle], [2 * one.title, 2 * one.gap, 2 * one.aisle]);
  assert.ok(Math.abs(two.cell - 2 * one.cell) <= 1);
  assert.equal(two.columns, one.columns);
});
