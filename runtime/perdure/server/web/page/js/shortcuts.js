/** Keys of the page and of its views, and the dialog that lists them. */

import { openDialog } from "./dialogs.js";
import { h } from "./dom.js";

/** @typedef {{keys: string, does: string, run?: (event: KeyboardEvent) => void, shown?: string}} Shortcut
 *  `keys`: what `KeyboardEvent.key` says, or two of them one after the other, as `g j`; without `run` it is only listed,
 *  and what has the focus sees to it */

const CHORD = 1000; // milliseconds

/** The keys that hold now; those of a view come and go with it. */
export class Shortcuts {
  constructor() {
    /** @type {{title: string, keys: Shortcut[]}[]} */
    this.groups = [];
    this.before = { key: "", at: 0 };
    addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {string} title @param {Shortcut[]} keys @returns {() => void} ends them */
  add(title, keys) {
    const group = { title, keys };
    this.groups.push(group);
    return () => {
      this.groups = this.groups.filter((each) => each !== group);
    };
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const chord = Date.now() - this.before.at < CHORD ? `${this.before.key} ${event.key}` : "";
    this.before = { key: event.key, at: Date.now() };
    for (const wanted of chord ? [chord, event.key] : [event.key]) {
      const found = this.groups.toReversed().flatMap((group) => group.keys).find((each) => each.run && each.keys === wanted);
      if (found) {
        event.preventDefault();
        this.before = { key: "", at: 0 };
        found.run?.(event);
        return;
      }
    }
  }

  /** Show all of them. */
  help() {
    const rows = (/** @type {Shortcut[]} */ keys) =>
      keys.map((each) =>
        h("div", { class: "key-row" },
          h("dt", {}, (each.shown ?? each.keys).split(" ").map((key) => h("kbd", {}, key))),
          h("dd", {}, each.does)),
      );
    const body = this.groups.map((group) => [h("h3", {}, group.title), h("dl", { class: "keys" }, rows(group.keys))]);
    return openDialog({ title: "Keyboard shortcuts", body, accept: "Close", dismiss: "" });
  }
}
