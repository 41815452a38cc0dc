/** The list of jobs, live. */

import { Problem } from "../api.js";
import { button, h, say } from "../dom.js";
import { number } from "../format.js";
import { jobAddress, routeOf } from "../router.js";
import { actionsOf } from "../status.js";
import { act, ACTIONS } from "./actions.js";
import { Attention } from "./attention.js";
import { Bar } from "./bar.js";
import { dispatch } from "./dispatch.js";
import { addressOf, filtersOf, isNarrowed, isWanted } from "./filters.js";
import { Grid } from "./grid.js";
import { JobList } from "./model.js";
import { Selection } from "./selection.js";

const REFRESH = 700; // milliseconds between two readings of what is on the screen, at least
const ENTERING = 2000; // the same, where jobs may have come in between
const AGES = 5000; // "10 s ago" is said again
const POLL = 3000; // where nothing can be watched

/** @param {HTMLElement} container @param {string} _id @param {import("../app.js").App} app @param {URLSearchParams} query */
export async function show(container, _id, app, query) {
  const view = new JobsView(app, filtersOf(query));
  container.classList.add("jobs-view");
  container.append(...view.elements);
  view.begin();
  return () => view.close();
}

class JobsView {
  /** @param {import("../app.js").App} app @param {import("./filters.js").Filters} filters */
  constructor(app, filters) {
    this.app = app;
    this.list = new JobList(app.api, filters);
    const may = (/** @type {string} */ scope) => app.may(scope);
    const doIt = (/** @type {string} */ action, /** @type {any[]} */ jobs) => this.act(action, jobs);
    this.selection = new Selection(this.list, {
      act: doIt, may, said: (text) => app.toast(text), failed: (error) => app.fail(error),
    });
    this.grid = new Grid(this.list, this.selection, { act: doIt, may, open: (job) => app.go(jobAddress(job.job_id)) });
    this.bar = new Bar(filters, (chosen) => app.go(addressOf(chosen)));
    this.attention = new Attention(app.api, () => {});
    this.total = h("span", { class: "total soft", "aria-live": "off" });
    this.newest = "";
    this.refreshed = 0;
    this.busy = false;
    /** @type {any} */
    this.due = null;
    /** @type {any} */
    this.polling = null;
    /** @type {import("../live.js").Live | null} */
    this.live = null;
    this.ends = [
      app.shortcuts.add("Jobs", this.#keys()),
      this.#on(window, "hashchange", () => this.#address()),
      this.#on(this.list, "changed", () => this.#counted()),
      this.#on(app.connection, "restored", () => this.refresh(0, true)),
    ];
    this.selection.changed = () => this.grid.soon();
    this.ages = setInterval(() => this.grid.soon(), AGES);
  }

  get elements() {
    return [
      h("div", { class: "view-head" }, h("h1", {}, "Jobs"), this.total,
        this.app.may("dispatch") ? button("Dispatch a job", () => dispatch(this.app), { kind: "primary", icon: "plus", id: "dispatch", class: "button primary push" }) : null),
      this.attention.element,
      this.bar.element,
      this.selection.element,
      this.grid.frameElement,
    ];
  }

  begin() {
    this.grid.draw();
    this.refresh(0, true);
    this.#watch();
    this.app.api.get("/v1/extensions").then((found) => this.bar.offer(found)).catch(() => {}); // nothing is offered then
  }

  close() {
    for (const end of this.ends) end();
    clearInterval(this.ages);
    clearTimeout(this.due);
    clearTimeout(this.polling);
    this.live?.close();
    this.bar.close();
    this.grid.close();
    this.selection.close();
    this.list.close();
    this.closed = true;
  }

  /** @param {string} action @param {any[]} jobs */
  async act(action, jobs) {
    await act(this.app, action, jobs);
    if (!this.closed) this.refresh(0);
  }

  /**
   * Read again what is on the screen, soon: many wishes come to one reading.
   * @param {number} wait milliseconds since the last one, at least @param {boolean} [anew] what needs a decision, too
   */
  refresh(wait, anew = false) {
    this.anew ||= anew;
    if (this.due) return;
    const delay = Math.max(0, this.refreshed + Math.max(wait, anew ? 0 : REFRESH) - Date.now());
    this.due = setTimeout(async () => {
      this.due = null;
      if (this.busy) {
        this.refresh(REFRESH);
        return;
      }
      await this.#read();
    }, delay);
  }

  async #read() {
    this.busy = true;
    this.refreshed = Date.now();
    const anew = this.anew;
    this.anew = false;
    try {
      await this.list.refresh(...this.grid.seen);
      this.trouble = null;
      this.#counted();
      this.#attend(anew);
    } catch (error) {
      if (this.closed || (error instanceof DOMException && error.name === "AbortError")) return;
      this.trouble = error;
      this.#counted();
      if (error instanceof Problem) this.app.fail(error);
    } finally {
      this.busy = false;
      this.refreshed = Date.now();
    }
  }

