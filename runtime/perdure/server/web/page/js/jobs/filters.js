/** Which jobs the list shows: kept in the address, so that it can be sent to somebody and comes back with "back". */

import { STATUSES } from "../status.js";

/** @typedef {{status: string[], extension: string, job_type: string, library_id: string, text: string}} Filters */

const TEXTS = ["extension", "job_type", "library_id", "text"];

/** @param {URLSearchParams} query @returns {Filters} */
export function filtersOf(query) {
  /** @type {any} */
  const found = { status: query.getAll("status").filter((each) => each in STATUSES) };
  for (const name of TEXTS) found[name] = query.get(name) ?? "";
  return found;
}

/** @param {Filters} filters */
export function addressOf(filters) {
  const query = new URLSearchParams();
  for (const each of filters.status) query.append("status", each);
  for (const name of TEXTS) if (filters[name]) query.set(name, filters[name]);
  const text = query.toString();
  return `#/jobs${text ? `?${text}` : ""}`;
}

/** What is not about statuses. @param {Filters} filters */
export const beyondStatus = ({ extension, job_type, library_id, text }) => ({ extension, job_type, library_id, text });

/** Whether a job that has just changed belongs to the list, as the server would say. @param {Filters} filters @param {any} job */
export function isWanted(filters, job) {
  const text = filters.text.toLowerCase();
  return (
    (!filters.status.length || filters.status.includes(job.status)) &&
    (!filters.extension || job.extension === filters.extension) &&
    (!filters.job_type || [job.job_type, job.job_type.slice(job.job_type.indexOf(":") + 1)].includes(filters.job_type)) &&
    (!filters.library_id || job.library_id === filters.library_id.toLowerCase()) &&
    (!text || [job.job_id, job.job_type, job.message, job.idempotency_key ?? ""].some((each) => each.toLowerCase().includes(text)))
  );
}

/** Whether any filter but the statuses is set. @param {Filters} filters */
export const isNarrowed = (filters) => TEXTS.some((name) => filters[name]);
