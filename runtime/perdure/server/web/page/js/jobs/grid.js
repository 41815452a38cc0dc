/**
 * The list as a grid of which only the rows on the screen exist: a few dozen elements, however many jobs there are.
 * One row has the focus's place (arrow keys move it), as the ARIA practices have it for grids.
 */

import { h, say, set } from "../dom.js";
import { COLUMNS, Row } from "./row.js";

const BEYOND = 6; // rows above and below what is seen
const TALLEST = 8_000_000; // pixels; browsers draw no element that is much taller

export class Grid {
  /**
   * @param {import("./model.js").JobList} list
   * @param {import("./selection.js").Selection} selection
   * @param {{act: (action: string, jobs: any[]) => void, open: (job: any) => void, may: (scope: string) => boolean}} does
   */
  constructor(list, selection, does) {
    this.list = list;
    this.selection = selection;
    this.does = does;
    /** @type {Map<number, Row>} */
    this.rows = new Map();
    /** @type {Row[]} */
    this.spare = [];
    this.active = 0;
    this.activeId = "";
    this.topId = "";
    this.topIndex = 0;
    this.height = 44;
    this.frame = 0;
    this.all = h("input", { type: "checkbox", "aria-label": "Select all jobs of this list", onclick: () => selection.toggleAll() });
    this.head = h(
      "div",
      { role: "row", class: "job-row grid-head", "aria-rowindex": 1 },
      COLUMNS.map(({ name, head, figure }) =>
        h("div", { role: "columnheader", class: `cell ${name}${figure ? " figure" : ""}` },
          name === "select" ? this.all : head || h("span", { class: "unseen" }, "Actions")),
      ),
    );
    this.ruler = h("div", { class: "job-row ruler", "aria-hidden": "true" });
    this.body = h("div", { role: "rowgroup", class: "grid-body" });
    this.nothing = h("div", { class: "empty", hidden: true });
    this.element = h(
      "div",
      { class: "grid panel", role: "grid", "aria-label": "Jobs", "aria-multiselectable": "true", "aria-colcount": COLUMNS.length },
      h("div", { role: "rowgroup", class: "grid-top" }, this.head),
      this.body,
    );
    this.frameElement = h("div", { class: "grid-frame" }, this.ruler, this.element, this.nothing);
    this.element.addEventListener("scroll", () => this.soon(), { passive: true });
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.element.addEventListener("focusin", (/** @type {FocusEvent} */ event) => this.#focused(event));
    this.resizing = new ResizeObserver(() => this.#measured());
    this.resizing.observe(this.element);
    this.resizing.observe(this.ruler);
    this.onupdated = (/** @type {any} */ event) => this.#updated(event.detail);
    this.onchanged = () => this.soon();
    list.addEventListener("updated", this.onupdated);
    list.addEventListener("changed", this.onchanged);
  }

  /** The rows that are seen: from, to (not included). @returns {[number, number]} */
  get seen() {
    const room = this.element.clientHeight - this.head.offsetHeight;
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.height));
    return [first, Math.min(this.length, first + Math.max(1, Math.ceil(room / this.height)) + 1)];
  }

  /** How many rows can be scrolled to. */
  get length() {
    return Math.min(this.list.length, Math.floor(TALLEST / this.height));
  }

  /** The job at which the keys are. */
  get activeJob() {
    return this.list.at(this.active);
  }

  close() {
    this.resizing.disconnect();
    cancelAnimationFrame(this.frame);
    this.list.removeEventListener("updated", this.onupdated);
    this.list.removeEventListener("changed", this.onchanged);
  }

  /** Draw with the next frame. */
  soon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** Back to the first row: after other filters. */
  toTop() {
    this.element.scrollTop = 0;
    this.active = 0;
    this.activeId = "";
    this.topId = "";
  }

  draw() {
    const held = this.body.contains(document.activeElement);
    const length = this.length;
    this.#stay();
    this.body.style.setProperty("--rows", String(length));
    set(this.element, "aria-rowcount", length + 1);
    this.active = Math.max(0, Math.min(this.active, length - 1));
    const [first, last] = this.seen;
    const from = Math.max(0, first - BEYOND);
    const to = Math.min(length, last + BEYOND);
    for (const [index, row] of this.rows) {
      if (index < from || index >= to) this.#put(index, row);
    }
    for (let index = from; index < to; index += 1) this.#show(index);
    this.#hold(first);
    if (held && !this.body.contains(document.activeElement)) this.rows.get(this.active)?.element.focus({ preventScroll: true });
    this.selection.shown(this.all);
    if (length) this.list.need(from, to).catch(() => {}); // who reads the list says that it could not be read
  }

