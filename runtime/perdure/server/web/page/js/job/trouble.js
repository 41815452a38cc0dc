/** Why a job failed. */

import { foreign, h, icon } from "../dom.js";
import { bytes, json, line, number, visible } from "../format.js";

const BLAME = /** @type {Record<string, string>} */ ({ guest: "the extension", caller: "whoever dispatched it", host: "perdure, or this machine" });

/** @param {any} error */
export function errorPanel(error) {
  const { limit, backtrace, data } = error;
  return h(
    "section", { class: "panel broken", "aria-label": "Why it failed" },
    h("header", {}, icon("warning"), h("h2", {}, "It failed: ", h("code", {}, line(error.kind, 60))), h("span", { class: "tag bad push" }, `due to ${BLAME[error.blame] ?? error.blame}`)),
    h("div", { class: "panel-body stack" },
      h("p", { class: "error-text" }, foreign(visible(error.message.slice(0, 4000)))),
      limit ? h("p", {}, `The limit ${limit.limit} is ${amount(limit.value, limit.unit)}; it used ${amount(limit.used, limit.unit)}.`) : null,
      backtrace.length ? h("div", {}, h("h3", {}, "Where in the module"),
        h("ol", { class: "frames mono", tabindex: 0, "aria-label": "Backtrace" }, backtrace.map((/** @type {any} */ frame) =>
          h("li", {}, foreign(line(frame.function, 200)), h("span", { class: "soft" }, ` +0x${frame.offset.toString(16)}`))))) : null,
      Object.keys(data).length ? h("details", {}, h("summary", {}, "Details"), h("pre", { class: "code", tabindex: 0, "aria-label": "Details" }, visible(json(data)))) : null),
  );
}

/** @param {number} value @param {string} unit */
const amount = (value, unit) => (unit === "bytes" ? bytes(value) : `${number(value)} ${unit}`);
