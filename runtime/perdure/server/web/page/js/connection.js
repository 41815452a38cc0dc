/** Whether the server is there: said at the top of the page, and asked again by itself until it is. */

const WAITS = [0.25, 0.5, 1, 2, 3, 5]; // seconds between tries

/** Events: `lost` once nobody answers, `restored` once somebody does again. */
export class Connection extends EventTarget {
  constructor() {
    super();
    this.there = true;
    /** @type {() => Promise<unknown>} a request that says whether somebody answers; set by the app */
    this.probe = async () => undefined;
    this.tries = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    addEventListener("online", () => this.#try());
  }

  /** Somebody answered. */
  reached() {
    if (this.there) return;
    this.there = true;
    clearTimeout(this.timer);
    this.tries = 0;
    this.dispatchEvent(new Event("restored"));
  }

  /** Nobody did. */
  lost() {
    if (!this.there) return;
    this.there = false;
    this.dispatchEvent(new Event("lost"));
    this.#later();
  }

  /** Look no longer. */
  rest() {
    clearTimeout(this.timer);
    this.there = true;
    this.tries = 0;
  }

  #later() {
    clearTimeout(this.timer);
    const seconds = WAITS[Math.min(this.tries++, WAITS.length - 1)];
    this.timer = setTimeout(() => this.#try(), seconds * 1000 * (0.75 + Math.random() / 2));
  }

  async #try() {
    if (this.there) return;
    try {
      await this.probe();
    } catch {
      // what it came to was told to `reached` and `lost`
    }
    if (!this.there) this.#later();
  }
}
