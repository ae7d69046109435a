import assert from "node:assert/strict";
import { test } from "node:test";

import { escapeHtml, pageRange, plural, size } from "../../../cowlab/views/map/text.js";

test("sizes have the largest unit that gives at least one", () => {
  assert.deepEqual([1, 255, 256, 384, 262_143, 262_144, 393_216].map(size), [
    ...["4 KiB", "1,020 KiB", "1 MiB", "1.5 MiB", "1,024 MiB", "1 GiB", "1.5 GiB"],
  ]);
  assert.equal(size(2 ** 28), "1,024 GiB");
});

test("a range names its first and its last page", () => {
  assert.equal(pageRange(3, 4), "page 3");
  assert.equal(pageRange(1000, 2000), "pages 1,000 to 1,999");
});

test("one is not many", () => {
  assert.deepEqual(
    [0, 1, 1500].map((n) => plural(n, "page table")),
    ["0 page tables", "1 page table", "1,500 page tables"],
  );
});

test("text of a learner is no markup", () => {
  assert.equal(escapeHtml('<b a="&">'), "&lt;b a=&quot;&amp;&quot;&gt;");
});
