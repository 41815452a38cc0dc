/**
 * The page around the views: who is signed in, which view is shown, whether the server is there.
 *
 * A view is a function `show(container, id, app, query)` that fills the container and answers with a function that is
 * called when the view is left (or with a promise of one). Views use what stands here, and nothing global.
 */

import { Api, Problem, Unreachable } from "./api.js";
import { Connection } from "./connection.js";
import { confirm, openDialog } from "./dialogs.js";
import { button, fill, h } from "./dom.js";
import { Live } from "./live.js";
import { routeOf } from "./router.js";
import { Toasts } from "./toasts.js";
import { forgetToken } from "./token.js";

/** @typedef {(container: HTMLElement, id: string, app: App, query: URLSearchParams) => any} View */

/** @type {Record<string, {title: string, load: (id: string) => Promise<View>}>} */
const VIEWS = {
  jobs: {
    title: "Jobs",
    load: async (id) => (id ? (await import("./job/view.js")).show : (await import("./jobs/view.js")).show),
  },
  extensions: {
    title: "Extensions",
    load: async (id) => (id ? (await import("./extensions/one.js")).show : (await import("./extensions/list.js")).show),
  },
};

export class App {
  /**
   * @param {string} token
   * @param {{container: HTMLElement, polite: HTMLElement, urgent: HTMLElement}} places
   * @param {import("./shortcuts.js").Shortcuts} shortcuts
   * @param {() => void} signedOut called once the token opens nothing
   */
  constructor(token, { container, polite, urgent }, shortcuts, signedOut) {
    this.container = container;
    this.toasts = new Toasts(polite, urgent);
    this.connection = new Connection();
    this.signedOut = signedOut;
    this.api = new Api(token, {
      reached: () => this.connection.reached(),
      lost: () => this.connection.lost(),
      refused: () => {
        this.refused = true;
        this.signOut();
      },
    });
    /** @type {{client: string, name: string, scopes: string[], libraries: string[] | null, extensions: string[] | null, version: string}} */
    this.me = { client: "", name: "", scopes: [], libraries: null, extensions: null, version: "" };
    this.connection.probe = () => this.api.get("/v1/me");
    /** @type {() => void} */
    this.leave = () => {};
    this.turn = 0;
    this.refused = false;
    this.address = "";
    this.onhash = () => this.#route();
    /** @type {import("./shortcuts.js").Shortcuts} */
    this.shortcuts = shortcuts;
    this.confirm = confirm;
    this.openDialog = openDialog;
  }

  /** Ask who this token is, and show the view that the address names. @throws {Problem | Unreachable} */
  async start() {
    this.me = await this.api.get("/v1/me");
    addEventListener("hashchange", this.onhash);
    await this.#route();
  }

  /** Leave everything, and forget the token. */
  signOut() {
    if (this.turn < 0) return;
    this.close();
    forgetToken();
    this.signedOut();
  }

  /** Leave everything. */
  close() {
    removeEventListener("hashchange", this.onhash);
    this.turn = -1;
    this.leave();
    this.leave = () => {};
    this.connection.rest();
    this.toasts.clear();
    fill(this.container);
  }

  /** Whether the token is for this: `read`, `dispatch`, `control`, `admin`. @param {string} scope */
  may(scope) {
    return this.me.scopes.includes(scope) || this.me.scopes.includes("admin");
  }

  /** @param {string} hash */
  go(hash) {
    location.hash = hash;
  }

  /**
   * Follow server-sent events; close what is returned when the view is left.
   * @param {string} target @param {Record<string, any>} query @param {ConstructorParameters<typeof Live>[3]} told
   */
  live(target, query, told) {
    return new Live(this.api, target, query, told, this.connection);
  }

  /** Say something in a corner. @param {string} text @param {"info" | "good" | "bad"} [kind] */
  toast(text, kind = "info") {
    this.toasts.show(text, kind);
  }

  /** Tell of an error; one that says what the page shows already (not reached, signed out) is not said again. @param {unknown} error */
  fail(error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (error instanceof Problem && error.status === 401) return;
    if (error instanceof Unreachable) this.toast("The server does not answer. Nothing was changed, as far as is known.", "bad");
    else this.toast(error instanceof Error ? error.message : String(error), "bad");
  }

  /**
   * Do something, and say so if it fails.
   * @template T @param {() => Promise<T>} work @param {string | ((result: T) => string)} [done] @returns {Promise<T | null>}
   */
  async attempt(work, done = "") {
    try {
      const result = await work();
      const text = typeof done === "function" ? done(result) : done;
      if (text) this.toast(text, "good");
      return result;
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  async #route() {
    const route = routeOf(location.hash);
    const view = VIEWS[route.name];
    const address = `${route.name}/${route.id}`;
    if (address === this.address && this.turn > 0) return; // only what is filtered changed: the view's own business
    this.address = address;
    const turn = ++this.turn;
    this.leave();
    this.leave = () => {};
    for (const link of document.querySelectorAll("[data-nav]")) {
      if (/** @type {HTMLElement} */ (link).dataset.nav === route.name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${route.id || view?.title || "Not found"} · perdure`;
    fill(this.container, h("p", { class: "loading", role: "status" }, "Loading…"));
    this.container.scrollTop = 0;
    if (!view) {
      fill(this.container, notFound());
      return;
    }
    await this.#open(view, route, turn);
  }

  /** @param {{load: (id: string) => Promise<View>}} view @param {import("./router.js").Route} route @param {number} turn */
  async #open(view, route, turn) {
    const place = h("div", { class: "view" });
    try {
      const show = await view.load(route.id);
      if (turn !== this.turn) return;
      fill(this.container, place);
      const leave = await show(place, route.id, this, route.query);
      if (typeof leave !== "function") return;
      if (turn === this.turn) this.leave = leave;
      else leave();
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.container, this.#trouble(error));
    }
  }

  /** @param {unknown} error */
  #trouble(error) {
    const again = () => {
      this.address = "";
      this.#route();
    };
    if (!this.connection.there || error instanceof Unreachable) {
      this.connection.addEventListener("restored", again, { once: true });
    }
    return h(
      "div",
      { class: "empty", role: "alert" },
      h("h1", {}, error instanceof Problem && error.status === 404 ? "Not found" : "This cannot be shown"),
      h("p", {}, error instanceof Error ? error.message : String(error)),
      button("Try again", again),
    );
  }
}

function notFound() {
  return h("div", { class: "empty" }, h("h1", {}, "Not found"), h("a", { href: "#/jobs" }, "All jobs"));
}
