/** Begins the page: theme, sign-in, and the parts that are always there. */

import { App } from "./app.js";
import { fill, h, icon } from "./dom.js";
import { showSignIn } from "./sign_in.js";
import { Shortcuts } from "./shortcuts.js";
import { followTheme, themeNow } from "./theme.js";
import { forgetToken, keepToken, keptToken } from "./token.js";
import { Unreachable } from "./api.js";

const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const shortcuts = new Shortcuts();
const places = { container: place("main"), polite: place("polite"), urgent: place("urgent") };

const themeButton = place("theme");
const switchTheme = followTheme(() => {
  const other = themeNow() === "dark" ? "light" : "dark";
  fill(themeButton, icon(other === "dark" ? "moon" : "sun"));
  themeButton.setAttribute("aria-label", `Switch to ${other}`);
  themeButton.title = `Switch to ${other}`;
});
themeButton.addEventListener("click", switchTheme);
fill(place("help"), icon("help"));
place("help").addEventListener("click", () => shortcuts.help());
fill(place("sign-out"), icon("leave"));
place("skip").addEventListener("click", (event) => {
  event.preventDefault();
  places.container.focus();
});

/** @param {App} app */
function connected(app) {
  const state = place("connection");
  const show = () => {
    state.dataset.state = app.connection.there ? "there" : "lost";
    fill(state, h("span", { class: "dot" }), h("span", {}, app.connection.there ? "Connected" : "Reconnecting…"));
  };
  app.connection.addEventListener("lost", show);
  app.connection.addEventListener("restored", () => {
    show();
    app.toast("The server is there again.", "good");
  });
  show();
}

/** @param {string} token @param {boolean} remember */
async function enter(token, remember) {
  const app = new App(token, places, shortcuts, () => {
    own();
    ask(app.refused ? "The token opens nothing here any more." : "");
  });
  let own = () => {};
  try {
    app.me = await app.api.get("/v1/me");
  } catch (error) {
    app.connection.rest();
    throw error;
  }
  keepToken(token, remember);
  document.body.dataset.signed = "in";
  place("who").textContent = app.me.name;
  place("who").title = `${app.me.client}: ${app.me.scopes.join(", ")}`;
  place("version").textContent = app.me.version;
  place("sign-out").onclick = () => app.signOut();
  own = shortcuts.add("Everywhere", [
    { keys: "g j", does: "Jobs", run: () => app.go("#/jobs") },
    { keys: "g e", does: "Extensions", run: () => app.go("#/extensions") },
    { keys: "t", does: "Light or dark", run: switchTheme },
    { keys: "?", does: "This list", run: () => shortcuts.help() },
  ]);
  connected(app);
  await app.start();
}

/** @param {string} [why] */
function ask(why) {
  document.body.dataset.signed = "out";
  document.title = "Sign in · perdure";
  showSignIn(places.container, enter, why);
}

/** With the token that is kept; when nobody answers, until somebody does. @param {string} token */
async function resume(token) {
  const remembered = localStorage.getItem("perdure.token") !== null;
  for (let wait = 0.5; ; wait = Math.min(wait * 2, 5)) {
    try {
      await enter(token, remembered);
      return;
    } catch (error) {
      if (!(error instanceof Unreachable)) {
        forgetToken();
        ask(error instanceof Error ? error.message : String(error));
        return;
      }
      fill(places.container, h("p", { class: "loading", role: "status" }, "Waiting for the server…"));
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }
}

const kept = keptToken();
if (kept) resume(kept);
else ask();
