/** A list of any length, of which only the rows in sight are in the page. Its keys are those of every list. */

import { fill, h } from "../dom.js";

const AROUND = 8; // rows drawn beyond those in sight

export class Rows {
  /**
   * @param {{label: string, height: number, draw: (item: any) => any[], open: (item: any) => void, more: () => void}} order
   *   `height` of a row in pixels; `more` is called near the end
   */
  constructor({ label, height, draw, open, more }) {
    this.height = height;
    this.drawn = draw;
    this.opened = open;
    this.more = more;
    /** @type {any[]} */
    this.items = [];
    this.active = 0;
    this.space = h("div", { class: "rows-space", role: "presentation" });
    this.element = h("div", {
      class: "rows", role: "list", "aria-label": label, tabindex: -1, style: { "--row-height": `${height}px` },
      onscroll: () => this.draw(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    }, this.space);
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.element);
  }

  close() {
    this.watcher.disconnect();
  }

  /** Whether the first row is out of sight. */
  get scrolled() {
    return this.element.scrollTop > this.height / 2;
  }

  /** To the first row. */
  top() {
    this.element.scrollTop = 0;
    this.active = 0;
    this.draw();
  }

  /** @param {any[]} items @param {number} [above] so many of them are new, and stand above what is in sight */
  show(items, above = 0) {
    this.items = items;
    this.active = Math.max(0, Math.min(items.length - 1, this.active + above));
    this.space.style.setProperty("--rows", String(items.length));
    if (above) this.element.scrollTop += above * this.height;
    this.draw();
  }

  draw() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - AROUND);
    const last = Math.min(this.items.length, Math.ceil((scrollTop + clientHeight) / this.height) + AROUND);
    const focused = this.space.contains(document.activeElement);
    fill(this.space, this.items.slice(first, last).map((item, place) => this.#row(item, first + place)));
    if (focused) this.#button()?.focus({ preventScroll: true });
    if (this.items.length && last >= this.items.length - AROUND) this.more();
  }

  /** @param {any} item @param {number} index */
  #row(item, index) {
    return h("div", { class: "rows-item", role: "listitem", "aria-posinset": index + 1, "aria-setsize": -1, style: { "--index": index } },
      h("button", {
        type: "button", class: "rows-button", tabindex: index === this.active ? 0 : -1, dataset: { index },
        onclick: () => {
          this.active = index;
          this.opened(item);
        },
      }, this.drawn(item)));
  }

  #button() {
    return /** @type {HTMLElement | null} */ (this.space.querySelector(`[data-index="${this.active}"]`));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.active = Math.max(0, Math.min(this.items.length - 1, this.active + by));
    const top = this.active * this.height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + this.height > this.element.scrollTop + this.element.clientHeight) this.element.scrollTop = top + this.height - this.element.clientHeight;
    this.draw();
    this.#button()?.focus({ preventScroll: true });
  }
}
