/** The installed extensions. */

import { foreign, h, say } from "../dom.js";
import { counted, line, number } from "../format.js";
import { extensionAddress } from "../router.js";
import { install } from "./install.js";
import { button } from "../dom.js";

const EVERY = 5000; // milliseconds; and as soon as the log says that something happened to one

/** @param {HTMLElement} container @param {string} _id @param {import("../app.js").App} app */
export async function show(container, _id, app) {
  const body = h("tbody");
  const total = h("span", { class: "total soft" });
  const empty = h("div", { class: "empty", hidden: true },
    h("h2", {}, "No extensions yet"), h("p", {}, "An extension brings the jobs that can be dispatched."));
  const table = h(
    "div",
    { class: "panel scroll-x", tabindex: 0, role: "region", "aria-label": "Installed extensions" },
    h("table", { class: "table extensions" },
      h("thead", {}, h("tr", {}, ["Extension", "State", "Version", "Job types", "Unfinished jobs", "Permissions"].map((each) =>
        h("th", { scope: "col", class: each === "Unfinished jobs" ? "figure" : "" }, each)))),
      body),
  );
  container.append(
    h("div", { class: "view-head" }, h("h1", {}, "Extensions"), total,
      app.may("admin") ? button("Install…", async () => { await install(app); await read(); }, { kind: "primary", icon: "upload", class: "button primary push" }) : null),
    table, empty,
  );

  async function read() {
    const found = await app.api.get("/v1/extensions");
    const counts = await unfinished(app, found);
    say(total, found.length ? number(found.length) : "");
    table.hidden = !found.length;
    empty.hidden = Boolean(found.length);
    const focused = document.activeElement instanceof HTMLAnchorElement && body.contains(document.activeElement) ? document.activeElement.hash : "";
    body.replaceChildren(...found.map((/** @type {any} */ each) => row(each, counts.get(each.extension) ?? 0)));
    if (focused) [...body.querySelectorAll("a")].find((each) => each.hash === focused)?.focus();
  }

  const again = () => read().catch(() => {}); // the head of the page says that the server is not there
  await read();
  const timer = setInterval(again, EVERY);
  app.connection.addEventListener("restored", again);
  return () => {
    clearInterval(timer);
    app.connection.removeEventListener("restored", again);
  };
}

/** How many unfinished jobs each has. @param {import("../app.js").App} app @param {any[]} extensions @returns {Promise<Map<string, number>>} */
async function unfinished(app, extensions) {
  const ended = ["completed", "failed", "cancelled"];
  const counts = await Promise.all(extensions.map((each) => app.api.get("/v1/jobs/counts", { extension: each.extension })));
  return new Map(extensions.map((each, index) => {
    const open = Object.entries(counts[index].counts).filter(([status]) => !ended.includes(status));
    return [each.extension, open.reduce((sum, [, count]) => sum + Number(count), 0)];
  }));
}

/** @param {any} extension @param {number} jobs */
function row(extension, jobs) {
  const { manifest, grant } = extension;
  return h(
    "tr",
    {},
    h("td", {},
      h("a", { href: extensionAddress(extension.extension), class: "strong" }, foreign(line(manifest.name || extension.extension, 100))),
      h("div", { class: "soft mono" }, line(extension.extension, 100)),
      manifest.description ? h("div", { class: "soft describe" }, foreign(line(manifest.description, 200))) : null),
    h("td", {}, h("div", { class: "tags" }, stateTags(extension))),
    h("td", { class: "mono" }, line(extension.version, 40)),
    h("td", {}, extension.job_types.map((/** @type {any} */ type) => h("div", { class: "mono" }, line(type.name, 60)))),
    h("td", { class: "figure" }, jobs ? h("a", { href: `#/jobs?extension=${encodeURIComponent(extension.extension)}` }, number(jobs)) : "0"),
    h("td", { class: "soft" }, summaryOf(manifest.permissions, grant)),
  );
}

/** @param {any} extension */
export function stateTags(extension) {
  return [
    extension.enabled
      ? h("span", { class: "tag good" }, extension.loaded ? "Loaded" : "Ready")
      : h("span", { class: "tag" }, "Switched off"),
    extension.update ? h("span", { class: "tag warn" }, `Update ${line(extension.update.version, 40)} waits`) : null,
    extension.warnings.length ? h("span", { class: "tag warn" }, counted(extension.warnings.length, "warning")) : null,
  ];
}

/** @param {any} asked @param {any} grant */
function summaryOf(asked, grant) {
  const methods = (grant?.methods ?? []).length;
  const hosts = (grant?.hosts ?? []).length;
  if (!asked.methods.length && !asked.network_access.length) return "asks for none";
  return `${counted(methods, "operation")}, ${counted(hosts, "host")}`;
}
