/** Budgets as gauges, filled as they are used. */

import { h, say, set } from "../dom.js";
import { bytes, duration, line, number, short } from "../format.js";

/** @type {Record<string, {name: string, unit: (value: number) => string, per: string}>} */
const BUDGETS = {
  requests_per_minute: { name: "Operations", unit: short, per: "a minute" },
  concurrent_jobs: { name: "Jobs at once", unit: number, per: "" },
  fuel_per_job: { name: "Fuel of a job", unit: short, per: "" },
  fuel_per_hour: { name: "Fuel", unit: short, per: "an hour" },
  bytes_per_hour: { name: "Bytes written", unit: bytes, per: "an hour" },
  events_per_second: { name: "Events", unit: short, per: "a second" },
  memory_bytes: { name: "Memory of a job", unit: bytes, per: "" },
};

/** @type {Record<string, string>} */
const EDGES = { refuse: "then refused", wait: "then waits", suspend: "then suspended" };

export class Budgets {
  constructor() {
    this.list = h("ul", { class: "gauges" });
    /** @type {Map<string, {item: any, meter: any, value: any, note: any}>} */
    this.gauges = new Map();
    this.element = h("section", { class: "panel", "aria-label": "Budgets" }, h("header", {}, h("h2", {}, "Budgets")), h("div", { class: "panel-body" }, this.list));
  }

  /** @param {any[]} states */
  show(states) {
    const seen = new Set();
    for (const state of states) {
      if (state.limit === null && state.job_type) continue; // only the extension's own limit holds for it
      const key = `${state.job_type}\0${state.budget}`;
      seen.add(key);
      const gauge = this.gauges.get(key) ?? this.#made(key, state);
      this.#fill(gauge, state);
    }
    for (const [key, gauge] of this.gauges) {
      if (seen.has(key)) continue;
      gauge.item.remove();
      this.gauges.delete(key);
    }
  }

  /** @param {string} key @param {any} state */
  #made(key, state) {
    const { name, per } = BUDGETS[state.budget] ?? { name: state.budget, per: "" };
    const label = `${state.job_type ? `${line(state.job_type, 60)}: ` : ""}${name}${per ? ` ${per}` : ""}`;
    const meter = h("div", { class: "bar gauge", role: "meter", "aria-label": label, "aria-valuemin": 0 }, h("div", { class: "bar-fill" }));
    const value = h("span", { class: "gauge-value" });
    const note = h("span", { class: "soft gauge-note" });
    const item = h("li", {}, h("span", { class: "gauge-name" }, label), value, meter, note);
    const gauge = { item, meter, value, note };
    this.gauges.set(key, gauge);
    this.list.append(item);
    return gauge;
  }

  /** @param {{item: any, meter: any, value: any, note: any}} gauge @param {any} state */
  #fill({ item, meter, value, note }, state) {
    const { unit } = BUDGETS[state.budget] ?? { unit: number };
    const counted = state.used !== null && state.limit !== null;
    meter.hidden = !counted;
    item.classList.toggle("plain", !counted);
    const share = counted ? Math.min(1, state.used / Math.max(1, state.limit)) : 0;
    item.dataset.level = share >= 1 ? "full" : share >= 0.8 ? "high" : "";
    say(value, state.limit === null ? "no limit" : counted ? `${unit(state.used)} of ${unit(state.limit)}` : unit(state.limit));
    set(meter, "aria-valuemax", state.limit);
    set(meter, "aria-valuenow", counted ? Math.min(state.used, state.limit) : null);
    set(meter, "aria-valuetext", value.textContent);
    meter.firstElementChild.style.setProperty("--share", share.toFixed(4));
    const wait = state.next_free_ms ? `room again in ${duration(state.next_free_ms / 1000)}` : "";
    say(note, wait || (counted ? EDGES[state.at_edge] ?? "" : ""));
  }
}
