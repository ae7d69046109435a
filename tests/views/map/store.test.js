import assert from "node:assert/strict";
import { test } from "node:test";

import { FRAMES, TABLE } from "../../../cowlab/views/map/protocol.js";
import { Store } from "../../../cowlab/views/map/store.js";
import { cardsOf, drawOf, records, storeOf } from "./made.js";

test("before the first full draw nothing is kept", () => {
  const store = new Store();
  assert.equal(store.apply({ ...drawOf([4]), full: false }, []), null);
  assert.deepEqual([store.started, store.cards.length, store.grids.size], [false, 0, 0]);
});

test("a draw says which mappings changed", () => {
  const store = new Store();
  assert.deepEqual([...store.apply(drawOf([4, 8]), [])].sort(), [FRAMES, 1, 2]);
  const patches = [{ key: 2, from: 3, buffer: 0 }];
  const changed = store.apply({ type: "draw", scale: 1, patches }, [records([2, 0, 1, 9])]);
  assert.deepEqual([...changed], [2]);
  assert.equal(store.find("p2", "heap").record(3).frame, 9);
});

test("page tables are cells after those of the frames, and have no number", () => {
  const store = storeOf([4], { frames: 10, tables: 3 });
  const grid = store.frameGrid;
  assert.equal(grid.cells, 13);
  assert.deepEqual(
    [10, 11, 12].map((cell) => grid.record(cell).code),
    [TABLE, TABLE, TABLE],
  );
  assert.deepEqual(
    [9, 10].map((cell) => store.isTable({ grid, cell })),
    [false, true],
  );
  assert.deepEqual(
    [9, 10].map((cell) => store.frameOf({ grid, cell })),
    [9, -1],
  );
});

test("a mapping that stays keeps its records, one that is gone is forgotten", () => {
  const store = storeOf([4, 4]);
  store.grids.get(2).patch(0, new Uint8Array(records([3, 0, 2, 7]).buffer));
  const before = store.grids.get(2);
  store.apply({ type: "draw", scale: 1, cards: cardsOf([4, 6]).slice(1) }, []);
  assert.deepEqual([...store.grids.keys()].sort(), [FRAMES, 2]);
  assert.equal(store.grids.get(2), before);
  assert.deepEqual([before.cells, before.record(0).frame], [6, 7]);
});

test("a target is kept while its cell is there", () => {
  const store = storeOf([4, 4]);
  const [grid] = store.places;
  store.apply({ type: "draw", scale: 1, cards: cardsOf([2, 4]) }, []);
  assert.deepEqual(store.kept({ grid, cell: 1, page: 1 }), { grid, cell: 1, page: 1 });
  assert.equal(store.kept({ grid, cell: 2, page: 2 }), null);
  store.apply({ type: "draw", scale: 1, cards: cardsOf([2, 4]).slice(1) }, []);
  assert.equal(store.kept({ grid, cell: 1, page: 1 }), null);
  assert.equal(store.kept(null), null);
});

test("all that map a frame are found, and the frame of each", () => {
  const store = storeOf([4, 4, 4]);
  for (const [key, page] of [
    [1, 3],
    [3, 0],
  ]) {
    store.grids.get(key).patch(page, new Uint8Array(records([3, 0, 2, 5]).buffer));
  }
  const found = store.holdersOf(5).map(({ grid, cell }) => [grid.key, cell]);
  assert.deepEqual(found, [
    [1, 3],
    [3, 0],
  ]);
  assert.equal(store.frameOf({ grid: store.grids.get(3), cell: 0, page: 0 }), 5);
  assert.deepEqual(store.holdersOf(-1), []);
});

test("a frame has a cell if it is shown", () => {
  assert.deepEqual(
    [0, 9, 10].map((frame) => storeOf([4], { frames: 10 }).cellOfFrame(frame)),
    [0, 9, -1],
  );
  assert.equal(storeOf([64], { frames: 64, scale: 16 }).cellOfFrame(17), 1);
});

test("the places of the picture end with the frames", () => {
  const store = storeOf([4, 0, 4]);
  assert.deepEqual(
    store.places.map((grid) => grid.key),
    [1, 3, FRAMES],
  );
});

test("a mapping is common if every card has it and no other", () => {
  assert.equal(storeOf([4, 4]).common?.name, "heap");
  assert.equal(storeOf([4]).common, null);
  assert.equal(storeOf([4, 8]).common, null);
  assert.equal(storeOf([]).common, null);
});
