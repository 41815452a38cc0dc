/** A job as it was at an event, beside how it is now; and the guest's state that it would go on from. */

import { button, fill, foreign, h, say } from "../dom.js";
import { field } from "../dialogs.js";
import { bytes, dateTime, json, line, moment, number, percent, visible } from "../format.js";
import { statusMark } from "../status.js";
import { changes } from "./changes.js";
import { forkDialog } from "./fork.js";

const MOST = 100_000; // characters
const NAMES = /** @type {Record<string, string>} */ ({
  progress: "Progress", message: "Message", items: "Items", bytes: "Data", warnings: "Warnings", checkpoints: "Checkpoints",
  fuel: "Fuel", fuel_superseded: "Fuel of work done again", attempts: "Attempts", failures: "Failures", status: "Status",
});
const DULL = new Set(["sequence", "updated_at"]);

/** @param {HTMLElement} place @param {import("./view.js").Scene} scene @param {Record<string, any>} what `at`: an event @returns {import("./view.js").Part} */
export function showState(place, scene, what) {
  const { app, subject } = scene;
  const input = h("input", { type: "number", min: 1, inputmode: "numeric", class: "jump" });
  const slider = h("input", { type: "range", min: 1, "aria-label": "Event" });
  const then = h("div", { class: "panel-body stack" });
  const now = h("div", { class: "panel-body stack" });
  let turn = 0;
  let at = 0;
  /** @type {any} */
  let past = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {number} sequence */
  function look(sequence) {
    at = Math.max(1, Math.min(subject.job.sequence, Math.round(sequence) || 1));
    input.value = slider.value = String(at);
    clearTimeout(timer);
    timer = setTimeout(read, 80);
  }

  async function read() {
    const mine = ++turn;
    const found = await app.attempt(() => app.api.get(`${subject.at}/state-at/${at}`));
    if (mine !== turn || !found) return;
    past = found;
    draw();
  }

  function draw() {
    if (!past) return;
    const job = past;
    fill(then,
      h("div", { class: "row" }, statusMark(job), h("span", { class: "soft" }, `after event ${number(job.sequence)}, ${dateTime(/** @type {Date} */ (moment(job.updated_at)))}`)),
      h("p", {}, foreign(line(job.message, 300))),
      h("table", { class: "table changes" },
        h("thead", {}, h("tr", {}, ["", "Then", "Now"].map((name) => (name ? h("th", { scope: "col" }, name) : h("td", {}))))),
        h("tbody", {}, rows(job))));
    place.dataset.at = String(job.sequence);
  }

  /** @param {any} job */
  function rows(job) {
    const known = Object.keys(NAMES).map((name) => [NAMES[name], shown(name, job[name]), shown(name, subject.job[name])]);
    const others = changes(job, subject.job, 60).filter((each) => !(each.at in NAMES) && !DULL.has(each.at))
      .map((each) => [each.at, text(each.before), text(each.after)]);
    return [...known, ...others].map(([name, before, after]) => h("tr", { dataset: { same: before === after ? "yes" : "no" } },
      h("th", { scope: "row" }, foreign(line(name, 80))), h("td", {}, foreign(line(before, 300))), h("td", {}, foreign(line(after, 300)))));
  }

  function limits() {
    input.max = slider.max = String(subject.job.sequence);
  }

  function drawNow() {
    const { details, job } = subject;
    const saved = job.checkpoint;
    const state = saved ? details.checkpoint_state : details.state;
    fill(now,
      h("p", { class: "soft" }, saved ? `Saved at event ${number(saved.sequence)}; it would go on from this.` : "It was dispatched with this, and has saved nothing yet."),
      block("State", state),
      saved ? h("details", {}, h("summary", {}, "What it was dispatched with"), block("First state", details.state)) : null,
      app.may("control") && !job.folded_at ? h("div", { class: "row" }, button("Fork with another state…", () => forkDialog(app, job, { at: job.sequence, state }), { icon: "fork" })) : null);
  }

  input.addEventListener("change", () => look(Number(input.value)));
  slider.addEventListener("input", () => look(Number(slider.value)));
  fill(place, h("div", { class: "two-panels" },
    h("section", { class: "panel", "aria-label": "The job at an event" },
      h("header", {}, h("h2", {}, "The job at an event"), h("div", { class: "row push" }, button("Event before", () => look(at - 1), { icon: "left", only: true, kind: "quiet small" }), button("Event after", () => look(at + 1), { icon: "right", only: true, kind: "quiet small" }))),
      h("div", { class: "at-row" }, field("Event", input), slider), then),
    h("section", { class: "panel", "aria-label": "The guest's state" }, h("header", {}, h("h2", {}, "The guest's state")), now)));
  limits();
  drawNow();
  look(what.at ?? subject.job.checkpoint?.sequence ?? subject.job.sequence);
  const changed = () => {
    limits();
    draw();
    if (JSON.stringify(subject.details.job?.checkpoint) !== place.dataset.saved) {
      place.dataset.saved = JSON.stringify(subject.details.job?.checkpoint);
      drawNow();
    }
  };
  subject.addEventListener("changed", changed);
  subject.thorough = true;
  return {
    go: (next) => next.at && look(next.at),
    close() {
      turn = -1;
      clearTimeout(timer);
      subject.removeEventListener("changed", changed);
      subject.thorough = false;
    },
  };
}

/** @param {string} name @param {any} value */
function shown(name, value) {
  if (name === "progress") return percent(value);
  if (name === "bytes") return bytes(value);
  return text(value);
}

/** @param {any} value */
function text(value) {
  if (value === null || value === undefined) return "—";
  return typeof value === "number" ? number(value) : typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {string} name @param {any} value */
function block(name, value) {
  const pre = h("pre", { class: "code", tabindex: 0, "aria-label": name, role: "group" });
  say(pre, value === null || value === undefined ? "nothing" : visible(json(value).slice(0, MOST)));
  return pre;
}
