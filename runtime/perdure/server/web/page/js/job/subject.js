/** The job that a view shows, as the server has it: read again when something happens to it, and while it runs. */

import { Problem, path } from "../api.js";

const POLL = 500; // milliseconds between looks at a job that runs
const SOON = 150; // milliseconds in which what happens is taken together

/** What people and the host do to a job; what its guest does comes too fast to be told one by one. */
const TURNS = [
  "dispatched", "fork-begun", "forked", "started", "resumed", "recovered", "in-doubt", "resolved", "moved", "run-ended",
  "pause-requested", "cancel-requested", "paused", "suspended", "retry-scheduled", "completed", "failed", "cancelled",
  "folded",
];

/** Events: `changed` when the job is another one than before, `moved` when it has new events. */
export class Subject extends EventTarget {
  /** @param {import("../app.js").App} app @param {string} id */
  constructor(app, id) {
    super();
    this.app = app;
    this.id = id;
    this.at = path`/v1/jobs/${id}`;
    /** @type {any} */
    this.details = null;
    /** @type {any} */
    this.job = null;
    this.closed = false;
    this.busy = false;
    this.again = false;
    this.turned = false;
    /** Whether what only its events say is looked at, too, while it runs. */
    this.thorough = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.onrestored = () => this.soon(true);
    this.onvisible = () => document.visibilityState === "visible" && this.soon(false);
  }

  /** Read it, and follow it from then on. @throws {Problem} there is no such job */
  async open() {
    this.details = await this.app.api.get(`${this.at}/details`);
    this.job = this.details.job;
    this.stream = this.app.live("/v1/events", { job_id: this.id, type: TURNS }, {
      event: () => this.soon(true),
      opened: () => this.soon(true),
    });
    this.app.connection.addEventListener("restored", this.onrestored);
    document.addEventListener("visibilitychange", this.onvisible);
    this.#later();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.stream?.close();
    this.app.connection.removeEventListener("restored", this.onrestored);
    document.removeEventListener("visibilitychange", this.onvisible);
  }

  /** Read it again in a moment. @param {boolean} turned whether more than its counters may be another */
  soon(turned) {
    if (this.closed) return;
    this.turned ||= turned;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), SOON);
  }

  /** Read it now. */
  async read() {
    if (this.closed) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    this.busy = true;
    const whole = this.turned || this.thorough;
    this.turned = false;
    try {
      const before = this.job;
      const answer = await this.app.api.get(whole ? `${this.at}/details` : this.at);
      if (this.closed) return;
      this.job = whole ? answer.job : answer;
      if (whole) this.details = answer;
      else if (this.job.status !== before.status || this.job.attempts !== before.attempts) this.turned = this.again = true;
      this.dispatchEvent(new Event("changed"));
      if (this.job.sequence !== before.sequence) this.dispatchEvent(new Event("moved"));
    } catch (error) {
      this.turned ||= whole;
      if (error instanceof Problem && error.status < 500) this.app.fail(error);
    } finally {
      this.busy = false;
    }
    if (this.again) {
      this.again = false;
      this.soon(false);
    } else {
      this.#later();
    }
  }

  #later() {
    clearTimeout(this.timer);
    const moves = ["running", "queued", "copying"].includes(this.job.status);
    if (!this.closed && moves && document.visibilityState === "visible") {
      this.timer = setTimeout(() => this.read(), POLL);
    }
  }
}
