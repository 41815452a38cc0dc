/** What an extension may do: asked for, granted, used, never used, refused. */

import { button, h } from "../dom.js";
import { ago, counted, json, line, moment, number } from "../format.js";
import { changeGrant } from "./grant.js";

/** @type {Record<string, string>} */
const KINDS = { method: "Operation", host: "Host", library: "Library" };

/**
 * @param {import("../app.js").App} app @param {any} info @param {any} report @param {() => Promise<void>} changed
 */
export function permissionsPanel(app, info, report, changed) {
  const granted = report.entries.filter((/** @type {any} */ each) => each.granted);
  const unused = granted.filter((/** @type {any} */ each) => !each.use.count);
  return [
    h("header", {}, h("h2", {}, "Permissions"),
      h("span", { class: "tags" },
        h("span", { class: "tag info" }, `${number(granted.length)} granted`),
        unused.length ? h("span", { class: "tag" }, `${number(unused.length)} never used`) : null,
        report.refused.length ? h("span", { class: "tag bad" }, `${counted(report.refused.length, "reason")} to refuse`) : null),
      app.may("admin") && asksFor(info.manifest.permissions)
        ? button("Change…", () => changeGrant(app, info, report, changed), { kind: "small", class: "button small push", icon: "shield", dataset: { act: "grant" } })
        : null),
    report.entries.length
      ? h("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": "Permissions, one by one" },
          h("table", { class: "table" },
            h("thead", {}, h("tr", {}, ["What", "State", "Used", "Last"].map((each) => h("th", { scope: "col", class: each === "Used" ? "figure" : "" }, each)))),
            h("tbody", {}, report.entries.map(entryRow))))
      : h("p", { class: "panel-body soft" }, "It asks for nothing, and may do nothing but run jobs."),
    report.refused.length ? refusedPart(report.refused) : null,
    operationsPart(report.operations),
    unused.length ? suggestion(report) : null,
  ].filter(Boolean);
}

/** @param {any} asked */
export const asksFor = (asked) => asked.methods.length + asked.network_access.length > 0;

/** @param {any} entry */
function entryRow(entry) {
  const { granted, asked, use } = entry;
  const state = granted
    ? use.count ? h("span", { class: "tag good" }, "Used") : h("span", { class: "tag" }, "Never used")
    : h("span", { class: "tag warn" }, asked ? "Not granted" : "No longer asked for");
  const name = entry.entry === "*" ? "all libraries" : entry.entry;
  return h(
    "tr",
    {},
    h("td", {}, h("span", { class: "soft kind" }, KINDS[entry.kind] ?? entry.kind), h("span", { class: "mono" }, line(name, 200))),
    h("td", {}, state),
    h("td", { class: "figure" }, use.count ? number(use.count) : "–"),
    h("td", { class: "soft" }, use.last ? ago(/** @type {Date} */ (moment(use.last))) : "–"),
  );
}

/** @param {any[]} refused */
function refusedPart(refused) {
  return h("div", { class: "panel-body sub" },
    h("h3", {}, "Refused"),
    h("ul", { class: "lines" }, refused.map((each) =>
      h("li", {}, h("span", { class: "mono" }, line(each.method, 120)), h("span", { class: "tag bad" }, line(each.code, 60)),
        h("span", { class: "soft" }, `${number(each.use.count)} times${each.use.last ? `, last ${ago(/** @type {Date} */ (moment(each.use.last)))}` : ""}`)))));
}

/** @param {Record<string, any>} operations */
function operationsPart(operations) {
  const rows = Object.entries(operations).toSorted(([, left], [, right]) => right.count - left.count);
  if (!rows.length) return null;
  return h("details", { class: "panel-body sub" },
    h("summary", {}, `Called so far: ${counted(rows.length, "operation")}`),
    h("ul", { class: "lines" }, rows.map(([name, use]) => h("li", {}, h("span", { class: "mono" }, line(name, 120)), h("span", { class: "soft" }, `${number(use.count)} times`)))));
}

/** @param {any} report */
function suggestion(report) {
  return h("details", { class: "panel-body sub" },
    h("summary", {}, "What would have been enough"),
    h("p", { class: "soft" }, "A manifest's permissions that allow what it did until now, and no more."),
    h("pre", {}, json(report.suggested)));
}
