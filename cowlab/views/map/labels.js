/** What stands on the picture beside cells, each in several lengths: the first that fits is shown. */

import { number, plural, size } from "./text.js";

/** @import { FrameFacts } from "./protocol.js" */
/** @import { Grid } from "./records.js" */
/** @import { Card } from "./store.js" */

export const FRAMES_TITLE = "physical frames";

/** Ways to say how many frames are in use, the longest first. @param {FrameFacts} facts */
export function notesOf({ used, tables, free }) {
  const inUse = `${number(used)} in use, of which ${plural(tables, "page table")}`;
  return [`${inUse}; ${number(free)} free`, inUse, `${number(used)} in use`];
}

/** Ways to name a mapping, the longest first. @param {Grid} grid */
export function labelsOf({ name, kind, pages }) {
  const sized = `${name} · ${size(pages)}`;
  return [kind ? `${sized} · ${kind}` : sized, sized, name];
}

/** What stands beside a process's name: whose child it is, and its group. @param {Card} card */
export const notesOfCard = ({ parent, note }) => [parent && `child of ${parent}`, note].filter(Boolean).join(" · ");
