import assert from "node:assert/strict";
import { test } from "node:test";

import { BY_MORE, DIFFERS, EXCLUSIVE, WRITABLE } from "../../../cowlab/views/map/protocol.js";
import { Words } from "../../../cowlab/views/map/words.js";
import { records, storeOf } from "./made.js";

const LOOKS = Array.from({ length: 16 }, (_, code) => ({ word: `state ${code}` }));

function wordsOf(...pages) {
  const store = storeOf([4], { frames: 10, tables: 1 });
  store.places[0].patch(0, new Uint8Array(records(...pages).buffer));
  return { words: new Words(store, () => LOOKS), grid: store.places[0], store };
}

test("a page is told with its frame, its rights and its difference", () => {
  const { words, grid } = wordsOf([2, WRITABLE | EXCLUSIVE | DIFFERS, 1, 1500]);
  const told = ["page 0 of heap in p1", "state 2", "frame 1,500", "writable", "exclusive", "state 15"];
  assert.deepEqual(words.facts({ grid, cell: 0, page: 0 }), told);
  assert.equal(words.sentence({ grid, cell: 1, page: 1 }), "page 1 of heap in p1: state 0, frame 0");
});

test("those that share a page are counted from three on", () => {
  const { words } = wordsOf();
  assert.equal(words.state(BY_MORE, 2), "state 4");
  assert.equal(words.state(BY_MORE, 1200), "shared by 1,200");
});

test("frames have numbers, page tables have none", () => {
  const { words, store } = wordsOf();
  const grid = store.frameGrid;
  assert.equal(words.place({ grid, cell: 3, page: 3 }), "frame 3");
  assert.equal(words.place({ grid, cell: 10, page: 10 }), "a page table");
  assert.match(words.sentence({ grid, cell: 10, page: 10 }), /^a page table: counted/);
});

test("a mix names its parts, the largest first; what is little is under one per cent", () => {
  const { words } = wordsOf();
  assert.equal(words.mix([0, 0, 255]), "all state 2");
  assert.equal(words.mix([51, 203, 1]), "80 % state 1, 20 % state 0, under 1 % state 2");
});
