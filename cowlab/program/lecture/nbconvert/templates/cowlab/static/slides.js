// The slides: which cells are on which, and how one goes from slide to slide. Without a library; the server adds the
// cells.

"use strict";

/** Keys and what they do. Page keys are the buttons of a presenter, and turn the slide wherever the focus is. */
const KEYS = [
  ["→ Page Down Space", "the next slide"],
  ["← Page Up Shift+Space", "the slide before"],
  ["Home, End", "the first slide, the last"],
  ["↑ ↓", "scroll, where a slide is longer than the screen"],
  ["c", "show or hide the code of this slide"],
  ["s", "speaker notes, in a window of their own"],
  ["e", "open this lesson in JupyterLab, to change its code"],
  ["f", "the whole screen"],
  ["Esc", "out of a lab or a field: the arrow keys turn slides again"],
  ["?", "these keys"],
];
// Where an arrow key has a meaning of its own.
const HAS_KEYS =
  "input, select, textarea, [contenteditable], [role=slider], [role=tab], [role=grid], [role=application], " +
  ".cowlab-map, .cowlab-scrub";

const element = (id) => document.getElementById(id);

/** Group the cells: "slide" and "subslide" begin one, "skip" is on none, and all others belong to the one before. */
function slidesOf(cells) {
  const slides = [];
  for (const cell of cells) {
    const kind = cell.dataset.slide;
    if (kind === "skip") continue;
    if (!slides.length || kind === "slide" || kind === "subslide") slides.push([]);
    slides.at(-1).push(cell);
  }
  return slides;
}

/** A slide is called by its own heading, or by the last one before it. */
function titlesOf(slides) {
  let section = document.title;
  return slides.map((cells) => {
    const heading = cells.map((cell) => cell.querySelector("h1, h2")).find(Boolean);
    const words = [...(heading?.childNodes ?? [])].filter((node) => !node.classList?.contains("anchor-link"));
    section = words.map((node) => node.textContent).join("") || section;
    return section;
  });
}

/** JupyterLab's address of what is at an address of the slides. */
const inJupyterLab = (path) => path.replace("/voila/render/", "/lab/tree/");

/** Another lesson opens as slides, as its link says; a document opens in JupyterLab, beside the slides. */
function openDocumentsBeside() {
  for (const link of document.querySelectorAll('main a[href*=".md"]')) {
    if (link.origin !== location.origin) continue;
    link.href = inJupyterLab(link.pathname) + link.hash;
    link.target = "_blank";
  }
}

class Slides {
  constructor() {
    openDocumentsBeside();
    const cells = [...document.querySelectorAll(".slide-cell")];
    for (const cell of cells) cell.hidden = true;
    this.slides = slidesOf(cells);
    this.titles = titlesOf(this.slides);
    this.speaker = new Speaker(this);
    this.fillBar();
    this.listen();
    this.go(Number(location.hash.slice(1)) - 1 || 0);
  }

  fillBar() {
    this.slides.forEach((_, at) => element("slide-list").add(new Option(`${at + 1}  ${this.titles[at]}`, at)));
    const line = ([keys, does]) => `<dt>${keys}</dt><dd>${does}</dd>`;
    element("slide-keys").innerHTML = `<dl>${KEYS.map(line).join("")}</dl>`;
    element("slide-bar").hidden = false;
  }

  listen() {
    element("slide-back").onclick = () => this.turn(-1);
    element("slide-next").onclick = () => this.turn(1);
    element("slide-list").onchange = (event) => this.go(Number(event.target.value));
    element("slide-notes").onclick = () => this.speaker.open();
    element("slide-help").onclick = () => this.help();
    addEventListener("hashchange", () => this.go(Number(location.hash.slice(1)) - 1 || 0));
    addEventListener("keydown", (event) => this.key(event), true);
  }

