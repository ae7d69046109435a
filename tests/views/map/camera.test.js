import assert from "node:assert/strict";
import { test } from "node:test";

import { Camera } from "../../../cowlab/views/map/camera.js";
import { placesOf, storeOf } from "./made.js";

function cameraOn(store = storeOf([16, 100, 7])) {
  const places = placesOf(store, { w: 900, h: 400 });
  const camera = new Camera({ places, store, repaint: () => {}, layOutAnew: () => {} });
  camera.follow();
  return { camera, places, grid: store.places[0] };
}

test("at first all is seen, in the middle", () => {
  const { places } = cameraOn();
  const { w, h } = places.layout;
  const [left, top] = [places.sx(0), places.sy(0)];
  assert.ok(left >= 0 && top >= 0 && places.sx(w) <= places.w && places.sy(h) <= places.h);
  assert.ok(Math.abs(left - (places.w - places.sx(w))) <= 2);
});

test("zooming leaves the point where it is", () => {
  const { camera, places } = cameraOn();
  const [x, y] = [300 / places.sight.k + places.sight.x, 120 / places.sight.k + places.sight.y];
  const before = places.sight.k;
  camera.zoomBy(1.7, 300, 120);
  assert.ok(Math.abs(places.sight.k - 1.7 * before) < 1e-9);
  assert.ok(Math.abs(places.sx(x) - 300) < 1e-6 && Math.abs(places.sy(y) - 120) < 1e-6);
});

test("zoom has ends on both sides", () => {
  const { camera, places } = cameraOn();
  const whole = places.sight.k;
  for (let i = 0; i < 40; i++) camera.zoomBy();
  assert.ok(Math.abs(places.side - 200) < 1e-9);
  for (let i = 0; i < 40; i++) camera.zoomOut();
  assert.ok(Math.abs(places.sight.k - whole / 2) < 1e-9);
});

test("the picture follows a drag, but never out of the view", () => {
  const { camera, places } = cameraOn();
  const before = places.sx(0);
  camera.panBy(25, 0);
  assert.ok(Math.abs(places.sx(0) - before - 25) < 1e-9);
  camera.panBy(1e6, 1e6);
  assert.ok(places.sx(0) <= 0.8 * places.w + 1e-6 && places.sy(0) <= 0.8 * places.h + 1e-6);
  camera.panBy(-1e6, -1e6);
  assert.ok(places.sx(places.layout.w) >= 0.2 * places.w - 1e-6);
});

test("once it was moved it stays where it is, until all is asked for", () => {
  const { camera, places } = cameraOn();
  camera.panBy(25, 0);
  const moved = places.sight;
  camera.follow();
  assert.equal(places.sight, moved);
  camera.fit();
  camera.follow();
  assert.deepEqual(places.sight, camera.whole(places.layout));
});

test("a target out of the view is brought into it, and one in the view moves nothing", () => {
  const { camera, places, grid } = cameraOn();
  const before = places.sight;
  camera.bring({ grid, cell: 3 });
  assert.equal(places.sight, before);
  camera.zoomBy(3, 800, 390);
  const out = places.boxOf({ grid, cell: 0 });
  assert.ok(out.x + out.w < 0 || out.y + out.h < 0);
  camera.bring({ grid, cell: 0 });
  const { x, y, w, h } = places.boxOf({ grid, cell: 0 });
  assert.ok(x >= 0 && y >= 0 && x + w <= places.w && y + h <= places.h);
});
