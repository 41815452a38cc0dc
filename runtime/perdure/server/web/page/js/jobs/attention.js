/** The jobs that wait for a person, above all others. */

import { foreign, h, icon } from "../dom.js";
import { ago, counted, line, moment } from "../format.js";
import { jobAddress } from "../router.js";

const SHOWN = 4;

export class Attention {
  /** @param {import("../api.js").Api} api @param {(error: unknown) => void} failed */
  constructor(api, failed) {
    this.api = api;
    this.failed = failed;
    this.many = -1;
    this.element = h("section", { class: "attention", "aria-labelledby": "attention-title", hidden: true });
  }

  /** @param {number} many how many there are @param {boolean} [anew] read them also if that has not changed */
  async show(many, anew = false) {
    if (many === this.many && !anew) return;
    this.many = many;
    this.element.hidden = !many;
    if (!many) return;
    try {
      const { jobs } = await this.api.get("/v1/jobs", { status: "attention", limit: SHOWN });
      this.#fill(jobs);
    } catch (error) {
      this.many = -1;
      this.failed(error);
    }
  }

  /** @param {any[]} jobs */
  #fill(jobs) {
    this.element.replaceChildren(
      h("div", { class: "attention-head" }, icon("warning"),
        h("h2", { id: "attention-title" }, `${counted(this.many, "job")} ${this.many === 1 ? "needs" : "need"} a decision`),
        this.many > jobs.length ? h("a", { href: "#/jobs?status=attention" }, "Show all") : null),
      h("ul", {}, jobs.map((job) => this.#item(job))),
    );
  }

  /** @param {any} job */
  #item(job) {
    const since = /** @type {Date} */ (moment(job.updated_at));
    return h(
      "li",
      {},
      h("a", { href: jobAddress(job.job_id), class: "attention-job" },
        foreign(line(job.job_type, 80)), h("span", { class: "mono soft" }, ` …${job.job_id.slice(-6)}`)),
      h("span", { class: "attention-why" },
        job.intent ? [h("code", {}, line(job.intent.method, 80)), " may or may not have been done"] : "waits for a person"),
      h("span", { class: "soft" }, ago(since)),
      h("a", { href: jobAddress(job.job_id), class: "button small", "aria-label": `Decide on ${line(job.job_type, 80)} ${job.job_id}` }, "Decide"),
    );
  }
}
