/** A job's run, call by call: what the guest asked, what it was told, what it had consumed, what it had saved. */

import { button, fill, foreign, h, icon, say } from "../dom.js";
import { field } from "../dialogs.js";
import { counted, line, number } from "../format.js";
import { callPanel, callWords, statePanel } from "./call.js";
import { forkDialog } from "./fork.js";
import { Walk } from "./walk.js";

/** @param {HTMLElement} place @param {import("./view.js").Scene} scene @param {Record<string, any>} what `event`: where to begin @returns {import("./view.js").Part} */
export function showSteps(place, scene, what) {
  const { app, subject } = scene;
  if (!app.may("control")) {
    fill(place, h("div", { class: "empty" }, h("h2", {}, "Your token does not open this"),
      h("p", {}, "Stepping runs the job's guest again on the server, so it needs the scope control.")));
    return {};
  }
  const walk = new Walk(scene);
  const list = h("ol", { class: "calls", "aria-label": "Calls" });
  const call = h("div", { class: "call-now", "aria-live": "polite" });
  const state = h("div", { class: "state-now" });
  const runs = h("select", { "aria-label": "Run", onchange: () => attempt(() => walk.go({ run: Number(runs.value), call: 0 })) });
  const jump = h("input", { type: "number", min: 0, class: "jump", "aria-label": "Go to call", inputmode: "numeric" });
  const text = h("input", { type: "search", class: "find", "aria-label": "Find in calls", placeholder: "Find in calls" });
  const found = h("span", { class: "soft", role: "status" });
  const begin = button("Beginning", () => attempt(() => walk.to(0)), { icon: "first", only: true });
  const back = button("Back", () => attempt(() => walk.step(-1)), { icon: "left" });
  const on = button("Forward", () => attempt(() => walk.step(1)), { icon: "right", kind: "primary" });
  const end = button("End", () => attempt(() => walk.to(2 ** 50)), { icon: "last", only: true });
  const fork = button("Fork from here…", () => forkHere(), { icon: "fork" });

  /** @param {() => Promise<any>} work */
  const attempt = (work) => app.attempt(work);
  /** @param {Record<string, any>} wanted @param {string} words */
  const find = (wanted, words) => attempt(async () => {
    const there = await walk.find(wanted);
    say(found, there ? "" : `There is no ${words} ${wanted.backward ? "before" : "behind"} here.`);
  });
  /** @param {boolean} backward */
  const findText = (backward) => text.value && find({ text: text.value, backward }, "call with this text");

  async function forkHere() {
    const { position } = walk;
    const { recorded } = position;
    /** @type {Record<string, any>} */
    const from = { at: walk.state?.sequence ?? subject.job.sequence };
    if (recorded?.function === "call" && !recorded.open && position.at === "call") Object.assign(from, { call: recorded.call, answer: recorded.answer });
    if (walk.state?.after !== undefined) from.state = walk.state.after;
    await forkDialog(app, subject.job, from);
  }

  function draw() {
    const { position } = walk;
    fill(call, callPanel(position));
    begin.disabled = back.disabled = position.at === "begin";
    on.disabled = end.disabled = position.at === "end";
    jump.value = String(position.call);
    fill(runs, walk.runs.map((run) => h("option", { value: run.run }, `Run ${run.run} of ${walk.runs.length}: ${counted(Math.max(0, run.last_call - run.first_call + 1), "call")}, ${run.end.replaceAll("-", " ")}`)));
    runs.value = String(position.run);
    drawList();
    place.dataset.call = position.at === "end" ? "end" : String(position.call);
  }

  function drawList() {
    const { position, list: { calls, from, more } } = walk;
    const rows = calls.map((each) => h("li", {},
      h("button", {
        type: "button", class: "call-row", tabindex: -1, dataset: { call: each.call, type: each.type ?? "" },
        "aria-current": position.at === "call" && each.call === position.call ? "step" : null,
        onclick: () => attempt(() => walk.to(each.call)),
      }, h("span", { class: "call-number" }, number(each.call)), h("span", { class: "call-function" }, line(each.function, 30)),
        foreign(callWords(each), { class: "cut" }), each.code ? h("span", { class: "tag bad" }, line(each.code, 30)) : null)));
    fill(list,
      from > 1 ? h("li", {}, button("Earlier calls", () => attempt(() => walk.page(-1)), { kind: "quiet small", icon: "up" })) : null,
      rows,
      more ? h("li", {}, button("Later calls", () => attempt(() => walk.page(1)), { kind: "quiet small", icon: "down" })) : null);
    const buttons = [...list.querySelectorAll(".call-row")];
    const here = buttons.find((each) => each.hasAttribute("aria-current")) ?? buttons.findLast((each) => Number(each.dataset.call) <= position.call) ?? buttons[0];
    if (!here) return;
    here.tabIndex = 0;
    const top = here.offsetTop - list.offsetTop;
    if (top < list.scrollTop + 40 || top > list.scrollTop + list.clientHeight - 70) list.scrollTop = top - list.clientHeight / 3;
  }

  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const from = /** @type {HTMLElement} */ (event.target).closest("li");
    if (!by || !from) return;
    event.preventDefault();
    const next = /** @type {HTMLElement | null} */ ((by > 0 ? from.nextElementSibling : from.previousElementSibling)?.querySelector("button") ?? null);
    next?.focus();
  });
  jump.addEventListener("change", () => jump.value !== "" && attempt(() => walk.to(Math.max(0, Number(jump.value)))));
  text.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && findText(event.shiftKey));
  walk.addEventListener("stands", () => {
    place.removeAttribute("aria-busy");
    draw();
  });
  walk.addEventListener("busy", () => place.setAttribute("aria-busy", "true"));
  walk.addEventListener("state", () => fill(state, statePanel(walk.state)));

  fill(place,
    h("div", { class: "panel step-tools" },
      h("div", { class: "row" }, begin, back, on, end, runs),
      h("div", { class: "row" }, field("Call", jump), h("div", { class: "row find-row" }, text,
        button("Find the one before", () => findText(true), { icon: "up", only: true }), button("Find the next", () => findText(false), { icon: "down", only: true })),
      button("Checkpoint", () => find({ type: "checkpoint" }, "checkpoint"), { kind: "small" }),
      button("Warning", () => find({ type: "warning" }, "warning"), { kind: "small" }), fork), found),
    h("div", { class: "steps" }, h("section", { class: "panel", "aria-label": "Calls of this run" }, list), h("div", { class: "stack" }, call, state)));
  fill(call, h("p", { class: "loading", role: "status" }, "The guest is being run again…"));

  const keys = app.shortcuts?.add("Stepping", [
    { keys: "n", does: "Forward by a call", run: () => attempt(() => walk.step(1)) },
    { keys: "ArrowRight", shown: "→", does: "Forward by a call", run: () => attempt(() => walk.step(1)) },
    { keys: "p", does: "Back by a call", run: () => attempt(() => walk.step(-1)) },
    { keys: "ArrowLeft", shown: "←", does: "Back by a call", run: () => attempt(() => walk.step(-1)) },
    { keys: "0", does: "To the beginning", run: () => attempt(() => walk.to(0)) },
    { keys: "$", does: "To the end", run: () => attempt(() => walk.to(2 ** 50)) },
    { keys: "c", does: "To the next checkpoint", run: () => find({ type: "checkpoint" }, "checkpoint") },
    { keys: "C", does: "To the checkpoint before", run: () => find({ type: "checkpoint", backward: true }, "checkpoint") },
    { keys: "w", does: "To the next warning", run: () => find({ type: "warning" }, "warning") },
    { keys: "W", does: "To the warning before", run: () => find({ type: "warning", backward: true }, "warning") },
    { keys: "/", does: "Find in calls", run: () => text.focus() },
    { keys: "#", does: "Go to a call", run: () => jump.select() },
    { keys: "f", does: "Fork from here", run: () => forkHere() },
  ]);

  const start = async () => {
    try {
      await walk.open();
      if (what.event) await walk.go({ event: what.event });
    } catch (error) {
      fill(call, h("div", { class: "empty" }, icon("warning"), h("h2", {}, "This cannot be stepped through"),
        h("p", {}, error instanceof Error ? error.message : String(error)), button("Try again", start)));
    }
  };
  start();
  return {
    go: (next) => next.event && attempt(() => walk.go({ event: next.event })),
    close() {
      keys?.();
      walk.close();
    },
  };
}