  #watch() {
    this.live?.close();
    const { status, extension, job_type, library_id } = this.list.filters;
    this.live = this.app.live("/v1/jobs/live", { status, extension, job_type, library_id }, {
      opened: (again) => again && this.refresh(0, true),
      event: (event) => this.#event(event),
      failed: () => this.#poll(),
    });
  }

  /** Where the server lets nobody else watch. */
  #poll() {
    this.polling = setTimeout(() => {
      this.refresh(0, true);
      this.#poll();
    }, POLL);
  }

  /** @param {import("../live.js").LiveEvent} event */
  #event({ type, data }) {
    if (type === "reset") {
      this.refresh(0, true);
      return;
    }
    if (type !== "jobs" || !data) return;
    const strangers = data.jobs.filter((/** @type {any} */ job) => !this.list.jobs.has(job.job_id));
    const moved = this.list.update(data.jobs);
    const { filters } = this.list;
    const newer = strangers.some((/** @type {any} */ job) => job.job_id > this.newest && isWanted(filters, job));
    const gone = (data.left ?? []).some((/** @type {string} */ id) => this.list.jobs.has(id));
    if (data.counts && !isNarrowed(filters)) {
      this.list.counts = data.counts;
      this.#counted();
      this.grid.soon();
    }
    if (data.counts) this.attention.show(data.counts.attention ?? 0);
    if (newer || gone) this.refresh(REFRESH);
    else if (strangers.length && filters.status.length) this.refresh(ENTERING);
    else if (moved && !(data.counts && !isNarrowed(filters))) this.refresh(ENTERING); // nobody else counts them
    for (const job of data.jobs) if (job.job_id > this.newest) this.newest = job.job_id;
  }

  #attend(anew = false) {
    if (isNarrowed(this.list.filters)) {
      this.app.api.get("/v1/jobs/counts").then(({ counts }) => this.attention.show(counts.attention ?? 0, anew)).catch(() => {});
    } else if (this.list.counts) {
      this.attention.show(this.list.counts.attention ?? 0, anew);
    }
  }

  #counted() {
    const { list } = this;
    const first = list.at(0);
    if (first && first.job_id > this.newest) this.newest = first.job_id;
    if (list.counts) this.bar.count(list.counts);
    const filtered = isNarrowed(list.filters) || list.filters.status.length;
    say(this.total, list.counts ? `${number(list.length)}${filtered ? " shown" : ""}` : "");
    this.grid.sayNothing(list.length || !(list.counts || this.trouble) ? [] : this.#nothing(Boolean(filtered)));
  }

  /** @param {boolean} filtered */
  #nothing(filtered) {
    if (this.trouble) return [h("h2", {}, "The jobs cannot be read"), h("p", {}, this.trouble instanceof Error ? this.trouble.message : "")];
    if (filtered) return [h("h2", {}, "No job is like that"), h("p", {}, "Take a filter away to see more.")];
    return [h("h2", {}, "No jobs yet"), h("p", {}, "Install an extension, and dispatch one of its jobs.")];
  }

  /** The address changed while this view is shown: other filters. */
  #address() {
    const { name, id, query } = routeOf(location.hash);
    if (name !== "jobs" || id) return;
    const filters = filtersOf(query);
    if (addressOf(filters) === addressOf(this.list.filters)) return;
    this.list.refilter(filters);
    this.bar.show(filters);
    this.selection.clear();
    this.grid.toTop();
    this.newest = "";
    this.refreshed = 0;
    this.refresh(0, true);
    clearTimeout(this.polling);
    this.#watch();
  }

  /** The selected jobs, or the one at which the keys are. @param {string} action */
  #press(action) {
    if (this.selection.size) {
      this.selection.act(action);
      return;
    }
    const job = this.grid.activeJob;
    if (job && actionsOf(job).includes(action) && this.app.may(ACTIONS[action].scope)) this.act(action, [job]);
    else this.app.toast(`Nothing here to ${action}.`);
  }

  #keys() {
    return [
      { keys: "/", does: "Search", run: () => this.bar.text.focus() },
      { keys: "j", does: "Next job", run: () => this.grid.focus(this.grid.active + (this.#inGrid() ? 1 : 0)) },
      { keys: "k", does: "Job before", run: () => this.grid.focus(this.grid.active - (this.#inGrid() ? 1 : 0)) },
      { keys: "Enter", does: "Open the job" },
      { keys: " ", shown: "Space", does: "Select the job" },
      { keys: "n", does: "Dispatch a job", run: () => this.app.may("dispatch") && dispatch(this.app) },
      { keys: "p", does: "Pause", run: () => this.#press("pause") },
      { keys: "r", does: "Resume", run: () => this.#press("resume") },
      { keys: "c", does: "Cancel", run: () => this.#press("cancel") },
      { keys: "y", does: "Retry", run: () => this.#press("retry") },
      { keys: "f", does: "Fork", run: () => this.#press("fork") },
      { keys: "Escape", shown: "Esc", does: "Select nothing", run: () => this.selection.clear() },
    ];
  }

  #inGrid() {
    return this.grid.body.contains(document.activeElement);
  }

  /** @param {EventTarget} target @param {string} type @param {() => void} listener */
  #on(target, type, listener) {
    target.addEventListener(type, listener);
    return () => target.removeEventListener(type, listener);
  }
}