  /** Put the keys at a row, and the focus on it. @param {number} index */
  focus(index) {
    this.active = Math.max(0, Math.min(index, this.length - 1));
    this.activeId = this.activeJob?.job_id ?? ""; // a row that has not come yet gets it when it is there
    const top = this.active * this.height;
    const room = this.element.clientHeight - this.head.offsetHeight;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + this.height > this.element.scrollTop + room) this.element.scrollTop = top + this.height - room;
    this.draw();
    this.rows.get(this.active)?.element.focus({ preventScroll: true });
  }

  /** @param {number} index */
  #show(index) {
    let row = this.rows.get(index);
    if (!row) {
      row = this.spare.pop() ?? this.#made();
      this.rows.set(index, row);
      if (!row.element.isConnected) this.body.append(row.element);
    }
    const job = this.list.at(index);
    row.place(index, job);
    if (job) row.show(job, this.list.pace(job), this.selection.has(job.job_id));
    row.activate(index === this.active);
  }

  #made() {
    const row = new Row({
      act: this.does.act,
      may: this.does.may,
      select: (job, on, event) => this.selection.set(job, on, event.shiftKey ? this.#between(job) : []),
    });
    row.element.addEventListener("dblclick", () => row.job && this.does.open(row.job));
    return row;
  }

  /** The jobs from the one that was selected last to this one. @param {any} job */
  #between(job) {
    const indices = [this.selection.last, job.job_id].map((id) => [...this.rows].find(([, row]) => row.job?.job_id === id)?.[0]);
    const [low, high] = indices.toSorted((left, right) => Number(left) - Number(right));
    if (low === undefined || high === undefined) return [];
    return Array.from({ length: high - low + 1 }, (_, offset) => this.list.at(low + offset)).filter(Boolean);
  }

  /** @param {number} index @param {Row} row */
  #put(index, row) {
    if (index === this.active && row.element.contains(document.activeElement)) return; // who reads it keeps it
    this.rows.delete(index);
    row.activate(false);
    row.element.remove();
    this.spare.push(row);
  }

  /** Jobs that came above move the others down: what is looked at, and what has the focus, stays. */
  #stay() {
    if (this.topId && this.element.scrollTop > 0) {
      const index = this.#indexOf(this.topId, this.topIndex);
      if (index !== null && index !== this.topIndex) {
        this.body.style.setProperty("--rows", String(this.length));
        this.element.scrollTop += (index - this.topIndex) * this.height;
      }
    }
    if (!this.activeId || this.activeJob?.job_id === this.activeId) return;
    const index = this.#indexOf(this.activeId, this.active);
    if (index === null) return;
    const held = this.rows.get(this.active)?.element.contains(document.activeElement);
    this.active = index;
    if (held) queueMicrotask(() => this.rows.get(index)?.element.focus({ preventScroll: true }));
  }

  /** @param {string} id @param {number} near */
  #indexOf(id, near) {
    for (let step = 0; step < 200; step += 1) {
      for (const index of [near + step, near - step]) {
        if (index >= 0 && this.list.at(index)?.job_id === id) return index;
      }
    }
    return null;
  }

  /** @param {number} first */
  #hold(first) {
    const job = this.list.at(first);
    if (!job) return;
    this.topId = job.job_id;
    this.topIndex = first;
  }

  /** @param {any} job */
  #updated(job) {
    for (const row of this.rows.values()) {
      if (row.job?.job_id === job.job_id) row.show(job, this.list.pace(job), this.selection.has(job.job_id));
    }
  }

  #measured() {
    this.height = this.ruler.offsetHeight || this.height;
    this.soon();
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    for (const [index, row] of this.rows) {
      if (index !== this.active && row.element.contains(/** @type {Node} */ (event.target))) {
        this.rows.get(this.active)?.activate(false);
        this.active = index;
        this.activeId = row.job?.job_id ?? "";
        row.activate(true);
      }
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target === this.all) return;
    const page = Math.max(1, this.seen[1] - this.seen[0] - 2);
    /** @type {Record<string, number>} */
    const moves = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.length - 1,
    };
    const onRow = target.getAttribute("role") === "row";
    if (event.key in moves) this.focus(moves[event.key]);
    else if (event.key === "Enter" && onRow && this.activeJob) this.does.open(this.activeJob);
    else if (event.key === " " && onRow && this.activeJob) {
      this.selection.set(this.activeJob, !this.selection.has(this.activeJob.job_id), []);
    } else return;
    event.preventDefault();
  }

  /** What is said where there is no job. @param {any[]} content empty to say nothing */
  sayNothing(content) {
    this.nothing.hidden = !content.length;
    if (content.length) this.nothing.replaceChildren(...content);
    else say(this.nothing, "");
  }
}
