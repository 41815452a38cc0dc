/**
 * What happened when, as a drawing: a row for attempts and one for each kind of events. One can zoom and move it by
 * wheel, drag and keys. The server counts by columns, so that a million events are drawn as fast as ten.
 */

import { button, fill, foreign, h, say, svg } from "../dom.js";
import { counted, dateTime, duration, line, micros, number } from "../format.js";
import { Unreachable, Problem } from "../api.js";
import { eventTable } from "./event_table.js";
import { distance, instant, moved, share, ticks, zoomed } from "./scale.js";
import { tick } from "./mark.js";

/** @type {Record<string, string>} */
const LANES = {
  control: "Control", checkpoints: "Checkpoints", operations: "Operations", warnings: "Warnings", budgets: "Budgets",
  log: "Log", progress: "Progress",
};
const ROW = 30;
const TOP = 24;
const EDGE = 9; // pixels left of the first event and right of the last one
const COLUMN = 6; // pixels of a column of counts
const SOON = 120; // milliseconds after a zoom until the server is asked

export class Timeline {
  /**
   * @param {import("./view.js").Scene} scene
   * @param {{shown: (since: number, until: number) => void, event: (sequence: number) => void}} told
   */
  constructor(scene, told) {
    this.scene = scene;
    this.told = told;
    /** @type {any} */
    this.data = null;
    /** @type {import("./scale.js").Span | null} null: all of it, as it grows */
    this.span = null;
    this.turn = 0;
    this.width = 600;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.tip = h("div", { class: "tip", hidden: true });
    this.range = h("span", { class: "soft timeline-range" });
    this.told_range = h("p", { class: "unseen", role: "status" });
    this.labels = h("div", { class: "lane-labels", "aria-hidden": "true" });
    this.drawing = svg("svg", { class: "timeline-drawing", "aria-hidden": "true", focusable: "false" });
    this.field = h("div", {
      class: "timeline-field", tabindex: 0, role: "group", "aria-roledescription": "timeline",
      "aria-label": "Timeline. Plus and minus zoom, arrows move, 0 shows all of it. The table below says the same.",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      onwheel: (/** @type {WheelEvent} */ event) => this.#wheel(event),
      onpointerdown: (/** @type {PointerEvent} */ event) => this.#drag(event),
      onpointermove: (/** @type {PointerEvent} */ event) => this.#hover(event),
      onpointerleave: () => (this.tip.hidden = true),
      ondblclick: (/** @type {MouseEvent} */ event) => this.zoom(0.4, this.#at(event)),
    }, this.drawing, this.tip);
    this.table = h("div", {});
    this.details = h("details", { class: "as-table", ontoggle: () => this.#drawTable() }, h("summary", {}, "As a table"), this.table);
    const tools = [
      button("Zoom in", () => this.zoom(0.5), { kind: "quiet small", icon: "plus", only: true }),
      button("Zoom out", () => this.zoom(2), { kind: "quiet small", icon: "minus", only: true }),
      button("Earlier", () => this.move(-0.4), { kind: "quiet small", icon: "left", only: true }),
      button("Later", () => this.move(0.4), { kind: "quiet small", icon: "right", only: true }),
      button("Show all", () => this.fit(), { kind: "small", title: "Show all of it (0)" }),
    ];
    this.element = h("section", { class: "panel timeline", "aria-label": "Timeline" },
      h("header", {}, h("h2", {}, "Timeline"), this.range, h("div", { class: "row push" }, tools)),
      h("div", { class: "timeline-body" }, this.labels, this.field),
      this.told_range, this.details);
    this.watcher = new ResizeObserver(() => this.#resized());
    this.watcher.observe(this.field);
    fill(this.labels, ["Attempts", ...Object.values(LANES)].map((name) => h("div", {}, name)));
  }

  close() {
    this.turn = -1;
    clearTimeout(this.timer);
    this.watcher.disconnect();
  }

  // --- zooming ------------------------------------------------------------------------------------------------------

  /** @returns {import("./scale.js").Span} */
  get whole() {
    return { since: micros(this.data.first), until: Math.max(micros(this.data.last), micros(this.data.first) + 200) };
  }

  /** @param {number} factor @param {number} [at] the point that stays, from 0 to 1 */
  zoom(factor, at = 0.5) {
    if (this.data) this.#look(zoomed(this.#now(), this.whole, factor, at));
  }

  /** @param {number} by a share of what is shown */
  move(by) {
    if (this.data) this.#look(moved(this.#now(), this.whole, by));
  }

  /** Show all of it, and go on to as it grows. */
  fit() {
    if (this.data) this.#look(null);
  }

  #now() {
    return this.span ?? this.whole;
  }

  /** @param {import("./scale.js").Span | null} span */
  #look(span) {
    const whole = this.whole;
    this.span = span && (span.since > whole.since || span.until < whole.until) ? span : null;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(true), SOON);
  }

  // --- reading and drawing ------------------------------------------------------------------------------------------

  /** Ask the server for what is to be shown. @param {boolean} aloud whether what is shown is said */
  async read(aloud) {
    const turn = ++this.turn;
    const span = this.span;
    const query = {
      buckets: Math.max(20, Math.min(400, Math.round(this.width / COLUMN))),
      since: span && instant(span.since),
      until: span && instant(span.until),
    };
    try {
      const data = await this.scene.app.api.get(`${this.scene.subject.at}/timeline`, query);
      if (turn !== this.turn) return;
      this.data = data;
    } catch (error) {
      if (turn !== this.turn || error instanceof Unreachable) return;
      if (error instanceof Problem && error.status === 410) this.element.hidden = true; // it was folded
      else this.scene.app.fail(error);
      return;
    }
    this.draw();
    if (aloud) say(this.told_range, this.#words());
    this.told.shown(this.#now().since, this.#now().until);
  }

  /** What is shown, in words. */
  #words() {
    const found = this.data.lanes.filter((/** @type {any} */ lane) => lane.total)
      .map((/** @type {any} */ lane) => `${LANES[lane.lane] ?? lane.lane}: ${number(lane.total)}`);
    const now = this.#now();
    return `${duration((now.until - now.since) / 1e6)} shown. ${counted(this.data.attempts.length, "attempt")}. ${found.join(", ")}.`;
  }

  draw() {
    if (!this.data) return;
    const now = this.#now();
    const height = TOP + ROW * (1 + this.data.lanes.length) + 4;
    this.drawing.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.drawing.setAttribute("width", this.width);
    this.drawing.setAttribute("height", height);
    const rows = [this.#axis(now, height), this.#attempts(now)];
    this.data.lanes.forEach((/** @type {any} */ lane, /** @type {number} */ index) => rows.push(this.#lane(lane, now, TOP + ROW * (index + 1))));
    this.drawing.replaceChildren(...rows);
    const from = dateTime(new Date(now.since / 1000));
    say(this.range, `${from}, ${duration((now.until - now.since) / 1e6)}${this.span ? "" : " (all)"}`);
    this.field.dataset.zoomed = this.span ? "yes" : "no";
    this.field.dataset.since = String(now.since);
    this.field.dataset.until = String(now.until);
    this.#drawTable();
  }

  #drawTable() {
    if (this.details.open && this.data) fill(this.table, eventTable(this.data, LANES, (sequence) => this.told.event(sequence)));
  }

  /** @param {import("./scale.js").Span} now @param {number} height */
  #axis(now, height) {
    const origin = this.whole.since;
    const found = ticks(now, origin, Math.max(2, this.width / 110));
    const step = found.length > 1 ? found[1] - found[0] : now.until - now.since;
    return svg("g", { class: "axis" }, found.map((at) => {
      const x = this.#x(now, origin + at);
      return [svg("line", { x1: x, x2: x, y1: TOP - 5, y2: height }), svg("text", { x: Math.min(x + 4, this.width - 4), y: 14 }, distance(at, step))];
    }));
  }

  /** @param {import("./scale.js").Span} now */
  #attempts(now) {
    return svg("g", { class: "attempts" }, this.data.attempts.map((/** @type {any} */ attempt) => {
      const left = this.#x(now, micros(attempt.started_at));
      const open = attempt.outcome === null;
      const right = open ? this.#x(now, this.whole.until) : this.#x(now, micros(attempt.ended_at));
      const [x, until] = [Math.max(-4, left), Math.min(this.width + 4, Math.max(right, left + 3))];
      if (until < x) return null;
      const text = `Attempt ${attempt.attempt}: ${attempt.outcome ?? "running"}`;
      return [
        svg("rect", { x, y: TOP + 6, width: Math.max(3, until - x), height: ROW - 12, rx: 3, dataset: { outcome: attempt.outcome ?? "running", sequence: attempt.first_sequence, tip: attempt.error ? `${text}: ${attempt.error}` : text } }),
        until - Math.max(x, 0) > text.length * 6.4 + 16 ? svg("text", { x: Math.max(x, 0) + 8, y: TOP + ROW / 2 + 4, class: "on-bar" }, text) : null,
      ];
    }));
  }

  /** @param {any} lane @param {import("./scale.js").Span} now @param {number} top */
  #lane(lane, now, top) {
    const parts = lane.marks.length || !lane.total ? this.#marks(lane, now, top) : this.#counts(lane, now, top);
    return svg("g", { class: "lane", dataset: { lane: lane.lane } }, svg("line", { class: "rule", x1: 0, x2: this.width, y1: top, y2: top }), parts);
  }

  /** @param {any} lane @param {import("./scale.js").Span} now @param {number} top */
  #marks(lane, now, top) {
    const middle = top + ROW / 2;
    return lane.marks.map((/** @type {any} */ mark) => {
      const time = micros(mark.time);
      const x = this.#x(now, time);
      const words = `${mark.type}${mark.label ? ` ${mark.label}` : ""}${mark.took === null ? "" : `, ${duration(mark.took / 1000)}`}`;
      const dataset = { sequence: mark.sequence, tip: `${words} · event ${number(mark.sequence)}`, failed: mark.failed ? "yes" : "no" };
      if (mark.took !== null) {
        const left = this.#x(now, time - mark.took * 1000);
        return svg("rect", { class: "mark span", x: left, y: middle - 5, width: Math.max(4, x - left), height: 10, rx: 2, dataset });
      }
      return tick(lane.lane, x, middle, dataset);
    });
  }

