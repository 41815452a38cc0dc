/** What happened, at a glance: what needs a person, the timeline, curves, and what the job is. */

import { fill, foreign, h, icon, say } from "../dom.js";
import { ago, bytes, counted, dateTime, duration, line, moment, number } from "../format.js";
import { statusMark } from "../status.js";
import { doubtPanel } from "./doubt.js";
import { showEvent } from "./event.js";
import { jobLink } from "./head.js";
import { Plots } from "./plots.js";
import { Timeline } from "./timeline.js";
import { errorPanel } from "./trouble.js";

const OFTEN = 900; // milliseconds between drawings of a job that runs

/** @param {HTMLElement} place @param {import("./view.js").Scene} scene @returns {import("./view.js").Part} */
export function showOverview(place, scene) {
  const { subject, app } = scene;
  const urgent = h("div", { class: "stack" });
  const about = h("div", { class: "job-about" });
  const plots = new Plots(scene);
  const timeline = new Timeline(scene, {
    shown: (since, until) => plots.show(since, until),
    event: (sequence) => showEvent(scene, sequence),
  });
  fill(place, urgent, timeline.element, plots.element, about);
  let drawn = "";
  let asked = "";
  let last = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function draw() {
    const { details, job } = subject;
    const now = JSON.stringify([job.status, job.error, details.doubt, details.suspended_because, job.retry_at, job.folded_at]);
    if (now !== drawn) {
      drawn = now;
      fill(urgent, urgentParts(scene));
    }
    const facts = JSON.stringify([details.children, details.limits, job.status, job.attempts, job.checkpoint?.sequence]);
    if (facts !== asked) {
      asked = facts;
      drawAbout();
    }
  }

  async function drawAbout() {
    const aside = await requestsPanel(scene);
    const forks = await forksOf(scene);
    fill(about, factsPanel(scene), familyPanel(scene, forks), aside);
  }

  function moved() {
    clearTimeout(timer);
    const wait = Math.max(0, last + OFTEN - Date.now());
    timer = setTimeout(() => {
      last = Date.now();
      timeline.read(false);
    }, wait);
  }

  draw();
  timeline.read(false);
  subject.addEventListener("changed", draw);
  subject.addEventListener("moved", moved);
  const restored = () => timeline.read(false);
  app.connection.addEventListener("restored", restored);
  return {
    close() {
      clearTimeout(timer);
      subject.removeEventListener("changed", draw);
      subject.removeEventListener("moved", moved);
      app.connection.removeEventListener("restored", restored);
      timeline.close();
      plots.close();
    },
  };
}

/** @param {import("./view.js").Scene} scene */
function urgentParts(scene) {
  const { details, job } = scene.subject;
  return [
    details.doubt && job.status === "attention" ? doubtPanel(scene) : null,
    job.error && ["failed", "backoff"].includes(job.status) ? errorPanel(job.error) : null,
    details.suspended_because ? note("pause", "It is suspended: ", foreign(line(details.suspended_because, 400)), ". It goes on by itself, or when it is resumed.") : null,
    job.status === "backoff" && job.retry_at ? note("retry", `It is tried again at ${dateTime(/** @type {Date} */ (moment(job.retry_at)))}.`) : null,
    job.folded_at ? note("remove", "Its events were removed when it was folded. What stands here is what they added up to.") : null,
  ];
}

/** @param {string} name @param {...any} text */
const note = (name, ...text) => h("p", { class: "note" }, icon(name), h("span", {}, text));

