/** A stepper in the engine, walked with: opened when it is needed, and again when the server has ended it. */

import { Problem } from "../api.js";

const WINDOW = 200; // calls that are listed around the one where the guest stands

/** Events: `stands` when it stands elsewhere, `busy` when that is asked for. */
export class Walk extends EventTarget {
  /** @param {import("./view.js").Scene} scene */
  constructor({ app, subject }) {
    super();
    this.api = app.api;
    this.at = `${subject.at}/steppers`;
    this.id = "";
    /** @type {any[]} */
    this.runs = [];
    /** @type {any} */
    this.position = null;
    /** @type {any} */
    this.state = null;
    /** @type {{run: number, from: number, calls: any[], more: boolean}} */
    this.list = { run: 0, from: 1, calls: [], more: false };
    this.turn = 0;
    this.closed = false;
  }

  /** Begin, at the beginning of the last run. @throws {Problem} */
  async open() {
    const opened = await this.api.post(this.at);
    this.id = opened.stepper;
    this.runs = opened.runs;
    if (this.closed) this.close();
    if (!this.position) {
      this.position = opened.position;
      await this.go({ call: opened.position.call, run: opened.position.run });
    }
  }

  /** End it; the server would do so by itself in a while. */
  close() {
    this.closed = true;
    if (this.id) this.api.delete(`${this.at}/${this.id}`).catch(() => {});
    this.id = "";
  }

  /**
   * Ask the stepper; one that the server has ended is opened again.
   * @param {string} below @param {Record<string, any>} query
   */
  async #ask(below, query) {
    try {
      return await this.api.get(`${this.at}/${this.id}${below}`, query);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404 && error.code === "NotFound") || this.closed) throw error;
      await this.open();
      return this.api.get(`${this.at}/${this.id}${below}`, query);
    }
  }

  /** Go to a call of a run, or to an event. @param {{call?: number, run?: number, event?: number}} where */
  async go(where) {
    const turn = ++this.turn;
    this.dispatchEvent(new Event("busy"));
    const position = await this.#ask("", where);
    if (turn !== this.turn || this.closed) return;
    this.position = position;
    const inside = this.list.run === position.run && position.call >= this.list.from && (!this.list.more || position.call <= (this.list.calls.at(-1)?.call ?? 0));
    if (!inside) await this.#read(Math.max(1, position.call - WINDOW / 4));
    this.dispatchEvent(new Event("stands"));
    const state = await this.#ask("/state", { call: position.call, run: position.run });
    if (turn !== this.turn || this.closed) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  /** Go to a call of the run that it is in. @param {number} call */
  to(call) {
    return this.position ? this.go({ call, run: this.position.run }) : Promise.resolve();
  }

  /** @param {number} by */
  step(by) {
    if (!this.position) return Promise.resolve();
    const { call, at, first } = this.position;
    const from = at === "end" && by < 0 ? call + 1 : call;
    if (at === "end" && by > 0) return Promise.resolve();
    return this.go({ call: Math.max(first - 1, from + by), run: this.position.run });
  }

  /** The list of calls from one on. @param {number} from */
  async #read(from) {
    const page = await this.#ask("/calls", { first: Math.floor(from), run: this.position.run, limit: WINDOW });
    this.list = { run: this.position.run, from: Math.floor(from), calls: page.calls, more: page.next !== null };
  }

  /** List those behind, or before, the ones that are listed. @param {number} by */
  async page(by) {
    const from = by > 0 ? (this.list.calls.at(-1)?.call ?? 0) + 1 : Math.max(1, this.list.from - WINDOW);
    await this.#read(from);
    this.dispatchEvent(new Event("stands"));
  }

  /** Go to the next call that is looked for, or the last one before here. @param {Record<string, any>} wanted @returns {Promise<boolean>} whether there is one */
  async find(wanted) {
    if (!this.position) return true;
    const here = this.position.call + (this.position.at === "end" && wanted.backward ? 1 : 0);
    const { call } = await this.#ask("/find", { ...wanted, call: here, run: this.position.run });
    if (call === null) return false;
    await this.go({ call, run: this.position.run });
    return true;
  }
}
