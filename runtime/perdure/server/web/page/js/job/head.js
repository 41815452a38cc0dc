/** What stands above everything of a job: what it is, how far it is, how fast, and what may be done about it. */

import { path } from "../api.js";
import { button, fill, foreign, h, say } from "../dom.js";
import { bytes, counted, duration, line, micros, number, percent, rate, short } from "../format.js";
import { PaceMeter } from "../pace.js";
import { jobAddress, extensionAddress } from "../router.js";
import { actionsOf, progressBar, showProgress, showStatus, statusMark } from "../status.js";
import { forkDialog } from "./fork.js";

/** @type {Record<string, {label: string, icon: string, done: string}>} */
const ACTIONS = {
  pause: { label: "Pause", icon: "pause", done: "Asked to pause." },
  resume: { label: "Resume", icon: "resume", done: "It goes on." },
  retry: { label: "Retry", icon: "retry", done: "It is tried again." },
  cancel: { label: "Cancel", icon: "cancel", done: "Asked to end." },
  fork: { label: "Fork…", icon: "fork", done: "" },
};

const FIGURES = ["Progress", "Items", "Data", "Fuel", "Checkpoints", "Attempts", "Warnings", "Time left"];

/**
 * @param {HTMLElement} place @param {import("./view.js").Scene} scene
 * @returns {() => void}
 */
export function showHead(place, scene) {
  const { subject, app } = scene;
  const pace = new PaceMeter();
  const mark = statusMark(subject.job);
  const bar = progressBar("Progress");
  const message = foreign("", { class: "cut" });
  const controls = h("div", { class: "row job-controls" });
  const values = Object.fromEntries(FIGURES.map((name) => [name, { value: h("b", {}), more: h("span", { class: "soft" }) }]));
  let offered = "";

  /** @param {string} action */
  async function act(action) {
    if (action === "fork") {
      const { details } = subject;
      await forkDialog(app, subject.job, { state: subject.job.checkpoint ? details.checkpoint_state : details.state });
      return;
    }
    if (action === "cancel" && !(await app.confirm(endWords()))) return;
    await app.attempt(() => app.api.post(path`/v1/jobs/${subject.id}/${action}`), ACTIONS[action].done);
    subject.soon(true);
  }

  const endWords = () => {
    const children = subject.details.children.filter((/** @type {any} */ child) => !ended(child)).length;
    const more = children ? ` ${counted(children, "job")} that it dispatched will end with it.` : "";
    return { title: "Cancel this job?", text: `It ends for good, unless it is retried.${more}`, accept: "Cancel the job" };
  };

  function draw() {
    const job = subject.job;
    const speed = pace.update(job);
    showStatus(mark, job);
    showProgress(bar, job);
    say(message, line(job.message ?? "", 200));
    const wanted = app.may("control") ? actionsOf(job).join() : "";
    if (wanted !== offered || !controls.childElementCount) {
      offered = wanted;
      const held = /** @type {HTMLElement | null} */ (controls.contains(document.activeElement) ? document.activeElement : null);
      fill(controls, (wanted ? wanted.split(",") : []).map((name) =>
        button(ACTIONS[name].label, () => act(name), { icon: ACTIONS[name].icon, dataset: { action: name } })));
      if (held) /** @type {HTMLElement} */ (controls.querySelector(`[data-action="${held.dataset.action}"]`) ?? controls.firstElementChild ?? place).focus();
    }
    figure("Progress", percent(job.progress));
    figure("Items", short(job.items), rate(speed.items));
    figure("Data", bytes(job.bytes), speed.bytes === null ? "" : `${bytes(speed.bytes)}/s`);
    figure("Fuel", short(job.fuel), job.fuel_superseded ? `+${short(job.fuel_superseded)} redone` : "");
    figure("Checkpoints", number(job.checkpoints), job.checkpoint ? `last at ${number(job.checkpoint.sequence)}` : "");
    figure("Attempts", number(job.attempts), job.failures ? `${number(job.failures)} failed` : "");
    figure("Warnings", number(job.warnings));
    values.Warnings.value.closest("div")?.classList.toggle("warned", job.warnings > 0);
    const took = job.started_at ? (micros(job.ended_at ?? job.updated_at) - micros(job.started_at)) / 1e6 : null;
    const name = values["Time left"].value.closest("div")?.querySelector("dt");
    if (name) say(name, ended(job) ? "Took" : "Time left");
    figure("Time left", ended(job) ? duration(took) || "—" : duration(speed.left) || "—", ended(job) || took === null ? "" : `after ${duration(took)}`);
  }

  /** @param {string} name @param {string} text @param {string} [more] */
  function figure(name, text, more = "") {
    say(values[name].value, text);
    say(values[name].more, more);
  }

  const job = subject.job;
  fill(
    place,
    h("nav", { class: "crumbs", "aria-label": "Where this is" }, h("a", { href: "#/jobs" }, "Jobs"), h("span", { "aria-hidden": "true" }, "/"),
      h("span", { class: "mono cut" }, job.job_id)),
    h("div", { class: "job-title" },
      h("h1", {}, foreign(line(job.job_type, 120))),
      mark,
      h("span", { class: "soft" }, h("a", { href: extensionAddress(job.extension) }, foreign(line(job.extension, 80))), " ", foreign(line(job.version, 40)))),
    controls,
    h("div", { class: "job-progress" }, bar, h("p", { class: "soft" }, message)),
    h("dl", { class: "figures" }, FIGURES.map((name) => h("div", {}, h("dt", {}, name), h("dd", {}, values[name].value, values[name].more)))),
  );
  draw();
  subject.addEventListener("changed", draw);
  return () => subject.removeEventListener("changed", draw);
}

/** @param {any} job */
export const ended = (job) => ["completed", "failed", "cancelled"].includes(job.status);

/** A link to a job. @param {string} id @param {string} [text] */
export const jobLink = (id, text) => h("a", { href: jobAddress(id), class: "mono" }, text ?? id);
