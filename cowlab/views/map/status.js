/** What is said: on the line below the picture, and to those who hear the map. */

import { element } from "./elements.js";

export class Status {
  line = element("p", { class: "cowlab-status", role: "status" });
  spoken = element("p", { class: "cowlab-hidden", "aria-live": "polite" });

  /** Show a sentence. @param {string} text */
  say(text, error = false) {
    this.line.textContent = text;
    this.line.classList.toggle("cowlab-error", error);
  }

  /** Read a sentence out. @param {string} text */
  speak(text) {
    this.spoken.textContent = text;
  }
}
