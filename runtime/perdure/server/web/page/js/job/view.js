/** One job: its head, and under it what happened, its events, its calls one by one, its past states, its proof. */

import { fill, h } from "../dom.js";
import { newId } from "../dialogs.js";
import { showEvents } from "./events.js";
import { showHead } from "./head.js";
import { showOverview } from "./overview.js";
import { showProof } from "./proof.js";
import { showState } from "./state.js";
import { showSteps } from "./steps.js";
import { Subject } from "./subject.js";

/**
 * @typedef {{subject: Subject, app: import("../app.js").App, open: (tab: string, what?: Record<string, any>) => void}} Scene
 *   what the parts of the view are given; `open` shows another part
 * @typedef {{close?: () => void, go?: (what: Record<string, any>) => void}} Part `go` is told what to show
 */

/** @type {{name: string, title: string, show: (place: HTMLElement, scene: Scene, what: Record<string, any>) => Part}[]} */
const TABS = [
  { name: "overview", title: "Overview", show: showOverview },
  { name: "events", title: "Events and log", show: showEvents },
  { name: "steps", title: "Step through", show: showSteps },
  { name: "state", title: "State", show: showState },
  { name: "proof", title: "Verify", show: showProof },
];

/**
 * @param {HTMLElement} container @param {string} jobId @param {import("../app.js").App} app
 * @param {URLSearchParams} [query] `tab`: what to begin with
 * @returns {Promise<() => void>} ends it
 */
export async function show(container, jobId, app, query = new URLSearchParams()) {
  const subject = new Subject(app, jobId);
  await subject.open();
  const head = h("section", { class: "job-head", "aria-label": "The job" });
  const panel = h("div", { class: "job-panel", role: "tabpanel", tabindex: -1, id: newId("panel") });
  /** @type {Part} */
  let part = {};
  let current = "";
  const tabs = TABS.map((tab) =>
    h("button", {
      type: "button", role: "tab", class: "tab", id: newId("tab"), "aria-controls": panel.id, tabindex: -1,
      dataset: { tab: tab.name }, onclick: () => open(tab.name),
    }, tab.title),
  );

  /** @param {string} name @param {Record<string, any>} [what] */
  function open(name, what = {}) {
    const index = Math.max(0, TABS.findIndex((tab) => tab.name === name));
    if (current === TABS[index].name) {
      part.go?.(what);
      return;
    }
    current = TABS[index].name;
    tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === index));
      tab.tabIndex = place === index ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", tabs[index].id);
    panel.dataset.tab = current;
    part.close?.();
    fill(panel);
    part = TABS[index].show(panel, scene, what) ?? {};
    const text = current === "overview" ? "" : `?tab=${current}`;
    history.replaceState(null, "", `#/jobs/${encodeURIComponent(jobId)}${text}`);
  }

  /** @param {KeyboardEvent} event */
  function walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -99, End: 99 }[event.key];
    if (!step) return;
    event.preventDefault();
    const now = TABS.findIndex((tab) => tab.name === current);
    const next = Math.abs(step) > 1 ? (step > 0 ? TABS.length - 1 : 0) : (now + step + TABS.length) % TABS.length;
    open(TABS[next].name);
    tabs[next].focus();
  }

  const scene = { subject, app, open };
  fill(
    container,
    head,
    h("div", { class: "tabs", role: "tablist", "aria-label": "About this job", onkeydown: walk }, tabs),
    panel,
  );
  const closeHead = showHead(head, scene);
  const keys = app.shortcuts?.add(
    "One job",
    TABS.map((tab, index) => ({ keys: String(index + 1), does: tab.title, run: () => open(tab.name) })),
  );
  const ontab = () => {
    const wanted = new URLSearchParams(location.hash.split("?")[1] ?? "").get("tab") ?? "overview";
    if (location.hash.includes(encodeURIComponent(jobId))) open(wanted);
  };
  addEventListener("hashchange", ontab);
  open(query.get("tab") ?? "overview");
  return () => {
    removeEventListener("hashchange", ontab);
    keys?.();
    part.close?.();
    closeHead();
    subject.close();
  };
}
