/** Dialogs: the browser's own <dialog>, which keeps the focus inside and gives it back. */

import { button, h } from "./dom.js";

let last = 0;

/** An id that nothing else has, for labels. @param {string} name */
export const newId = (name) => `${name}-${(last += 1)}`;

/**
 * Open a dialog with a form in it.
 * @param {{
 *   title: string, body: any, accept: string, kind?: "primary" | "danger", wide?: boolean, dismiss?: string,
 *   submit?: (dialog: HTMLDialogElement) => Promise<any> | any,
 * }} order `submit` may throw: then the dialog says why, and stays. Without one it answers true.
 * @returns {Promise<any>} what `submit` came to; null if it was dismissed
 */
export function openDialog({ title, body, accept, kind = "primary", wide = false, dismiss = "Cancel", submit = () => true }) {
  return new Promise((resolve) => {
    const heading = newId("dialog");
    const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    const go = button(accept, () => {}, { kind, type: "submit" });
    let result = null;
    const form = h(
      "form",
      { method: "dialog", class: "dialog-form", novalidate: false },
      h("h2", { id: heading }, title),
      h("div", { class: "dialog-body" }, body),
      trouble,
      h("div", { class: "dialog-buttons" }, dismiss ? button(dismiss, () => dialog.close(), { kind: "" }) : null, go),
    );
    const dialog = h("dialog", { class: `dialog${wide ? " wide" : ""}`, "aria-labelledby": heading }, form);
    form.addEventListener("submit", async (/** @type {Event} */ event) => {
      event.preventDefault();
      go.disabled = true;
      trouble.hidden = true;
      try {
        result = await submit(dialog);
        dialog.close();
      } catch (error) {
        trouble.textContent = error instanceof Error ? error.message : String(error);
        trouble.hidden = false;
      } finally {
        go.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Ask before something is done.
 * @param {{title: string, text: string, accept: string, kind?: "primary" | "danger"}} order
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, text, accept, kind = "danger" }) {
  return Boolean(await openDialog({ title, body: h("p", {}, text), accept, kind }));
}

/**
 * A labelled field.
 * @param {string} label @param {any} control an input, select or textarea @param {string} [hint]
 */
export function field(label, control, hint = "") {
  control.id ||= newId("field");
  const note = hint ? h("span", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note);
}
