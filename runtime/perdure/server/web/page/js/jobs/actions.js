/** What people do with jobs: one, or as many as are selected. */

import { Problem, path } from "../api.js";
import { confirm, field, openDialog } from "../dialogs.js";
import { h } from "../dom.js";
import { counted } from "../format.js";
import { jobAddress } from "../router.js";

/** @type {Record<string, {label: string, did: string, scope: string}>} */
export const ACTIONS = {
  pause: { label: "Pause", did: "asked to pause", scope: "control" },
  resume: { label: "Resume", did: "resumed", scope: "control" },
  cancel: { label: "Cancel", did: "asked to cancel", scope: "control" },
  retry: { label: "Retry", did: "queued again", scope: "control" },
  fork: { label: "Fork", did: "forked", scope: "control" },
};

const AT_ONCE = 8;

/**
 * Do it, ask before where it cannot be undone, and say what came of it.
 * @param {import("../app.js").App} app @param {string} action @param {any[]} jobs
 */
export async function act(app, action, jobs) {
  if (!jobs.length) return;
  if (action === "fork") {
    await fork(app, jobs[0]);
    return;
  }
  if (action === "cancel" && !(await sure(jobs))) return;
  const waiting = [...jobs];
  /** @type {unknown[]} */
  const failures = [];
  let done = 0;
  const work = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      try {
        await app.api.post(path`/v1/jobs/${job.job_id}/` + action);
        done += 1;
      } catch (error) {
        failures.push(error);
        if (!(error instanceof Problem)) waiting.length = 0; // nobody answers: the others need not be tried
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, jobs.length) }, work));
  if (done) app.toast(`${counted(done, "job")} ${ACTIONS[action].did}.`, "good");
  if (failures.length === 1) app.fail(failures[0]);
  else if (failures.length) {
    const first = failures[0] instanceof Error ? failures[0].message : "";
    app.toast(`${counted(failures.length, "job")} could not be changed. The first: ${first}`, "bad");
  }
}

/** @param {any[]} jobs */
function sure(jobs) {
  const one = jobs.length === 1;
  return confirm({
    title: one ? "Cancel this job?" : `Cancel ${counted(jobs.length, "job")}?`,
    text: `${one ? `${jobs[0].job_type} …${jobs[0].job_id.slice(-6)}` : "Each of them"} ends for good, and so do all jobs that descend from it. It may be retried later.`,
    accept: one ? "Cancel the job" : "Cancel the jobs",
  });
}

/**
 * Ask how a job is to be forked, and fork it.
 * @param {import("../app.js").App} app @param {any} job
 * @param {{at?: number | null}} [from] the event behind which it branches off; none is its last one
 */
export async function fork(app, job, { at = null } = {}) {
  const point = h("input", { type: "number", min: 1, max: job.sequence, value: at ?? job.sequence, required: true, inputmode: "numeric" });
  const state = h("textarea", { rows: 5, spellcheck: "false", placeholder: "as it was" });
  const paused = h("input", { type: "checkbox", id: "fork-paused" });
  const made = await openDialog({
    title: "Fork this job",
    accept: "Fork",
    body: [
      h("p", { class: "soft" }, "A new job goes on from a point of this one's past; this one stays as it is."),
      field("From event", point, `1 to ${job.sequence}, its last one`),
      field("With another state (JSON)", state, "Empty: with the state that it had. Else it begins anew from its last checkpoint."),
      h("div", { class: "check" }, paused, h("label", { for: "fork-paused" }, "Paused, until it is resumed")),
    ],
    submit: () => {
      /** @type {any} */
      const request = { at: Number(point.value), paused: paused.checked };
      if (state.value.trim()) request.state = parsed(state.value);
      return app.api.post(path`/v1/jobs/${job.job_id}/fork`, request);
    },
  });
  if (!made) return null;
  app.toast("Forked.", "good");
  app.go(jobAddress(made.job_id));
  return made;
}

/** JSON that a person wrote. @param {string} text */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The state is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}
