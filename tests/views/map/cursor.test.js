import assert from "node:assert/strict";
import { test } from "node:test";

import { Cursor } from "../../../cowlab/views/map/cursor.js";
import { Words } from "../../../cowlab/views/map/words.js";
import { cardsOf, placesOf, storeOf } from "./made.js";

const LOOKS = Array.from({ length: 16 }, (_, code) => ({ word: `state ${code}` }));

function cursorOn(store = storeOf([100, 100])) {
  const said = [];
  const map = {
    store,
    places: placesOf(store),
    camera: { bring: () => {} },
    tooltip: { point: () => {} },
    words: new Words(store, () => LOOKS),
    status: { speak: (text) => said.push(text) },
    repaint: () => {},
  };
  const cursor = new Cursor(map, () => {});
  cursor.settle();
  return { cursor, said, places: map.places, store };
}

const at = ({ at: { grid, cell } }) => [grid.process, cell];

test("it begins on the first page, and says where it goes", () => {
  const { cursor, said } = cursorOn();
  assert.deepEqual(at(cursor), ["p1", 0]);
  cursor.step(1, 0);
  assert.deepEqual(at(cursor), ["p1", 1]);
  assert.deepEqual(said, ["page 1 of heap in p1: state 0, frame 0"]);
});

test("up and down go by rows, and nothing goes out of the mapping", () => {
  const { cursor, places, store } = cursorOn();
  const cols = places.columns({ grid: store.places[0], cell: 0 });
  cursor.step(0, 1);
  assert.equal(cursor.at.cell, cols);
  cursor.step(0, -1);
  cursor.step(0, -1);
  cursor.step(-1, 0);
  assert.equal(cursor.at.cell, 0);
  cursor.toLast();
  cursor.step(1, 0);
  assert.equal(cursor.at.cell, 99);
  cursor.toFirst();
  assert.equal(cursor.at.cell, 0);
});

test("it turns from mapping to mapping, ends with the frames, and is then in the first process", () => {
  const { cursor } = cursorOn();
  cursor.turn(1);
  assert.deepEqual([at(cursor), cursor.process], [["p2", 0], "p2"]);
  cursor.turn(1);
  cursor.turn(1);
  assert.deepEqual([at(cursor), cursor.process], [[null, 0], "p1"]);
  for (let i = 0; i < 5; i++) cursor.turn(-1);
  assert.deepEqual(at(cursor), ["p1", 0]);
});

test("a selection grows from where it began, both ways, until the cursor goes on without it", () => {
  const { cursor, said } = cursorOn();
  const grid = cursor.at.grid;
  for (let i = 0; i < 5; i++) cursor.step(1, 0);
  cursor.extend(1, 0);
  cursor.extend(1, 0);
  assert.deepEqual(cursor.selection, { grid, from: 5, to: 7 });
  assert.equal(said.at(-1), "pages 5 to 7 of heap selected");
  for (let i = 0; i < 4; i++) cursor.extend(-1, 0);
  assert.deepEqual(cursor.selection, { grid, from: 5, to: 3 });
  assert.equal(said.at(-1), "pages 3 to 5 of heap selected");
  cursor.step(1, 0);
  assert.equal(cursor.selection, null);
});

test("frames are not selected", () => {
  const { cursor } = cursorOn();
  cursor.turn(1);
  cursor.turn(1);
  cursor.extend(1, 0);
  assert.deepEqual([at(cursor), cursor.selection], [[null, 1], null]);
});

test("after a draw it stays on its page, if that is still there", () => {
  const { cursor, store } = cursorOn();
  cursor.turn(1);
  cursor.extend(1, 0);
  store.apply({ type: "draw", scale: 1, cards: cardsOf([8, 100]) }, []);
  cursor.renew();
  assert.deepEqual(at(cursor), ["p2", 1]);
  assert.ok(cursor.selection);
  store.apply({ type: "draw", scale: 1, cards: cardsOf([8]) }, []);
  cursor.renew();
  assert.deepEqual([cursor.at, cursor.selection, cursor.process], [null, null, "p1"]);
});

test("in a cell that shows its pages it goes from page to page, and on into the next cell", () => {
  const store = storeOf([640], { scale: 64, frames: 640 });
  const { cursor, places } = cursorOn(store);
  const [grid] = store.places;
  for (const cell of [0, 1]) grid.opened.set(cell, new Uint32Array(2 * 64));
  places.sight = { x: 0, y: 0, k: 200 / places.layout.cell };
  cursor.step(1, 0);
  assert.deepEqual([cursor.at.cell, cursor.at.page], [0, 1]);
  cursor.step(0, 1);
  assert.equal(cursor.at.page, 9);
  for (let i = 0; i < 7; i++) cursor.step(0, 1);
  assert.deepEqual([cursor.at.cell, cursor.at.page], [1, 65]);
});
