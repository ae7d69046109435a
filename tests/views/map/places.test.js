import assert from "node:assert/strict";
import { test } from "node:test";

import { centre } from "../../../cowlab/views/map/geometry.js";
import { MARGIN } from "../../../cowlab/views/map/places.js";
import { placesOf, storeOf } from "./made.js";

const SIGHTS = [
  { x: 0, y: 0, k: 1 },
  { x: -37.3, y: 12.7, k: 1 },
  { x: 101.9, y: 55.1, k: 3.37 },
  { x: -300, y: -90, k: 0.61 },
];

function each(check) {
  for (const ratio of [1, 1.25, 2]) {
    for (const sight of SIGHTS) {
      const store = storeOf([16, 100, 7], { frames: 200, tables: 5 });
      check(Object.assign(placesOf(store, { ratio }), { sight }), store);
    }
  }
}

test("a point in the middle of a cell hits that cell", () => {
  each((places, store) => {
    for (const grid of store.places) {
      for (let cell = 0; cell < grid.cells; cell++) {
        const { x, y } = centre(places.boxOf({ grid, cell }));
        assert.deepEqual(places.hit(x, y), { grid, cell, page: cell });
      }
    }
  });
});

test("neighbours touch, and lie on whole pixels", () => {
  each((places, store) => {
    const grid = store.find("p2", "heap");
    const cols = places.columns({ grid, cell: 0 });
    const [a, right, below] = [0, 1, cols].map((cell) => places.boxOf({ grid, cell }));
    assert.ok(Math.abs(a.x + a.w - right.x) < 1e-9 && Math.abs(a.y + a.h - below.y) < 1e-9);
    assert.equal(below.x, a.x);
    const pixels = a.x * places.ratio;
    assert.ok(Math.abs(pixels - Math.round(pixels)) < 1e-9);
  });
});

test("beside the cells nothing is hit", () => {
  const places = placesOf(storeOf([7]));
  const [area] = places.areas;
  const end = { x: area.x + area.cols * places.side, y: area.y + area.rows * places.side };
  assert.equal(places.hit(-5, -5), null);
  assert.equal(places.hit(area.x + 3, area.y - 3), null); // on the card, above its cells
  assert.equal(places.hit(end.x + 1, end.y - 3), null);
  assert.equal(places.hit(end.x - 1, end.y - 3).cell, 6);
});

test("a last row that is not full ends with its last cell", () => {
  const store = storeOf([100]);
  const places = placesOf(store);
  const grid = store.find("p1", "heap");
  const { x, y, w } = places.boxOf({ grid, cell: 99 });
  assert.equal(places.hit(x + 1, y + 1).cell, 99);
  assert.equal(places.hit(x + w + 1, y + 1), null);
});

test("what is not on the map has no box", () => {
  const store = storeOf([16]);
  const places = placesOf(store);
  const grid = store.find("p1", "heap");
  assert.equal(places.boxOf({ grid, cell: 16 }), null);
  assert.equal(places.boxOf({ grid, cell: -1 }), null);
  assert.equal(places.boxOf({ grid: undefined, cell: 0 }), null);
  assert.equal(places.boxOf({ grid: storeOf([16]).frameGrid, cell: 0 }), null);
});

/** A map of cells of 64 pages, one of which is opened and wide enough to show them. */
function opened() {
  const store = storeOf([640], { scale: 64, frames: 640 });
  const places = placesOf(store);
  const grid = store.find("p1", "heap");
  grid.opened.set(2, new Uint32Array(2 * 64));
  places.sight = { x: 0, y: 0, k: 200 / places.layout.cell };
  return { places, grid };
}

test("a point on a page of an opened cell hits that page", () => {
  const { places, grid } = opened();
  for (let page = 128; page < 192; page++) {
    const { x, y } = centre(places.boxOf({ grid, cell: 2, page }));
    assert.deepEqual(places.hit(x, y), { grid, cell: 2, page });
  }
  assert.equal(places.columns({ grid, cell: 2, page: 128 }), 8);
});

test("of a cell that is not opened, or too small, no page is hit", () => {
  const { places, grid } = opened();
  const closed = centre(places.boxOf({ grid, cell: 1 }));
  assert.deepEqual(places.hit(closed.x, closed.y), { grid, cell: 1, page: undefined });
  places.sight = { x: 0, y: 0, k: 1 };
  const small = centre(places.boxOf({ grid, cell: 2 }));
  assert.deepEqual(places.hit(small.x, small.y), { grid, cell: 2, page: undefined });
});

test("exactly the cells that lie on the picture are visited, at the pixels of their boxes", () => {
  each((places) => {
    for (const area of places.areas) {
      const visited = new Map();
      places.each(places.tile(area), (cell, ...box) => visited.set(cell, box));
      for (let cell = 0; cell < area.grid.cells; cell++) {
        const box = places.boxOf({ grid: area.grid, cell });
        const [left, top] = [box.x, box.y].map((at) => (at + MARGIN) * places.ratio);
        const [right, bottom] = [left + box.w * places.ratio, top + box.h * places.ratio];
        const seen = right > 0.5 && bottom > 0.5 && left < places.width - 0.5 && top < places.height - 0.5;
        if (seen) assert.ok(visited.has(cell));
        if (!visited.has(cell)) continue;
        const [x, y, w, h] = visited.get(cell);
        for (const [is, should] of [
          [x, left],
          [y, top],
          [x + w, right],
          [y + h, bottom],
        ]) {
          assert.ok(Math.abs(is - should) <= 1 && Number.isInteger(is));
        }
      }
    }
  });
});

test("of 100,000 cells those out of view are not visited", () => {
  const places = placesOf(storeOf([100_000], { frames: 8 }));
  const [area] = places.areas;
  places.sight = { x: area.x, y: area.y, k: 60 / places.layout.cell };
  let count = 0;
  places.each(places.tile(area), () => count++);
  assert.ok(count > 100 && count < 500, `${count} cells`);
});
