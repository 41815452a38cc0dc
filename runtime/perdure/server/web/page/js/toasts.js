/** Short messages in a corner, which are read out too. */

import { button, foreign, h } from "./dom.js";
import { line } from "./format.js";

const STAYS = 6000; // milliseconds
const MOST = 4;

export class Toasts {
  /** @param {HTMLElement} polite an aria-live region @param {HTMLElement} urgent one that interrupts: errors */
  constructor(polite, urgent) {
    this.polite = polite;
    this.urgent = urgent;
  }

  /**
   * @param {string} text
   * @param {"info" | "good" | "bad"} [kind] a bad one stays until it is closed
   */
  show(text, kind = "info") {
    const region = kind === "bad" ? this.urgent : this.polite;
    const toast = h("div", { class: `toast ${kind}` }, foreign(line(text, 400)));
    toast.append(button("Close", () => toast.remove(), { kind: "quiet", icon: "cancel", only: true }));
    region.append(toast);
    while (region.childElementCount > MOST) region.firstElementChild?.remove();
    if (kind !== "bad") setTimeout(() => toast.remove(), STAYS);
  }

  clear() {
    this.polite.replaceChildren();
    this.urgent.replaceChildren();
  }
}
