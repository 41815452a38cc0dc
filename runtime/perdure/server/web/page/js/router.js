/** Which view the address names: `#/jobs?status=failed`, `#/jobs/ID`, `#/extensions/ID`. */

/** @typedef {{name: string, id: string, query: URLSearchParams}} Route */

/** @param {string} hash @returns {Route} */
export function routeOf(hash) {
  const [where, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parts = where.split("/").filter(Boolean).map(unquoted);
  return { name: parts[0] ?? "jobs", id: parts.slice(1).join("/"), query: new URLSearchParams(query) };
}

/** @param {string} text */
function unquoted(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a % that is nobody's
  }
}

/** @param {string} id */
export const jobAddress = (id) => `#/jobs/${encodeURIComponent(id)}`;

/** @param {string} id */
export const extensionAddress = (id) => `#/extensions/${encodeURIComponent(id)}`;
