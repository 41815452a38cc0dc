/** Times, numbers and strangers' texts, for people. Pure, but for the clock of `ago`. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const FINE = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});

/** 12345 as `12,345`. @param {number} value */
export const number = (value) => WHOLE.format(value);

/** 12345 as `12.3K`. @param {number} value */
export const short = (value) => (Math.abs(value) < 10000 ? WHOLE.format(value) : SHORT.format(value));

/** 1536 as `1.5 KiB`. @param {number} value */
export function bytes(value) {
  let unit = 0;
  let left = value;
  while (Math.abs(left) >= 1024 && unit < UNITS.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit ? left.toFixed(left < 10 ? 1 : 0) : WHOLE.format(left)} ${UNITS[unit]}`;
}

/** 0.4567 as `45.6%`; never rounded up to an end that is not reached. @param {number} share */
export function percent(share) {
  if (!(share > 0)) return "0%";
  if (share >= 1) return "100%";
  return `${(Math.floor(share * 1000) / 10).toFixed(1)}%`;
}

/** Per second: 1234.5 as `1,235/s`, 0.25 as `0.25/s`. @param {number | null} value */
export function rate(value) {
  if (value === null || !Number.isFinite(value)) return "";
  return `${value < 10 ? FINE.format(value) : short(value)}/s`;
}

/** 75.2 as `1 min 15 s`. @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "";
  if (seconds < 0.001) return `${Math.max(0, Math.round(seconds * 1e6))} µs`;
  if (seconds < 1) return `${FINE.format(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** What the server writes as RFC 3339, as a Date; null for none. @param {string | null | undefined} text */
export const moment = (text) => (text ? new Date(text) : null);

/** Microseconds since 1970, which a Date would round. @param {string} text RFC 3339 in UTC, as the server writes it */
export function micros(text) {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  const whole = Math.floor(Date.parse(text) / 1000);
  return whole * 1e6 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/** `14:03:07` @param {Date} date */
export const clock = (date) => CLOCK.format(date);

/** `22 Nov 2026, 14:03:07`, as this browser writes it. @param {Date} date */
export const dateTime = (date) => DAY.format(date);

/** `3 min ago`. @param {Date} date @param {number} [now] milliseconds */
export function ago(date, now = Date.now()) {
  const seconds = (now - date.getTime()) / 1000;
  if (seconds < 5) return "now";
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= Number(size)) return `${Math.floor(seconds / Number(size))} ${unit} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

/** The end of an id: ids of one minute begin alike. @param {string} id */
export const shortId = (id) => id.slice(-6);

/** `1 job`, `2 jobs`. @param {number} count @param {string} noun */
export const counted = (count, noun) => `${WHOLE.format(count)} ${noun}${count === 1 ? "" : "s"}`;

// Marks that cannot be seen but change how a text reads: shown as what they are.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** A stranger's text with nothing hidden in it. @param {string} text */
export const visible = (text) =>
  text.replace(HIDDEN, (mark) => `\\u${mark.codePointAt(0)?.toString(16).padStart(4, "0")}`);

/** The same on one line, of at most so many characters. @param {string} text @param {number} [most] */
export function line(text, most = 300) {
  const flat = visible(text.slice(0, most * 4).replace(/\s+/gu, " ")).trim();
  const characters = [...flat];
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : flat;
}

/** A value as indented JSON. @param {unknown} value */
export const json = (value) => JSON.stringify(value, null, 2);
