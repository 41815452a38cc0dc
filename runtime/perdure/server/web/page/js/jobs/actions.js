/** What people do with jobs: one, or as many as are selected. */

import { Problem, path } from "../api.js";
import { confirm } from "../dialogs.js";
import { counted } from "../format.js";
import { forkDialog } from "../job/fork.js";

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
    await forkDialog(app, jobs[0], {});
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
