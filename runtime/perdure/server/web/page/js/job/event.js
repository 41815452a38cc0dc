/** One event, in a dialog: what it says, when it was, its place in the chain; and what can be done from there. */

import { button, fill, foreign, h, say } from "../dom.js";
import { openDialog } from "../dialogs.js";
import { dateTime, json, moment, number, visible } from "../format.js";
import { forkDialog } from "./fork.js";
import { isGuests } from "./event_words.js";

/** @param {import("./view.js").Scene} scene @param {number} sequence */
export async function showEvent(scene, sequence) {
  const { app, subject } = scene;
  const read = async (/** @type {number} */ wanted) =>
    (await app.api.get(`${subject.at}/history`, { after: wanted - 1, limit: 1 })).events[0];
  const first = await app.attempt(() => read(sequence));
  if (!first) return;
  const body = h("div", { class: "stack event", role: "group", "aria-live": "polite" });
  const leave = () => /** @type {HTMLDialogElement | null} */ (body.closest("dialog"))?.close();

  /** @param {any} event */
  function draw(event) {
    const go = async (/** @type {number} */ by) => {
      const other = await app.attempt(() => read(event.sequence + by));
      if (other) draw(other);
      /** @type {HTMLElement | null} */ (body.querySelector(by < 0 ? "[data-go=back]" : "[data-go=on]"))?.focus();
    };
    const text = h("pre", { class: "code", tabindex: 0, "aria-label": "What it says" });
    say(text, visible(json(event.data)));
    fill(
      body,
      h("div", { class: "row" },
        h("span", { class: "tag info" }, event.type),
        event.superseded ? h("span", { class: "tag warn" }, "done again later") : null,
        h("span", { class: "soft" }, `event ${number(event.sequence)} of ${number(subject.job.sequence)}`),
        h("span", { class: "row push" },
          button("Event before", () => go(-1), { kind: "quiet small", icon: "left", only: true, disabled: event.sequence <= 1, dataset: { go: "back" } }),
          button("Event after", () => go(1), { kind: "quiet small", icon: "right", only: true, disabled: event.sequence >= subject.job.sequence, dataset: { go: "on" } }))),
      text,
      h("dl", { class: "facts" },
        h("dt", {}, "Time"), h("dd", {}, `${dateTime(/** @type {Date} */ (moment(event.time)))} `, foreign(event.time, { class: "soft mono small" })),
        h("dt", {}, "In the log"), h("dd", {}, `position ${number(event.position)}`),
        h("dt", {}, "Hash"), h("dd", { class: "mono small" }, event.hash),
        h("dt", {}, "Before it"), h("dd", { class: "mono small" }, event.previous)),
      h("div", { class: "row" },
        button("State here", () => (leave(), scene.open("state", { at: event.sequence })), { kind: "small" }),
        isGuests(event) && app.may("control") ? button("Step to here", () => (leave(), scene.open("steps", { event: event.sequence })), { kind: "small", icon: "step" }) : null,
        app.may("control") ? button("Fork from here…", () => (leave(), forkDialog(app, subject.job, forkFrom(event))), { kind: "small", icon: "fork" }) : null),
    );
  }

  draw(first);
  await openDialog({ title: "Event", body, accept: "Close", dismiss: "", wide: true });
}

/** What a fork from an event may change. @param {any} event */
export function forkFrom(event) {
  const { type, sequence, data } = event;
  if (type === "checkpoint") return { at: sequence, state: decoded(data.state) };
  if (["operation", "action"].includes(type)) return { at: sequence, call: data.call, answer: decoded(data.answer) };
  return { at: sequence };
}

/** @param {any} value text that may be JSON */
function decoded(value) {
  if (typeof value !== "string") return value ?? null;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
