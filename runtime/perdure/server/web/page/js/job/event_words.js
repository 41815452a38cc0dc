/** An event in a few words, as `perdure.cli.event_text`. Everything in it may be a stranger's. */

import { bytes, counted, duration, line, number, percent } from "../format.js";

const LEVELS = ["debug", "info", "warn", "error"];
const GUESTS = new Set([
  "progress", "checkpoint", "checkpoint-refused", "warning", "items", "bytes", "log", "interrupt", "operation", "action",
  "intent", "reused",
]);

/** Whether a guest's call left it. @param {any} event */
export const isGuests = (event) => GUESTS.has(event.type);

/** @type {Record<string, (data: any) => string>} */
const WORDS = {
  progress: (data) => `${percent(data.progress)} ${data.message}`,
  checkpoint: (data) => (typeof data.state === "string" ? data.state : data.state?.size ? bytes(data.state.size) : ""),
  "checkpoint-refused": (data) => `not saved: ${data.reason}`,
  warning: (data) => data.message,
  items: (data) => `${counted(data.count, "item")} more`,
  bytes: (data) => `${bytes(data.count)} more`,
  log: (data) => `${LEVELS[data.level] ?? data.level}: ${data.message}`,
  interrupt: (data) => (data.answer === 1 ? "told to pause" : "told to end"),
  operation: (data) => `${data.method}: ${data.code || "ok"}`,
  action: (data) => `${data.method}: ${data.code || "ok"}`,
  intent: (data) => `${data.method}, ${data.effect.replaceAll("_", "-")}`,
  reused: (data) => `the outcome at event ${number(data.sequence)}`,
  budget: (data) => `${data.budget}: ${data.response}`,
  dispatched: (data) => `${data.job_type} ${data.version}`,
  "fork-begun": (data) => `of job ${data.parent}`,
  forked: (data) => `from job ${data.parent} at ${number(data.sequence)}`,
  started: (data) => `attempt ${data.attempt}`,
  resumed: (data) => `${data.checkpoint ? `from the checkpoint at ${number(data.checkpoint)}` : "from the start"} (${data.cause})`,
  recovered: (data) => `led through ${number(data.through)} by the log (${data.cause})`,
  "in-doubt": (data) => `the action at event ${number(data.sequence)}`,
  resolved: (data) => `${data.resolution}, said ${data.by}`,
  suspended: (data) => data.reason,
  "retry-scheduled": (data) => `${data.error.kind}: ${data.error.message}; again in ${duration(data.delay_ms / 1000)}`,
  failed: (data) => `${data.error.kind}: ${data.error.message}`,
  completed: (data) => `fuel ${number(data.fuel)}`,
  moved: (data) => `to version ${data.version}`,
  linked: (data) => `dispatched by job ${data.parent}`,
  keyed: (data) => data.key,
};

/** @param {any} event @returns {string} on one line */
export function eventWords(event) {
  try {
    return line(String(WORDS[event.type]?.(event.data) ?? ""), 240);
  } catch {
    return ""; // an event of another version
  }
}

/** How it is to look: `bad`, `warn`, `info` or nothing. @param {any} event */
export function eventKind(event) {
  if (["failed", "retry-scheduled", "checkpoint-refused"].includes(event.type)) return "bad";
  if (event.type === "log") return event.data.level >= 3 ? "bad" : event.data.level === 2 ? "warn" : "";
  if (["warning", "budget", "in-doubt", "suspended"].includes(event.type)) return "warn";
  if (event.data?.code) return "bad";
  if (event.type === "completed") return "good";
  return isGuests(event) ? "" : "info";
}
