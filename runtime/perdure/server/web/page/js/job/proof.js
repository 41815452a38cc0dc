/** Verify: the job is run again by the server and compared with the log; and its bundle, to have others do the same. */

import { path } from "../api.js";
import { button, fill, foreign, h, icon, say } from "../dom.js";
import { bytes, counted, duration, json, line, number, visible } from "../format.js";

const POLL = 300; // milliseconds
const VERDICTS = /** @type {Record<string, {kind: string, title: string, means: string}>} */ ({
  proved: { kind: "good", title: "Proved", means: "All that can be compared was compared, and is equal." },
  partial: { kind: "warn", title: "Proved in part", means: "Nothing differs, but something could not be compared that should be." },
  differs: { kind: "bad", title: "It differs", means: "Run again, the guest does something else than the log says." },
  damaged: { kind: "bad", title: "Damaged", means: "The events are not what was written, or do not follow from one another." },
});

/** @param {HTMLElement} place @param {import("./view.js").Scene} scene @returns {import("./view.js").Part} */
export function showProof(place, scene) {
  const { app, subject } = scene;
  const result = h("div", { class: "stack", role: "region", "aria-label": "Verdict" });
  const status = h("p", { role: "status", class: "unseen" });
  const begin = button("Verify", () => verify(), { kind: "primary", icon: "shield" });
  const give = button("Give up", () => stop(), { icon: "cancel", hidden: true });
  const bundle = button("Download the bundle", () => download(), { icon: "download" });
  let closed = false;
  let current = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function verify() {
    begin.disabled = true;
    const made = await app.attempt(() => app.api.post("/v1/verifications", { job_id: subject.id }));
    begin.disabled = false;
    if (made) follow(made);
  }

  /** @param {any} found */
  function follow(found) {
    if (closed) return;
    current = found.verification_id;
    draw(found);
    clearTimeout(timer);
    if (["waiting", "running"].includes(found.status)) timer = setTimeout(look, POLL);
  }

  async function look() {
    try {
      follow(await app.api.get(path`/v1/verifications/${current}`));
    } catch (error) {
      if (closed) return;
      if (!app.connection.there) app.connection.addEventListener("restored", look, { once: true });
      else fill(result, h("p", { class: "note" }, icon("warning"), "The server does not remember this verification any more. Begin another one."));
    }
  }

  const stop = () => app.attempt(async () => follow(await app.api.delete(path`/v1/verifications/${current}`)));
  const download = () => app.attempt(() => app.api.download(`${subject.at}/bundle`, `job-${subject.id}.perdure`), "The bundle is downloaded.");

  /** @param {any} found */
  function draw(found) {
    const under = ["waiting", "running"].includes(found.status);
    give.hidden = !under;
    begin.disabled = under;
    say(status, under ? "" : found.proof ? `Verified: ${VERDICTS[found.proof.verdict]?.title ?? found.proof.verdict}` : "The verification came to nothing.");
    fill(result, under ? running(found) : found.proof ? proofPanel(found.proof) : nothing(found));
  }

  fill(place,
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Verify"), h("div", { class: "row push" }, give, bundle, begin)),
      h("div", { class: "panel-body stack" },
        h("p", { class: "soft" }, "The job's guest is run again in a sandbox of its own, led by the log. Every call, answer, state and unit of fuel is compared with what was recorded. Nothing live happens. The bundle holds all that it takes for somebody else to do the same."),
        status, result)));
  begin.disabled = !app.may("dispatch");
  const last = async () => {
    const known = await app.api.get("/v1/verifications").catch(() => []);
    const mine = known.find((/** @type {any} */ each) => each.job_id === subject.id);
    if (mine && !closed && !current) follow(mine);
  };
  last();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** @param {any} found */
function running(found) {
  const share = found.events ? Math.min(1, found.done / found.events) : 0;
  const bar = h("div", { class: "bar", role: "progressbar", "aria-label": "Compared", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.floor(share * 100) },
    h("div", { class: "bar-fill", style: { "--share": share.toFixed(3) } }));
  return h("div", { class: "stack" }, bar, h("p", { class: "soft" }, found.status === "waiting" ? "Waits for others to end." : `${number(found.done)} of ${counted(found.events, "event")} compared`));
}

/** @param {any} found */
function nothing(found) {
  return h("p", { class: "note" }, icon("warning"), found.status === "cancelled" ? "It was given up." : foreign(line(found.problem?.detail ?? "It failed.", 600)));
}

/** @param {any} proof */
function proofPanel(proof) {
  const verdict = VERDICTS[proof.verdict] ?? { kind: "warn", title: proof.verdict, means: "" };
  const { compared } = proof;
  const totals = Object.entries(compared).filter(([, value]) => typeof value === "number" && value)
    .map(([name, value]) => [name.replaceAll("_", " "), name.includes("bytes") ? bytes(Number(value)) : number(Number(value))]);
  return h("div", { class: "stack verdict", dataset: { verdict: proof.verdict } },
    h("div", { class: `verdict-head ${verdict.kind}` }, icon(verdict.kind === "good" ? "check" : "warning"),
      h("div", {}, h("h3", {}, verdict.title), h("p", {}, verdict.means))),
    proof.damage ? h("p", { class: "trouble" }, foreign(line(proof.damage, 600))) : null,
    proof.difference ? differencePanel(proof.difference) : null,
    h("div", { class: "two-panels plain" },
      h("div", {}, h("h3", {}, "What was compared"), h("dl", { class: "facts" }, totals.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
        h("dt", {}, "up to event"), h("dd", {}, number(proof.sequence)), h("dt", {}, "projection"), h("dd", {}, proof.projection))),
      h("div", {}, h("h3", {}, "How"), h("dl", { class: "facts" },
        h("dt", {}, "Took"), h("dd", {}, `${duration(proof.seconds)}; the job itself ${duration(proof.original_seconds)}`),
        h("dt", {}, "Runs"), h("dd", {}, number(proof.runs.length)),
        h("dt", {}, "Hash"), h("dd", { class: "mono small" }, proof.hash)))),
    proof.not_compared.length ? h("div", {}, h("h3", {}, "Not compared"), h("ul", { class: "dots" }, proof.not_compared.slice(0, 50).map((/** @type {any} */ each) => h("li", {}, foreign(line(plain(each), 300)))))) : null,
    proof.lost.length ? h("div", {}, h("h3", {}, "Lost"), h("ul", { class: "dots" }, proof.lost.slice(0, 50).map((/** @type {any} */ each) => h("li", {}, foreign(line(plain(each), 300)))))) : null);
}

/** @param {any} difference */
function differencePanel({ run, call, sequence, recorded, came }) {
  const side = (/** @type {string} */ name, /** @type {any} */ value) => h("div", {}, h("h3", {}, name),
    h("pre", { class: "code", tabindex: 0, role: "group", "aria-label": name }, visible(json(value).slice(0, 20_000))));
  return h("div", { class: "stack difference" },
    h("p", {}, h("strong", {}, "The first difference"), ` is at call ${number(call)} of run ${number(run)}, event ${number(sequence)}.`),
    h("div", { class: "two" }, side("Recorded", recorded), side("What came", came)));
}

/** @param {any} value */
const plain = (value) => (typeof value === "string" ? value : Object.values(value).filter((each) => each !== null && each !== "").map((each) => (typeof each === "object" ? JSON.stringify(each) : String(each))).join(" · "));
