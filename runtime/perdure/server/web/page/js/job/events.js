/** A job's events, newest first: filtered by the server, read page by page, and only those in sight are drawn. */

import { Unreachable } from "../api.js";
import { button, fill, foreign, h, say } from "../dom.js";
import { clock, counted, dateTime, moment, number } from "../format.js";
import { showEvent } from "./event.js";
import { eventKind, eventWords } from "./event_words.js";
import { Rows } from "./rows.js";

const PAGE = 200;
const MOST = 50_000; // events that are kept
const OFTEN = 700; // milliseconds between looks for new ones

/** @type {{name: string, title: string, types: string[]}[]} */
const KINDS = [
  { name: "all", title: "All events", types: [] },
  { name: "log", title: "Log", types: ["log"] },
  { name: "warnings", title: "Log and warnings", types: ["log", "warning"] },
  { name: "only-warnings", title: "Warnings", types: ["warning"] },
  { name: "operations", title: "Operations", types: ["operation", "action", "intent", "reused"] },
  { name: "checkpoints", title: "Checkpoints", types: ["checkpoint", "checkpoint-refused"] },
  { name: "control", title: "Control", types: [
    "dispatched", "fork-begun", "forked", "fork-abandoned", "linked", "keyed", "started", "resumed", "recovered", "in-doubt",
    "resolved", "moved", "run-ended", "pause-requested", "cancel-requested", "paused", "suspended", "retry-scheduled",
    "completed", "failed", "cancelled", "budget",
  ] },
];
const LEVELS = ["debug and up", "info and up", "warnings and up", "errors"];

/** @param {HTMLElement} place @param {import("./view.js").Scene} scene @returns {import("./view.js").Part} */
export function showEvents(place, scene) {
  const { app, subject } = scene;
  const kind = h("select", { "aria-label": "Kind of events", onchange: () => begin() }, KINDS.map((each) => h("option", { value: each.name }, each.title)));
  const level = h("select", { "aria-label": "Level of the log", onchange: () => begin() }, LEVELS.map((each, index) => h("option", { value: index }, each)));
  const count = h("span", { class: "soft push", role: "status" });
  const fresh = button("", () => rows.top(), { kind: "small primary fresh", hidden: true });
  const rows = new Rows({ label: "Events, newest first", height: 30, draw: row, open: (event) => showEvent(scene, event.sequence), more });
  /** @type {any[]} newest first */
  let events = [];
  let left = true;
  let busy = false;
  let turn = 0;
  let seen = 0;
  let last = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const query = () => {
    const { types } = KINDS.find((each) => each.name === kind.value) ?? KINDS[0];
    const levelled = types.includes("log");
    level.hidden = !levelled;
    return { type: types, level: levelled && Number(level.value) ? Number(level.value) : null, limit: PAGE };
  };

  async function begin() {
    turn += 1;
    events = [];
    left = true;
    busy = false;
    seen = 0;
    rows.show([]);
    await more();
    rows.top();
  }

  /** Those before the ones that are there. */
  async function more() {
    if (busy || !left || events.length >= MOST) return;
    busy = true;
    const mine = turn;
    try {
      const before = events.at(-1)?.sequence;
      const page = await app.api.get(`${subject.at}/history`, { ...query(), order: "newest", before });
      if (mine !== turn) return;
      events = [...events, ...page.events];
      seen = Math.max(seen, subject.job.sequence, events[0]?.sequence ?? 0);
      left = page.next !== null;
      draw();
    } catch (error) {
      if (mine === turn && !(error instanceof Unreachable)) app.fail(error);
    } finally {
      if (mine === turn) busy = false;
    }
  }

  /** Those that are new. */
  async function newer() {
    last = Date.now();
    const mine = turn;
    const after = Math.max(events[0]?.sequence ?? 0, 0);
    try {
      const page = await app.api.get(`${subject.at}/history`, { ...query(), order: "newest", after });
      if (mine !== turn || !page.events.length) return;
      const whole = page.next === null; // else so many came meanwhile that there is a gap
      events = whole ? [...page.events, ...events].slice(0, MOST) : page.events;
      if (!whole) left = true;
      const above = rows.scrolled ? page.events.length : 0;
      draw(whole ? above : 0);
      if (rows.scrolled) {
        fresh.hidden = false;
        say(/** @type {Element} */ (fresh.lastElementChild), "Newer events");
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) app.fail(error);
    }
  }

  /** @param {number} [above] rows that came above those in sight, which stay where they are */
  function draw(above = 0) {
    rows.show(events, above);
    say(count, `${counted(events.length, "event")}${left ? " read so far" : ""}`);
    if (!rows.scrolled) fresh.hidden = true;
  }

  function moved() {
    clearTimeout(timer);
    timer = setTimeout(newer, Math.max(0, last + OFTEN - Date.now()));
  }

  rows.element.addEventListener("scroll", () => {
    if (!rows.scrolled) fresh.hidden = true;
  });
  fill(place, h("section", { class: "panel events", "aria-label": "Events" },
    h("header", {}, h("h2", {}, "Events"), kind, level, count, fresh), rows.element));
  begin();
  subject.addEventListener("moved", moved);
  return {
    close() {
      turn = -1;
      clearTimeout(timer);
      rows.close();
      subject.removeEventListener("moved", moved);
    },
  };
}

/** @param {any} event */
function row(event) {
  const date = /** @type {Date} */ (moment(event.time));
  return [
    h("span", { class: "event-number" }, number(event.sequence)),
    h("span", { class: "event-time", title: dateTime(date) }, clock(date)),
    h("span", { class: "event-type" }, h("span", { class: `tag ${eventKind(event)}` }, event.type)),
    foreign(eventWords(event), { class: `cut${event.superseded ? " superseded" : ""}` }),
  ];
}