/** @param {import("./view.js").Scene} scene */
function factsPanel({ subject }) {
  const { job, details } = subject;
  const when = (/** @type {string | null} */ text) => (text ? h("time", { datetime: text, title: ago(/** @type {Date} */ (moment(text))) }, dateTime(/** @type {Date} */ (moment(text)))) : "—");
  const limits = details.limits;
  const retry = details.retry ?? job.retry;
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, "About it")), h("div", { class: "panel-body" },
    h("dl", { class: "facts" },
      row("Id", h("span", { class: "mono" }, job.job_id)),
      row("Library", h("span", { class: "mono" }, job.library_id)),
      row("Dispatched", when(job.dispatched_at)),
      row("Started", when(job.started_at)),
      row("Ended", when(job.ended_at)),
      row("Events", number(job.sequence)),
      row("Module", h("span", { class: "mono", title: job.module }, `${job.module.slice(0, 16)}…`)),
      job.moved_from ? row("Came from version", foreign(line(job.moved_from, 40))) : null,
      job.idempotency_key ? row("Key", foreign(line(job.idempotency_key, 200), { class: "mono" })) : null,
      row("Retries", retry.attempts > 1 ? `up to ${counted(retry.attempts, "attempt")}, first after ${duration(retry.initial_ms / 1000)}` : "none"),
      limits ? row("Limits", [
        limits.fuel === null ? "" : `${number(limits.fuel)} fuel`, `${bytes(limits.memory_bytes)} memory`,
        limits.wall_clock_ms === null ? "" : duration(limits.wall_clock_ms / 1000),
      ].filter(Boolean).join(", ")) : null,
      job.resumable ? null : row("Resumable", "no: an attempt begins anew"))));
}

/** @param {string} name @param {any} value */
const row = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

/** @param {import("./view.js").Scene} scene @param {any[]} forks */
function familyPanel({ subject }, forks) {
  const { job, details } = subject;
  const list = (/** @type {any[]} */ jobs) => h("ul", { class: "relatives" }, jobs.map((each) =>
    h("li", {}, statusMark(each), jobLink(each.job_id), foreign(line(each.job_type, 80), { class: "soft cut" }))));
  const parts = [
    job.parent ? [h("h3", {}, "Dispatched by"), h("p", {}, jobLink(job.parent))] : null,
    job.forked_from ? [h("h3", {}, "Forked from"), h("p", {}, jobLink(job.forked_from))] : null,
    details.children.length ? [h("h3", {}, `It dispatched ${counted(details.children.length, "job")}`), list(details.children.slice(0, 200))] : null,
    forks.length ? [h("h3", {}, `${counted(forks.length, "fork")} of it`), list(forks)] : null,
  ].filter(Boolean);
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Related jobs")),
    h("div", { class: "panel-body stack" }, parts.length ? parts : h("p", { class: "soft" }, "It stands alone: no job dispatched it, it dispatched none, and it was not forked.")));
}

/** @param {import("./view.js").Scene} scene @returns {Promise<any[]>} */
async function forksOf({ subject, app }) {
  try {
    return (await app.api.get("/v1/jobs", { forked_from: subject.id, limit: 50 })).jobs;
  } catch {
    return []; // the connection's state says so
  }
}

/** @param {import("./view.js").Scene} scene */
async function requestsPanel({ subject, app }) {
  const body = h("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": "Who did what" });
  const panel = h("section", { class: "panel requests" }, h("header", {}, h("h2", {}, "Who did what")), body);
  try {
    const { requests } = await app.api.get(`${subject.at}/requests`);
    if (!requests.length) {
      fill(body, h("p", { class: "soft" }, "Nobody did anything about it through the server."));
      return panel;
    }
    fill(body, h("table", { class: "table" },
      h("thead", {}, h("tr", {}, ["When", "Who", "What", "Outcome"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, requests.toReversed().slice(0, 100).map(requestRow))));
  } catch {
    say(body, "This cannot be shown now.");
  }
  return panel;
}

/** @param {any} request */
function requestRow(request) {
  const bad = request.status !== null && request.status >= 400;
  const outcome = request.status === null ? "under way, or never answered" : bad ? `refused: ${request.problem ?? request.status}` : "done";
  return h("tr", {},
    h("td", { class: "nowrap" }, dateTime(/** @type {Date} */ (moment(request.time)))),
    h("td", {}, foreign(line(request.name, 80)), h("div", { class: "soft mono small" }, request.client)),
    h("td", { class: "mono" }, request.action),
    h("td", {}, h("span", { class: `tag ${bad ? "bad" : request.status === null ? "warn" : "good"}` }, outcome)));
}
