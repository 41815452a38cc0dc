/** What stands above the list: counts by status, which are filters too, and the other filters. */

import { button, h, icon, say, set } from "../dom.js";
import { field } from "../dialogs.js";
import { number, short } from "../format.js";
import { STATUSES } from "../status.js";

const PAUSE = 250; // milliseconds after the last key

export class Bar {
  /** @param {import("./filters.js").Filters} filters @param {(filters: import("./filters.js").Filters) => void} chosen */
  constructor(filters, chosen) {
    this.filters = filters;
    this.chosen = chosen;
    /** @type {any} */
    this.timer = undefined;
    this.all = this.#chip("", "All");
    this.chips = Object.fromEntries(Object.entries(STATUSES).map(([status, { name, means }]) => [status, this.#chip(status, name, means)]));
    this.text = this.#input("text", "search", "Search id, type, message, key");
    this.extension = h("select", { onchange: () => this.#changed() }, h("option", { value: "" }, "All"));
    this.type = this.#input("job_type", "text", "any");
    set(this.type, "list", "known-types");
    this.library = this.#input("library_id", "text", "any");
    this.types = h("datalist", { id: "known-types" });
    this.clear = button("Clear filters", () => this.#clear(), { kind: "quiet" });
    this.element = h(
      "div",
      { class: "filters" },
      h("div", { class: "chips", role: "group", "aria-label": "Status" }, this.all, Object.values(this.chips)),
      h("div", { class: "filter-fields", role: "search" },
        h("div", { class: "search" }, icon("search"), this.text),
        this.#labelled("Extension", this.extension),
        this.#labelled("Type", this.type),
        this.#labelled("Library", this.library),
        this.types,
        this.clear),
    );
    this.text.setAttribute("aria-label", "Search jobs");
    this.show(filters);
  }

  /** @param {import("./filters.js").Filters} filters */
  show(filters) {
    this.filters = filters;
    set(this.all, "aria-pressed", String(!filters.status.length));
    for (const [status, chip] of Object.entries(this.chips)) set(chip, "aria-pressed", String(filters.status.includes(status)));
    for (const [name, input] of Object.entries({ text: this.text, job_type: this.type, library_id: this.library })) {
      if (document.activeElement !== input) set(input, "value", filters[name]);
    }
    this.#option(filters.extension);
    set(this.extension, "value", filters.extension);
    this.clear.hidden = !(filters.status.length || filters.text || filters.extension || filters.job_type || filters.library_id);
  }

  /** @param {Record<string, number>} counts */
  count(counts) {
    const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
    this.#say(this.all, total);
    for (const [status, chip] of Object.entries(this.chips)) {
      this.#say(chip, counts[status] ?? 0);
      chip.hidden = !counts[status] && !this.filters.status.includes(status) && ["copying", "backoff", "suspended", "paused", "attention"].includes(status);
    }
  }

  /** What may be chosen. @param {any[]} extensions */
  offer(extensions) {
    for (const each of extensions) {
      this.#option(each.extension);
      for (const type of each.job_types) this.types.append(h("option", { value: `${each.extension}:${type.name}` }));
    }
  }

  close() {
    clearTimeout(this.timer);
  }

  /** @param {string} name */
  #option(name) {
    if ([...this.extension.options].some((each) => each.value === name)) return;
    this.extension.append(h("option", { value: name }, name));
  }

  /** @param {string} status @param {string} name @param {string} [means] */
  #chip(status, name, means = "") {
    return h(
      "button",
      { type: "button", class: "chip", title: means, dataset: { status }, onclick: () => this.#toggle(status) },
      status ? h("span", { class: "shape", "aria-hidden": "true" }) : null, h("span", {}, name), h("span", { class: "chip-count" }),
    );
  }

  /** @param {any} chip @param {number} count */
  #say(chip, count) {
    say(chip.lastElementChild, short(count));
    chip.lastElementChild.title = number(count);
  }

  /** @param {string} name @param {string} type @param {string} placeholder */
  #input(name, type, placeholder) {
    return h("input", {
      type, placeholder, autocomplete: "off", spellcheck: "false", maxlength: 200, name,
      oninput: () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.#changed(), PAUSE);
      },
    });
  }

  /** @param {string} label @param {any} control */
  #labelled(label, control) {
    const made = field(label, control);
    made.classList.add("inline");
    return made;
  }

  /** @param {string} status */
  #toggle(status) {
    const now = this.filters.status;
    const next = !status ? [] : now.includes(status) ? now.filter((each) => each !== status) : [...now, status];
    this.chosen({ ...this.filters, status: next });
  }

  #changed() {
    this.chosen({
      ...this.filters,
      text: this.text.value.trim(),
      extension: this.extension.value,
      job_type: this.type.value.trim(),
      library_id: this.library.value.trim(),
    });
  }

  #clear() {
    clearTimeout(this.timer);
    for (const each of [this.text, this.type, this.library]) each.value = "";
    this.chosen({ status: [], text: "", extension: "", job_type: "", library_id: "" });
  }
}