  /** Show a slide; out of range is the first or the last. */
  go(to) {
    const at = Math.min(Math.max(to, 0), this.slides.length - 1);
    if (at === this.at) return;
    for (const cell of this.slides[this.at] ?? []) cell.hidden = true;
    for (const cell of this.slides[at]) cell.hidden = false;
    this.at = at;
    document.activeElement?.blur();
    scrollTo(0, 0);
    history.replaceState(null, "", `#${at + 1}`);
    element("slide-where").textContent = `${at + 1} / ${this.slides.length}`;
    element("slide-list").value = at;
    element("slide-back").disabled = at === 0;
    element("slide-next").disabled = at === this.slides.length - 1;
    this.speaker.show();
    dispatchEvent(new Event("resize")); // what was hidden has had no size
  }

  turn(by) {
    this.go(this.at + by);
  }

  get notes() {
    return this.slides[this.at].map((cell) => cell.dataset.notes).filter(Boolean).join("\n\n");
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const inside = event.target.closest?.(HAS_KEYS);
    if (inside && event.key === "Escape") document.activeElement.blur();
    const act = this.actions(event)[event.key];
    if (!act || (inside && !event.key.startsWith("Page"))) return;
    if (event.key === " " && event.target.closest?.("button, summary, a")) return; // which Space presses
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  actions(event) {
    return {
      ArrowRight: () => this.turn(1),
      PageDown: () => this.turn(1),
      ArrowLeft: () => this.turn(-1),
      PageUp: () => this.turn(-1),
      " ": () => this.turn(event.shiftKey ? -1 : 1),
      Home: () => this.go(0),
      End: () => this.go(this.slides.length - 1),
      c: () => this.code(),
      s: () => this.speaker.open(),
      e: () => open(inJupyterLab(location.pathname)),
      f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
      "?": () => this.help(),
    };
  }

  code() {
    const folds = this.slides[this.at].flatMap((cell) => [...cell.querySelectorAll(".slide-code")]);
    const shut = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = shut;
  }

  help() {
    const keys = element("slide-keys");
    keys.hidden = !keys.hidden;
    element("slide-help").setAttribute("aria-expanded", String(!keys.hidden));
  }
}

/**
 * What the speaker sees: notes, the next slide and the time, in a window of its own; or below the slide if there can be
 * none.
 */
class Speaker {
  constructor(slides) {
    this.slides = slides;
    this.since = Date.now();
  }

  open() {
    if (this.window && !this.window.closed) return this.window.focus();
    this.window = open("", "cowlab-speaker", "popup,width=720,height=560");
    if (this.window) this.furnish(this.window);
    else element("slide-aside").hidden = !element("slide-aside").hidden; // the browser allows no windows
    this.show();
  }

  furnish(page) {
    page.document.title = `Notes: ${document.title}`;
    page.document.body.innerHTML = `<style>
      body { font: 22px/1.45 system-ui, sans-serif; margin: 24px; color-scheme: light dark; }
      #notes { white-space: pre-line; } header, footer { color: GrayText; font-size: 18px; }
      h1 { font-size: 26px; margin: 4px 0 16px; }
      </style><header><span id="where"></span> · <time id="time"></time></header><h1 id="title"></h1>
      <main id="notes"></main><footer><p id="next"></p></footer>`;
    page.addEventListener("keydown", (event) => this.slides.key(event));
    page.setInterval(() => this.tick(), 1000);
  }

  /** The present slide, in the window and below the slide. */
  show() {
    const { notes, titles, at, slides } = this.slides;
    element("slide-aside").textContent = notes || "No notes for this slide.";
    if (!this.window || this.window.closed) return;
    const say = (id, text) => (this.window.document.getElementById(id).textContent = text);
    say("where", `slide ${at + 1} of ${slides.length}`);
    say("title", titles[at]);
    say("notes", notes || "No notes for this slide.");
    say("next", at + 1 < slides.length ? `Next: ${titles[at + 1]}` : "This is the last slide.");
    this.tick();
  }

  tick() {
    const seconds = Math.floor((Date.now() - this.since) / 1000);
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    this.window.document.getElementById("time").textContent = text;
  }
}

new Slides();
