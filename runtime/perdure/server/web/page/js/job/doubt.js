/** An action in doubt: what it was, and what a person says became of it. */

import { path } from "../api.js";
import { field, openDialog } from "../dialogs.js";
import { button, foreign, h, icon } from "../dom.js";
import { dateTime, json, line, moment, visible } from "../format.js";
import { parsed } from "./fork.js";

/** @param {import("./view.js").Scene} scene */
export function doubtPanel({ subject, app }) {
  const doubt = subject.details.doubt;
  /** @param {Record<string, any>} body @param {string} done */
  const resolve = async (body, done) => {
    await app.api.post(path`/v1/jobs/${subject.id}/resolve`, body);
    app.toast(done, "good");
    subject.soon(true);
    return true;
  };
  const succeeded = () => {
    const answer = h("textarea", { rows: 8, spellcheck: "false", value: "{}" });
    return openDialog({
      title: "It succeeded", accept: "Say so", wide: true,
      body: field("What it answered, in JSON", answer, "The job's guest gets this as the answer of the action."),
      submit: () => resolve({ resolution: "succeeded", answer: parsed(answer.value) }, "The job goes on with this answer."),
    });
  };
  const failed = () => {
    const message = h("input", { type: "text", value: "it failed", required: true });
    const code = h("input", { type: "text", class: "mono", value: "failed", required: true });
    return openDialog({
      title: "It failed", accept: "Say so", kind: "danger",
      body: [field("Why, for the job's guest", message), field("Code", code)],
      submit: () => resolve({ resolution: "failed", message: message.value, code: code.value }, "The job is told that it failed."),
    });
  };
  const again = async () => {
    const order = {
      title: "Run it again?", accept: "Run it again", kind: /** @type {const} */ ("danger"),
      text: "If it was done already it is done twice. Look first whether it was.",
    };
    if (await app.confirm(order)) await app.attempt(() => resolve({ resolution: "again" }, "It is run once more."));
  };
  const may = app.may("control");
  return h(
    "section", { class: "panel in-doubt", "aria-label": "An action is in doubt" },
    h("header", {}, icon("warning"), h("h2", {}, "Was this done?")),
    h("div", { class: "panel-body stack" },
      h("p", {}, "The job was broken off while it did this. Nobody knows whether it took effect, and it must not be done twice. Look, and say what happened."),
      h("dl", { class: "facts" },
        h("dt", {}, "Action"), h("dd", {}, foreign(line(doubt.method, 200), { class: "mono" })),
        h("dt", {}, "Began"), h("dd", {}, dateTime(/** @type {Date} */ (moment(doubt.time)))),
        h("dt", {}, "Library"), h("dd", { class: "mono" }, doubt.library_id ?? "—"),
        h("dt", {}, "Effect"), h("dd", {}, doubt.effect.replaceAll("_", "-"))),
      h("div", {}, h("h3", {}, doubt.sealed ? "Payload (secrets are left out)" : "Payload"),
        h("pre", { class: "code", tabindex: 0, "aria-label": "Payload" }, visible(json(doubt.payload)))),
      may ? h("div", { class: "row" },
        button("It succeeded…", succeeded, { kind: "primary", icon: "check" }),
        button("It failed…", failed, { icon: "cancel" }),
        button("Run it again…", again, { icon: "retry" }))
        : h("p", { class: "soft" }, "Your token does not allow you to say so: it has no scope control.")),
  );
}
