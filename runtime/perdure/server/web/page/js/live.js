/**
 * Server-sent events by `fetch`, which can send a token where EventSource cannot. A stream that breaks off is taken up
 * where it was, by Last-Event-ID, as soon as the server is there again.
 */

import { Problem, queryText } from "./api.js";

const WAITS = [0.25, 0.5, 1, 2, 4, 5]; // seconds between tries; the last one from then on
const SILENCE = 40_000; // milliseconds; the server says something every 15 s

/** @typedef {{id: string, type: string, text: string, data: any}} LiveEvent `data` is `text` as JSON */

/** One stream of events, from construction to `close`. */
export class Live {
  /**
   * @param {import("./api.js").Api} api
   * @param {string} target a path
   * @param {Record<string, any>} query
   * @param {{
   *   event: (event: LiveEvent) => void,
   *   opened?: (again: boolean) => void,
   *   failed?: (problem: Problem) => void,
   * }} told `opened` each time that the stream has begun; `failed` when the server refuses it for good
   * @param {EventTarget} [connection] whose `restored` ends a wait
   */
  constructor(api, target, query, told, connection) {
    this.api = api;
    this.target = target + queryText(query);
    this.told = told;
    this.last = "";
    this.closed = false;
    this.connection = connection;
    this.aborter = new AbortController();
    /** @type {() => void} */
    this.hurry = () => {};
    this.onrestored = () => this.hurry();
    connection?.addEventListener("restored", this.onrestored);
    this.ended = this.#run();
  }

  /** No more events. */
  close() {
    this.closed = true;
    this.connection?.removeEventListener("restored", this.onrestored);
    this.aborter.abort();
    this.hurry();
  }

  async #run() {
    let tries = 0;
    let again = false;
    while (!this.closed) {
      try {
        const headers = { Accept: "text/event-stream", ...(this.last ? { "Last-Event-ID": this.last } : {}) };
        const response = await this.api.request("GET", this.target, { headers, signal: this.aborter.signal });
        this.told.opened?.(again);
        again = true;
        tries = 0;
        await this.#read(response);
        if (!this.closed) this.api.told.lost?.(); // the server ends no stream that it was not asked to end
      } catch (error) {
        if (this.closed) return;
        if (error instanceof Problem && error.status < 500 && ![408, 429].includes(error.status)) {
          this.told.failed?.(error);
          return;
        }
        this.aborter = new AbortController(); // it may have been silence
      }
      if (!this.closed) await this.#wait(WAITS[Math.min(tries++, WAITS.length - 1)] * 1000);
    }
  }

  /** @param {number} most milliseconds */
  #wait(most) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, most * (0.75 + Math.random() / 2));
      this.hurry = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }

  /** @param {Response} response */
  async #read(response) {
    const reader = /** @type {ReadableStream} */ (response.body).pipeThrough(new TextDecoderStream()).getReader();
    const parser = new Parser();
    for (;;) {
      const silent = setTimeout(() => this.aborter.abort(), SILENCE);
      const { value, done } = await reader.read().finally(() => clearTimeout(silent));
      if (done) return;
      for (const event of parser.take(value)) {
        if (this.closed) return;
        if (event.id) this.last = event.id;
        this.told.event(event);
      }
    }
  }
}

/** The format of server-sent events, as the HTML standard reads it. */
export class Parser {
  #rest = "";
  /** @type {string[]} */
  #data = [];
  #type = "";
  #id = "";

  /** @param {string} text what came @returns {LiveEvent[]} the events that it completed */
  take(text) {
    const found = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const each of lines) {
      if (each === "") {
        if (this.#data.length) found.push(this.#event());
        this.#data = [];
        this.#type = "";
      } else if (!each.startsWith(":")) {
        this.#field(each);
      }
    }
    return found;
  }

  /** @param {string} text */
  #field(text) {
    const colon = text.indexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }

  #event() {
    const text = this.#data.join("\n");
    let data = null;
    try {
      data = JSON.parse(text);
    } catch {
      // not JSON: `text` has it
    }
    return { id: this.#id, type: this.#type || "message", text, data };
  }
}
