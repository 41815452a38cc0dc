/** What differs between two values of JSON: where, and how. Pure. */

/** @typedef {{at: string, before: any, after: any}} Change undefined for what one side does not have */

/** @param {any} before @param {any} after @param {number} most @returns {Change[]} */
export function changes(before, after, most = 500) {
  /** @type {Change[]} */
  const found = [];
  /** @param {any} left @param {any} right @param {string} at @param {number} depth */
  const compare = (left, right, at, depth) => {
    if (found.length >= most || same(left, right)) return;
    if (depth < 40 && isMap(left) && isMap(right)) {
      const names = new Set([...Object.keys(left), ...Object.keys(right)]);
      for (const name of names) compare(own(left, name), own(right, name), at ? `${at}.${name}` : name, depth + 1);
    } else if (depth < 40 && Array.isArray(left) && Array.isArray(right) && left.length + right.length < 2000) {
      for (let index = 0; index < Math.max(left.length, right.length); index += 1) compare(left[index], right[index], `${at}[${index}]`, depth + 1);
    } else {
      found.push({ at, before: left, after: right });
    }
  };
  compare(before, after, "", 0);
  return found;
}

/** @param {any} value */
const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** @param {any} map @param {string} name */
const own = (map, name) => (Object.hasOwn(map, name) ? map[name] : undefined);

/** @param {any} left @param {any} right */
const same = (left, right) => left === right || JSON.stringify(left) === JSON.stringify(right);
