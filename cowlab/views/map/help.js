/** What can be done with the map, in a dialog above the page. */

import { button, element } from "./elements.js";

const KEYS = {
  Arrows: "move the cursor",
  "[ and ]": "previous and next mapping; also Page Up and Page Down",
  "Home, End": "first and last page of the mapping",
  Enter: "write the page, or the selected pages",
  Space: "read them",
  "Shift + arrows": "select pages",
  F: "fork the cursor's process",
  X: "end the cursor's process",
  "Z, S": "step back, step forward",
  I: "step inside the fault that a write would take",
  "+, −, 0": "zoom in, zoom out, show all",
  "?": "this help",
  Escape: "close, or drop the selection",
};

const MOUSE = {
  Click: "write or read the page, as the switch says; with Shift: read",
  "Drag over pages": "the same for all of them",
  Point: "a page shows its frame and who else maps it; a frame shows its pages",
  Wheel: "zoom, once the map was clicked; with Ctrl or ⌘: always",
  "Drag beside the pages": "move the picture; also with the middle button, with Space held, or with two fingers",
};

export const HINT =
  "Arrows move over pages, Enter writes, Space reads, question mark shows all keys. " +
  "The list “Pages in words” says the same as the picture.";

const ABOUT =
  "Each card is a process. A cell is a page; the number in it is its frame. On the right are the physical frames, " +
  "the page tables last. A bar in a cell says writable, a dot dirty; a corner turned down, or a line in two tones " +
  "around small cells, says that pages differ from the other side.";

/** @type {(title: string, rows: Record<string, string>) => HTMLElement} */
function section(title, rows) {
  const items = Object.entries(rows).flatMap(([key, does]) => [element("dt", {}, key), element("dd", {}, does)]);
  return element("section", {}, element("h4", {}, title), element("dl", {}, ...items));
}

/** @param {string} id of the map @returns {HTMLDialogElement} */
export function helpDialog(id) {
  const dialog = element(
    "dialog",
    { class: "cowlab-help", "aria-labelledby": `${id}-help` },
    button("Close", () => dialog.close()),
    element("h3", { id: `${id}-help` }, "How to use the map"),
    element("p", {}, ABOUT),
    element("div", { class: "cowlab-columns" }, section("Mouse and touch", MOUSE), section("Keyboard", KEYS)),
  );
  return dialog;
}
