/** A version that waits for consent: what it asks for, what of it is new, and the decision. */

import { path } from "../api.js";
import { confirm } from "../dialogs.js";
import { button, foreign, h, icon } from "../dom.js";
import { bytes, line } from "../format.js";

/** @type {Record<number, [string, string]>} */
const RISKS = { 0: ["bad", "High risk"], 1: ["warn", "Some risk"], 2: ["", "Low risk"] };

/**
 * @param {import("../app.js").App} app @param {any} info @param {any} request @param {() => Promise<void>} changed
 */
export function updatePanel(app, info, request, changed) {
  const base = path`/v1/extensions/${info.extension}/update`;
  const fresh = request.asks.filter((/** @type {any} */ each) => each.new);
  const accept = async () => {
    const sure = await confirm({
      title: `Install version ${line(request.version, 40)}?`,
      text: "It gets what it asks for, as it is listed here. What was granted narrower before stays narrower.",
      accept: "Accept and install",
      kind: "primary",
    });
    if (!sure) return;
    await app.attempt(() => app.api.post(`${base}/accept`), `Version ${line(request.version, 40)} is installed.`);
    await changed();
  };
  const decline = async () => {
    await app.attempt(() => app.api.post(`${base}/decline`), "Declined; the installed version goes on.");
    await changed();
  };
  return h(
    "section",
    { class: "attention update", "aria-labelledby": "update-title" },
    h("div", { class: "attention-head" }, icon("warning"), h("h2", { id: "update-title" }, `Version ${line(request.version, 40)} waits for consent`),
      app.may("admin")
        ? h("span", { class: "row push" }, button("Decline", decline, { kind: "small", dataset: { act: "decline" } }), button("Accept…", accept, { kind: "primary small", dataset: { act: "accept" } }))
        : null),
    h("div", { class: "update-body" },
      h("p", {}, `A module of ${bytes(info.update.module_bytes)}, `,
        request.signer?.fingerprint ? ["signed by ", foreign(line(request.signer.name, 80))] : "signed by nobody", ". ",
        fresh.length ? "New in what it asks for:" : "It asks for nothing new."),
      asksList(fresh)),
  );
}

/** @param {any[]} asks */
export function asksList(asks) {
  return h("ul", { class: "lines" }, asks.map((each) => {
    const [kind, name] = RISKS[each.risk] ?? ["", ""];
    return h("li", {}, h("span", { class: `tag ${kind}` }, name), foreign(line(each.words, 300)));
  }));
}
