/** The dialog that asks for a new job. */

import { field, openDialog } from "../dialogs.js";
import { h } from "../dom.js";
import { jobAddress } from "../router.js";
import { parsed } from "../job/fork.js";

/** @param {import("../app.js").App} app @param {string} [extension] chosen at first */
export async function dispatch(app, extension = "") {
  const installed = await jobTypes(app);
  const types = h("datalist", { id: "job-types" }, installed.map((each) => h("option", { value: each })));
  const first = installed.find((each) => each.startsWith(`${extension}:`)) ?? installed[0] ?? "";
  const type = h("input", {
    required: true, list: "job-types", value: first, autocomplete: "off", spellcheck: "false", class: "mono",
    pattern: "[^:]+:[^:]+", placeholder: "extension:job-type",
  });
  const state = h("textarea", { rows: 7, spellcheck: "false" });
  state.value = "{}";
  const library = h("input", {
    autocomplete: "off", spellcheck: "false", class: "mono", placeholder: "the default one",
    pattern: "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
  });
  const key = h("input", { autocomplete: "off", spellcheck: "false", maxlength: 200, placeholder: "none" });
  const made = await openDialog({
    title: "Dispatch a job",
    accept: "Dispatch",
    body: [
      types,
      field("Job type", type, "Its full name: extension:job-type"),
      field("First state (JSON)", state),
      field("Library", library, "A library's id: the space of data in which it runs."),
      field("Idempotency key", key, "Who asks again with the same key and input gets the same job."),
    ],
    submit: () =>
      app.api.post("/v1/jobs", {
        job_type: type.value.trim(),
        state: state.value.trim() ? parsed(state.value) : null,
        ...(library.value.trim() ? { library_id: library.value.trim() } : {}),
        ...(key.value ? { idempotency_key: key.value } : {}),
      }),
  });
  if (!made) return null;
  app.toast("Dispatched.", "good");
  app.go(jobAddress(made.job_id));
  return made;
}

/** The full names of the job types that are installed; none where this token may not see them. @param {import("../app.js").App} app */
export async function jobTypes(app) {
  try {
    const found = await app.api.get("/v1/extensions");
    return found.flatMap((/** @type {any} */ each) =>
      each.job_types.map((/** @type {any} */ type) => `${each.extension}:${type.name}`),
    );
  } catch {
    return [];
  }
}
