/** One extension: what it is, what it may do and did, what it uses, and what waits for a decision. */

import { path } from "../api.js";
import { button, foreign, h, say } from "../dom.js";
import { dispatch } from "../jobs/dispatch.js";
import { bytes, dateTime, line, moment, number, visible } from "../format.js";
import { STATUSES } from "../status.js";
import { Budgets } from "./budgets.js";
import { stateTags } from "./list.js";
import { permissionsPanel } from "./permissions.js";
import { updatePanel } from "./update.js";

const GAUGES = 1000; // milliseconds
const REST = 10_000; // the least; what it used and was refused is read from the log
const SHARE = 20; // of the time, one part at most goes into that, however long the log is

/** @param {HTMLElement} container @param {string} id @param {import("../app.js").App} app */
export async function show(container, id, app) {
  const view = new ExtensionView(app, id);
  await view.read();
  container.append(view.element);
  return view.begin();
}

class ExtensionView {
  /** @param {import("../app.js").App} app @param {string} id */
  constructor(app, id) {
    this.app = app;
    this.id = id;
    this.base = path`/v1/extensions/${id}`;
    this.head = h("div", { class: "view-head extension-head" });
    this.update = h("div", {});
    this.about = h("section", { class: "panel", "aria-label": "About" });
    this.jobs = h("section", { class: "panel", "aria-label": "Jobs" });
    this.permissions = h("section", { class: "panel", "aria-label": "Permissions" });
    this.budgets = new Budgets();
    this.drawn = "";
    this.element = h("div", { class: "extension" },
      this.head, this.update,
      h("div", { class: "columns" },
        h("div", { class: "stack" }, this.about, this.jobs),
        h("div", { class: "stack" }, this.budgets.element, this.permissions)));
  }

  /** @returns {() => void} ends it */
  begin() {
    const gauges = setInterval(() => this.#quietly(this.readBudgets()), GAUGES);
    let ended = false;
    let rest = 0;
    const readOn = async () => {
      const began = performance.now();
      if (!document.hidden) await this.#quietly(this.read());
      if (!ended) rest = setTimeout(readOn, Math.max(REST, SHARE * (performance.now() - began)));
    };
    rest = setTimeout(readOn, REST);
    const again = () => this.#quietly(this.read());
    this.app.connection.addEventListener("restored", again);
    return () => {
      ended = true;
      clearInterval(gauges);
      clearTimeout(rest);
      this.app.connection.removeEventListener("restored", again);
    };
  }

  /** Read all of it. */
  async read() {
    const { api } = this.app;
    const [info, permissions, upgrades, counts] = await Promise.all([
      api.get(this.base),
      api.get(`${this.base}/permissions`),
      api.get(`${this.base}/upgrades`),
      api.get("/v1/jobs/counts", { extension: this.id }),
      this.readBudgets(),
    ]);
    const request = info.update ? await api.get(`${this.base}/update`) : null;
    const now = JSON.stringify([info, permissions, upgrades, counts, request]);
    if (now === this.drawn) return; // nothing is taken from under somebody's fingers
    this.drawn = now;
    this.#draw(info, permissions, upgrades, counts, request);
  }

  async readBudgets() {
    if (!this.app.connection.there) return;
    this.budgets.show(await this.app.api.get(`${this.base}/budgets`));
  }

  /** @param {Promise<void>} reading */
  #quietly(reading) {
    return reading.catch(() => {}); // the head of the page says that the server is not there; the next one tries again
  }

