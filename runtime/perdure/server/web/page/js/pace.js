/** How fast a job goes, and how long it will take: from what it did in the last seconds. As `perdure.cli.pace`. */

import { micros } from "./format.js";

const WINDOW = 10; // seconds that are looked back on
const LONGEST = 10 * 365 * 86_400; // seconds; what is beyond is no forecast
const LEAST = 0.3; // seconds before anything is said

/** @typedef {{items: number | null, bytes: number | null, left: number | null}} Pace a second; `left` in seconds */

/** The pace of one job, from its states. Their own times count: a page that was asleep guesses nothing. */
export class PaceMeter {
  constructor() {
    /** @type {{time: number, attempts: number, progress: number, items: number, bytes: number}[]} */
    this.samples = [];
  }

  /** @param {any} job @returns {Pace} */
  update(job) {
    const { attempts, progress, items, bytes } = job;
    const time = micros(job.updated_at) / 1e6;
    const last = this.samples.at(-1);
    if (last && (last.attempts !== attempts || time < last.time)) this.samples = []; // it went back to a checkpoint
    if (this.samples.at(-1)?.time !== time) this.samples.push({ time, attempts, progress, items, bytes });
    while (this.samples.length > 2 && time - this.samples[1].time >= WINDOW) this.samples.shift();
    return this.#pace(job.status);
  }

  /** @param {string} status @returns {Pace} */
  #pace(status) {
    const first = this.samples[0];
    const last = /** @type {typeof first} */ (this.samples.at(-1));
    const seconds = last.time - first.time;
    if (status !== "running" || seconds < LEAST) return { items: null, bytes: null, left: null };
    const advance = (last.progress - first.progress) / seconds;
    const left = advance > 0 ? (1 - last.progress) / advance : LONGEST;
    return {
      items: last.items ? Math.max(0, (last.items - first.items) / seconds) : null,
      bytes: last.bytes ? Math.max(0, (last.bytes - first.bytes) / seconds) : null,
      left: left < LONGEST ? left : null,
    };
  }
}
