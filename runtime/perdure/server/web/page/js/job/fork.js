/** The dialog that makes a fork: from which event, with which answer or state instead of what there was. */

import { path } from "../api.js";
import { field, openDialog } from "../dialogs.js";
import { foreign, h } from "../dom.js";
import { json, line, number } from "../format.js";
import { jobAddress } from "../router.js";

/**
 * Ask, and make it.
 * @param {import("../app.js").App} app
 * @param {any} job
 * @param {{at?: number, call?: number, answer?: any, state?: any}} from `call`: let the guest be told another answer
 *   there, `answer` is the one that it got; `state`: what stands in its checkpoint
 * @returns {Promise<any>} the new job, null if nobody wanted one
 */
export async function forkDialog(app, job, from) {
  const at = h("input", { type: "number", min: 1, max: job.sequence, value: from.at ?? job.sequence, inputmode: "numeric", required: true });
  const kinds = [
    { name: "same", label: "Nothing: go on as it was", text: "" },
    ...(from.call === undefined ? [] : [{ name: "answer", label: `The answer to call ${number(from.call)}`, text: json(from.answer ?? null) }]),
    { name: "state", label: "The state: begin anew from it", text: json(from.state ?? null) },
  ];
  const text = h("textarea", { rows: 8, spellcheck: "false", hidden: true });
  const area = field("In JSON", text, "What the guest gets instead.");
  area.hidden = true;
  const chosen = { name: "same" };
  const radios = kinds.map((kind) => {
    const radio = h("input", {
      type: "radio", name: "change", checked: kind.name === "same",
      onchange: () => {
        chosen.name = kind.name;
        area.hidden = text.hidden = kind.name === "same";
        text.value = kind.text;
      },
    });
    return h("label", { class: "check" }, radio, h("span", {}, kind.label));
  });
  const paused = h("input", { type: "checkbox" });
  const made = await openDialog({
    title: "Fork this job",
    wide: true,
    accept: "Fork",
    body: [
      h("p", { class: "soft" }, "A new job goes on from a point of the past of ", foreign(line(job.job_type, 80)),
        ". Before that point it has done what this one did; this one stays as it is."),
      field("Behind event", at, `1 to ${number(job.sequence)}; the last one is now.`),
      h("fieldset", {}, h("legend", {}, "What is to be different"), radios),
      area,
      h("label", { class: "check" }, paused, h("span", {}, "Leave it paused")),
    ],
    submit: async () => {
      /** @type {Record<string, any>} */
      const body = { at: Number(at.value), paused: paused.checked };
      if (!Number.isInteger(body.at) || body.at < 1) throw new Error("Give the number of an event.");
      if (chosen.name === "state") body.state = parsed(text.value);
      if (chosen.name === "answer") {
        body.call = from.call;
        body.answer = parsed(text.value);
      }
      return app.api.post(path`/v1/jobs/${job.job_id}/fork`, body);
    },
  });
  if (made) {
    app.toast("The fork is made.", "good");
    app.go(jobAddress(made.job_id));
  }
  return made;
}

/** What a person wrote, as JSON. @param {string} text */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
}
