/**
 * The jobs that match the filters, newest first, as far as they have been looked at: pages of them by their offsets.
 * Jobs come and go at the front while one scrolls, so what is on the screen is read again when it may have moved.
 */

import { PaceMeter } from "../pace.js";
import { beyondStatus } from "./filters.js";

export const PAGE = 100;
const KEPT = 12; // pages
const METERS = 4000;

/** Events: `changed` (rows or counts are others), `updated` (`detail` is a job whose row stays where it is). */
export class JobList extends EventTarget {
  /** @param {import("../api.js").Api} api @param {import("./filters.js").Filters} filters */
  constructor(api, filters) {
    super();
    this.api = api;
    this.filters = filters;
    /** @type {Map<number, any[]>} jobs by the page's number, least recently used first */
    this.pages = new Map();
    /** @type {Map<string, any>} */
    this.jobs = new Map();
    /** @type {Map<string, PaceMeter>} */
    this.meters = new Map();
    /** @type {Record<string, number> | null} */
    this.counts = null;
    /** @type {Set<number>} */
    this.loading = new Set();
    this.aborter = new AbortController();
    this.known = 0; // jobs that are certainly there
    this.stale = false; // whether what is kept is what other filters let through
    this.generation = 0;
  }

  /** How many rows there are, as far as is known. */
  get length() {
    if (this.counts) {
      const wanted = this.filters.status.length ? this.filters.status : Object.keys(this.counts);
      return wanted.reduce((sum, status) => sum + (this.counts?.[status] ?? 0), 0);
    }
    return this.known;
  }

  /** The job in a row; undefined where it has not come yet. @param {number} index */
  at(index) {
    const page = this.pages.get(Math.floor(index / PAGE));
    return page?.[index % PAGE];
  }

  /** What is known of the pace of a job. @param {any} job */
  pace(job) {
    let meter = this.meters.get(job.job_id);
    if (!meter) {
      if (this.meters.size > METERS) this.meters.clear();
      meter = new PaceMeter();
      this.meters.set(job.job_id, meter);
    }
    return meter.update(job);
  }

  /** Other filters: everything is read anew. @param {import("./filters.js").Filters} filters */
  refilter(filters) {
    this.filters = filters;
    this.aborter.abort();
    this.aborter = new AbortController();
    this.generation += 1;
    this.loading.clear();
    this.stale = true; // what is shown stays until there is something else to show
  }

  /** Count again. */
  async count() {
    const generation = this.generation;
    const found = await this.api.get("/v1/jobs/counts", beyondStatus(this.filters), { signal: this.aborter.signal });
    if (generation !== this.generation) return;
    this.counts = found.counts;
    this.dispatchEvent(new Event("changed"));
  }

  /** See to it that rows are there. @param {number} from @param {number} to not included */
  async need(from, to) {
    const last = Math.max(Math.floor((to - 1) / PAGE), 0);
    const wanted = [];
    for (let page = Math.floor(from / PAGE); page <= last; page += 1) {
      if (!this.pages.has(page) && !this.loading.has(page)) wanted.push(page);
    }
    await Promise.all(wanted.map((page) => this.#load(page)));
  }

  /** Read again what is on the screen, and forget the rest. @param {number} from @param {number} to */
  async refresh(from, to) {
    const first = Math.floor(from / PAGE);
    const last = Math.max(Math.floor((to - 1) / PAGE), first);
    for (const page of [...this.pages.keys()]) {
      if (page < first || page > last) this.#drop(page);
    }
    const pages = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    await Promise.all([...pages.map((page) => this.#load(page)), this.count()]);
  }

  /** Jobs as they are now. @param {any[]} jobs @returns {boolean} whether one has another status than before */
  update(jobs) {
    let moved = false;
    for (const job of jobs) {
      const before = this.jobs.get(job.job_id);
      if (!before || before.sequence > job.sequence) continue;
      moved ||= before.status !== job.status;
      Object.assign(before, job);
      this.dispatchEvent(new CustomEvent("updated", { detail: before }));
    }
    return moved;
  }

  close() {
    this.aborter.abort();
  }

  /** @param {number} page */
  async #load(page) {
    const generation = this.generation;
    this.loading.add(page);
    try {
      const query = { ...beyondStatus(this.filters), status: this.filters.status, offset: page * PAGE, limit: PAGE };
      const found = await this.api.get("/v1/jobs", query, { signal: this.aborter.signal });
      if (generation !== this.generation) return;
      this.#freshen();
      this.#keep(page, found.jobs);
      this.known = Math.max(this.known, page * PAGE + found.jobs.length + (found.next ? 1 : 0));
      this.dispatchEvent(new Event("changed"));
    } finally {
      if (generation === this.generation) this.loading.delete(page);
    }
  }

  /** The first of what the new filters let through is there. */
  #freshen() {
    if (!this.stale) return;
    this.stale = false;
    this.pages.clear();
    this.jobs.clear();
    this.known = 0;
  }

  /** @param {number} page @param {any[]} jobs */
  #keep(page, jobs) {
    this.#drop(page);
    const rows = jobs.map((job) => {
      const before = this.jobs.get(job.job_id);
      return before && before.sequence > job.sequence ? before : job;
    });
    for (const job of rows) this.jobs.set(job.job_id, job);
    this.pages.set(page, rows);
    const [oldest] = this.pages.keys();
    if (this.pages.size > KEPT) this.#drop(oldest);
  }

  /** @param {number} page */
  #drop(page) {
    for (const job of this.pages.get(page) ?? []) this.jobs.delete(job.job_id);
    this.pages.delete(page);
  }
}
