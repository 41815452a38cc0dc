/** The dialog in which a person says what an extension may do, of what it asks for. */

import { path } from "../api.js";
import { openDialog } from "../dialogs.js";
import { h } from "../dom.js";
import { line } from "../format.js";

/** @param {import("../app.js").App} app @param {any} info @param {any} report @param {() => Promise<void>} changed */
export async function changeGrant(app, info, report, changed) {
  const asked = info.manifest.permissions;
  const now = info.grant ?? { methods: [], denied: [], libraries: ["*"], hosts: [], budgets: null };
  const methods = choices(asked.methods, now.methods, report, "method");
  const hosts = choices(asked.network_access, now.hosts, report, "host");
  const done = await openDialog({
    title: `What ${line(info.manifest.name || info.extension, 60)} may do`,
    accept: "Grant",
    wide: true,
    body: [group("Operations", methods), group("Hosts", hosts), h("p", { class: "soft" }, "It holds from now on, also for jobs that run.")],
    submit: () => {
      const grant = { ...now, methods: chosen(methods), hosts: chosen(hosts) };
      return app.api.put(path`/v1/extensions/${info.extension}/grant`, { grant });
    },
  });
  if (!done) return;
  app.toast("Granted.", "good");
  await changed();
}

/** @param {string[]} asked @param {string[]} granted @param {any} report @param {string} kind */
function choices(asked, granted, report, kind) {
  return asked.map((entry, index) => {
    const use = report.entries.find((/** @type {any} */ each) => each.kind === kind && each.entry === entry)?.use;
    const box = h("input", { type: "checkbox", id: `grant-${kind}-${index}`, checked: granted.includes(entry) });
    return { entry, box, note: use?.count ? "" : "never used" };
  });
}

/** @param {{entry: string, box: any}[]} all */
const chosen = (all) => all.filter(({ box }) => box.checked).map(({ entry }) => entry);

/** @param {string} title @param {{entry: string, box: any, note: string}[]} all */
function group(title, all) {
  if (!all.length) return null;
  return h("fieldset", { class: "choices" },
    h("legend", {}, title),
    all.map(({ entry, box, note }) =>
      h("div", { class: "check" }, box, h("label", { for: box.id, class: "mono" }, line(entry, 200)), note ? h("span", { class: "tag" }, note) : null)));
}
