/** How a job came along: progress, items, data and fuel over the time that the timeline shows. */

import { fill, h, say, svg } from "../dom.js";
import { bytes, clock, duration, micros, percent, rate, short } from "../format.js";
import { instant, levels, share } from "./scale.js";

const HIGH = 104;
const LEFT = 4; // pixels
const SOON = 100; // milliseconds

/** @type {{name: string, title: string, text: (value: number) => string, pace: (value: number) => string}[]} */
const CURVES = [
  { name: "progress", title: "Progress", text: percent, pace: (value) => `${(value * 100).toFixed(2)} %/s` },
  { name: "items", title: "Items", text: short, pace: rate },
  { name: "bytes", title: "Data", text: bytes, pace: (value) => `${bytes(value)}/s` },
  { name: "fuel", title: "Fuel", text: short, pace: rate },
];

export class Plots {
  /** @param {import("./view.js").Scene} scene */
  constructor(scene) {
    this.scene = scene;
    /** @type {any[]} */
    this.points = [];
    /** @type {import("./scale.js").Span} */
    this.span = { since: 0, until: 1 };
    this.turn = 0;
    this.width = 300;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.plots = CURVES.map((curve) => {
      const value = h("span", { class: "plot-value" });
      const drawing = svg("svg", { class: "plot-drawing", role: "img", "aria-label": curve.title });
      const figure = h("figure", {
        class: "plot", dataset: { curve: curve.name },
        onpointermove: (/** @type {PointerEvent} */ event) => this.#point(event, drawing),
        onpointerleave: () => this.#point(null, drawing),
      }, h("figcaption", {}, h("h3", {}, curve.title), value), drawing);
      return { curve, value, drawing, figure };
    });
    this.table = h("div", {});
    this.details = h("details", { class: "as-table", ontoggle: () => this.#drawTable() }, h("summary", {}, "As a table"), this.table);
    this.element = h("section", { class: "panel", "aria-label": "Curves" },
      h("header", {}, h("h2", {}, "How it came along")),
      h("div", { class: "plots" }, this.plots.map((plot) => plot.figure)), this.details);
    this.watcher = new ResizeObserver(() => {
      const width = Math.floor(this.plots[0].drawing.getBoundingClientRect().width);
      if (!width || width === this.width) return;
      this.width = width;
      this.draw();
    });
    this.watcher.observe(this.element);
  }

  close() {
    this.turn = -1;
    clearTimeout(this.timer);
    this.watcher.disconnect();
  }

  /** Show this part of the job's time. @param {number} since @param {number} until microseconds since 1970 */
  show(since, until) {
    this.span = { since, until };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), SOON);
  }

  async read() {
    const turn = ++this.turn;
    const query = { since: instant(this.span.since), until: instant(this.span.until), points: 240 };
    try {
      const answer = await this.scene.app.api.get(`${this.scene.subject.at}/series`, query);
      if (turn !== this.turn) return;
      this.points = answer.points.map((/** @type {any} */ point) => ({ ...point, at: micros(point.time) }));
      this.draw();
    } catch {
      // the timeline, which asks the same of the server, says so
    }
  }

  draw() {
    for (const { curve, value, drawing } of this.plots) {
      const { points } = this;
      const last = points.at(-1)?.[curve.name] ?? 0;
      const most = curve.name === "progress" ? 1 : Math.max(0, ...points.map((point) => point[curve.name]));
      const grid = curve.name === "progress" ? [0, 0.5, 1] : levels(most, 4, 1);
      const top = Math.max(most, grid.at(-1) ?? 0) || 1;
      const y = (/** @type {number} */ amount) => Math.round((HIGH - 6 - (amount / top) * (HIGH - 18)) * 10) / 10;
      const x = (/** @type {number} */ at) => Math.round((LEFT + Math.min(1, Math.max(0, share(this.span, at))) * (this.width - LEFT)) * 10) / 10;
      const steps = points.map((point, index) => `${index ? `H${x(point.at)}V` : `M${x(point.at)} `}${y(point[curve.name])}`).join("");
      const ended = points.length ? `H${x(this.span.until)}` : "";
      drawing.setAttribute("viewBox", `0 0 ${this.width} ${HIGH}`);
      drawing.setAttribute("height", HIGH);
      drawing.setAttribute("aria-label", this.#words(curve, most, last));
      drawing.replaceChildren(
        svg("g", { class: "grid" }, grid.map((level) => [
          svg("line", { x1: 0, x2: this.width, y1: y(level), y2: y(level) }),
          level ? svg("text", { x: 2, y: y(level) - 3 }, curve.text(level)) : null,
        ])),
        steps ? svg("path", { class: "area", d: `${steps}${ended}V${y(0)}H${x(points[0].at)}Z` }) : svg("g", {}),
        svg("path", { class: "curve", d: `${steps}${ended}` }),
        svg("line", { class: "cross", x1: -9, x2: -9, y1: 0, y2: HIGH }),
      );
      say(value, points.length ? curve.text(last) : "");
    }
    this.#drawTable();
  }

  /** @param {(typeof CURVES)[number]} curve @param {number} most @param {number} last */
  #words(curve, most, last) {
    const first = this.points[0]?.[curve.name] ?? 0;
    return `${curve.title} from ${curve.text(first)} to ${curve.text(last)}, at most ${curve.text(most)}, over ${duration((this.span.until - this.span.since) / 1e6)}`;
  }

  #drawTable() {
    if (!this.details.open) return;
    const each = Math.max(1, Math.ceil(this.points.length / 24));
    const rows = this.points.filter((_, index) => index % each === 0 || index === this.points.length - 1);
    fill(this.table, h("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": "Curves as a table" }, h("table", { class: "table" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Time"), CURVES.map((curve) => h("th", { scope: "col", class: "figure" }, curve.title)))),
      h("tbody", {}, rows.map((point) => h("tr", {}, h("td", {}, clock(new Date(point.at / 1000))), CURVES.map((curve) => h("td", { class: "figure" }, curve.text(point[curve.name])))))))));
  }

  /** Say what stood at the pointer's time, in all of them. @param {PointerEvent | null} event @param {Element} over */
  #point(event, over) {
    const box = over.getBoundingClientRect();
    const at = event ? this.span.since + ((event.clientX - box.left - LEFT) / Math.max(1, box.width - LEFT)) * (this.span.until - this.span.since) : null;
    const place = at === null ? this.points.length - 1 : this.points.findLastIndex((point) => point.at <= at);
    const point = this.points[Math.max(0, place)];
    if (!point) return;
    for (const { curve, value, drawing } of this.plots) {
      const next = this.points[place + 1];
      const speed = next && next.at > point.at ? (next[curve.name] - point[curve.name]) / ((next.at - point.at) / 1e6) : null;
      say(value, at === null ? curve.text(point[curve.name])
        : `${clock(new Date(at / 1000))} · ${curve.text(point[curve.name])}${speed === null || speed < 0 ? "" : ` · ${curve.pace(speed)}`}`);
      const cross = drawing.querySelector(".cross");
      const x = event ? event.clientX - box.left : -9;
      cross?.setAttribute("x1", String(x));
      cross?.setAttribute("x2", String(x));
    }
  }
}
