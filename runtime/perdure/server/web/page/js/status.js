/** What the statuses of jobs are called, and what may be done in each. */

import { h, say } from "./dom.js";

/** @type {Record<string, {name: string, means: string}>} In the order in which people want to see them. */
export const STATUSES = {
  attention: { name: "Attention", means: "an action is in doubt; a person has to say what happened" },
  running: { name: "Running", means: "an attempt is under way" },
  queued: { name: "Queued", means: "waits for a slot" },
  backoff: { name: "Back-off", means: "failed, and will be tried again by itself" },
  paused: { name: "Paused", means: "a person stopped it; waits to be resumed" },
  suspended: { name: "Suspended", means: "the host stopped it; goes on by itself with the next one" },
  copying: { name: "Copying", means: "a fork that is being made" },
  failed: { name: "Failed", means: "ended with an error; may be retried" },
  cancelled: { name: "Cancelled", means: "a person ended it; may be retried" },
  completed: { name: "Completed", means: "ended well" },
};

/** @type {Record<string, string[]>} What may be asked for in each status, see `perdure.store.lifecycle`. */
const ACTIONS = {
  attention: ["cancel", "fork"],
  running: ["pause", "cancel", "fork"],
  queued: ["pause", "cancel"],
  backoff: ["retry", "pause", "cancel", "fork"],
  paused: ["resume", "cancel", "fork"],
  suspended: ["resume", "pause", "cancel", "fork"],
  copying: [],
  failed: ["retry", "fork"],
  cancelled: ["retry", "fork"],
  completed: ["fork"],
};

/** @param {{status: string, folded_at?: string | null, pause_requested?: boolean, cancel_requested?: boolean}} job */
export function actionsOf(job) {
  if (job.folded_at) return [];
  return (ACTIONS[job.status] ?? []).filter(
    (each) => !(job.cancel_requested && ["pause", "cancel"].includes(each)) && !(job.pause_requested && each === "pause"),
  );
}

/** What a job is at, in a word or two. @param {any} job */
export function statusText(job) {
  if (job.status === "running" && job.cancel_requested) return "Cancelling";
  if (job.status === "running" && job.pause_requested) return "Pausing";
  return STATUSES[job.status]?.name ?? job.status;
}

/** The mark of a status: a shape, a colour and a word. @param {any} job */
export function statusMark(job) {
  const mark = h("span", { class: "status" }, h("span", { class: "shape", "aria-hidden": "true" }), h("span", { class: "word" }));
  showStatus(mark, job);
  return mark;
}

/** @param {HTMLElement} mark of `statusMark` @param {any} job */
export function showStatus(mark, job) {
  if (mark.dataset.status !== job.status) mark.dataset.status = job.status;
  mark.title = STATUSES[job.status]?.means ?? "";
  say(/** @type {Element} */ (mark.lastElementChild), statusText(job));
}

/** A bar of how far a job is. @param {string} label */
export function progressBar(label) {
  return h(
    "div",
    { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 },
    h("div", { class: "bar-fill" }),
  );
}

/** @param {HTMLElement} bar of `progressBar` @param {any} job */
export function showProgress(bar, job) {
  const share = Math.max(0, Math.min(1, job.progress || 0));
  const text = String(Math.floor(share * 100));
  if (bar.getAttribute("aria-valuenow") !== text) bar.setAttribute("aria-valuenow", text);
  /** @type {HTMLElement} */ (bar.firstElementChild).style.setProperty("--share", share.toFixed(4));
  bar.dataset.status = job.status;
}
