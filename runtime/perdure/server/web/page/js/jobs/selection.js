/** Which jobs are selected, and the bar that says what may be done with them. */

import { button, h, say } from "../dom.js";
import { counted, number } from "../format.js";
import { actionsOf } from "../status.js";
import { ACTIONS } from "./actions.js";
import { beyondStatus } from "./filters.js";

export const MOST = 1000; // jobs

export class Selection {
  /**
   * @param {import("./model.js").JobList} list
   * @param {{act: (action: string, jobs: any[]) => void, may: (scope: string) => boolean, said: (text: string) => void, failed: (error: unknown) => void}} does
   */
  constructor(list, does) {
    this.list = list;
    this.does = does;
    /** @type {Map<string, any>} */
    this.jobs = new Map();
    this.last = "";
    this.changed = () => {};
    this.count = h("span", { class: "selection-count" });
    this.buttons = Object.fromEntries(
      ["pause", "resume", "retry", "cancel"].map((each) => [
        each,
        button(ACTIONS[each].label, () => this.act(each), { kind: "small", icon: each, dataset: { bulk: each } }),
      ]),
    );
    this.element = h(
      "div",
      { class: "selection", role: "toolbar", "aria-label": "Selected jobs", hidden: true },
      this.count,
      Object.values(this.buttons),
      button("Clear", () => this.clear(), { kind: "quiet small" }),
    );
    this.onupdated = (/** @type {any} */ event) => {
      if (this.jobs.has(event.detail.job_id)) this.#show();
    };
    list.addEventListener("updated", this.onupdated);
  }

  /** @param {string} id */
  has(id) {
    return this.jobs.has(id);
  }

  get size() {
    return this.jobs.size;
  }

  /** @param {any} job @param {boolean} on @param {any[]} others that go with it */
  set(job, on, others) {
    for (const each of [job, ...others]) {
      if (on) this.jobs.set(each.job_id, each);
      else this.jobs.delete(each.job_id);
    }
    this.last = job.job_id;
    this.#changed();
  }

  clear() {
    this.jobs.clear();
    this.#changed();
  }

  /** All jobs of the list, the newest `MOST` of them; or none, if some are selected. */
  async toggleAll() {
    if (this.jobs.size) {
      this.clear();
      return;
    }
    try {
      const { filters } = this.list;
      const query = { ...beyondStatus(filters), status: filters.status, limit: MOST };
      const { jobs, next } = await this.list.api.get("/v1/jobs", query);
      for (const job of jobs) this.jobs.set(job.job_id, job);
      if (next) this.does.said(`The newest ${number(MOST)} are selected; narrow the list to reach the others.`);
    } catch (error) {
      this.does.failed(error);
    }
    this.#changed();
  }

  /** @param {string} action on those that it fits */
  act(action) {
    this.does.act(action, this.fitting(action));
  }

  /** @param {string} action */
  fitting(action) {
    return [...this.jobs.values()].map((job) => this.list.jobs.get(job.job_id) ?? job).filter((job) => actionsOf(job).includes(action));
  }

  /** @param {any} box the one in the grid's head */
  shown(box) {
    box.checked = this.jobs.size > 0 && this.jobs.size >= this.list.length;
    box.indeterminate = this.jobs.size > 0 && !box.checked;
  }

  close() {
    this.list.removeEventListener("updated", this.onupdated);
  }

  #changed() {
    this.#show();
    this.changed();
  }

  #show() {
    this.element.hidden = !this.jobs.size;
    if (!this.jobs.size) return;
    say(this.count, `${counted(this.jobs.size, "job")} selected`);
    for (const [action, each] of Object.entries(this.buttons)) {
      each.disabled = !this.does.may(ACTIONS[action].scope) || !this.fitting(action).length;
    }
  }
}
