/** The timeline for those who read it: attempts, and the events that the drawing shows one by one. */

import { button, foreign, h } from "../dom.js";
import { clock, counted, duration, line, moment, number } from "../format.js";

const MOST = 400; // rows

/**
 * @param {any} data what the server says of the part that is shown
 * @param {Record<string, string>} names of lanes
 * @param {(sequence: number) => void} open shows an event
 */
export function eventTable(data, names, open) {
  const rows = [
    ...data.attempts.map((/** @type {any} */ each) => ({
      sequence: each.first_sequence, time: each.started_at, lane: "Attempts", what: `attempt ${each.attempt}`, label: each.outcome ?? "running", failed: false, took: null,
    })),
    ...data.lanes.flatMap((/** @type {any} */ lane) => lane.marks.map((/** @type {any} */ mark) => ({ ...mark, lane: names[lane.lane] ?? lane.lane, what: mark.type }))),
  ].sort((left, right) => left.sequence - right.sequence);
  const many = data.lanes.filter((/** @type {any} */ lane) => lane.total && !lane.marks.length);
  return h("div", { class: "stack panel-body" },
    h("ul", { class: "totals" }, data.lanes.map((/** @type {any} */ lane) => {
      const bad = lane.failed.reduce((/** @type {number} */ sum, /** @type {number} */ each) => sum + each, 0);
      return h("li", {}, `${names[lane.lane] ?? lane.lane}: ${lane.each > 1 ? "about " : ""}${counted(lane.total, "event")}${bad ? `, ${number(bad)} went wrong` : ""}`);
    })),
    many.length ? h("p", { class: "soft" }, `Zoom in to have the events of these named: ${many.map((/** @type {any} */ lane) => names[lane.lane] ?? lane.lane).join(", ")}.`) : null,
    rows.length > MOST ? h("p", { class: "soft" }, `The first ${number(MOST)} of ${number(rows.length)}; zoom in to see others.`) : null,
    h("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": "Events of the timeline" },
      h("table", { class: "table" },
        h("thead", {}, h("tr", {}, ["Event", "Time", "Kind", "What", "Took"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, rows.slice(0, MOST).map((row) => h("tr", {},
          h("td", {}, button(number(row.sequence), () => open(row.sequence), { kind: "quiet small", "aria-label": `Event ${row.sequence}` })),
          h("td", { class: "nowrap" }, clock(/** @type {Date} */ (moment(row.time)))),
          h("td", {}, row.lane),
          h("td", {}, row.what, row.label ? [" ", foreign(line(row.label, 120), { class: "soft" })] : null, row.failed ? [" ", h("span", { class: "tag bad" }, "went wrong")] : null),
          h("td", { class: "nowrap" }, row.took === null ? "" : duration(row.took / 1000))))))));
}
