/** The form that asks for a token. */

import { Problem } from "./api.js";
import { button, h } from "./dom.js";

/**
 * @param {HTMLElement} container
 * @param {(token: string, remember: boolean) => Promise<void>} enter throws where the token opens nothing
 * @param {string} [why] said first: why a token is asked for again
 */
export function showSignIn(container, enter, why = "") {
  const token = h("input", {
    id: "token", name: "token", type: "password", required: true, autocomplete: "current-password",
    spellcheck: "false", autocapitalize: "off", "aria-describedby": "token-hint", class: "mono",
  });
  const remember = h("input", { id: "remember", type: "checkbox" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: !why }, why);
  const go = button("Sign in", () => {}, { kind: "primary", type: "submit" });
  const form = h(
    "form",
    { class: "sign-in" },
    h("h1", {}, "Sign in"),
    h("div", { class: "field" },
      h("label", { for: "token" }, "Token"),
      token,
      h("span", { class: "hint", id: "token-hint" },
        "The one that ", h("code", {}, "perdure serve"), " names at its start, or one from ",
        h("code", {}, "perdure tokens create"), ".")),
    h("div", { class: "check" }, remember, h("label", { for: "remember" }, "Remember it on this machine")),
    trouble,
    go,
  );
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    go.disabled = true;
    trouble.hidden = true;
    try {
      await enter(token.value.trim(), remember.checked);
    } catch (error) {
      const wrong = error instanceof Problem && error.status === 401;
      trouble.textContent = wrong ? "This token opens nothing here." : `${error instanceof Error ? error.message : error}`;
      trouble.hidden = false;
      token.select();
    } finally {
      go.disabled = false;
    }
  });
  container.replaceChildren(form);
  token.focus();
}