  /** @param {any} lane @param {import("./scale.js").Span} now @param {number} top */
  #counts(lane, now, top) {
    const span = { since: micros(this.data.since), until: micros(this.data.until) };
    const most = Math.max(...lane.counts);
    const width = (span.until - span.since) / lane.counts.length;
    return lane.counts.flatMap((/** @type {number} */ count, /** @type {number} */ index) => {
      if (!count) return [];
      const x = this.#x(now, span.since + width * index);
      const wide = Math.max(1, this.#x(now, span.since + width * (index + 1)) - x - 1);
      if (x > this.width || x + wide < 0) return [];
      const high = Math.max(2, (ROW - 8) * Math.sqrt(count / most));
      const bad = lane.failed[index];
      const about = lane.each > 1 ? "about " : "";
      const dataset = { tip: `${about}${counted(count, "event")}${bad ? `, ${number(bad)} went wrong` : ""}` };
      const bar = svg("rect", { class: "count", x, y: top + ROW - 3 - high, width: wide, height: high, dataset });
      const part = bad ? Math.max(2, high * Math.min(1, bad / count)) : 0;
      return part ? [bar, svg("rect", { class: "count bad", x, y: top + ROW - 3 - part, width: wide, height: part, dataset })] : [bar];
    });
  }

  /** @param {import("./scale.js").Span} now @param {number} time */
  #x(now, time) {
    return Math.round((EDGE + share(now, time) * (this.width - 2 * EDGE)) * 10) / 10;
  }

  // --- what people do -----------------------------------------------------------------------------------------------

  #resized() {
    const width = Math.max(120, Math.floor(this.field.clientWidth));
    if (width === this.width) return;
    this.width = width;
    this.draw();
  }

  /** @param {MouseEvent} event where it is, from 0 to 1 */
  #at(event) {
    const box = this.drawing.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left - EDGE) / Math.max(1, box.width - 2 * EDGE)));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const does = /** @type {Record<string, () => void>} */ ({
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), _: () => this.zoom(2),
      ArrowLeft: () => this.move(-0.15), ArrowRight: () => this.move(0.15),
      ArrowUp: () => this.zoom(0.7), ArrowDown: () => this.zoom(1.43),
      Home: () => this.move(-1e9), End: () => this.move(1e9), 0: () => this.fit(),
    })[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  }

  /** The wheel zooms once the drawing was clicked, or with Ctrl; else it scrolls the page, as people expect. @param {WheelEvent} event */
  #wheel(event) {
    if (!this.data || !(event.ctrlKey || document.activeElement === this.field)) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move(event.deltaX / this.width);
    else this.zoom(1.0015 ** event.deltaY, this.#at(event));
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (event.button !== 0 || !this.data) return;
    const start = this.#now();
    const from = event.clientX;
    let far = false;
    const onmove = (/** @type {PointerEvent} */ now) => {
      far ||= Math.abs(now.clientX - from) > 4;
      if (far) {
        this.field.dataset.dragged = "yes";
        this.#look(moved(start, this.whole, (from - now.clientX) / this.width));
      }
    };
    const onup = (/** @type {PointerEvent} */ now) => {
      delete this.field.dataset.dragged;
      removeEventListener("pointermove", onmove);
      removeEventListener("pointerup", onup);
      removeEventListener("pointercancel", onup);
      const sequence = /** @type {HTMLElement} */ (event.target).dataset?.sequence;
      if (!far && now.type === "pointerup" && sequence) this.told.event(Number(sequence));
    };
    addEventListener("pointermove", onmove);
    addEventListener("pointerup", onup);
    addEventListener("pointercancel", onup);
  }

  /** @param {PointerEvent} event */
  #hover(event) {
    const text = /** @type {HTMLElement} */ (event.target).dataset?.tip;
    this.tip.hidden = !text;
    if (!text) return;
    fill(this.tip, foreign(line(text, 160)));
    const box = this.field.getBoundingClientRect();
    const x = Math.min(event.clientX - box.left + 12, box.width - this.tip.offsetWidth - 8);
    this.tip.style.setProperty("--x", `${Math.max(4, x)}px`);
    this.tip.style.setProperty("--y", `${event.clientY - box.top + 14}px`);
  }
}