  /** @param {any} info @param {any} permissions @param {any} upgrades @param {any} counts @param {any} request */
  #draw(info, permissions, upgrades, counts, request) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.act;
    this.head.replaceChildren(
      h("nav", { "aria-label": "Above", class: "crumbs" }, h("a", { href: "#/extensions" }, "Extensions"), h("span", { "aria-hidden": "true" }, "/")),
      h("h1", {}, foreign(line(info.manifest.name || info.extension, 120))),
      h("span", { class: "mono soft" }, line(info.version, 40)),
      h("span", { class: "tags" }, stateTags(info)),
      h("span", { class: "row push" }, this.#buttons(info)),
    );
    this.update.replaceChildren(...(request ? [updatePanel(this.app, info, request, () => this.read())] : []));
    this.about.replaceChildren(...this.#aboutParts(info));
    this.jobs.replaceChildren(...this.#jobParts(info, upgrades, counts));
    this.permissions.replaceChildren(...permissionsPanel(this.app, info, permissions, () => this.read()));
    if (focused) /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-act="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {any} info */
  #buttons(info) {
    const { app } = this;
    const made = [];
    if (app.may("dispatch") && info.enabled) {
      made.push(button("Dispatch a job", () => dispatch(app, this.id), { kind: "primary", icon: "plus", dataset: { act: "dispatch" } }));
    }
    if (!app.may("admin")) return made;
    if (info.enabled) made.push(button("Switch off", () => this.#unload(), { dataset: { act: "unload" } }));
    else made.push(button("Switch on", () => this.#do(() => app.api.post(`${this.base}/load`), "Switched on."), { dataset: { act: "load" } }));
    made.push(button("Remove", () => this.#remove(), { icon: "remove", dataset: { act: "remove" } }));
    return made;
  }

  async #unload() {
    const stop = h("input", { type: "checkbox", id: "stop-jobs" });
    const sure = await this.app.openDialog({
      title: "Switch this extension off?",
      accept: "Switch off",
      kind: "danger",
      body: [
        h("p", {}, "It takes no more jobs until it is switched on again. Running jobs are waited for."),
        h("div", { class: "check" }, stop, h("label", { for: "stop-jobs" }, "Stop its running jobs: they go on when it is switched on")),
      ],
      submit: () => this.app.api.post(`${this.base}/unload`, { stop_jobs: stop.checked }).then(() => true),
    });
    if (sure) await this.#do(async () => undefined, "Switched off.");
  }

  async #remove() {
    const gone = await this.app.openDialog({
      title: "Remove this extension?",
      accept: "Remove",
      kind: "danger",
      body: h("p", {}, "Its jobs can no longer be dispatched. Their history stays, and its publisher stays the only one who may sign it."),
      submit: () => this.app.api.delete(this.base).then(() => true),
    });
    if (!gone) return;
    this.app.toast("Removed.", "good");
    this.app.go("#/extensions");
  }

  /** @param {() => Promise<any>} work @param {string} said */
  async #do(work, said) {
    await this.app.attempt(work, said);
    this.#quietly(this.read());
  }

  /** @param {any} info */
  #aboutParts(info) {
    const { manifest, provenance, publisher } = info;
    /** @type {[string, any][]} */
    const facts = [
      ["Id", h("span", { class: "mono" }, line(info.extension, 255))],
      ["Author", manifest.author ? foreign(line(manifest.author, 200)) : null],
      ["Home page", manifest.homepage ? h("span", {}, line(manifest.homepage, 300)) : null],
      ["Signed by", provenance?.fingerprint ? [foreign(line(provenance.name, 100)), h("div", { class: "mono soft" }, provenance.fingerprint)] : h("span", { class: "soft" }, "nobody")],
      ["Has to be signed by", publisher ? [foreign(line(publisher.name, 100)), h("div", { class: "mono soft" }, publisher.fingerprint)] : null],
      ["Module", [`${bytes(info.module_bytes)} `, h("div", { class: "mono soft" }, info.module)]],
      ["Granted", info.granted_at ? `${dateTime(/** @type {Date} */ (moment(info.granted_at)))} by ${line(info.granted_by, 80)}` : h("span", { class: "soft" }, "nothing needed consent")],
    ];
    return [
      h("header", {}, h("h2", {}, "About")),
      h("div", { class: "panel-body stack" },
        manifest.description ? h("p", { dir: "auto" }, visible(manifest.description).slice(0, 4000)) : null,
        h("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
        info.warnings.length ? h("ul", { class: "warning-list" }, info.warnings.map((/** @type {string} */ each) => h("li", {}, line(each, 400)))) : null),
    ];
  }

  /** @param {any} info @param {any} upgrades @param {any} counts */
  #jobParts(info, upgrades, counts) {
    const there = Object.keys(STATUSES).filter((status) => counts.counts[status]);
    const address = `#/jobs?extension=${encodeURIComponent(this.id)}`;
    return [
      h("header", {}, h("h2", {}, "Jobs"), h("a", { class: "push", href: address, dataset: { act: "all-jobs" } }, `All ${number(counts.total)}`)),
      h("div", { class: "panel-body stack" },
        there.length
          ? h("div", { class: "chips" }, there.map((status) =>
              h("a", { class: "chip", href: `${address}&status=${status}`, dataset: { status, act: `jobs-${status}` } },
                h("span", { class: "shape", "aria-hidden": "true" }), h("span", {}, STATUSES[status].name), h("span", { class: "chip-count" }, number(counts.counts[status])))))
          : h("p", { class: "soft" }, "None yet."),
        h("dl", { class: "facts" }, info.job_types.map((/** @type {any} */ type) => [
          h("dt", { class: "mono" }, line(type.name, 80)),
          h("dd", {}, type.resumable ? "goes on from its last checkpoint" : "begins again after a crash"),
        ])),
        upgrades.jobs.length ? h("p", { class: "soft" }, `${number(upgrades.jobs.length)} unfinished jobs run another version than ${line(info.version, 40)}.`) : null),
    ];
  }
}
