/** One row of the list. Made once, and then filled with whichever job stands there. */

import { button, h, say, set } from "../dom.js";
import { ago, dateTime, duration, line, moment, number, percent, rate, short, bytes } from "../format.js";
import { jobAddress } from "../router.js";
import { actionsOf, progressBar, showProgress, showStatus, statusMark } from "../status.js";
import { ACTIONS } from "./actions.js";

/** The columns, in order: their heads, and what they are for those who do not see them. */
export const COLUMNS = [
  { name: "select", head: "" },
  { name: "state", head: "Status" },
  { name: "job", head: "Job" },
  { name: "progress", head: "Progress" },
  { name: "rate", head: "Rate", figure: true },
  { name: "left", head: "Time left", figure: true },
  { name: "items", head: "Items", figure: true },
  { name: "bytes", head: "Bytes", figure: true },
  { name: "warnings", head: "Warnings", figure: true },
  { name: "when", head: "Updated", figure: true },
  { name: "actions", head: "" },
];

/** A row in the grid. */
export class Row {
  /** @param {{act: (action: string, jobs: any[]) => void, select: (job: any, on: boolean, event: any) => void, may: (scope: string) => boolean}} does */
  constructor(does) {
    this.does = does;
    /** @type {any} */
    this.job = null;
    this.check = h("input", {
      type: "checkbox", tabindex: -1, onclick: (/** @type {any} */ event) => does.select(this.job, this.check.checked, event),
    });
    this.mark = statusMark({ status: "queued" });
    this.link = h("a", { tabindex: -1, class: "cut job-link" });
    this.type = h("bdi", { class: "job-type" });
    this.id = h("span", { class: "mono job-id" });
    this.message = h("bdi", { dir: "auto", class: "cut job-message" });
    this.link.append(this.type, this.id);
    this.bar = progressBar("Progress");
    this.percent = h("span", { class: "figure" });
    /** @type {Record<string, any>} */
    this.cells = {
      select: [this.check],
      state: [this.mark],
      job: [this.link, this.message],
      progress: [this.bar, this.percent],
      actions: [],
    };
    for (const { name } of COLUMNS) {
      this.cells[name] = h("div", { role: "gridcell", class: `cell ${name}` }, this.cells[name] ?? []);
    }
    this.element = h("div", { role: "row", class: "job-row", tabindex: -1 }, COLUMNS.map(({ name }) => this.cells[name]));
    this.shown = "";
  }

  /** @param {number} index @param {any} job undefined where it has not come yet */
  place(index, job) {
    this.index = index;
    this.element.style.setProperty("--at", String(index));
    set(this.element, "aria-rowindex", index + 2); // the head is row 1
    set(this.element, "data-id", job?.job_id);
    this.element.classList.toggle("waiting", !job);
  }

  /** @param {any} job @param {import("../pace.js").Pace} pace @param {boolean} selected */
  show(job, pace, selected) {
    const same = this.job?.job_id === job.job_id;
    this.job = job;
    showStatus(this.mark, job);
    if (!same) {
      const name = `${line(job.job_type, 80)} ${job.job_id}`;
      set(this.link, "href", jobAddress(job.job_id));
      this.link.title = name;
      set(this.check, "aria-label", `Select ${name}`);
      set(this.bar, "aria-label", `Progress of ${name}`);
      say(this.type, line(job.job_type, 120));
      say(this.id, job.job_id.slice(-6));
    }
    const message = job.error ? `${job.error.kind}: ${job.error.message}` : job.message;
    say(this.message, line(message, 240));
    this.message.classList.toggle("is-error", Boolean(job.error));
    showProgress(this.bar, job);
    say(this.percent, percent(job.progress));
    say(this.cells.rate, rate(pace.items ?? pace.bytes));
    say(this.cells.left, duration(pace.left));
    say(this.cells.items, job.items ? short(job.items) : "");
    this.cells.items.title = job.items ? number(job.items) : "";
    say(this.cells.bytes, job.bytes ? bytes(job.bytes) : "");
    say(this.cells.warnings, job.warnings ? short(job.warnings) : "");
    const updated = /** @type {Date} */ (moment(job.updated_at));
    say(this.cells.when, ago(updated));
    this.cells.when.title = `Updated ${dateTime(updated)}; dispatched ${dateTime(/** @type {Date} */ (moment(job.dispatched_at)))}`;
    this.check.checked = selected;
    set(this.element, "aria-selected", String(selected));
    this.#actions(job);
  }

  /** Whether its controls are reached by the Tab key: those of the row in which one is. @param {boolean} on */
  activate(on) {
    const stop = on ? 0 : -1;
    if (this.element.tabIndex === stop) return;
    for (const each of [this.element, this.link, this.check, ...this.cells.actions.children]) each.tabIndex = stop;
  }

  /** @param {any} job */
  #actions(job) {
    const wanted = actionsOf(job).filter((each) => this.does.may(ACTIONS[each].scope));
    const shown = `${job.job_id} ${wanted.join(" ")}`;
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = this.cells.actions.contains(document.activeElement);
    this.cells.actions.replaceChildren(
      ...wanted.map((each) =>
        button(`${ACTIONS[each].label} …${job.job_id.slice(-6)}`, () => this.does.act(each, [this.job]), {
          kind: "quiet small", icon: each, only: true, tabindex: this.element.tabIndex, dataset: { action: each },
        }),
      ),
    );
    if (focused) this.element.focus();
  }
}
