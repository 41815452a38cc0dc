/** Times on a drawing: where they stand, which are named on its axis, how it is zoomed and moved. Pure. */

const LEAST = 200; // microseconds that a drawing shows at least
const STEPS = [1, 2, 5];
const CLOCK = [1, 2, 5, 10, 15, 30].flatMap((each) => [each * 1e6, each * 60e6]).concat(
  [1, 2, 3, 6, 12, 24, 48, 120, 240, 720].map((hours) => hours * 3600e6),
).sort((left, right) => left - right);

/** @typedef {{since: number, until: number}} Span in microseconds since 1970 */

/** Where a time stands, from 0 to 1. @param {Span} span @param {number} time */
export const share = (span, time) => (time - span.since) / Math.max(1, span.until - span.since);

/**
 * Zoomed by a factor around a point that stays where it is, and kept within the whole.
 * @param {Span} span @param {Span} whole @param {number} factor less than 1 shows less @param {number} at from 0 to 1
 * @returns {Span}
 */
export function zoomed(span, whole, factor, at = 0.5) {
  const width = span.until - span.since;
  const wanted = Math.min(whole.until - whole.since, Math.max(Math.min(LEAST, whole.until - whole.since), width * factor));
  const point = span.since + width * at;
  return within({ since: point - wanted * at, until: point + wanted * (1 - at) }, whole);
}

/** Moved by a share of its width. @param {Span} span @param {Span} whole @param {number} by @returns {Span} */
export function moved(span, whole, by) {
  const step = (span.until - span.since) * by;
  return within({ since: span.since + step, until: span.until + step }, whole);
}

/** @param {Span} span @param {Span} whole @returns {Span} */
function within(span, whole) {
  const width = Math.min(span.until - span.since, whole.until - whole.since);
  const since = Math.min(Math.max(span.since, whole.since), whole.until - width);
  return { since: Math.round(since), until: Math.round(since + width) };
}

/**
 * Times to name on an axis, as distances from `origin`, round ones.
 * @param {Span} span @param {number} origin @param {number} most
 * @returns {number[]}
 */
export function ticks(span, origin, most) {
  const least = Math.max(1, (span.until - span.since) / Math.max(1, most));
  let step = CLOCK.find((each) => each >= least) ?? 0;
  if (least < 1e6 || !step) {
    const power = 10 ** Math.floor(Math.log10(least));
    step = [...STEPS, 10].map((each) => each * power).find((each) => each >= least) ?? 10 * power;
  }
  const found = [];
  for (let at = Math.ceil((span.since - origin) / step) * step; at <= span.until - origin; at += step) found.push(at);
  return found;
}

/** Round numbers up to a largest one. @param {number} most @param {number} count @param {number} [least] between two of them */
export function levels(most, count, least = 0) {
  if (!(most > 0)) return [0];
  const power = 10 ** Math.floor(Math.log10(most / count));
  const step = Math.max(least, [...STEPS, 10].map((each) => each * power).find((each) => each * count >= most) ?? most);
  const found = [];
  for (let at = 0; at <= most * 1.0001; at += step) found.push(at);
  return found;
}

/** Microseconds since 1970 as RFC 3339. @param {number} time */
export function instant(time) {
  const milliseconds = Math.floor(time / 1000);
  const rest = String(Math.round(time - milliseconds * 1000)).padStart(3, "0");
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${rest}Z`;
}

/** A distance on an axis: `+1.5 s`. @param {number} distance microseconds @param {number} step between two of them */
export function distance(distance, step) {
  const sign = distance < 0 ? "−" : "";
  const seconds = Math.abs(distance) / 1e6;
  if (distance === 0) return "0";
  if (step < 1000) return `${sign}${trimmed(seconds * 1000, step / 1000)} ms`;
  if (step < 1e6 && seconds < 1) return `${sign}${trimmed(seconds * 1000, step / 1000)} ms`;
  if (seconds < 120 && step < 60e6) return `${sign}${trimmed(seconds, step / 1e6)} s`;
  if (seconds < 7200 && step < 3600e6) {
    const minutes = Math.floor(seconds / 60);
    const rest = seconds - minutes * 60;
    return `${sign}${minutes} min${rest >= 0.0005 ? ` ${trimmed(rest, step / 1e6)} s` : ""}`;
  }
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.round((seconds - hours * 3600) / 60);
  return `${sign}${hours} h${minutes ? ` ${minutes} min` : ""}`;
}

/** @param {number} value @param {number} step */
function trimmed(value, step) {
  const digits = Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9)));
  return value.toFixed(digits);
}
